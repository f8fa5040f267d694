"""Policies that decide on a batch at once: which qubits of which circuit go to which node."""

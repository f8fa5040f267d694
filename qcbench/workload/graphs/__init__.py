"""Interaction graphs of circuits: which qubits meet in two-qubit gates."""

"""How large a circuit of a user may be: beyond, building it would take memory or hours."""

MOST_QUBITS = 10_000
MOST_BITS = 1_000_000
MOST_OPERATIONS = 2_000_000
"""With gates replaced by their definitions."""
MOST_NESTED = 64
"""Of brackets, and of gates that are defined by gates; qiskit goes down as deep itself."""

"""Nodes take turns in a circle; Kernighan-Lin groups the qubits.

The baseline of Sane, Hajdusek and Van Meter (2025). A node gives what it has or what the circuit
still needs, whichever is less, and the turn always moves on, also from circuit to circuit.
"""

from qcbench.arrays import IntArray
from qcbench.policies.batch.assign import assigned
from qcbench.policies.batch.kernighan_lin import kernighan_lin
from qcbench.policies.batch.problem import Batch
from qcbench.policies.batch.splits import served_by_turns, turns_in_a_circle
from qcbench.policies.protocol import Partition, PolicyContext


def policy(_context: PolicyContext) -> Partition:
    """Build the policy."""

    def decide(batch: Batch) -> list[IntArray]:
        allocation = served_by_turns(batch, turns_in_a_circle())
        return assigned(
            batch, allocation, lambda graph, sizes: kernighan_lin(graph.adjacency, sizes)
        )

    return decide

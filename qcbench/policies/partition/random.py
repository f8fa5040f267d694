"""Nodes with free qubits take turns at random; Kernighan-Lin groups the qubits.

The baseline of Sane, Hajdusek and Van Meter (2025). A node gives what it has or what the circuit
still needs, whichever is less; then one is drawn anew among all nodes that have qubits left.
"""

from qcbench.arrays import IntArray
from qcbench.policies.batch.assign import assigned
from qcbench.policies.batch.kernighan_lin import kernighan_lin
from qcbench.policies.batch.problem import Batch
from qcbench.policies.batch.splits import served_by_turns
from qcbench.policies.protocol import Partition, PolicyContext


def policy(context: PolicyContext) -> Partition:
    """Build the policy."""

    def drawn(room: IntArray) -> int:
        return int(room[context.rng.integers(len(room))])

    def decide(batch: Batch) -> list[IntArray]:
        allocation = served_by_turns(batch, drawn)
        return assigned(
            batch, allocation, lambda graph, sizes: kernighan_lin(graph.adjacency, sizes)
        )

    return decide

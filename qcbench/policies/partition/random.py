"""Nodes in random order, each filled until it is full; Kernighan-Lin groups the qubits.

The baseline of Sane, Hajdusek and Van Meter (2025).
"""

from qcbench.arrays import IntArray
from qcbench.policies.batch.kernighan_lin import grouped
from qcbench.policies.batch.problem import Batch
from qcbench.policies.batch.splits import filled_in_order
from qcbench.policies.protocol import Partition, PolicyContext


def policy(context: PolicyContext) -> Partition:
    """Build the policy."""

    def decide(batch: Batch) -> list[IntArray]:
        order = context.rng.permutation(len(batch.capacities)).tolist()
        return grouped(batch, filled_in_order(batch.demands, batch.capacities, order))

    return decide

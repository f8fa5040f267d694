"""The least cost alone: the optimal use of the nodes, split in order, qubits in order.

QC-PRAGM of Sane, Hajdusek and Van Meter (2025), whose cost stage is solved exactly here.
"""

import numpy as np

from qcbench.arrays import IntArray
from qcbench.policies.batch.problem import Batch
from qcbench.policies.batch.splits import filled_in_order
from qcbench.policies.protocol import Partition, PolicyContext


def policy(_context: PolicyContext) -> Partition:
    """Build the policy."""

    def decide(batch: Batch) -> list[IntArray]:
        nodes = np.arange(len(batch.capacities))
        allocation = filled_in_order(batch.demands, batch.optimal_use, nodes.tolist())
        return [np.repeat(nodes, row) for row in allocation]

    return decide

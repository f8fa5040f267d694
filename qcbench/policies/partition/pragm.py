"""The least cost alone: the optimal use of the nodes, split in order, qubits in order.

QC-PRAGM of Sane, Hajdusek and Van Meter (2025), whose cost stage is solved exactly here.
"""

from qcbench.arrays import IntArray
from qcbench.policies.batch.assign import assigned
from qcbench.policies.batch.problem import Batch
from qcbench.policies.batch.splits import north_west_corner
from qcbench.policies.protocol import Partition, PolicyContext


def policy(_context: PolicyContext) -> Partition:
    """Build the policy."""

    def decide(batch: Batch) -> list[IntArray]:
        return assigned(batch, north_west_corner(batch.demands, batch.optimal_use))

    return decide

"""What it costs to connect the parts of a circuit that is split over several QPUs."""

from collections.abc import Sequence
from itertools import pairwise

from qcbench.sums import added

LINK_TIME_PER_QUBIT_S = 0.02


def chain_time_s(qubits: Sequence[int], time_per_qubit_s: float = LINK_TIME_PER_QUBIT_S) -> float:
    """Classical communication along the chain of parts, one link after the other [s].

    Every link between neighbours takes ``time_per_qubit_s`` for each qubit on both sides.
    Source: Adaptive Job Scheduling in Quantum Clouds Using Reinforcement Learning (2025).
    """
    return added(time_per_qubit_s * (left + right) for left, right in pairwise(qubits))

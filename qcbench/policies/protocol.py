"""The signatures of a policy: a factory that is called once a trial, and the decision it returns.

A policy file holds one function ``policy(context, **parameters)``. Its parameters are keyword-only
with annotations and defaults; they are what a YAML may set.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import TypeAlias

import numpy as np

from qcbench.arrays import IntArray
from qcbench.errors import StoppedError
from qcbench.fleet.profile import Fleet
from qcbench.policies.batch.problem import Batch
from qcbench.policies.view import AllocationView, PlacementView, QueueView

Placement: TypeAlias = Callable[[PlacementView], int]
"""Returns the index of a QPU."""
Split: TypeAlias = Sequence[int] | Mapping[int, int]
"""Qubits for every QPU in order; or qubits by QPU, in the order in which the parts are chained."""
Allocation: TypeAlias = Callable[[AllocationView], Split | None]
"""Returns a split that adds up to the task's qubits, or None to wait for a release."""
Queueing: TypeAlias = Callable[[QueueView], int]
"""Returns a position in `QueueView.waiting`."""
Partition: TypeAlias = Callable[[Batch], Sequence[IntArray]]
"""Returns, for every circuit of the batch, the node of each of its qubits."""
Decide: TypeAlias = Placement | Allocation | Queueing | Partition


class PolicyError(StoppedError):
    """A policy failed: it raised something, or decided what its track does not know."""


class ScriptError(PolicyError):
    """The file of decisions that a policy follows does not fit the tasks that it is asked for."""

    exit_code = 2


class PolicyContext:
    """What a policy may know before the first decision.

    Args:
        fleet: the QPUs in order.
        rng: the policy's own random stream, or what makes it: most policies never draw.
    """

    def __init__(
        self, fleet: Fleet, rng: np.random.Generator | Callable[[], np.random.Generator]
    ) -> None:
        self.fleet = fleet
        self._rng = rng

    @cached_property
    def rng(self) -> np.random.Generator:
        """The policy's own random stream."""
        return self._rng() if callable(self._rng) else self._rng

"""Observations from the views of a running cloud: what exported policies and environments share.

An observer is asked at every decision of one episode and keeps what a view does not show: when the
first decision and the one before were, and how many there have been.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeAlias

import numpy as np

from qcbench.errors import InputError
from qcbench.fleet.profile import Fleet
from qcbench.policies.features import allocation, placement, queueing
from qcbench.policies.features.layout import Layout, Target
from qcbench.policies.protocol import Track
from qcbench.policies.view import AllocationView, PlacementView, QueueView


class Observer(Protocol):
    """Writes the observation and the action mask of each decision of one episode.

    Attributes:
        layout: what the observation holds.
        items: QPUs, or places for waiting tasks.
    """

    layout: Layout
    items: int

    def observe(self, view: Any, out: Target) -> None:
        """Write the observation, `layout.size(items)` numbers; once for each decision."""

    def mask(self, view: Any, out: Target) -> None:
        """Write 1 for every item that can be chosen and 0 for the others."""


class Elapsed:
    """Times between the decisions of an episode."""

    __slots__ = ("_first_s", "_previous_s", "decisions")

    def __init__(self) -> None:
        self.decisions = -1
        self._first_s = self._previous_s = 0.0

    def tick(self, now_s: float) -> tuple[float, float]:
        """Count a decision; return the time since the first and since the one before."""
        self.decisions += 1
        if not self.decisions:
            self._first_s = self._previous_s = now_s
        times = now_s - self._first_s, now_s - self._previous_s
        self._previous_s = now_s
        return times


class PlacementObserver:
    """Observes placement decisions.

    Raises:
        InputError: some QPUs state a price and others do not, see `check_prices`.
    """

    layout = placement.LAYOUT

    def __init__(self, fleet: Fleet) -> None:
        check_prices(fleet)
        self.items = len(fleet)
        self._qubits: list[int] = fleet.qubits.tolist()
        self._elapsed = Elapsed()

    def observe(self, view: PlacementView, out: Target) -> None:
        """Write the observation, see `features.placement`."""
        elapsed_s, gap_s = self._elapsed.tick(view.now_s)
        placement.observe(
            self.items,
            view.now_s,
            elapsed_s,
            gap_s,
            self._elapsed.decisions,
            view.violations,
            view.task_qubits,
            view.free_at_s.tolist(),
            view.queue_length.tolist(),
            view.up.tolist(),
            0,
            view.exec_s.tolist(),
            view.fidelity.tolist(),
            view.price.tolist(),
            0,
            self._qubits,
            0,
            out,
            0,
        )

    def mask(self, view: PlacementView, out: Target) -> None:
        """Write 1 for every QPU that the task fits."""
        for qpu, fits in enumerate(view.feasible.tolist()):
            out[qpu] = 1 if fits else 0


class LegacyPlacementObserver:
    """Observes placement decisions as QSimPy's agents did.

    Raises:
        InputError: a QPU has no `clops_v`, which that observation holds.
    """

    layout = placement.LEGACY_LAYOUT

    def __init__(self, fleet: Fleet) -> None:
        self.items = len(fleet)
        self._qubits: list[int] = fleet.qubits.tolist()
        self._clops = legacy_clops(fleet)

    def observe(self, view: PlacementView, out: Target) -> None:
        """Write the observation, see `features.placement`."""
        check_circuit(view.depth, "legacy")
        placement.observe_legacy(
            self.items,
            view.now_s,
            view.violations,
            view.task_qubits,
            view.depth,
            view.free_at_s.tolist(),
            0,
            self._qubits,
            self._clops,
            0,
            out,
            0,
        )

    def mask(self, view: PlacementView, out: Target) -> None:
        """Write 1 for every QPU that the task fits."""
        for qpu, fits in enumerate(view.feasible.tolist()):
            out[qpu] = 1 if fits else 0


def legacy_clops(fleet: Fleet) -> list[float]:
    """Return the CLOPS of each QPU as QSimPy observes them.

    Raises:
        InputError: a QPU has none.
    """
    clops = fleet.known("clops_v", "the legacy observation", "take the usual observation")
    return [float(each) for each in clops]


def check_prices(fleet: Fleet) -> None:
    """Check that the QPUs can be compared by price: all state one, or none does.

    Where none does they are alike, and an observation calls none of them dearer than another.

    Raises:
        InputError: one states none and others do.
    """
    known = np.isfinite(fleet.prices())
    if known.any():
        fleet.known(
            "price_per_s", "the observation, which compares prices,", "state none for all QPUs"
        )


def check_circuit(depth: int, observation: str) -> None:
    """Check that a task has a circuit whose depth and gates can be observed.

    Raises:
        InputError: it has none.
    """
    if depth < 0:
        raise InputError(
            f"a task without a circuit has no depth and gates, which the {observation} observation "
            "holds; take a workload of circuits"
        )


class AllocationObserver:
    """Observes allocation decisions.

    Raises:
        InputError: some QPUs state a price and others do not, see `check_prices`; or, at a
            decision, that a task has no circuit.
    """

    layout = allocation.LAYOUT

    def __init__(self, fleet: Fleet) -> None:
        check_prices(fleet)
        self.items = len(fleet)
        self._qubits: list[int] = fleet.qubits.tolist()
        self._elapsed = Elapsed()

    def observe(self, view: AllocationView, out: Target) -> None:
        """Write the observation, see `features.allocation`."""
        check_circuit(view.depth, "allocation")
        elapsed_s, gap_s = self._elapsed.tick(view.now_s)
        allocation.observe(
            self.items,
            elapsed_s,
            gap_s,
            self._elapsed.decisions,
            view.waiting,
            view.running,
            view.task_qubits,
            view.depth,
            view.two_qubit_gates,
            view.time_per_qubit_s,
            view.free_qubits.tolist(),
            0,
            view.exec_s.tolist(),
            view.whole_fidelity.tolist(),
            view.price.tolist(),
            0,
            self._qubits,
            0,
            out,
            0,
        )

    def mask(self, view: AllocationView, out: Target) -> None:
        """Write 1 for every QPU that has free qubits."""
        for qpu, free in enumerate(view.free_qubits.tolist()):
            out[qpu] = 1 if free > 0 else 0


class QueueObserver:
    """Observes queueing decisions: the first `slots` waiting tasks in order of arrival."""

    layout = queueing.LAYOUT

    def __init__(self, fleet: Fleet, slots: int = queueing.SLOTS) -> None:
        self.items = slots
        self._qubits: list[int] = fleet.qubits.tolist()
        self._largest = max(self._qubits)
        self._elapsed = Elapsed()

    def observe(self, view: QueueView, out: Target) -> None:
        """Write the observation, see `features.queueing`."""
        now_s, waiting, qpu = view.now_s, view.waiting, self._qubits[view.qpu]
        elapsed_s, gap_s = self._elapsed.tick(now_s)
        seen = waiting[: self.items]
        exec_s = [view.exec_s_of(task) for task in seen]
        shortest_s = min(exec_s)
        queueing.observe_shared(
            len(waiting),
            len(seen),
            now_s - seen[0].arrival_s,
            shortest_s,
            sum(task.attained_s == 0.0 for task in seen),
            qpu,
            self._largest,
            gap_s,
            elapsed_s,
            out,
            0,
        )
        newest_s = now_s - seen[-1].arrival_s
        at = queueing.SHARED
        for task, time_s in zip(seen, exec_s, strict=True):
            queueing.observe_task(
                now_s - task.arrival_s,
                now_s - task.job_arrival_s,
                newest_s,
                task.priority,
                view.highest_priority,
                time_s,
                shortest_s,
                task.attained_s,
                task.qubits,
                qpu,
                out,
                at,
            )
            at += queueing.EACH
        for _ in range(self.items - len(seen)):
            queueing.observe_empty(out, at)
            at += queueing.EACH

    def mask(self, view: QueueView, out: Target) -> None:
        """Write 1 for every place at which a task waits."""
        count = len(view.waiting)
        for place in range(self.items):
            out[place] = 1 if place < count else 0


ObserverFactory: TypeAlias = Callable[[Fleet], Observer]


def observer(
    track: Track, fleet: Fleet, *, legacy: bool = False, slots: int = queueing.SLOTS
) -> Observer:
    """Return the observer of a track for one episode.

    Raises:
        InputError: the track has none, or none that is legacy.
    """
    if legacy and track != "placement":
        raise InputError(f"observation legacy: is of track placement, not {track}")
    if track == "placement":
        return LegacyPlacementObserver(fleet) if legacy else PlacementObserver(fleet)
    if track == "allocation":
        return AllocationObserver(fleet)
    if track == "queueing":
        return QueueObserver(fleet, slots)
    raise InputError(f"track {track}: has no observation; placement, allocation, queueing have one")


__all__: Sequence[str] = (
    "AllocationObserver",
    "Elapsed",
    "LegacyPlacementObserver",
    "Observer",
    "PlacementObserver",
    "QueueObserver",
    "legacy_clops",
    "observer",
)

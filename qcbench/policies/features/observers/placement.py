"""Observes placement decisions: all QPUs as they are for one task."""

from qcbench.fleet.profile import Fleet
from qcbench.policies.features import placement, placement_relative
from qcbench.policies.features.deadlines import value_share
from qcbench.policies.features.layout import Layout, Target
from qcbench.policies.features.observer import Elapsed, Observer, check_circuit, check_prices
from qcbench.policies.view import PlacementView


def observer(fleet: Fleet, layout: Layout, *, slots: int = 0) -> Observer:  # noqa: ARG001
    """Return the observer of one episode; `slots` are those of other tracks."""
    if layout is placement.LEGACY_LAYOUT:
        return LegacyPlacementObserver(fleet)
    if layout is placement.RELATIVE_LAYOUT:
        return RelativePlacementObserver(fleet)
    return PlacementObserver(fleet, layout)


class PlacementObserver:
    """Observes placement decisions.

    Raises:
        InputError: some QPUs state a price and others do not, see `check_prices`.
    """

    def __init__(self, fleet: Fleet, layout: Layout) -> None:
        check_prices(fleet)
        self.layout = layout
        self._sizes = len(layout.shared), len(layout.each)
        self._due = layout is placement.DUE_LAYOUT
        self.items = len(fleet)
        self._qubits: list[int] = fleet.qubits.tolist()
        self._elapsed = Elapsed()

    def observe(self, view: PlacementView, out: Target) -> None:
        """Write the observation, see `features.placement`."""
        elapsed_s, gap_s = self._elapsed.tick(view.now_s)
        free_at_s, exec_s = view.free_at_s.tolist(), view.exec_s.tolist()
        placement.observe(
            self.items,
            view.now_s,
            elapsed_s,
            gap_s,
            self._elapsed.decisions,
            view.violations,
            view.task_qubits,
            free_at_s,
            view.queue_length.tolist(),
            view.up.tolist(),
            0,
            exec_s,
            view.fidelity.tolist(),
            view.price.tolist(),
            0,
            self._qubits,
            0,
            out,
            0,
            *self._sizes,
        )
        if self._due:
            value = value_share(view.value, view.highest_value)
            placement.observe_due(
                self.items, view.now_s, view.due_s, value, free_at_s, 0, exec_s, 0, out, 0
            )

    def mask(self, view: PlacementView, out: Target) -> None:
        """Write 1 for every QPU that the task fits."""
        _write_mask(view, out)


class RelativePlacementObserver:
    """Observes placement decisions in figures of the workload itself.

    Raises:
        InputError: some QPUs state a price and others do not, see `check_prices`.
    """

    layout = placement.RELATIVE_LAYOUT

    def __init__(self, fleet: Fleet) -> None:
        check_prices(fleet)
        self.items = len(fleet)
        self._qubits: list[int] = fleet.qubits.tolist()
        self._memory = [0.0] * self.layout.memory(self.items)

    def observe(self, view: PlacementView, out: Target) -> None:
        """Write the observation, see `features.placement_relative`."""
        placement_relative.observe(
            self.items,
            view.now_s,
            view.violations,
            view.task_qubits,
            view.to_come,
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
            self._memory,
            0,
            out,
            0,
        )

    def mask(self, view: PlacementView, out: Target) -> None:
        """Write 1 for every QPU that the task fits."""
        _write_mask(view, out)


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
        _write_mask(view, out)


def _write_mask(view: PlacementView, out: Target) -> None:
    for qpu, fits in enumerate(view.feasible.tolist()):
        out[qpu] = 1 if fits else 0


def legacy_clops(fleet: Fleet) -> list[float]:
    """Return the CLOPS of each QPU as QSimPy observes them.

    Raises:
        InputError: a QPU has none.
    """
    clops = fleet.known("clops_v", "the legacy observation", "take the usual observation")
    return [float(each) for each in clops]

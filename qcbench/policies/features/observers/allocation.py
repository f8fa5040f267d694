"""Observes allocation decisions: all QPUs as they are for one task that may be split."""

from qcbench.fleet.profile import Fleet
from qcbench.policies.features import allocation, allocation_relative
from qcbench.policies.features.deadlines import value_share
from qcbench.policies.features.layout import Layout, Target
from qcbench.policies.features.observer import Elapsed, Observer, check_circuit, check_prices
from qcbench.policies.view import AllocationView


def observer(fleet: Fleet, layout: Layout, *, slots: int = 0) -> Observer:  # noqa: ARG001
    """Return the observer of one episode; `slots` are those of other tracks."""
    if layout is allocation.RELATIVE_LAYOUT:
        return RelativeAllocationObserver(fleet)
    return AllocationObserver(fleet, layout)


class AllocationObserver:
    """Observes allocation decisions.

    Raises:
        InputError: some QPUs state a price and others do not, see `check_prices`; or, at a
            decision, that a task has no circuit.
    """

    def __init__(self, fleet: Fleet, layout: Layout) -> None:
        check_prices(fleet)
        self.layout = layout
        self._sizes = len(layout.shared), len(layout.each)
        self._due = layout is allocation.DUE_LAYOUT
        self.items = len(fleet)
        self._qubits: list[int] = fleet.qubits.tolist()
        self._elapsed = Elapsed()

    def observe(self, view: AllocationView, out: Target) -> None:
        """Write the observation, see `features.allocation`."""
        check_circuit(view.depth, "allocation")
        elapsed_s, gap_s = self._elapsed.tick(view.now_s)
        exec_s = view.exec_s.tolist()
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
            exec_s,
            view.whole_fidelity.tolist(),
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
            allocation.observe_due(self.items, view.now_s, view.due_s, value, exec_s, 0, out, 0)

    def mask(self, view: AllocationView, out: Target) -> None:
        """Write 1 for every QPU that has free qubits."""
        _write_mask(view, out)


class RelativeAllocationObserver:
    """Observes allocation decisions in figures of the workload itself.

    Raises:
        InputError: some QPUs state a price and others do not, see `check_prices`; or, at a
            decision, that a task has no circuit.
    """

    layout = allocation.RELATIVE_LAYOUT

    def __init__(self, fleet: Fleet) -> None:
        check_prices(fleet)
        self.items = len(fleet)
        self._qubits: list[int] = fleet.qubits.tolist()
        self._memory = [0.0] * self.layout.memory(self.items)

    def observe(self, view: AllocationView, out: Target) -> None:
        """Write the observation, see `features.allocation_relative`."""
        check_circuit(view.depth, "allocation")
        allocation_relative.observe(
            self.items,
            view.now_s,
            view.row,
            view.arrival_s,
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
            self._memory,
            0,
            out,
            0,
        )

    def mask(self, view: AllocationView, out: Target) -> None:
        """Write 1 for every QPU that has free qubits."""
        _write_mask(view, out)


def _write_mask(view: AllocationView, out: Target) -> None:
    for qpu, free in enumerate(view.free_qubits.tolist()):
        out[qpu] = 1 if free > 0 else 0

"""Observes allocation decisions: all QPUs as they are for one task that may be split."""

from qcbench.fleet.profile import Fleet
from qcbench.policies.features import allocation
from qcbench.policies.features.layout import Target
from qcbench.policies.features.observer import Elapsed, Observer, check_circuit, check_prices
from qcbench.policies.view import AllocationView


def observer(fleet: Fleet, *, legacy: bool, slots: int) -> Observer:  # noqa: ARG001
    """Return the observer of one episode; the options are those of other tracks."""
    return AllocationObserver(fleet)


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

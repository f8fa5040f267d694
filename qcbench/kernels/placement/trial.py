"""One trial event by event: under a compiled twin, or stepped from decision to decision."""

from collections.abc import Callable

import numpy as np

from qcbench.cloud.cloud import Streams
from qcbench.cloud.estimates import task_table
from qcbench.cloud.scenario import Scenario
from qcbench.errors import shown
from qcbench.kernels.compiling import drawing, kernel
from qcbench.kernels.placement.chances import Chances, ChanceSource
from qcbench.kernels.placement.event_state import EventState, begin, make_event_state
from qcbench.kernels.placement.events import (
    DECIDE,
    ENDED,
    MORE_CHANGES,
    decide,
    go_to_decision,
    run_to_decision,
    take_decision,
)
from qcbench.kernels.placement.outcome import ROW
from qcbench.kernels.placement.step import Table
from qcbench.kernels.placement.worlds import Worlds
from qcbench.kernels.rules import Limits
from qcbench.kernels.twins import Twin, asker, draws_itself
from qcbench.policies.protocol import Placement, PolicyError
from qcbench.policies.twins import NO_DECISION, PlacingInFull
from qcbench.policies.view import PlacementView

SCRIPT_ENDED = 3
choose = asker("placement")


class EventTrial:
    """A scenario on the event kernel.

    Attributes:
        state, rows: of the cloud and of its tasks up to now.
    """

    def __init__(
        self, scenario: Scenario, streams: Streams, worlds: Worlds, limits: Limits
    ) -> None:
        self._worlds, self._limits = worlds, limits
        self._source = ChanceSource([scenario], [streams], worlds.width)
        self._chances = self._source.chances()
        self.state = make_event_state(1, worlds, self._chances.users)
        self.rows: Table = np.zeros(len(scenario.workload), dtype=ROW)
        begin(worlds, limits, self._chances, self.state, self.rows, 0, 0)

    def run(self, twin: Twin, rng: np.random.Generator) -> bool:
        """Run to the end under a twin; False where its script ends too early."""
        if draws_itself("placement", twin):
            return self._until(_run_drawing, twin, rng) == ENDED
        return self._until(_run_plain, twin, None) == ENDED

    def ask(self, policy: Placement, scenario: Scenario) -> None:
        """Run to the end under a policy in Python.

        Raises:
            PolicyError: it decided on what is no QPU.
        """
        state, rows, tasks = self.state, self.rows, scenario.workload.tasks
        qpus = len(self._worlds.qpu_qubits)
        table = task_table(tasks, scenario.estimates)
        view = PlacementView(scenario.fleet, table, state.free_at_s, state.queue_length, state.up)
        features = [each.tolist() for each in (tasks.qubits, tasks.depth, tasks.shots)]
        qubits, depth, shots = features
        while self._until(run_to_decision, 0) == DECIDE:
            task = int(state.clouds["task"][0])
            view.now_s = float(state.clouds["now_s"][0])
            view.row = task
            view.task_qubits, view.depth, view.shots = qubits[task], depth[task], shots[task]
            view.violations = int(rows["violations"][task])
            view.due_s = float(self._worlds.due_s[task])
            choice = policy(view)
            if choice.__class__ is not int or not 0 <= choice < qpus:
                raise PolicyError(
                    f"the policy returned {shown(choice)}; a placement is an int in 0..{qpus - 1}"
                )
            decide(self._worlds, self._limits, self._chances, state, rows, 0, choice)

    def _until(self, run: Callable[..., int], *others: object) -> int:
        """Run until something else is wanted than further failures and repairs; return what."""
        state, rows = self.state, self.rows
        while True:
            why = run(self._worlds, self._limits, self._chances, state, rows, *others)
            if why != MORE_CHANGES:
                return why
            self._source.extend()
            self._chances = self._source.chances()


def _run(
    worlds: Worlds,
    limits: Limits,
    chances: Chances,
    state: EventState,
    rows: Table,
    twin: Twin,
    rng: np.random.Generator | None,
) -> int:
    """Let a twin decide until the trial is over or more must be known.

    Args:
        rng: for those that draw from it. With a generator arrays are counted wherever they are
            passed on, which takes most of the time, so the others go without.
    """
    qpus = len(worlds.qpu_qubits)
    while True:
        why = go_to_decision(worlds, limits, chances, state, rows, 0)
        if why != DECIDE:
            return why
        task = state.clouds[0].task
        view = PlacingInFull(
            qpus,
            state.clouds[0].now_s,
            state.free_at_s,
            0,
            worlds.exec_s,
            worlds.fidelity,
            worlds.price,
            task * worlds.stride,
            rows[task].violations,
            worlds.qubits[task],
            state.queue_length,
            state.up,
            worlds.qpu_qubits,
            worlds.due_s[task],
        )
        choice = choose(twin.rule, view, twin.memory, rng)
        if choice == NO_DECISION:
            return SCRIPT_ENDED
        take_decision(worlds, limits, chances, state, rows, 0, choice)


_run_plain, _run_drawing = kernel(_run), drawing(_run)

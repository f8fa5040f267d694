"""One trial event by event: under a compiled twin, or stepped from decision to decision."""

import numpy as np

from qcbench.cloud.cloud import Streams
from qcbench.cloud.estimates import Estimates, task_table
from qcbench.cloud.scenario import Scenario
from qcbench.errors import shown
from qcbench.kernels.compiling import drawing
from qcbench.kernels.levels import present_until_end_s
from qcbench.kernels.placement.chances import Chances, ChanceSource
from qcbench.kernels.placement.event_state import EventState, begin, make_event_state
from qcbench.kernels.placement.events import (
    DECIDE,
    ENDED,
    MORE_CHANGES,
    decide,
    run_to_decision,
)
from qcbench.kernels.placement.outcome import Outcome, make_rows
from qcbench.kernels.placement.qpus import busy_until_now_s
from qcbench.kernels.placement.step import Table
from qcbench.kernels.placement.worlds import Worlds
from qcbench.kernels.rules import Limits
from qcbench.kernels.twins import Twin, asker
from qcbench.policies.protocol import Placement, PolicyError
from qcbench.policies.twins import NO_DECISION, PlacingInFull
from qcbench.policies.view import PlacementView

SCRIPT_ENDED = 3
choose = asker("placement")


class EventTrial:
    """A scenario on the event kernel.

    Attributes:
        rows: what happened to each task up to now.
    """

    def __init__(
        self, scenario: Scenario, streams: Streams, worlds: Worlds, limits: Limits
    ) -> None:
        self._worlds, self._limits = worlds, limits
        self._source = ChanceSource([scenario], [streams], worlds.width)
        self._chances = self._source.chances()
        self._state = make_event_state(1, worlds, self._chances.users)
        self.rows: Table = make_rows(scenario.workload.arrival_s)
        begin(worlds, limits, self._chances, self._state, self.rows, 0, 0)

    def run(self, twin: Twin, rng: np.random.Generator) -> bool:
        """Run to the end under a twin; False where its script ends too early."""
        while True:
            why = _run(self._worlds, self._limits, self._chances, self._state, self.rows, twin, rng)
            if why != MORE_CHANGES:
                return bool(why == ENDED)
            self._know_more()

    def ask(self, policy: Placement, scenario: Scenario, estimates: Estimates) -> None:
        """Run to the end under a policy in Python.

        Raises:
            PolicyError: it decided on what is no QPU.
        """
        state, rows, tasks = self._state, self.rows, scenario.workload.tasks
        qpus = len(self._worlds.qpu_qubits)
        table = task_table(tasks, estimates)
        view = PlacementView(scenario.fleet, table, state.free_at_s, state.queue_length, state.up)
        features = [each.tolist() for each in (tasks.qubits, tasks.depth, tasks.shots)]
        qubits, depth, shots = features
        while self._next():
            task = int(state.clouds["task"][0])
            view.now_s = float(state.clouds["now_s"][0])
            view.row = task
            view.task_qubits, view.depth, view.shots = qubits[task], depth[task], shots[task]
            view.violations = int(rows["violations"][task])
            choice = policy(view)
            if choice.__class__ is not int or not 0 <= choice < qpus:
                raise PolicyError(
                    f"the policy returned {shown(choice)}; a placement is an int in 0..{qpus - 1}"
                )
            decide(self._worlds, self._limits, self._chances, state, rows, 0, choice)

    def _next(self) -> bool:
        """Go on to the next decision; False where the trial is over."""
        while True:
            why = run_to_decision(
                self._worlds, self._limits, self._chances, self._state, self.rows, 0
            )
            if why != MORE_CHANGES:
                return bool(why == DECIDE)
            self._know_more()

    def _know_more(self) -> None:
        self._source.extend()
        self._chances = self._source.chances()

    def outcome(self) -> Outcome:
        """Return what happened, once the trial is over."""
        state, worlds, rows = self._state, self._worlds, self.rows
        busy_s = np.array(
            [busy_until_now_s(worlds, state, rows, 0, at) for at in range(len(worlds.qpu_qubits))]
        )
        warm_up_s = self._limits.warm_up_s
        reached = np.isfinite(warm_up_s) and np.isinf(state.clouds["warm_up_s"][0])
        return Outcome(
            arrived=int(state.clouds["next_arrival"][0]),
            end_s=float(state.clouds["now_s"][0]),
            busy_s=busy_s,
            jobs_s=present_until_end_s(state.clouds[0]),
            warm=(
                warm_up_s,
                state.servers["warm_busy_s"].copy(),
                float(state.clouds["warm_present_area_s"][0]),
            )
            if reached
            else None,
            decisions=int(state.clouds["decisions"][0]),
            truncated=bool(state.clouds["truncated"][0]),
        )


@drawing
def _run(
    worlds: Worlds,
    limits: Limits,
    chances: Chances,
    state: EventState,
    rows: Table,
    twin: Twin,
    rng: np.random.Generator,
) -> int:
    """Let a twin decide until the trial is over or more must be known."""
    qpus = len(worlds.qpu_qubits)
    while True:
        why = run_to_decision(worlds, limits, chances, state, rows, 0)
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
        )
        choice = choose(twin.rule, view, twin.memory, rng)
        if choice == NO_DECISION:
            return SCRIPT_ENDED
        decide(worlds, limits, chances, state, rows, 0, choice)

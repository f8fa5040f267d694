"""One trial event by event: under a compiled twin, or stepped from decision to decision."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any, cast

import numpy as np

from qcbench.cloud.cloud import Streams
from qcbench.cloud.drift import DriftPath
from qcbench.cloud.estimates import task_table
from qcbench.cloud.scenario import Scenario
from qcbench.cloud.splits import Splits
from qcbench.errors import shown
from qcbench.kernels.compiling import compiled_for, drawing, inlined, kernel, kind_of, number_of
from qcbench.kernels.engine import AnyPolicy, late_policy
from qcbench.kernels.memory import used_again
from qcbench.kernels.placement.chances import Chances, ChanceSource
from qcbench.kernels.placement.event_state import QUEUED, EventState, begin, make_event_state
from qcbench.kernels.placement.events import (
    DECIDE,
    ENDED,
    MORE_CHANGES,
    decide,
    run_to_decision,
)
from qcbench.kernels.placement.outcome import ROW
from qcbench.kernels.placement.qpus import stop_counting
from qcbench.kernels.placement.step import Table
from qcbench.kernels.placement.worlds import Worlds, worlds_of
from qcbench.kernels.rules import Limits, limits_of
from qcbench.kernels.twins import Twin, asker, draws, make_twin, twin_again
from qcbench.policies.config import PolicyConfig
from qcbench.policies.protocol import Placement, PolicyContext, PolicyError, ScriptError
from qcbench.policies.twins import NO_DECISION, Memory, PlacingInFull, TwinContext
from qcbench.policies.view import PlacementView

SCRIPT_ENDED = 3
choose = asker("placement")


class TrialWorld:
    """A scenario as the event kernel takes it: what all its trials have in common.

    Attributes:
        chances: that are known by now; a trial that goes on for longer makes them more.
        splits: what physics says of executions, for records.
        state: of the one cloud that all trials run in, one after the other.
        drift: of the QPUs' errors, which trials that go on for longer draw further.
        kind: stands for the types of what functions of the kernel are given first.
    """

    def __init__(self, scenario: Scenario, streams: Streams) -> None:
        fleet, tasks = scenario.fleet, scenario.workload.tasks
        self.scenario = scenario
        self.worlds: Worlds = worlds_of([scenario])
        self.limits: Limits = limits_of(scenario.rules)
        self.splits = Splits(tasks, fleet, scenario.physics, scenario.estimates, fleet.errors())
        self._source = ChanceSource([scenario], [streams], self.worlds.width)
        self.chances = self._source.chances()
        state = make_event_state(1, self.worlds, self.chances.users)
        self.state = state._replace(queued=used_again("queued", self.worlds.width, QUEUED))
        self.drift: DriftPath | None = None
        if scenario.rules.drift is not None:  # records draw it too, from the stream itself
            self.drift = DriftPath(scenario.rules.drift, len(fleet), deepcopy(streams.drift))
        given = self.known(self.rows())
        self.kind = number_of(kind_of(given))
        self._begin: Any = compiled_for(begin, (*given, 0, 0), self.kind)

    def extend(self) -> None:
        """Know more chances."""
        self._source.extend()
        self.chances = self._source.chances()

    def known(self, rows: Table) -> tuple[Any, ...]:
        """Return what functions of the kernel are given first."""
        return self.worlds, self.limits, self.chances, self.state, rows

    def run_of(
        self, rows: Table, twin: Twin, rng: np.random.Generator | None
    ) -> Callable[..., int]:
        """Return what lets a twin of this kind decide, compiled."""
        function = run_plain if rng is None else _run_drawing
        kind = self.kind, Memory if twin.memory.__class__ is Memory else kind_of(twin)
        return compiled_for(function, (*self.known(rows), twin, rng), kind)

    def begin(self, rows: Table) -> None:
        """Put the cloud before its first event."""
        self._begin(*self.known(rows), 0, 0)

    def rows(self) -> Table:
        """Return rows that nobody else has, to be filled by a trial."""
        return used_again("rows", self.worlds.width, ROW)


class EventTrial:
    """A scenario on the event kernel, until another trial on its world begins.

    Attributes:
        rows: records `outcome.ROW`, which nobody else has.
    """

    def __init__(self, world: TrialWorld) -> None:
        self._world = world
        self.rows = world.rows()
        world.begin(self.rows)

    def run(self, twin: Twin, context: PolicyContext) -> bool:
        """Run to the end under a twin; False where its script ends too early."""
        rng = context.rng if draws("placement", twin) else None
        run = self._world.run_of(self.rows, twin, rng)
        return self._until(run, twin, rng) == ENDED

    def ask(self, policy: Placement) -> None:
        """Run to the end under a policy in Python.

        Raises:
            PolicyError: it decided on what is no QPU.
        """
        world, state, rows = self._world, self._world.state, self.rows
        scenario, tasks = world.scenario, world.scenario.workload.tasks
        qpus = len(scenario.fleet)
        table = task_table(tasks, scenario.estimates)
        view = PlacementView(scenario.fleet, table, state.free_at_s, state.queue_length, state.up)
        features = [each.tolist() for each in (tasks.qubits, tasks.depth, tasks.shots)]
        qubits, depth, shots = features
        value = scenario.workload.values()
        view.highest_value = scenario.workload.highest_value()
        while self._until(_run_to_decision) == DECIDE:
            task = int(state.clouds["task"][0])
            view.now_s = float(state.clouds["now_s"][0])
            view.row = task
            view.task_qubits, view.depth, view.shots = qubits[task], depth[task], shots[task]
            view.violations = int(rows["violations"][task])
            view.to_come = len(rows) - int(state.clouds["next_arrival"][0])
            view.due_s = float(world.worlds.due_s[task])
            view.value = float(value[task])
            choice = policy(view)
            if choice.__class__ is not int or not 0 <= choice < qpus:
                raise PolicyError(
                    f"the policy returned {shown(choice)}; a placement is an int in 0..{qpus - 1}"
                )
            self._call(_decide, choice)

    def _until(self, run: Callable[..., int], *others: object) -> int:
        """Run until something else is wanted than further failures and repairs; return what."""
        while True:
            why: int = self._call(run, *others)
            if why != MORE_CHANGES:
                return why
            self._world.extend()

    def _call(self, function: Callable[..., Any], *others: object) -> Any:
        return function(*self._world.known(self.rows), *others)


def simulated(world: TrialWorld, policy: AnyPolicy, context: PolicyContext) -> Table:
    """Return the rows of a trial that is over; the world's state is what is left of its cloud.

    Raises:
        InputError: the policy cannot be built.
        PolicyError: it decided on what is no QPU, or its script ends before the tasks do.
    """
    fleet = world.scenario.fleet
    trial, twin = EventTrial(world), twin_again("placement", policy, fleet)
    if twin is None:
        python = late_policy("placement", policy, context)
        twin = make_twin("placement", policy, TwinContext(fleet))
    if twin is None:
        trial.ask(cast(Placement, python()))
    elif not trial.run(twin, context):
        script = policy.parameters["file"] if isinstance(policy, PolicyConfig) else ""
        raise script_ended(script)
    return trial.rows


def script_ended(script: object) -> ScriptError:
    """Return what is told of a script with fewer decisions than its trial has."""
    return ScriptError(f"{script}: the script ends before the tasks do")


@kernel
def _run_to_decision(
    worlds: Worlds, limits: Limits, chances: Chances, state: EventState, rows: Table
) -> int:
    """Let things happen until a policy in Python is asked; see `events.run_to_decision`."""
    return _go_on(worlds, limits, chances, state, rows)


@inlined
def _go_on(worlds: Worlds, limits: Limits, chances: Chances, state: EventState, rows: Table) -> int:
    why = run_to_decision(worlds, limits, chances, state, rows, 0)
    if why == ENDED:
        stop_counting(worlds, state, rows, 0)
    return why


@kernel
def _decide(
    worlds: Worlds, limits: Limits, chances: Chances, state: EventState, rows: Table, choice: int
) -> bool:
    """Do what a policy in Python decided."""
    return decide(worlds, limits, chances, state, rows, 0, choice)


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
        why = _go_on(worlds, limits, chances, state, rows)
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
            worlds.value[task],
            worlds.tasks[0] - state.clouds[0].next_arrival,
        )
        choice = choose(twin.rule, view, twin.memory, rng)
        if choice == NO_DECISION:
            return SCRIPT_ENDED
        decide(worlds, limits, chances, state, rows, 0, choice)


run_plain, _run_drawing = kernel(_run), drawing(_run)

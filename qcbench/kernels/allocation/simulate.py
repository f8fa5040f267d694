"""One allocation trial on the kernel: the records of `Cloud(scenario, decide, streams).run()`."""

from collections.abc import Sequence
from functools import partial
from typing import TypeVar, cast

import numpy as np
import numpy.typing as npt

from qcbench.cloud.allocation import check_widths, waits_for_ever
from qcbench.cloud.cloud import Streams
from qcbench.cloud.decisions import Parts, parts_of
from qcbench.cloud.estimates import Estimates
from qcbench.cloud.records import Records
from qcbench.cloud.scenario import Scenario
from qcbench.cloud.shared_qpus import SharedQpus
from qcbench.cloud.splits import Splits
from qcbench.errors import InputError
from qcbench.kernels.allocation import events, runs
from qcbench.kernels.allocation.arrays import (
    Outcomes,
    Settings,
    State,
    Worlds,
    make_outcomes,
    make_state,
    make_worlds,
    settings_of,
)
from qcbench.kernels.allocation.begin import begin
from qcbench.kernels.allocation.known import known_of
from qcbench.kernels.allocation.outcome import records_of
from qcbench.kernels.compiling import compiled_for
from qcbench.kernels.engine import AnyPolicy, Simulator, late_policy
from qcbench.kernels.failures import FailureTimes
from qcbench.kernels.twins import Twin, draw_more, make_twin
from qcbench.policies.protocol import Allocation, PolicyContext, PolicyError
from qcbench.policies.twins import Memory, TwinContext
from qcbench.policies.view import AllocationView, TaskTable

Scalar = TypeVar("Scalar", bound=np.generic)


def check(scenario: Scenario) -> None:
    """Check that the kernel knows the rules of a scenario.

    Raises:
        InputError: it does not.
    """
    rules = scenario.rules
    where = f"scenario {scenario.name}: engine compiled"
    if (rules.dispatch.mode, rules.dispatch.qpus) != ("push", "shared"):
        raise InputError(
            f"{where}: track allocation goes with push to shared QPUs, not with "
            f"{rules.dispatch.mode} and {rules.dispatch.qpus}"
        )
    unknown = {
        f"rules.dispatch.order {rules.dispatch.order}": rules.dispatch.holds_and_waits,
        "jobs of several phases": scenario.workload.phases is not None,
        "rules.records jobs": rules.records == "jobs",
    }
    for key, present in unknown.items():
        if present:
            raise InputError(f"{where}: {key} has no allocation kernel; use engine simpy")


def check_connected(scenario: Scenario) -> None:
    """Check that connected sets of qubits suffice for every task where they are asked for.

    Raises:
        InputError: a QPU has no coupling map, or a task is too wide.
    """
    dispatch = scenario.rules.dispatch
    if dispatch.connected:
        shared = SharedQpus(scenario.fleet, dispatch.search_steps)
        check_widths(scenario.workload.tasks, scenario.fleet, int(shared.free.sum()))


class Trial:
    """The arrays of one trial, and the generators of what is drawn on the way."""

    def __init__(self, scenario: Scenario, estimates: Estimates, streams: Streams) -> None:
        rules, workload, fleet = scenario.rules, scenario.workload, scenario.fleet
        self._failures = FailureTimes(rules.failures, [streams], len(fleet))
        self.settings: Settings = settings_of(
            rules, scenario.physics.links.time_per_qubit_s, len(workload), keep=True
        )
        self.worlds: Worlds = make_worlds([scenario], [estimates.exec_s], [streams], self._failures)
        self.state: State = make_state(1, self.worlds)
        self.outcomes: Outcomes = make_outcomes(1, self.worlds)
        begin(self.settings, self.worlds, self.state, self.outcomes, 0)

    def draw(self) -> None:
        """Draw as many failures and repairs again as there are."""
        self._failures.extend()
        self.worlds = self.worlds._replace(gap_s=self._failures.gap_s)


def simulator(scenario: Scenario, _streams: Streams) -> Simulator:
    """Return what simulates trials on one world, which share nothing."""
    return Simulator(partial(simulate, scenario))


def simulate(
    scenario: Scenario, policy: AnyPolicy, context: PolicyContext, streams: Streams
) -> Records:
    """Simulate one trial.

    Raises:
        InputError: what the kernel does not know, or the rules and the figures do not allow.
        PolicyError: a decision that is none, or a policy that waits for ever.
    """
    check(scenario)
    tasks, fleet = scenario.workload.tasks, scenario.fleet
    estimates = scenario.estimates
    splits = Splits(tasks, fleet, scenario.physics, estimates, fleet.errors())
    check_connected(scenario)
    python = late_policy("allocation", policy, context)
    trial = Trial(scenario, estimates, streams)
    view = _view(trial, scenario, splits)
    known = known_of(splits, view)
    twin = make_twin("allocation", policy, known)
    if twin is None:
        decide = cast(Allocation, python())
        reason = _ask(trial, decide, view, scenario.workload.values().tolist())
    else:
        reason = _run(trial, twin, context.rng, known)
    cloud = trial.state.clouds[0]
    if reason == runs.WAITS:
        row = int(cloud["task"])
        raise waits_for_ever(row, int(tasks.qubits[row]))
    if reason == events.STUCK:
        raise PolicyError(f"{cloud['left']} jobs wait for ever: nothing is left to happen")
    return records_of(scenario, splits, trial.state, trial.outcomes, streams.drift)


def _run(trial: Trial, twin: Twin, rng: np.random.Generator, known: TwinContext) -> int:
    """Run a twin to the end, and say what ended it."""
    run = runs.run if isinstance(twin.memory, Memory) else runs.run_long
    answer = runs.GO_ON
    while True:
        reason: int = run(*_arrays(trial), 0, twin, answer)
        answer = runs.GO_ON
        if reason == runs.NEED_DRAWS:
            twin, answer = draw_more("allocation", twin, rng, known), runs.ASKED
        elif reason == events.DRAW:
            trial.draw()
        else:
            return reason


def _view(trial: Trial, scenario: Scenario, splits: Splits) -> AllocationView:
    tasks, estimates = scenario.workload.tasks, splits.estimates
    view = AllocationView(
        scenario.fleet,
        TaskTable(
            qubits=tasks.qubits,
            depth=tasks.depth,
            shots=tasks.shots,
            two_qubit_gates=tasks.two_qubit_gates,
            feasible=_rows(estimates.feasible),
            exec_s=_rows(estimates.exec_s),
            fidelity=_rows(estimates.fidelity),
            price=_rows(estimates.price),
        ),
        trial.state.free[0],
        splits,
        trial.settings.time_per_qubit_s,
        may_overtake=trial.settings.depth > 0,
    )
    view.highest_value = scenario.workload.highest_value()
    return view


def _rows(table: npt.NDArray[Scalar]) -> Sequence[npt.NDArray[Scalar]]:
    """Take a table for the sequence of its rows, as which views use it."""
    return cast(Sequence[npt.NDArray[Scalar]], table)


def _arrays(trial: Trial) -> tuple[Settings, Worlds, State, Outcomes]:
    return trial.settings, trial.worlds, trial.state, trial.outcomes


def _ask(trial: Trial, decide: Allocation, view: AllocationView, value: Sequence[float]) -> int:
    """Go from question to question with a policy in Python, and say what ended it.

    Args:
        value: of each job.
    """
    state = trial.state
    cloud = state.clouds[0]
    tasks = trial.worlds.tasks[0]
    chain_qpu, chain_qubits = state.chain_qpu[0], state.chain_qubits[0]
    go_on = compiled_for(runs.go_on, (*_arrays(trial), 0, runs.GO_ON))
    answer = runs.GO_ON
    while True:
        reason: int = go_on(*_arrays(trial), 0, answer)
        answer = runs.GO_ON
        if reason == events.DRAW:
            trial.draw()
            continue
        if reason != events.ASK:
            return reason
        row = int(cloud["task"])
        task = tasks[row]
        view.now_s = float(cloud["now_s"])
        view.row = row
        view.arrival_s = float(task["arrival_s"])
        view.task_qubits = int(task["qubits"])
        view.depth = int(task["depth"])
        view.shots = int(task["shots"])
        view.two_qubit_gates = int(task["two_qubit_gates"])
        view.due_s = float(task["due_s"])
        view.value = value[row]
        view.waiting = int(cloud["waiting"])
        view.running = int(cloud["running"])
        decision = decide(view)
        parts: Parts = ()
        if decision is not None:
            parts = parts_of(decision, row, view.task_qubits, state.free[0].tolist())
        for place, (qpu, qubits) in enumerate(parts):
            chain_qpu[place] = qpu
            chain_qubits[place] = qubits
        answer = len(parts)

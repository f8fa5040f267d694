"""One allocation trial on the kernel: the records of `Cloud(scenario, decide, streams).run()`."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar, cast

import numpy as np
import numpy.typing as npt

from qcbench.cloud.allocation import check_widths, waits_for_ever
from qcbench.cloud.cloud import Streams
from qcbench.cloud.decisions import Parts, parts_of
from qcbench.cloud.estimates import Estimates, estimate
from qcbench.cloud.records import Records
from qcbench.cloud.scenario import Scenario
from qcbench.cloud.shared_qpus import SharedQpus
from qcbench.cloud.splits import Splits
from qcbench.errors import InputError
from qcbench.kernels.allocation import events, policies, runs
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
from qcbench.kernels.allocation.best_tradeoff import tradeoff_of
from qcbench.kernels.allocation.outcome import records_of
from qcbench.kernels.allocation.weighted import weighing_of
from qcbench.kernels.compiling import compiled_for
from qcbench.kernels.engine import AnyPolicy, python_policy
from qcbench.kernels.failures import FailureTimes
from qcbench.policies import registry
from qcbench.policies.config import PolicyConfig
from qcbench.policies.protocol import Allocation, PolicyContext, PolicyError
from qcbench.policies.sums import MOST_SUMMED
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
    estimates = estimate(tasks, fleet, scenario.physics, splits=True)
    splits = Splits(tasks, fleet, scenario.physics, estimates, fleet.errors())
    check_connected(scenario)
    name, told = "", {}
    if isinstance(policy, PolicyConfig):
        known = registry.check_parameters("allocation", policy).parameters
        name = policy.name
        told = {key: each.default for key, each in known.items()} | policy.parameters
    twin = policies.twin_of(name, fleet)
    trial = Trial(scenario, estimates, streams)
    if twin.kind != policies.IN_PYTHON:
        reason = _run(trial, twin, context.rng)
    else:
        decide = cast(Allocation, python_policy("allocation", policy, context))
        view = _view(trial, scenario, splits)
        by_sets = by_sets_of(name, told, splits, view)
        reason = _ask(trial, twin, decide, view) if by_sets is None else _go_on(trial, *by_sets)
    cloud = trial.state.clouds[0]
    if reason == runs.WAITS:
        row = int(cloud["task"])
        raise waits_for_ever(row, int(tasks.qubits[row]))
    if reason == events.STUCK:
        raise PolicyError(f"{cloud['left']} jobs wait for ever: nothing is left to happen")
    return records_of(scenario, splits, trial.state, trial.outcomes, streams.drift)


def by_sets_of(
    name: str, told: dict[str, Any], splits: Splits, view: AllocationView
) -> tuple[Callable[..., int], NamedTuple] | None:
    """Return the twin of a policy that weighs sets of QPUs, and what runs it; None without one.

    Args:
        told: the parameters of the policy, which are what they may be.
    """
    if len(splits.fleet) > MOST_SUMMED:
        return None
    if name == "best_tradeoff":
        return runs.run_best_tradeoff, tradeoff_of(splits, view, **told)
    # Where fidelity depends on shares, NumPy would be asked for it at every decision.
    if name == "weighted" and not splits.share_matters:
        return runs.run_weighted, weighing_of(splits, view, **told)
    return None


def _go_on(trial: Trial, run: Callable[..., int], twin: NamedTuple) -> int:
    """Run a compiled policy that draws nothing to the end, and say what ended it."""
    while True:
        reason = run(*_arrays(trial), 0, twin, runs.GO_ON)
        if reason != events.DRAW:
            return reason
        trial.draw()


def _run(trial: Trial, twin: policies.Twin, rng: np.random.Generator) -> int:
    """Run a compiled policy to the end, and say what ended it."""
    count, qpus = max(1, trial.state.neighbours.shape[1]), trial.state.free.shape[1]
    answer = runs.GO_ON
    while True:
        reason: int = runs.run(*_arrays(trial), 0, twin, answer)
        if reason == runs.ORDERS:
            more = policies.draw_orders(rng, count, qpus)
            twin = twin._replace(orders=np.concatenate([twin.orders, more]))
            answer = runs.ASKED
        elif reason == events.DRAW:
            trial.draw()
            answer = runs.GO_ON
        else:
            return reason


def _view(trial: Trial, scenario: Scenario, splits: Splits) -> AllocationView:
    tasks, estimates = scenario.workload.tasks, splits.estimates
    return AllocationView(
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


def _rows(table: npt.NDArray[Scalar]) -> Sequence[npt.NDArray[Scalar]]:
    """Take a table for the sequence of its rows, as which views use it."""
    return cast(Sequence[npt.NDArray[Scalar]], table)


def _arrays(trial: Trial) -> tuple[Settings, Worlds, State, Outcomes]:
    return trial.settings, trial.worlds, trial.state, trial.outcomes


def _ask(trial: Trial, twin: policies.Twin, decide: Allocation, view: AllocationView) -> int:
    """Go from question to question with a policy in Python, and say what ended it."""
    state = trial.state
    cloud = state.clouds[0]
    tasks = trial.worlds.tasks[0]
    chain_qpu, chain_qubits = state.chain_qpu[0], state.chain_qubits[0]
    run = compiled_for(runs.run, (*_arrays(trial), 0, twin, runs.GO_ON))
    answer = runs.GO_ON
    while True:
        reason: int = run(*_arrays(trial), 0, twin, answer)
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
        view.task_qubits = int(task["qubits"])
        view.depth = int(task["depth"])
        view.shots = int(task["shots"])
        view.two_qubit_gates = int(task["two_qubit_gates"])
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

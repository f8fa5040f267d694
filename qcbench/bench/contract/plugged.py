"""What workloads, models and metrics of other packages owe to whoever uses them, as checks."""

import inspect
import random
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any

import numpy as np

from qcbench import signatures
from qcbench.arrays import FloatArray
from qcbench.bench.compose import compose_alone, compose_scenario
from qcbench.bench.contract.checks import ContractError, Finding, declares
from qcbench.bench.metrics.names import reserved
from qcbench.bench.metrics.plugged import goal_told, measured
from qcbench.bench.run import simulate_trial
from qcbench.bench.scenario import resolve_scenario
from qcbench.bench.trial import Trial
from qcbench.bench.typed import plain, typed
from qcbench.cloud.plugged import GIVEN as OF_MODELS
from qcbench.cloud.plugged import judged, timed
from qcbench.cloud.records import Records
from qcbench.errors import InputError, QcbenchError
from qcbench.fleet.config import FleetConfig
from qcbench.fleet.load import load_fleet
from qcbench.fleet.profile import Fleet
from qcbench.plugins import SINGULAR, Kind
from qcbench.policies.config import PolicyConfig
from qcbench.tracks import TRACKS, Track, module_of
from qcbench.workload.circuits.table import load_circuits
from qcbench.workload.plugged import GIVEN as OF_WORKLOADS
from qcbench.workload.plugged import WorkloadContext, made
from qcbench.workload.workload import UNKNOWN, Tasks, Workload

SUITE = "contract"
ROOM = "qcbench.bench.contract"
FLEETS = ("qce5", "heron5", "ibm12")
"""That models are put before; one may refuse some, but not all."""
SIZES = (1, 7, 200)
"""Tasks that a workload is asked for."""
OF_METRICS = 2
"""Arguments of a metric: records and warm-up."""
GIVEN: Mapping[Kind, tuple[int, str]] = {
    "workloads": (OF_WORKLOADS, "workload(context, *, {key})"),
    "time_models": (OF_MODELS, "model(tasks, fleet, *, {key})"),
    "fidelity_models": (OF_MODELS, "model(tasks, fleet, *, {key})"),
    "metrics": (OF_METRICS, "metric(records, warm_up_s), for metrics have no parameters"),
}
"""By kind, arguments that are always given, and how a parameter is written."""


@dataclass(frozen=True, kw_only=True)
class Plugged:
    """A function of another package that is checked.

    Attributes:
        kind: what it provides.
        name: by which it is chosen.
        function: itself.
        parameters: that it is given.
        tracks: on whose trials a metric is computed.
        fleets: names of fleets that a model is asked about besides those that it always is.
    """

    kind: Kind
    name: str
    function: Callable[..., Any]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    tracks: tuple[Track, ...] = tuple(TRACKS)
    fleets: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """Kind and name, as messages begin."""
        return f"{SINGULAR[self.kind]} {self.name}"


Promise = tuple[str, Callable[[Plugged], None]]


def run_plugged_checks(subject: Plugged) -> Iterator[Finding]:
    """Run the checks of a kind, one after the other.

    Raises:
        InputError: the parameters do not fit.
    """
    first, _ = GIVEN[subject.kind]
    parameters = signatures.parameters_of(subject.title, subject.function, first)
    signatures.check_given(subject.title, parameters, subject.parameters)
    for promise, check in (("declares what it is and takes", _declares), *CHECKS[subject.kind]):
        problem = ""
        try:
            check(subject)
        except (ContractError, QcbenchError) as error:
            problem = str(error)
        yield Finding(promise, problem)


def _declares(subject: Plugged) -> None:
    first, written = GIVEN[subject.kind]
    parameters = signatures.parameters_of(subject.title, subject.function, first)
    summary = (inspect.getdoc(subject.function) or "").split("\n", 1)[0]
    declares(subject.title, summary, parameters, written)


# Workloads


def _drawn(subject: Plugged, tasks: int, replicate: int = 0) -> Tasks | Workload:
    streams = np.random.SeedSequence([tasks, replicate]).spawn(2)
    context = WorkloadContext(tasks, replicate, *map(np.random.default_rng, streams))
    return made(subject.title, subject.function, context, subject.parameters)


def _tasks_of(found: Tasks | Workload) -> Tasks:
    return found.tasks if isinstance(found, Workload) else found


def _as_many(subject: Plugged) -> None:
    for asked in SIZES:
        found = _drawn(subject, asked)
        if isinstance(found, Tasks) and len(found) != asked:
            raise ContractError(f"returned {len(found)} tasks where {asked} are asked for")


def _sensible(subject: Plugged) -> None:
    for asked in SIZES:
        tasks = _tasks_of(_drawn(subject, asked))
        columns = {name: getattr(tasks, name) for name in COLUMNS}
        for name, column in columns.items():
            least = UNKNOWN if name in {"depth", "two_qubit_gates"} else 1
            if len(column) != len(tasks) or len(tasks.algorithm) != len(tasks):
                raise ContractError(f"{name} has {len(column)} entries for {len(tasks)} tasks")
            if not np.issubdtype(column.dtype, np.integer):
                raise ContractError(f"{name} is of type {column.dtype}; it is whole numbers")
            if column.min() < least:
                row = int(column.argmin())
                raise ContractError(f"task {row}: {name} is {column[row]}; at least {least}")
        durations = tasks.duration_s
        if durations is not None and not (np.isfinite(durations) & (durations >= 0)).all():
            raise ContractError("duration_s: must be finite and not negative")


COLUMNS = ("qubits", "depth", "shots", "two_qubit_gates")


def _repeats_workload(subject: Plugged) -> None:
    def drawn() -> dict[str, Any]:
        found = _drawn(subject, SIZES[-1])
        tasks = _tasks_of(found)
        columns: dict[str, Any] = {name: getattr(tasks, name) for name in COLUMNS}
        columns["algorithm"] = np.array(tasks.algorithm)
        if isinstance(found, Workload):
            columns["arrival_s"] = found.arrival_s
        return columns

    first, second = _twice(drawn)
    for name, column in first.items():
        if not np.array_equal(column, second[name]):
            raise ContractError(
                f"{name} differs where the generators are equal; draw from context.rng and "
                "context.arrivals_rng alone"
            )


# Models


@cache
def _fleet(name: str) -> Fleet:
    return load_fleet(typed(FleetConfig, compose_alone("fleet", name), f"fleet {name}"))


def _asked(subject: Plugged, tasks: Tasks, fleet: Fleet) -> FloatArray:
    ask = timed if subject.kind == "time_models" else judged
    feasible = tasks.qubits[:, np.newaxis] <= fleet.qubits
    found = ask(subject.title, subject.function, subject.parameters, tasks, fleet, feasible)
    return np.where(feasible, found, 0.0)


def _served(subject: Plugged) -> list[Fleet]:
    """Return the fleets that a model serves.

    Raises:
        InputError: it refuses all of them.
    """
    served, refused = [], None
    for name in (*FLEETS, *subject.fleets):
        fleet = _fleet(name)
        try:
            _asked(subject, load_circuits().tasks.take(np.arange(1)), fleet)
        except InputError as error:
            refused = error
        except QcbenchError:
            served.append(fleet)  # the checks say so
        else:
            served.append(fleet)
    if not served and refused is not None:
        raise refused
    return served


def _answers(subject: Plugged) -> None:
    for fleet in _served(subject):
        _asked(subject, load_circuits().tasks, fleet)


def _repeats_model(subject: Plugged) -> None:
    fleet = _served(subject)[0]
    first, second = _twice(lambda: {"": _asked(subject, load_circuits().tasks, fleet)})
    if not np.array_equal(first[""], second[""]):
        raise ContractError(f"fleet {fleet.name}: gives another answer to the same question")


def _by_task(subject: Plugged) -> None:
    tasks = load_circuits().tasks
    rows = np.arange(len(tasks))[::-7]
    for fleet in _served(subject):
        whole, part = _asked(subject, tasks, fleet), _asked(subject, tasks.take(rows), fleet)
        if not np.array_equal(whole[rows], part):
            raise ContractError(
                f"fleet {fleet.name}: what it says of a task depends on the other tasks"
            )


def _leaves_tasks(subject: Plugged) -> None:
    fleet = _served(subject)[0]
    tasks = load_circuits().tasks.take(np.arange(50))
    before = deepcopy(tasks)
    _asked(subject, tasks, fleet)
    for name in COLUMNS:
        if not np.array_equal(getattr(before, name), getattr(tasks, name)):
            raise ContractError(f"changes {name} of the tasks that it is given")


# Metrics


@cache
def _records(track: Track) -> Records:
    """Simulate a short trial of a track under its usual baseline."""
    own, info = module_of(ROOM, track), TRACKS[track]
    scenario = resolve_scenario(compose_scenario(own.SCENARIO, own.OVERRIDES), SUITE, 0)
    return simulate_trial(
        Trial(
            ordinal=0,
            suite=SUITE,
            scenario=scenario.name,
            policy=info.baseline,
            replicate=0,
            scenario_config=plain(scenario),
            policy_config=plain(PolicyConfig(name=info.baseline)),
        )
    )


def _measures(subject: Plugged) -> None:
    for track in subject.tracks:
        records = _records(track)
        for warm_up_s in (0.0, records.end_s / 2):
            measured(subject.name, subject.function, records, warm_up_s)


def _nothing_seen(subject: Plugged) -> None:
    for track in subject.tracks:
        records = _records(track)
        measured(subject.name, subject.function, records, 2.0 * records.end_s + 1.0)


def _repeats_metric(subject: Plugged) -> None:
    for track in subject.tracks:
        records = _records(track)
        first, second = _twice(partial(_value, subject, records))
        if first != second:
            raise ContractError(f"is {first['']} and then {second['']} of the same records")


def _value(subject: Plugged, records: Records) -> dict[str, Any]:
    return {"": measured(subject.name, subject.function, records, 0.0)}


def _leaves_records(subject: Plugged) -> None:
    for track in subject.tracks:
        records = _records(track)
        before = deepcopy({name: getattr(records, name) for name in ROWS})
        measured(subject.name, subject.function, records, 0.0)
        for name, column in before.items():
            if not np.array_equal(column, getattr(records, name), equal_nan=True):
                raise ContractError(f"track {track}: changes {name} of the records")


ROWS = ("arrival_s", "wait_s", "exec_s", "completion_s", "fidelity", "cost")


def _well_named(subject: Plugged) -> None:
    goal_told(subject.name, subject.function)
    if problem := reserved(subject.name):
        raise ContractError(problem)


def _twice(ask: Callable[[], dict[str, Any]]) -> list[dict[str, Any]]:
    """Return two answers, between which everybody's generators are moved on."""
    answers = []
    states = random.getstate(), np.random.get_state()  # noqa: NPY002 - those that nobody may use
    try:
        for seed in (1, 2):
            random.seed(seed)
            np.random.seed(seed)  # noqa: NPY002
            answers.append(ask())
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])  # noqa: NPY002
    return answers


MODELS: tuple[Promise, ...] = (
    ("answers for every circuit and QPU", _answers),
    ("gives equal answers to equal questions", _repeats_model),
    ("says of a task the same, whatever the others", _by_task),
    ("leaves the tasks as they are", _leaves_tasks),
)

CHECKS: Mapping[Kind, tuple[Promise, ...]] = {
    "workloads": (
        ("returns as many tasks as are asked for", _as_many),
        ("returns tasks that can be", _sensible),
        ("is equal where its generators are equal", _repeats_workload),
    ),
    "time_models": MODELS,
    "fidelity_models": MODELS,
    "metrics": (
        ("has a name and a goal that can be used", _well_named),
        ("is a finite number, or None", _measures),
        ("can tell where there is nothing to measure", _nothing_seen),
        ("is equal for equal records", _repeats_metric),
        ("leaves the records as they are", _leaves_records),
    ),
}
"""The promises of a kind, besides that it declares what it is."""

"""From a trial's plain data to its row and to the facts of its world; nothing else is touched."""

from collections.abc import Callable, Hashable, Sequence
from functools import partial
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from qcbench.arrays import FloatArray
from qcbench.bench.drawn import SharedWorld, policy_of, world_of
from qcbench.bench.facts import Facts, unknown
from qcbench.bench.failures import check_drawn
from qcbench.bench.metrics.names import bounded_of, metrics_of, metrics_of_summaries
from qcbench.bench.metrics.plugged import has_metrics, plugged_metrics
from qcbench.bench.outcome import error_line, plain_value
from qcbench.bench.seeds import policy_stream
from qcbench.bench.together import RunTrials, ShareClock, Turn
from qcbench.bench.trial import COORDINATES, PlainRow, Trial, TrialResult, own_coordinates
from qcbench.cloud.cloud import Cloud
from qcbench.cloud.execution import draw_slowdown
from qcbench.cloud.records import Records
from qcbench.cloud.summary import Summaries, joined
from qcbench.errors import CODE_ERRORS
from qcbench.fleet.profile import Fleet
from qcbench.kernels.engine import Asked, Summed
from qcbench.policies import registry
from qcbench.policies.names import modules_of
from qcbench.policies.protocol import Decide, PolicyContext
from qcbench.tracks import Track

if TYPE_CHECKING:
    import polars as pl

Made = TypeVar("Made")
PolicyFactory = Callable[[PolicyContext], Decide]
MOST_TASKS = 100_000
"""Of trials whose records are there at the same time; one may have more."""


class SummedTrials(NamedTuple):
    """Trials on one world that are done, its QPUs, and what the trials add up to."""

    trials: list[Trial]
    fleet: Fleet
    summaries: Summaries


def simulate_trial(trial: Trial, factory: PolicyFactory | None = None) -> Records:
    """Simulate a trial and return its records.

    Args:
        factory: builds the policy; the registered one that the trial names where None.

    Raises:
        InputError: the config cannot be used.
        PolicyError: the policy took a decision that its track does not know.
    """
    shared = factory is None and _shares(trial)
    return _simulate(trial, _world_to_run(trial, shared=shared), factory)


def _world_to_run(trial: Trial, *, shared: bool) -> SharedWorld:
    """Return the world of a trial, which can come to an end.

    Raises:
        InputError: it cannot, or the config cannot be used.
    """
    world = world_of(trial, shared=shared)
    if world.scenario.rules.failures is not None:
        check_drawn(world.scenario, _slowdown(world))
    return world


def _slowdown(world: SharedWorld) -> FloatArray | None:
    """Return real over estimated execution time of each task, None where they are equal."""
    sigma, tasks = world.scenario.rules.execution_sigma, len(world.scenario.workload.tasks)
    return draw_slowdown(sigma, tasks, world.streams().execution)


def _shares(trial: Trial) -> bool:
    """Whether a trial may share its world: nobody else's code is shown it."""
    policies = modules_of(trial.scenario_config["track"])
    return trial.policy_config["name"] in policies and not has_metrics(trial.plugins)


def _simulate(trial: Trial, world: SharedWorld, factory: PolicyFactory | None = None) -> Records:
    policy, scenario, context = policy_of(trial), world.scenario, _context(trial, world)
    factory = factory and registry.guarded(factory)
    if trial.engine == "compiled":
        return world.compiled.records(factory or policy, context, world.streams())
    decide = factory(context) if factory else registry.make(scenario.track, policy, context)
    return Cloud(scenario, decide, world.streams()).run()


def _context(trial: Trial, world: SharedWorld) -> PolicyContext:
    coordinates = (trial.suite, trial.scenario, trial.replicate, trial.policy)
    rng = partial(policy_stream, *coordinates, seed=trial.seed)
    return PolicyContext(fleet=world.scenario.fleet, rng=rng)


def row_of(trial: Trial, records: Records) -> dict[str, Any]:
    """Return the row of the result table: coordinates, status, metrics."""
    config = trial.scenario_config
    warm_up_s = float(config.get("rules", {}).get("warm_up_s", 0.0))
    found = metrics_of(config["track"])(records, warm_up_s)
    found |= plugged_metrics(trial.plugins, records, warm_up_s)
    known = dict(zip(COORDINATES, own_coordinates(trial), strict=False)) | _known(trial)
    return {**known, "truncated": records.truncated, **found}


def _known(trial: Trial) -> dict[str, Any]:
    """Return what rows have in common on a world."""
    config = trial.scenario_config
    return {
        "track": config["track"],
        "status": "done",
        "error": None,
        "offered_load": config.get("offered_load"),
        **{f"axis_{name}": value for name, value in config.get("axes", {}).items()},
    }


def facts_of(trial: Trial) -> Facts:
    """Return what is known of the world of a trial.

    Raises:
        InputError: the scenario cannot be used.
    """
    shared = world_of(trial, shared=True)
    world = shared.scenario
    workload = world.workload
    slowdown = _slowdown(shared)
    shortest_s = world.estimates.exec_s.min(axis=1)
    if slowdown is not None:
        shortest_s = shortest_s * slowdown
    known = {
        **unknown(trial),
        "jobs": len(workload),
        "tasks": len(workload.tasks),
        "span_s": float(workload.arrival_s[-1]) if len(workload) else 0.0,
        "work_s": float(shortest_s @ workload.executions()),
    }
    try:
        found = bounded_of(world.track)(world, slowdown)
    except CODE_ERRORS as error:  # the rest is known all the same
        return {**known, "error": f"no bound is found: {error_line(error)}"}
    if found is None:
        return known
    return {
        **known,
        "bounds": found.metric,
        "bound": found.bound,
        "method": found.method,
        "best": found.best,
        "best_method": found.best_method,
    }


def alike(trial: Trial) -> Hashable:
    """Return what trials have in common that are run together: their scenario, on the kernel.

    None of a trial that is run alone: one on the SimPy cloud takes so long that nothing is gained,
    and the code of others is shown no world but its own.
    """
    if trial.engine != "compiled" or trial.plugins or not _shares(trial):
        return None
    return trial.suite, trial.scenario, trial.seed, id(trial.scenario_config)


def _run(trials: Sequence[Trial], turn: Turn, *, keep_records: bool) -> dict[str, TrialResult]:
    """Run trials that `alike` is equal for, or one; steps go over all before the next begins.

    Returns:
        The results by id; of several trials those that fail have none.
    """
    clock, alone = ShareClock(), len(trials) == 1
    told: list[tuple[dict[str, Any], pl.DataFrame | None]] = []
    untold: list[SummedTrials] = []
    for _, on_world in groupby(trials, attrgetter("replicate")):
        some = list(on_world)
        try:
            world = _world_to_run(some[0], shared=_shares(some[0]))
            summed = None if keep_records else _summed_on(some[0], world)
        except CODE_ERRORS:
            if alone:
                raise
            continue  # each of them says so, alone
        at_a_time = max(1, MOST_TASKS // max(1, len(world.scenario.workload.tasks)))
        for first in range(0, len(some), at_a_time):
            block = some[first : first + at_a_time]
            if summed is None:
                told += [
                    (row_of(trial, made), made.frame(trial.trial_id) if keep_records else None)
                    for trial, made in _done(block, partial(_timed, world, clock), alone=alone)
                ]
            else:
                asked = _done(block, partial(_asked, world), alone=alone)
                untold.append(_summed(asked, world.scenario.fleet, summed, clock, alone=alone))
        with clock.left_out():
            turn(some)
    told += [(row, None) for row in _rows(untold)]
    times = clock.times() if told else ()
    return {
        row["trial_id"]: TrialResult(row, wall_s, cpu_s, records=frame)
        for (row, frame), (wall_s, cpu_s) in zip(told, times, strict=True)
    }


def _timed(world: SharedWorld, clock: ShareClock, trial: Trial) -> Records:
    clock.begin()
    records = _simulate(trial, world)
    clock.end()
    return records


def _asked(world: SharedWorld, trial: Trial) -> Asked:
    return Asked(policy_of(trial), _context(trial, world))


def _summed_on(trial: Trial, world: SharedWorld) -> Summed | None:
    """Return what adds trials on a world up; None where metrics need records."""
    if trial.engine != "compiled" or has_metrics(trial.plugins):
        return None
    return world.compiled.summed


def _summed(
    asked: Sequence[tuple[Trial, Asked]],
    fleet: Fleet,
    summed: Summed,
    clock: ShareClock,
    *,
    alone: bool,
) -> SummedTrials:
    """Run trials on a world without records."""
    ended, summaries = summed([each for _, each in asked])
    done = []
    for (trial, _), end in zip(asked, ended, strict=True):
        if end.error is None:
            done.append(trial)
            clock.took(end.wall_s, end.cpu_s)
        elif alone:
            raise end.error
    return SummedTrials(done, fleet, summaries)


def _rows(told: Sequence[SummedTrials]) -> list[PlainRow]:
    """Return the rows of trials of one scenario."""
    trials = [trial for each in told for trial in each.trials]
    if not trials:
        return []
    of = joined([each.summaries for each in told])
    coordinates = zip(*map(own_coordinates, trials), strict=True)
    before: dict[str, Any] = dict(zip(COORDINATES, coordinates, strict=False))
    for name, value in _known(trials[0]).items():
        before[name] = [plain_value(name, value)] * len(trials)
    before["truncated"] = of.truncated
    track: Track = trials[0].scenario_config["track"]
    return list(map(PlainRow, metrics_of_summaries(track, of, told[0].fleet, before)))


def _done(
    trials: Sequence[Trial], run: Callable[[Trial], Made], *, alone: bool
) -> list[tuple[Trial, Made]]:
    """Do something with trials one after the other, and return those of which it is done.

    Args:
        alone: one that fails raises; else it is left out.
    """
    done = []
    for trial in trials:
        try:
            done.append((trial, run(trial)))
        except CODE_ERRORS:
            if alone:
                raise
    return done


run_trial = RunTrials(partial(_run, keep_records=False), alike)
"""Runs one trial, or several on one world; pure but for the clock time it reports."""
run_recorded_trial = RunTrials(partial(_run, keep_records=True), alike)
"""The same, and keeps their records, one row a task."""

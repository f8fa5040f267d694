"""From a scenario's config to the world of one replicate."""

import json
from dataclasses import replace
from functools import lru_cache
from math import inf

import numpy as np

from qcbench.bench.capacity import capacity_per_s, mix_of_file, mix_of_world
from qcbench.bench.config import ScenarioConfig
from qcbench.bench.failures import check_failures
from qcbench.bench.seeds import stream
from qcbench.bench.typed import plain, typed
from qcbench.cloud.deadlines import draw_deadlines
from qcbench.cloud.rules import Drift
from qcbench.cloud.scenario import Scenario
from qcbench.errors import InputError
from qcbench.files import at_home
from qcbench.fleet.config import FleetConfig, QpuConfig
from qcbench.fleet.draw import draw_sizes, is_drawn
from qcbench.fleet.load import load_fleet, resolve_fleet
from qcbench.fleet.profile import Fleet
from qcbench.tracks import TRACKS
from qcbench.workload.circuits.selection import SUBSET_TASKS
from qcbench.workload.config import (
    BatchArrivals,
    BurstArrivals,
    FileArrivals,
    FileCircuits,
    MinuteArrivals,
    PluginCircuits,
    PoissonArrivals,
    QsimpyArrivals,
    WorkloadConfig,
)
from qcbench.workload.formats.job_list import read_platform
from qcbench.workload.from_file import tasks_per_replicate
from qcbench.workload.generate import make_workload, resolve_workload
from qcbench.workload.hybrid_config import HybridCircuits, JobListCircuits, TraceArrivals
from qcbench.workload.workload import Workload

SIGNIFICANT_DIGITS = 6
"""Of figures that a solver found, so that they are equal on all machines."""

MOST_DRAWS = 1000
"""Worlds that are drawn before a batch is said not to fit; about half of the paper's do not."""

HOPELESS = 10
"""Demand over capacity of a drawn batch, from which on no other draw is tried."""

MOST_DRIFT_STEPS = 100_000

MIX_TASKS = 2600
"""Tasks that the mix is judged by where it is drawn at random: 100 of the paper's subsets."""

MIX_FLEETS = 40
"""Worlds whose fleets the capacity is judged by where their sizes are drawn."""


def build_scenario(config: ScenarioConfig, suite: str, replicate: int, seed: int) -> Scenario:
    """Draw the world of one replicate; it does not depend on any policy.

    Raises:
        InputError: a figure is missing, a file cannot be used, the rules do not go together.
    """
    check_rules(config)
    fleet, workload = _draw(config, suite, replicate, seed)
    scenario = Scenario(
        name=config.name,
        track=config.track,
        fleet=fleet,
        workload=workload,
        rules=config.rules,
        physics=config.physics,
    )
    law = config.workload.deadlines
    if law is None:
        return scenario
    rng = stream(suite, config.name, replicate, "deadlines", seed=seed)
    return draw_deadlines(scenario, law, rng)


def _draw(config: ScenarioConfig, suite: str, replicate: int, seed: int) -> tuple[Fleet, Workload]:
    """Draw fleet and workload; in the partition track again until the batch fits.

    Raises:
        InputError: it never fits.
    """
    sizes, circuits, arrivals = (
        stream(suite, config.name, replicate, name, seed=seed)
        for name in ("fleet", "circuits", "arrivals")
    )
    listed = _fleet_of(_Told(config.fleet))
    demand = capacity = draws = 0
    while draws < MOST_DRAWS and demand <= HOPELESS * capacity:
        draws += 1
        fleet = draw_sizes(config.fleet, listed, sizes)
        workload = make_workload(
            config.workload, replicate, circuits, arrivals, until_s=config.rules.horizon_s
        )
        demand, capacity = int(workload.tasks.qubits.sum()), int(fleet.qubits.sum())
        if not TRACKS[config.track].at_once or demand <= capacity:
            return fleet, workload
    raise InputError(
        f"scenario {config.name}: the circuits need {demand} qubits, more than the {capacity} of "
        f"all nodes, and so in {draws} of {draws} draws; take fewer or narrower circuits"
    )


def check_rules(config: ScenarioConfig) -> None:
    """Check what the types of the rules cannot say.

    Raises:
        InputError: a value out of range, or a track that does not fit the dispatch.
    """
    rules, where = config.rules, f"scenario {config.name}: rules"
    dispatch = (rules.dispatch.mode, rules.dispatch.qpus)
    track = TRACKS[config.track]
    wanted = (track.mode, track.qpus)
    if dispatch != wanted:
        raise InputError(
            f"{where}.dispatch: {' '.join(dispatch)} does not go with track {config.track}; "
            f"it must be {' '.join(wanted)}"
        )
    if track.at_once and not isinstance(config.workload.arrivals, BatchArrivals):
        raise InputError(
            f"scenario {config.name}: workload.arrivals: process "
            f"{config.workload.arrivals.process} does not go with track {config.track}, which "
            "decides on everything at once; it must be batch"
        )
    if rules.dispatch.holds_and_waits:
        _check_hold_and_wait(config, where)
    if track.at_once and rules.dispatch.holds_and_waits:
        raise InputError(
            f"{where}.dispatch.order: {rules.dispatch.order} asks task by task, which does not go "
            f"with track {config.track}; it must be fifo or backfill"
        )
    _check_drift(rules.drift, where)
    if rules.records == "jobs":
        if dispatch != ("pull", "exclusive"):
            raise InputError(f"{where}.records: jobs goes with pull dispatch; it must be tasks")
        if rules.drift is not None:
            raise InputError(f"{where}.records: jobs knows no times of executions, so no drift")
    if rules.horizon_s is not None and rules.warm_up_s >= rules.horizon_s:
        raise InputError(
            f"{where}.warm_up_s: {rules.warm_up_s:g}; must be less than horizon_s, "
            f"{rules.horizon_s:g}"
        )


def _check_drift(drift: Drift | None, where: str) -> None:
    if drift and drift.calibration_interval_s / drift.step_s > MOST_DRIFT_STEPS:
        raise InputError(
            f"{where}.drift.step_s: {drift.step_s:g}; must be at least "
            f"{drift.calibration_interval_s / MOST_DRIFT_STEPS:g}: at most {MOST_DRIFT_STEPS} "
            "steps between two calibrations"
        )


def _check_hold_and_wait(config: ScenarioConfig, where: str) -> None:
    rules = config.rules
    order = rules.dispatch.order
    for key, present in {
        "failures": rules.failures is not None,
        "dispatch.connected": rules.dispatch.connected,
        "deadlines": rules.deadlines == "drop",
    }.items():
        if present:
            raise InputError(
                f"{where}.{key}: does not go with dispatch.order {order}, a published one, which "
                "has no such rule; choose fifo or backfill"
            )
    if rules.dispatch.qpus != "shared":
        raise InputError(
            f"{where}.dispatch.order: {order} is a way to share QPUs, for track allocation"
        )


class _Told:
    """A config as a key that is equal to itself alone: to compare what it says takes longer."""

    __slots__ = ("config",)

    def __init__(self, config: FleetConfig) -> None:
        self.config = config

    def __hash__(self) -> int:
        return id(self.config)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Told) and other.config is self.config


@lru_cache(maxsize=8)
def _fleet_of(told: _Told) -> Fleet:
    """Return the fleet of a config; worlds of a scenario have one and the same config."""
    return _fleet(json.dumps(plain(told.config)))


@lru_cache(maxsize=32)
def _fleet(text: str) -> Fleet:
    """Load a fleet once a process; its config's JSON text is the key."""
    return load_fleet(typed(FleetConfig, json.loads(text), "fleet"))


def resolve_scenario(config: ScenarioConfig, suite: str, seed: int) -> ScenarioConfig:
    """Return the scenario as plain figures: fleet files read in, loads turned into rates.

    A workload's file stays where it is; the hash of its content becomes part of the config.

    The offered load is found by a linear program over the workload's mix of tasks, see
    `qcbench.stats.load`.
    """
    config = with_platform(config)
    check_rules(config)
    config = with_content(config)
    config = _with_load(config, suite, seed)
    if config.rules.failures is not None:
        check_failures(build_scenario(config, suite, replicate=0, seed=seed))
    return config


def with_content(config: ScenarioConfig) -> ScenarioConfig:
    """Return the scenario with what is in the files that it names: a fleet, the hash of tasks.

    Raises:
        InputError: one cannot be used, or is another one than a hash that is there says.
    """
    return replace(
        config,
        fleet=resolve_fleet(config.fleet),
        workload=resolve_workload(config.workload),
    )


def _with_load(config: ScenarioConfig, suite: str, seed: int) -> ScenarioConfig:
    """Turn an offered load into a rate of arrivals, and a rate into an offered load."""
    workload = config.workload
    offered = _load_of(workload)
    if config.rules.dispatch.qpus == "shared":
        if offered is not None:
            raise InputError(
                f"scenario {config.name}: workload.arrivals.load: is not defined where tasks share "
                "QPUs, since how long they take depends on the policy; give rate_per_s"
            )
        _check_first_world(config, suite, seed)
        return config
    if _is_given(workload):
        return config
    offered_per_s = _arrival_rate_per_s(workload)
    if offered is None and offered_per_s is None and isinstance(workload.circuits, FileCircuits):
        _check_first_world(config, suite, seed)
        return config
    rate_per_s = _capacity_per_s(config, suite, seed)
    arrivals = workload.arrivals
    if offered is not None and isinstance(arrivals, PoissonArrivals | BurstArrivals):
        if rate_per_s == inf:
            raise InputError(
                f"scenario {config.name}: workload.arrivals.load: {offered:g}; the tasks take no "
                "time, so that no rate of arrivals is a load; state rate_per_s"
            )
        arrivals = replace(arrivals, load=None, rate_per_s=_rounded(offered * rate_per_s))
        workload = replace(workload, arrivals=arrivals)
        return replace(config, workload=workload, offered_load=offered)
    if offered_per_s is None:
        return config
    return replace(config, offered_load=_rounded(offered_per_s / rate_per_s))


def _check_first_world(config: ScenarioConfig, suite: str, seed: int) -> None:
    """Check that the first world's tasks fit, and the models know them all."""
    _ = build_scenario(config, suite, replicate=0, seed=seed).estimates


def _capacity_per_s(config: ScenarioConfig, suite: str, seed: int) -> float:
    """Find what the fleet sustains; the first world says what cannot be run."""
    workload = config.workload
    if isinstance(workload.circuits, FileCircuits):
        if _load_of(workload) is not None:  # when they arrive is not known yet
            workload = replace(workload, arrivals=BatchArrivals())
    else:
        if isinstance(workload.circuits, HybridCircuits):
            # Iterations drawn anew have the same mean and give a row each.
            workload = replace(workload, circuits=replace(workload.circuits, iterations="equal"))
        tasks = max(MIX_TASKS, workload.tasks)
        workload = replace(workload, tasks=tasks, arrivals=BatchArrivals())
    first = build_scenario(replace(config, workload=workload), suite, replicate=0, seed=seed)
    _ = first.estimates
    if isinstance(workload.circuits, FileCircuits):
        mix = mix_of_file(workload, workload.circuits)
    else:
        mix = mix_of_world(first)
    return capacity_per_s(first, mix, _first_fleets(config, suite, seed))


def _first_fleets(config: ScenarioConfig, suite: str, seed: int) -> list[Fleet]:
    """Return the fleets of the first worlds, one where all have the same."""
    listed = _fleet_of(_Told(config.fleet))
    return [
        draw_sizes(config.fleet, listed, stream(suite, config.name, replicate, "fleet", seed=seed))
        for replicate in range(MIX_FLEETS if is_drawn(config.fleet) else 1)
    ]


def _load_of(workload: WorkloadConfig) -> float | None:
    """Return the offered load that is stated in the place of a rate."""
    arrivals = workload.arrivals
    return arrivals.load if isinstance(arrivals, PoissonArrivals | BurstArrivals) else None


def _is_given(workload: WorkloadConfig) -> bool:
    """Whether the workload has its own jobs at their own times, for which no load is defined."""
    own = isinstance(workload.circuits, PluginCircuits)
    return (
        isinstance(workload.circuits, JobListCircuits)
        or isinstance(workload.arrivals, TraceArrivals)
        or (own and isinstance(workload.arrivals, FileArrivals))
    )


def with_platform(config: ScenarioConfig) -> ScenarioConfig:
    """Return the scenario on the platform that its list of jobs states, if it has one.

    Raises:
        InputError: the list cannot be used.
    """
    circuits = config.workload.circuits
    if not isinstance(circuits, JobListCircuits):
        return config
    platform = read_platform(at_home(circuits.path), circuits.case, circuits.sha256)
    rules = replace(
        config.rules,
        classical=replace(config.rules.classical, workers=platform.workers, speed=platform.speed),
        admission=replace(
            config.rules.admission,
            classical_limit=platform.classical_limit,
            quantum_limit=platform.quantum_limit,
        ),
    )
    fleet = FleetConfig(
        name=f"identical-{platform.qpus}",
        description="As the list of jobs states it",
        qpus=[QpuConfig(name="qpu", count=platform.qpus, qubits=27)],
    )
    return replace(config, rules=rules, fleet=fleet)


def _arrival_rate_per_s(workload: WorkloadConfig) -> float | None:
    match workload.arrivals:
        case PoissonArrivals(interval_s=float(interval_s)):
            return 1.0 / interval_s
        case PoissonArrivals(rate_per_s=rate) | BurstArrivals(rate_per_s=rate):
            return rate
        case MinuteArrivals(per_minute=count):
            return count / 60.0
        case QsimpyArrivals():
            if isinstance(workload.circuits, FileCircuits):
                return tasks_per_replicate(workload, workload.circuits) / 60.0
            return min(workload.tasks, SUBSET_TASKS) / 60.0
    return None


def _rounded(value: float) -> float:
    return float(np.format_float_positional(value, SIGNIFICANT_DIGITS, fractional=False))

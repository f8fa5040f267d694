"""How many tasks a second the fleets of a scenario sustain, over all of its worlds."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

import numpy as np

from qcbench.arrays import FloatArray, IntArray
from qcbench.cloud.estimates import estimate
from qcbench.cloud.scenario import Scenario
from qcbench.errors import InputError
from qcbench.fleet.profile import Fleet
from qcbench.physics.config import PhysicsConfig
from qcbench.stats.load import sustainable_rate_per_s
from qcbench.sums import added
from qcbench.workload.config import FileCircuits, WorkloadConfig
from qcbench.workload.from_file import load_file, worlds_of_file
from qcbench.workload.workload import Tasks


@dataclass(frozen=True)
class Mix:
    """Tasks that stand for all that a scenario runs.

    Attributes:
        tasks: each once.
        executions: how often each is executed when it comes, shape (tasks,).
        weights: how often each comes, shape (tasks,); all alike where None.
        worlds: the rows of each world, where worlds differ in their tasks.
    """

    tasks: Tasks
    executions: IntArray
    weights: FloatArray | None = None
    worlds: Sequence[IntArray] = ()


def mix_of_world(world: Scenario) -> Mix:
    """Return the mix of a world that is drawn so long that it stands for all."""
    return Mix(world.workload.tasks, world.workload.executions())


def mix_of_file(config: WorkloadConfig, circuits: FileCircuits) -> Mix:
    """Return the mix of all worlds that a file has: its subsets differ in their tasks."""
    parts = worlds_of_file(config, circuits)
    rows, weights = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    ends = np.cumsum([len(part) for part, _ in parts])
    worlds = np.split(np.arange(len(rows)), ends[:-1])
    tasks = load_file(circuits).content.tasks.take(rows)
    return Mix(tasks, np.ones(len(rows), dtype=np.int64), weights, worlds)


def capacity_per_s(first: Scenario, mix: Mix, fleets: Sequence[Fleet]) -> float:
    """Return the rate at which the fleet is saturated on average over the worlds.

    Where worlds have fleets of their own it is their harmonic mean, so that the offered load is the
    mean of what it is in each. Worlds that cannot be run do not count.

    Args:
        first: the first world, which can be run.
        mix: what arrives.
        fleets: of the first worlds, or the one that all have.
    """
    if len(fleets) == 1 and mix.tasks is first.workload.tasks:
        return sustainable_rate_per_s(first.estimates.exec_s * mix.executions[:, np.newaxis])
    found = [_sustained_per_s(mix, fleet, first.physics) for fleet in fleets]
    rates = [rate for rate in found if rate is not None]
    if not rates:
        return sustainable_rate_per_s(first.estimates.exec_s)
    if len(rates) == 1:
        return rates[0]
    mean_s = added(1.0 / rate for rate in rates) / len(rates)
    return 1.0 / mean_s if mean_s > 0 else inf


def _sustained_per_s(mix: Mix, fleet: Fleet, physics: PhysicsConfig) -> float | None:
    """Return what a fleet sustains of a mix, None where it can run none of its worlds."""
    work_s = _work_s(mix, fleet, physics)
    if work_s is not None:
        return sustainable_rate_per_s(work_s, mix.weights)
    parts = [(rows, _work_s(mix, fleet, physics, rows)) for rows in mix.worlds]
    kept = [(rows, part) for rows, part in parts if part is not None]
    if not kept:
        return None
    rows, work_s = (np.concatenate(columns) for columns in zip(*kept, strict=True))
    return sustainable_rate_per_s(work_s, None if mix.weights is None else mix.weights[rows])


def _work_s(
    mix: Mix, fleet: Fleet, physics: PhysicsConfig, rows: IntArray | None = None
) -> FloatArray | None:
    """Return the times of tasks on all QPUs, None where one of them cannot be executed."""
    tasks = mix.tasks if rows is None else mix.tasks.take(rows)
    executions = mix.executions if rows is None else mix.executions[rows]
    try:
        return estimate(tasks, fleet, physics).exec_s * executions[:, np.newaxis]
    except InputError:
        return None

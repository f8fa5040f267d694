"""From a scenario to a world of the kernel: its jobs as columns, its rules as a record."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from qcbench.arrays import FloatArray
from qcbench.cloud.cloud import Streams
from qcbench.cloud.estimates import Estimates
from qcbench.cloud.execution import draw_slowdown
from qcbench.cloud.rules import Rules
from qcbench.cloud.scenario import Scenario
from qcbench.errors import InputError
from qcbench.kernels.admission import bucket_rates, number_users
from qcbench.kernels.failures import FailureTimes
from qcbench.kernels.queueing.layout import (
    JOB,
    NONE,
    OPERATION,
    Array,
    Sizes,
    Worlds,
    empty_worlds,
)
from qcbench.kernels.rules import due_of, limits_of, value_of
from qcbench.policies.twins import TwinContext
from qcbench.workload.workload import ClassicalPhase, Phase, QuantumPhase, Workload

Operation: TypeAlias = tuple[float, int, int, int, float]
"""The fields of `OPERATION`."""


@dataclass(frozen=True)
class Program:
    """The operations of all jobs one after the other, and what is fixed of each job."""

    jobs: Array
    operations: Array
    users: tuple[str, ...]
    executions: int


@dataclass(frozen=True)
class Prepared:
    """A scenario as the kernel needs it; `fill` copies it into a world."""

    scenario: Scenario
    estimates: Estimates
    program: Program
    mean_s: FloatArray
    slowdown: FloatArray | None
    streams: Streams
    quality: bool

    def sizes(self) -> Sizes:
        """Return what a world must have room for."""
        per_job = self.scenario.rules.records == "jobs"
        return Sizes(
            jobs=len(self.scenario.workload),
            operations=len(self.program.operations),
            tasks=len(self.scenario.workload.tasks),
            qpus=len(self.scenario.fleet),
            users=len(self.program.users) or 1,
            executions=0 if per_job else self.program.executions,
        )

    def known(self) -> TwinContext:
        """Return what a twin may know."""
        jobs = len(self.scenario.workload)
        accounts = (len(self.program.users) or 1) + jobs
        return TwinContext(self.scenario.fleet, jobs, accounts)


def prepare(scenario: Scenario, streams: Streams) -> Prepared:
    """Evaluate a scenario's models, flatten its jobs, and draw what the policy has no part in.

    Raises:
        InputError: as `qcbench.cloud.cloud.Cloud`.
    """
    workload, rules = scenario.workload, scenario.rules
    if (rules.dispatch.mode, rules.dispatch.qpus) != ("pull", "exclusive"):
        raise InputError(
            "rules.dispatch: the queueing kernel knows pull by exclusive QPUs, not "
            f"{rules.dispatch.mode} {rules.dispatch.qpus}"
        )
    estimates = scenario.estimates
    feasible = estimates.feasible
    mean_s = np.where(feasible, estimates.exec_s, 0.0).sum(axis=1) / feasible.sum(axis=1)
    priced = scenario.fleet.cost_of_all() is None
    return Prepared(
        scenario=scenario,
        estimates=estimates,
        program=flatten(workload, mean_s),
        mean_s=mean_s,
        slowdown=draw_slowdown(rules.execution_sigma, len(workload.tasks), streams.execution),
        streams=streams,
        quality=priced or not bool((estimates.fidelity[feasible] == 1.0).all()),
    )


def flatten(workload: Workload, mean_s: FloatArray) -> Program:
    """Lay the phases of all jobs out as operations.

    Args:
        mean_s: mean execution time of each task over the QPUs that fit it.
    """
    count = len(workload)
    operations: list[Operation] = []
    jobs = np.zeros(count, JOB)
    begins, ends, firsts, work = [], [], [], []
    executions = 0
    means = mean_s.tolist()
    for job in range(count):
        begins.append(len(operations))
        phases = (QuantumPhase(job),) if workload.phases is None else workload.phases[job]
        _unroll(phases, operations)
        ends.append(len(operations))
        first, quantum_s = NONE, 0.0
        for task, times in workload.quantum_phases(job):
            first = task if first == NONE else first
            executions += times
            quantum_s += means[task] * times
        firsts.append(first)
        work.append(quantum_s)
    jobs["arrival_s"] = workload.arrival_s
    jobs["due_s"] = due_of(workload)
    jobs["value"] = value_of(workload)
    jobs["priority"] = 1 if workload.priority is None else workload.priority
    jobs["begin"], jobs["end"], jobs["first_task"], jobs["quantum_s"] = begins, ends, firsts, work
    users = _write_users(jobs, workload)
    # A job that is turned away has a row too.
    return Program(jobs, np.array(operations, OPERATION), users, executions + count)


def _unroll(phases: Iterable[Phase], operations: list[Operation]) -> None:
    for phase in phases:
        if isinstance(phase, ClassicalPhase):
            operations.append((phase.operations, NONE, NONE, 0, 0.0))
        elif isinstance(phase, QuantumPhase):
            operations.append((0.0, phase.task, NONE, 0, 0.0))
        elif phase.times > 0 and phase.phases:
            back = len(operations)
            _unroll(phase.phases, operations)
            work, task, *_ = operations[-1]
            operations[-1] = (work, task, back, phase.times, 0.0)


def _write_users(jobs: Array, workload: Workload) -> tuple[str, ...]:
    """Write whose bucket is used, and what fair shares are counted for; return the users."""
    if workload.user is None:
        jobs["user"] = 1 + np.arange(len(jobs))
        return ("",)
    own, number = number_users(workload)
    jobs["bucket"] = own
    nameless = np.array([not name for name in workload.user], dtype=np.bool_)
    jobs["user"] = np.where(nameless, len(number) + np.arange(len(jobs)), own)
    return tuple(number)


def make_worlds(
    prepared: Sequence[Prepared], sizes: Sizes, failures: FailureTimes, *, quality: bool
) -> Worlds:
    """Return the worlds of several scenarios with the same rules.

    Args:
        sizes: of the largest.
        failures: drawn for these worlds.
        quality: fidelities are needed.

    Raises:
        InputError: their rules differ.
    """
    scenarios = [each.scenario for each in prepared]
    rules = scenarios[0].rules
    for place, scenario in enumerate(scenarios):
        if scenario.rules != rules:
            raise InputError(
                f"scenario {scenario.name}: the rules of world {place} are not those of world 0"
            )
    worlds = empty_worlds(limits_of(rules), len(prepared), sizes, quality=quality)
    for place, each in enumerate(prepared):
        fill(worlds, place, each)
    rates = bucket_rates(rules.admission, [scenario.workload for scenario in scenarios])
    return worlds._replace(tokens_per_s=rates, gap_s=failures.gap_s)


def fill(worlds: Worlds, place: int, prepared: Prepared) -> None:
    """Write a scenario into one of the worlds, which must have room for it."""
    scenario, program, rules = prepared.scenario, prepared.program, prepared.scenario.rules
    workload, fleet = scenario.workload, scenario.fleet
    tasks = len(workload.tasks)
    worlds.jobs[place, : len(workload)] = program.jobs
    operations = worlds.operations[place, : len(program.operations)]
    operations[:] = program.operations
    operations["alone_s"] = operations["work"] / _alone(rules)
    own = worlds.tasks[place, :tasks]
    own["qubits"], own["mean_s"] = workload.tasks.qubits, prepared.mean_s
    own["best_s"] = prepared.estimates.exec_s.min(axis=1)
    own["slowdown"] = 1.0 if prepared.slowdown is None else prepared.slowdown
    worlds.devices[place]["qubits"] = fleet.qubits
    worlds.devices[place]["price_per_s"] = fleet.prices()
    worlds.estimate_s[place, :tasks] = prepared.estimates.exec_s
    per_job = rules.records == "jobs"
    if worlds.fidelity.shape == worlds.estimate_s.shape:
        worlds.fidelity[place, :tasks] = prepared.estimates.fidelity
    record = worlds.rules[place]
    for name, value in _rules(rules).items():
        record[name] = value
    record["quality"] = prepared.quality and per_job
    record["jobs"], record["qpus"] = len(workload), len(fleet)
    record["widest"] = workload.tasks.qubits.max(initial=0)
    record["alike"] = fleet.qubits.min() >= record["widest"]
    priority = workload.priority
    record["highest_priority"] = 1 if priority is None or not len(workload) else priority.max()


def _alone(rules: Rules) -> float:
    """Return the speed of a classical task that has the pool for itself."""
    return rules.classical.speed * min(1.0, rules.classical.workers)


def _rules(rules: Rules) -> dict[str, float]:
    """Return the fields of a record of rules that depend on the rules alone."""
    pool, cold = rules.classical, rules.classical.cold_start
    found: dict[str, float] = {
        "workers": pool.workers,
        "speed": pool.speed,
        "cold": cold is not None,
        "per_job": rules.records == "jobs",
    }
    if cold is not None:
        found |= {
            "image_pull_s": cold.image_pull_s,
            "boot_s": cold.boot_s,
            "keep_alive_s": cold.keep_alive_s,
            "warm_pool": cold.warm_pool,
        }
    return found

"""From a scenario to a world of the kernel: its jobs as columns, its rules as a record."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from qcbench.arrays import FloatArray
from qcbench.cloud.admission import VARIANTS
from qcbench.cloud.cloud import Streams
from qcbench.cloud.estimates import Estimates, estimate
from qcbench.cloud.rules import Rules
from qcbench.cloud.scenario import Scenario
from qcbench.errors import InputError
from qcbench.kernels.queueing.layout import (
    FAILURE_RULES,
    JOB,
    NONE,
    OPERATION,
    Array,
    Sizes,
    Worlds,
)
from qcbench.workload.workload import ClassicalPhase, Phase, QuantumPhase, Workload

Operation: TypeAlias = tuple[float, int, int, int, float]
"""The fields of `OPERATION`."""

FIRST_TIMERS = 128
"""Times of failures and repairs that are drawn for a QPU at first; an even number."""


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
    failures: tuple[np.random.Generator, ...]
    """A generator of failures for each QPU."""
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
    slowdown = None
    if rules.execution_sigma > 0:
        sigma = rules.execution_sigma
        slowdown = streams.execution.lognormal(-0.5 * sigma**2, sigma, len(workload.tasks))
    estimates = estimate(workload.tasks, scenario.fleet, scenario.physics)
    feasible = estimates.feasible
    mean_s = np.where(feasible, estimates.exec_s, 0.0).sum(axis=1) / feasible.sum(axis=1)
    priced = scenario.fleet.cost_of_all() is None
    return Prepared(
        scenario=scenario,
        estimates=estimates,
        program=flatten(workload, mean_s),
        mean_s=mean_s,
        slowdown=slowdown,
        failures=tuple(streams.failures.spawn(len(scenario.fleet))) if rules.failures else (),
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
    jobs["priority"] = 1 if workload.priority is None else workload.priority
    jobs["begin"], jobs["end"], jobs["first_task"], jobs["quantum_s"] = begins, ends, firsts, work
    users = _number_users(jobs, workload.user)
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


def _number_users(jobs: Array, user: Sequence[str] | None) -> tuple[str, ...]:
    """Number the buckets of users, and what fair shares are counted for; return the users."""
    if user is None:
        jobs["user"] = 1 + np.arange(len(jobs))
        return ("",)
    number: dict[str, int] = {}
    for name in user:
        number.setdefault(name, len(number))
    own = np.array([number[name] for name in user], dtype=np.int64)
    jobs["bucket"] = own
    nameless = np.array([not name for name in user], dtype=np.bool_)
    jobs["user"] = np.where(nameless, len(number) + np.arange(len(jobs)), own)
    return tuple(number)


def with_timers(worlds: Worlds, prepared: Sequence[Prepared]) -> Worlds:
    """Return worlds with more times of failures and repairs, where there are such.

    They are drawn per world: they do not depend on what policies do.
    """
    if not any(each.failures for each in prepared):
        return worlds
    count, qpus, known = worlds.timers.shape
    more = np.zeros((count, qpus, max(known, FIRST_TIMERS)))
    for place, each in enumerate(prepared):
        failures = each.scenario.rules.failures
        for qpu, rng in enumerate(each.failures):
            more[place, qpu] = rng.standard_exponential(more.shape[2])
        if failures is not None:
            # A standard exponential times its mean is what Generator.exponential returns.
            more[place, :, ::2] *= failures.mean_up_s
            more[place, :, 1::2] *= failures.mean_down_s
    return worlds._replace(timers=np.concatenate([worlds.timers, more], axis=2))


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
    own["slowdown"] = 1.0 if prepared.slowdown is None else prepared.slowdown
    worlds.devices[place]["qubits"] = fleet.qubits
    worlds.devices[place]["price_per_s"] = fleet.prices()
    worlds.estimate_s[place, :tasks] = prepared.estimates.exec_s
    per_job = rules.records == "jobs"
    if worlds.fidelity.shape == worlds.estimate_s.shape:
        worlds.fidelity[place, :tasks] = prepared.estimates.fidelity
    bucket = rules.admission.per_user
    if bucket is not None:
        worlds.rates[place, : len(program.users)] = [
            workload.quota_per_s.get(name, bucket.tokens_per_s) for name in program.users
        ]
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
    pool, admission, cold = rules.classical, rules.admission, rules.classical.cold_start
    failures, limit = rules.failures, rules.rescheduling.max_decisions
    found: dict[str, float] = {
        "workers": pool.workers,
        "speed": pool.speed,
        "cold": cold is not None,
        "admission": VARIANTS.index(admission.variant),
        "classical_limit": admission.classical_limit,
        "quantum_limit": admission.quantum_limit,
        "buckets": admission.per_user is not None,
        "burst": 0.0 if admission.per_user is None else admission.per_user.burst,
        "horizon_s": np.inf if rules.horizon_s is None else rules.horizon_s,
        "warm_up_s": rules.warm_up_s if rules.warm_up_s > 0 else np.inf,
        "failures": failures is not None,
        "on_failure": 0 if failures is None else FAILURE_RULES.index(failures.on_failure),
        "max_decisions": NONE if limit is None else limit,
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

"""Queues with priorities against Cobham's formula, inside 99 % intervals that are narrow.

Non-preemptive priorities in M/G/1: class k (1 first) waits R / ((1 - s_{k-1}) (1 - s_k)), where R
is half the arrival rate times the second moment of the service, and s_k the load of classes 1 to k.
Source: Cobham, Priority Assignment in Waiting Line Problems (1954).
"""

from collections.abc import Sequence

import numpy as np
import pytest
from scipy import stats

from qcbench.cloud.cloud import Cloud, seeded_streams
from qcbench.cloud.records import Records
from qcbench.cloud.rules import Dispatch, Rules
from qcbench.cloud.scenario import Scenario
from qcbench.fleet.profile import Fleet, QpuProfile
from qcbench.kernels import engine
from qcbench.physics.config import GivenTime, Noiseless, PhysicsConfig
from qcbench.policies import registry
from qcbench.policies.config import PolicyConfig
from qcbench.policies.protocol import PolicyContext
from qcbench.workload.workload import Tasks, Workload

REPLICATIONS = 24
JOBS = 8000
WARM_UP_S = 300.0
RATE, MEAN_S = 0.7, 1.0
SHARES = {4: 0.2, 2: 0.3, 1: 0.5}
"""Priority of each class and its share of the arrivals; the first is served first."""


def simulate(policy: str, service: str, seed: int, *, compiled: bool = False) -> Records:
    """One replication of the queue on a single QPU."""
    rng = np.random.default_rng([seed, 7])
    durations = rng.exponential(MEAN_S, JOBS) if service == "M" else np.full(JOBS, MEAN_S)
    ones = np.ones(JOBS, dtype=np.int64)
    tasks = Tasks(["t"] * JOBS, ones, ones, ones, 0 * ones, duration_s=durations)
    workload = Workload(
        arrival_s=np.cumsum(rng.exponential(1 / RATE, JOBS)),
        tasks=tasks,
        priority=rng.choice(list(SHARES), size=JOBS, p=list(SHARES.values())),
    )
    fleet = Fleet("one", (QpuProfile(name="qpu", qubits=1, family="synthetic"),))
    scenario = Scenario(
        fleet=fleet,
        workload=workload,
        track="queueing",
        rules=Rules(dispatch=Dispatch(mode="pull")),
        physics=PhysicsConfig(time=GivenTime(), fidelity=Noiseless()),
    )
    context = PolicyContext(fleet, np.random.default_rng(seed))
    if compiled:
        named = PolicyConfig(name=policy)
        return engine.simulate(scenario, named, context, seeded_streams(seed))
    decide = registry.make("queueing", PolicyConfig(name=policy), context)
    return Cloud(scenario, decide).run()


def cobham(service: str) -> list[float]:
    """Mean wait of each class, the first served first [s]."""
    second_moment = 2 * MEAN_S**2 if service == "M" else MEAN_S**2
    residual = RATE * second_moment / 2
    waits, load = [], 0.0
    for share in SHARES.values():
        before, load = load, load + RATE * share * MEAN_S
        waits.append(residual / ((1 - before) * (1 - load)))
    return waits


def class_waits(records: Records) -> list[float]:
    """Mean wait of each class after the warm-up [s]."""
    assert records.workload.priority is not None
    priority = records.workload.priority[records.job]
    seen = records.arrival_s >= WARM_UP_S
    return [float(records.wait_s[seen & (priority == weight)].mean()) for weight in SHARES]


def check(samples: Sequence[float], theory: float) -> None:
    values = np.array(samples)
    half = stats.t.ppf(0.995, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    assert half < 0.06 * theory, f"half-width {half:g} of {theory:g}: no power"
    assert abs(values.mean() - theory) < half, f"{values.mean():g} +- {half:g}, theory {theory:g}"


@pytest.mark.parametrize("service", ["M", "D"])
def test_each_class_waits_as_cobham_says(service: str) -> None:
    found = [simulate("priority", service, seed, compiled=True) for seed in range(REPLICATIONS)]
    waits = [class_waits(records) for records in found]
    for samples, theory in zip(zip(*waits, strict=True), cobham(service), strict=True):
        check(samples, theory)


def test_the_order_of_service_moves_waits_between_classes_only() -> None:
    """Kleinrock's conservation law: the mean over all is that of first come, first served."""
    seeds = range(4)
    for seed in seeds:
        in_order = simulate("fifo", "M", seed, compiled=True)
        by_class = simulate("priority", "M", seed)
        # Equal service times in law do not make the totals equal on one path, the busy periods are.
        assert in_order.finish_s.max() == pytest.approx(by_class.finish_s.max(), rel=1e-12)
        assert by_class.wait_s.mean() == pytest.approx(in_order.wait_s.mean(), rel=0.1)

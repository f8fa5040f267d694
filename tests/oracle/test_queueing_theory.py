"""Scenarios that queueing theory answers, inside 99 % intervals over independent replications.

An interval that is too wide to be wrong proves nothing, so its width is a requirement too. Seeds
are fixed: the verdict is the same on every machine.
"""

from collections.abc import Callable, Sequence
from functools import cache
from heapq import heappop, heappush
from typing import Any

import numpy as np
import pytest
from scipy import stats
from tiny_clouds import PULL, hybrid_workload, make_cloud, make_fleet

from qcbench.arrays import FloatArray
from qcbench.bench.compose import compose_scenario
from qcbench.bench.config import Engine, ScenarioConfig
from qcbench.bench.run import simulate_trial
from qcbench.bench.scenario import build_scenario, resolve_scenario
from qcbench.bench.trial import Trial
from qcbench.bench.typed import plain
from qcbench.cloud.execution import DONE
from qcbench.cloud.records import Records
from qcbench.cloud.rules import ClassicalPoolRules
from qcbench.stats.queueing import QueueMeans, mg1, mg1_processor_sharing, mm1, mmc

REPLICATIONS = 20
WIDTH = 0.05
"""Half of an interval over the theoretical mean, at most."""


@cache
def resolved(scenario: str, *overrides: str) -> ScenarioConfig:
    return resolve_scenario(compose_scenario(scenario, overrides), "theory", 0)


def replicate(
    scenario: str, policy: str, replicate: int, *overrides: str, engine: Engine = "simpy"
) -> Records:
    config = resolved(scenario, *overrides)
    trial = Trial(
        ordinal=0,
        suite="theory",
        scenario=config.name,
        policy=policy,
        replicate=replicate,
        scenario_config=plain(config),
        policy_config={"name": policy},
        engine=engine,
    )
    return simulate_trial(trial)


def check(samples: Sequence[float], theory: float, width: float = WIDTH) -> None:
    """The 99 % interval of the mean covers the theoretical one and is narrow."""
    values = np.array(samples)
    half = stats.t.ppf(0.995, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    assert half < width * theory, f"half-width {half:g} of {theory:g}: no power"
    assert abs(values.mean() - theory) < half, f"{values.mean():g} +- {half:g}, theory {theory:g}"


def number_over_time(records: Records, from_s: float, until_s: float) -> float:
    """Time average of the tasks present, by adding up what the clock shows between events."""
    times = np.concatenate([records.arrival_s, records.finish_s])
    change = np.repeat([1, -1], len(records))
    order = np.argsort(times, kind="stable")
    times, present = times[order], np.cumsum(change[order])
    edges = np.clip(np.append(times, until_s), from_s, until_s)
    return float((present * np.diff(edges)).sum() / (until_s - from_s))


CASES: dict[str, tuple[str, str, tuple[str, ...], QueueMeans, int]] = {
    "M/M/1": ("theory/mm1", "earliest_completion", ("workload.tasks=12000",), mm1(0.6, 1.0), 1),
    "M/M/5": ("theory/mmc", "fifo", ("workload.tasks=24000",), mmc(3.5, 1.0, 5), 5),
    "M/H2/1": (
        "theory/mg1",
        "earliest_completion",
        ("workload.tasks=12000",),
        mg1(0.5, 1.0, 2.0),
        1,
    ),
    "M/D/1": (
        "theory/mg1",
        "round_robin",
        ("workload.tasks=10000", "workload.circuits.distribution=deterministic"),
        mg1(0.5, 1.0, 0.0),
        1,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_means_of_the_stationary_queue(case: str) -> None:
    scenario, policy, overrides, theory, servers = CASES[case]
    waits, numbers, delayed, busy = [], [], [], []
    for seed in range(REPLICATIONS):
        # One case on SimPy, which the kernels equal to the bit; the others in a tenth of the time.
        engine: Engine = "simpy" if case == "M/D/1" else "compiled"
        records = replicate(scenario, policy, seed, *overrides, engine=engine)
        warm_up_s = 300.0 if servers == 1 else 100.0
        last_s = float(records.arrival_s[-1])
        seen = records.arrival_s >= warm_up_s
        waits.append(float(records.wait_s[seen].mean()))
        delayed.append(float((records.wait_s[seen] > 0).mean()))
        numbers.append(number_over_time(records, warm_up_s, last_s))
        busy.append(float(records.busy_s.sum() / records.end_s))
        # Little's law, on this very path: what is left at the edges is all that may differ.
        rate = seen.sum() / (last_s - warm_up_s)
        little = rate * float(records.completion_s[seen].mean())
        assert numbers[-1] == pytest.approx(little, rel=0.02)
    check(waits, theory.wait_s)
    check(numbers, theory.number)
    check(delayed, theory.wait_probability)
    check(busy, theory.utilisation * servers)


def world(scenario: str, seed: int, *overrides: str) -> tuple[FloatArray, FloatArray]:
    """Arrivals and execution times of a replicate."""
    workload = build_scenario(resolved(scenario, *overrides), "theory", seed, 0).workload
    assert workload.tasks.duration_s is not None
    return workload.arrival_s, workload.tasks.duration_s


@pytest.mark.parametrize("scenario", ["theory/mm1", "theory/mg1"])
def test_one_server_follows_lindley_task_by_task(scenario: str) -> None:
    records = replicate(scenario, "fastest", 3, "workload.tasks=3000")
    arrival_s, duration_s = world(scenario, 3, "workload.tasks=3000")
    wait = 0.0
    for task in range(len(arrival_s)):
        assert records.wait_s[task] == pytest.approx(wait, abs=1e-7)
        if task + 1 < len(arrival_s):
            wait = max(0.0, wait + duration_s[task] - (arrival_s[task + 1] - arrival_s[task]))


@pytest.mark.parametrize(
    ("policy", "track"), [("fifo", []), ("earliest_available", ["placement", "push"])]
)
def test_several_servers_follow_kiefer_and_wolfowitz_task_by_task(
    policy: str, track: list[str]
) -> None:
    """One line, or sending each task to the server that is free first: the same waits."""
    overrides = ["workload.tasks=3000"]
    if track:
        overrides += [f"track={track[0]}", f"rules.dispatch.mode={track[1]}"]
    records = replicate("theory/mmc", policy, 5, *overrides)
    arrival_s, duration_s = world("theory/mmc", 5, *overrides)
    free_s = [0.0] * 5
    for task, arrival in enumerate(arrival_s):
        start = max(arrival, heappop(free_s))
        heappush(free_s, start + duration_s[task])
        assert records.start_s[task] == start


def service(rng: np.random.Generator, kind: str, count: int) -> FloatArray:
    """Times with mean 1."""
    draws: dict[str, Callable[[], Any]] = {
        "exponential": lambda: rng.exponential(1.0, count),
        "deterministic": lambda: np.ones(count),
        # Half of the time 0.2 on average, else 1.8: squared coefficient of variation 2.28.
        "hyperexponential": lambda: rng.exponential(rng.choice([0.2, 1.8], count)),
    }
    return np.asarray(draws[kind]())


@pytest.mark.parametrize(
    "kind",
    [
        "deterministic",
        pytest.param("exponential", marks=pytest.mark.slow),
        pytest.param("hyperexponential", marks=pytest.mark.slow),
    ],
)
def test_processor_sharing_depends_on_the_mean_only(kind: str) -> None:
    """M/G/1-PS on the classical pool: the mean response is insensitive to the distribution."""
    load, jobs, warm_up = 0.5, 4000, 200
    theory = mg1_processor_sharing(load, 1.0)
    speed = 1e9
    responses, numbers = [], []
    for seed in range(REPLICATIONS):
        rng = np.random.default_rng([seed, 11])
        arrival_s = np.cumsum(rng.exponential(1 / load, jobs))
        operations = service(rng, kind, jobs) * speed
        cloud = make_cloud(
            hybrid_workload(arrival_s, [[("c", n)] for n in operations]),
            make_fleet(1),
            None,
            PULL,
            classical=ClassicalPoolRules(workers=1, speed=speed),
        )
        records = cloud.run()
        assert (records.job_status == DONE).all()
        responses.append(float((records.job_finish_s - arrival_s)[warm_up:].mean()))
        numbers.append(cloud.pool.area_s / records.end_s)
    check(responses, theory.response_s)
    check(numbers, theory.number)


@pytest.mark.slow
def test_two_workers_shared_like_m_m_2() -> None:
    """With exponential work, sharing C workers and one line before them hold equally many jobs."""
    theory = mmc(1.2, 1.0, 2)
    responses = []
    for seed in range(REPLICATIONS):
        rng = np.random.default_rng([seed, 12])
        arrival_s = np.cumsum(rng.exponential(1 / 1.2, 8000))
        cloud = make_cloud(
            hybrid_workload(arrival_s, [[("c", n)] for n in rng.exponential(1.0, 8000)]),
            make_fleet(1),
            None,
            PULL,
            classical=ClassicalPoolRules(workers=2, speed=1.0),
        )
        records = cloud.run()
        responses.append(float((records.job_finish_s - arrival_s)[200:].mean()))
    check(responses, theory.response_s)

"""Prices of QPU time: none where nobody else is, no unit, and better by mean and tail."""

from typing import Any

import numpy as np
import pytest
from tiny_clouds import make_fleet, make_workload, run

import qcbench
from qcbench.cloud.records import Records
from qcbench.fleet.profile import Fleet, QpuProfile
from qcbench.policies import registry
from qcbench.policies.config import PolicyConfig
from qcbench.policies.protocol import PolicyContext

FREE = {"coming": 0.0, "wanted": 0.0, "load": 0.0, "queue": 0.0, "fidelity": 0.0, "tail": "any"}
"""Nothing costs anything."""


def make(name: str, fleet: Fleet, **parameters: Any) -> Any:
    config = PolicyConfig(name=name, parameters=parameters)
    return registry.make("placement", config, PolicyContext(fleet, np.random.default_rng(0)))


def choices(fleet: Fleet, scale: float, tasks: int, name: str, **parameters: Any) -> list[int]:
    """Return where tasks go; all times are that many times as long."""
    rng = np.random.default_rng(3)
    arrival_s = np.cumsum(rng.exponential(2.0, tasks)) * scale
    exec_s = rng.exponential(4.0, tasks) * scale
    workload = make_workload(arrival_s, exec_s, rng.integers(1, 6, tasks))
    chosen: list[int] = run(workload, fleet, make(name, fleet, **parameters)).qpu.tolist()
    return chosen


def test_without_prices_it_is_the_earliest_completion() -> None:
    fleet = make_fleet(5, 2, 5, 3)
    free = choices(fleet, 1.0, 200, "shadow_price", **FREE)
    assert free == choices(fleet, 1.0, 200, "earliest_completion")
    assert free != choices(fleet, 1.0, 200, "shadow_price")


@pytest.mark.parametrize("scale", [2.0**-12, 2.0**12])
def test_no_weight_has_a_unit(scale: float) -> None:
    fleet = make_fleet(5, 2, 5, 3)
    assert choices(fleet, scale, 150, "shadow_price") == choices(fleet, 1.0, 150, "shadow_price")


def test_the_last_task_pays_nothing() -> None:
    """Two tasks of a batch on a QPU that is wanted: the second takes nothing from anybody."""
    fleet = Fleet(
        "two",
        (
            QpuProfile(name="small", qubits=2, family="tiny"),
            QpuProfile(name="large", qubits=9, family="tiny"),
        ),
    )
    workload = make_workload(np.zeros(2), np.array([4.0, 4.0]), np.array([9, 1]))
    dear = {"load": 1e5, "wanted": 1e5, "queue": 1e5, "fidelity": 0.0, "tail": "any"}
    records = run(workload, fleet, make("shadow_price", fleet, **dear))
    assert records.completion_s[1] == 4.0


@pytest.mark.parametrize("load", [0.7, 0.95, 1.3])
def test_mean_and_tail_are_below_those_of_the_earliest_completion(load: float) -> None:
    """Of worlds that no search of the weights has seen."""

    def times(policy: str, seed: int) -> Records:
        records: Records = qcbench.simulate(
            "placement/qce5-stream",
            policy,
            seed=seed,
            engine="compiled",
            overrides=[f"workload.arrivals.load={load}"],
        )
        return records

    ratios = []
    for seed in range(10):
        own, other = times("shadow_price", seed), times("earliest_completion", seed)
        assert own.violations.sum() == 0
        pairs = own.completion_s, other.completion_s
        ratios.append([np.mean(pairs[0]) / np.mean(pairs[1])])
        ratios[-1].append(np.percentile(pairs[0], 99) / np.percentile(pairs[1], 99))
    mean, tail = np.mean(np.log(ratios), axis=0)
    assert mean < (-0.02 if load < 0.9 else -0.08)
    assert tail < (0.03 if load < 0.9 else -0.02)

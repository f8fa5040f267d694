"""One meaning: the SimPy environments and the vector environments, step by step."""

from dataclasses import replace
from typing import Any

import pytest

from qcbench.cloud.rules import Admission, Failures, Rescheduling
from qcbench.envs.defaults import DrawnWorlds, default_worlds
from qcbench.envs.registration import IDS
from qcbench.workload.config import BatchArrivals, PoissonArrivals
from qcbench.workload.deadlines import SlackDeadlines
from tests.envs.lockstep import lockstep

PLACEMENT, ALLOCATION, DISCRETE, QUEUEING = IDS


def with_rules(track: Any, **rules: Any) -> DrawnWorlds:
    source = default_worlds(track)
    return replace(source, rules=replace(source.rules, **rules))


@pytest.mark.parametrize("same_step", [False, True])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"reward": {"fidelity": 2.0, "price": 1.0}, "split": "test"},
        {"observation": "legacy", "reward": {"kind": "legacy"}, "forbidden": 0.7},
        {"max_decisions": 7},
        {"observation": "relative", "max_decisions": 40},
    ],
    ids=str,
)
def test_placement(options: dict[str, Any], same_step: bool) -> None:
    assert lockstep(PLACEMENT, worlds=32, same_step=same_step, **options) > 8


@pytest.mark.parametrize("observation", ["usual", "relative"])
@pytest.mark.parametrize("on_failure", ["restart", "resubmit", "fail"])
def test_placement_where_qpus_fail(on_failure: Any, observation: str) -> None:
    source = with_rules(
        "placement",
        failures=Failures(mean_up_s=60.0, mean_down_s=20.0, on_failure=on_failure),
        execution_sigma=0.4,
        rescheduling=Rescheduling(delay_s=2.5),
    )
    told = {"source": source, "worlds": 16, "rtol": 1e-9, "observation": observation}
    assert lockstep(PLACEMENT, **told) > 8


def test_placement_with_a_horizon() -> None:
    assert lockstep(PLACEMENT, source=with_rules("placement", horizon_s=40.0), worlds=32) > 8


def test_placement_by_hindsight() -> None:
    options: dict[str, Any] = {"reward": {"kind": "hindsight"}, "masked": "error"}
    assert lockstep(PLACEMENT, worlds=16, forbidden=0.0, rtol=1e-9, **options) > 8


@pytest.mark.parametrize("name", [ALLOCATION, DISCRETE])
@pytest.mark.parametrize("same_step", [False, True])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"reward": {"fidelity": 2.0, "price": 1.0}, "split": "test"},
        {"max_decisions": 9},
        {"observation": "relative"},
    ],
    ids=str,
)
def test_allocation(name: str, options: dict[str, Any], same_step: bool) -> None:
    episodes = lockstep(name, worlds=8, num_envs=3, steps=260, same_step=same_step, **options)
    assert episodes >= 3


@pytest.mark.parametrize("name", [ALLOCATION, DISCRETE])
def test_allocation_by_makespan(name: str) -> None:
    reward = {"kind": "makespan", "fidelity": 2.0, "price": 1.0}
    assert lockstep(name, worlds=8, num_envs=3, steps=260, rtol=1e-9, reward=reward) >= 3


def test_a_job_has_come_due_where_its_end_lets_another_ask() -> None:
    """Two jobs at once, one after the other: the second is asked about as the first ends late."""
    source = with_rules("allocation", execution_sigma=0.5)
    laws = {"arrivals": BatchArrivals(), "deadlines": SlackDeadlines(least=1.0, most=1.5)}
    source = replace(source, workload=replace(source.workload, tasks=6, **laws))
    reward = {"tardiness": 2.0, "missed": 3.0}
    for name in (ALLOCATION, DISCRETE):
        assert lockstep(name, source=source, worlds=8, rtol=1e-9, reward=reward) >= 3


@pytest.mark.parametrize("same_step", [False, True])
@pytest.mark.parametrize(
    "options",
    [{}, {"max_decisions": 90, "slots": 12}, {"observation": "relative", "slots": 12}],
    ids=str,
)
def test_queueing(options: dict[str, Any], same_step: bool) -> None:
    source = with_rules(
        "queueing",
        horizon_s=600.0,
        admission=Admission(variant="pending", classical_limit=40, quantum_limit=3),
    )
    arrivals = PoissonArrivals(interval_s=40.0, first_at_zero=True)
    source = replace(source, workload=replace(source.workload, arrivals=arrivals))
    episodes = lockstep(
        QUEUEING,
        source=source,
        worlds=6,
        num_envs=2,
        steps=1000,
        rtol=1e-9,
        same_step=same_step,
        **options,
    )
    assert episodes >= 2


@pytest.mark.parametrize(("slots", "begin_s"), [(40, 0.0), (3, 600.0)])
@pytest.mark.parametrize(
    ("patience", "observation"),
    [
        ({"patience_s": 120.0}, "usual"),
        ({"patience_ages": 1.5}, "usual"),
        ({"patience_ages": 1.5}, "relative"),
        ({"patience_ages": 1.5}, "deadlines"),
    ],
)
def test_queueing_by_hindsight(
    slots: int, begin_s: float, patience: dict[str, float], observation: str
) -> None:
    source = with_rules("queueing", horizon_s=900.0)
    arrivals = PoissonArrivals(interval_s=20.0, first_at_zero=True)
    source = replace(source, workload=replace(source.workload, arrivals=arrivals))
    reward = {"kind": "hindsight", "fidelity": 0.5, **patience}
    episodes = lockstep(
        QUEUEING,
        source=source,
        worlds=4,
        num_envs=2,
        steps=1000,
        rtol=1e-9,
        forbidden=0.0,
        masked="error",
        reward=reward,
        observation=observation,
        slots=slots,
        begin_s=begin_s,
    )
    assert episodes >= 2


@pytest.mark.parametrize("observation", ["usual", "relative"])
def test_queueing_that_begins_later(observation: str) -> None:
    source = with_rules("queueing", horizon_s=300.0)
    arrivals = PoissonArrivals(interval_s=20.0, first_at_zero=True)
    source = replace(source, workload=replace(source.workload, arrivals=arrivals))
    told: dict[str, Any] = {"begin_s": 290.0, "same_step": True, "rtol": 1e-9}
    told["observation"] = observation
    assert lockstep(QUEUEING, source=source, worlds=6, num_envs=2, steps=600, **told) >= 2

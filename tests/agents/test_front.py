"""Policies that are judged by what they reach with several values of a parameter."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("cmaes")

from qcbench.agents import training
from qcbench.agents.config import baseline_of, compose_train
from qcbench.agents.evaluation import Validation
from qcbench.agents.front import HYPERVOLUME, Front
from qcbench.agents.run_folder import evaluations, read_progress
from qcbench.agents.tuned_agent import Tuned
from qcbench.agents.tuned_trials import HOPELESS, Source
from qcbench.bench.environments import world_source
from qcbench.bench.worlds import ScenarioWorlds
from qcbench.errors import InputError
from qcbench.policies.config import PolicyConfig
from qcbench.stats.fronts import hypervolume
from qcbench.stats.goals import Goal

GOALS = [
    Goal(metric="makespan_s", goal="min", reference=3.0),
    Goal(metric="mean_fidelity", goal="max", reference=0.95),
]
FRONT = Front(
    parameter="fidelity_worth", values=[0.0, 150.0, 400.0], goals=GOALS, rival="best_tradeoff"
)
SMALL = [
    *("agent=tuned_allocation", "scenario=allocation/eagle5", "workload.tasks=40"),
    *("agent.generations=2", "agent.population=4", "agent.worlds=1", "validation.worlds=2"),
    *("agent.front.values=[0,150,400]", "tracking=none", "cluster=inline"),
]


def small() -> ScenarioWorlds:
    return world_source("allocation/eagle5", overrides=["workload.tasks=40"], suite="train")


def tuned(**parameters: float) -> PolicyConfig:
    return PolicyConfig(name="packing", parameters=dict(parameters))


def test_the_hypervolume_of_a_world_is_that_of_its_points() -> None:
    judged = Validation(small(), count=2, front=replace(FRONT, rival=None))
    assert (judged.metric, judged.goal, judged.baseline) == (HYPERVOLUME, "max", "speed")
    rows = judged.rows(tuned())
    single = Validation(small(), count=2)
    speed = [np.mean([row[g.metric] for row in single.baseline_rows]) for g in GOALS]
    points = np.array(
        [
            [[row["makespan_s"], -row["mean_fidelity"]] for row in single.rows(setting)]
            for setting in FRONT.settings(tuned())
        ]
    )
    reference = np.array([3.0 * speed[0], -0.95 * speed[1]])
    unit = 2.0 * speed[0] * 0.05 * speed[1]
    for world, row in enumerate(rows):
        expected = hypervolume(points[:, world], reference) / unit
        assert row[HYPERVOLUME] == pytest.approx(expected, rel=1e-12)
    # What does not have the parameter is a single point; the usual metrics stay as they are.
    assert judged.baseline_mean == pytest.approx(1.0, rel=0.05)
    assert [row["makespan_s"] for row in rows] == [
        row["makespan_s"] for row in single.rows(tuned())
    ]


def test_a_rival_costs_nothing_and_a_better_front_less() -> None:
    source = Source(small(), 2, None, None, {}, 2.0, FRONT)
    assert source.cost(PolicyConfig(name="best_tradeoff")) == 0.0
    assert source.cost(tuned()) < -0.01
    assert source.cost(PolicyConfig(name="speed")) > 0.5


def test_what_was_cut_off_is_no_point_of_a_front() -> None:
    """Under 600 packing waits so often that decisions run out: 4 of 40 tasks, soon done."""
    told = ["workload.tasks=40", "rules.rescheduling.max_decisions=90"]
    told += ["rules.dispatch.order=backfill", "rules.dispatch.backfill_depth=16"]
    worlds = world_source("allocation/eagle5", overrides=told, suite="train")
    front = replace(FRONT, values=[0.0, 600.0])
    judged = Validation(worlds, count=2, front=front)
    cut = replace(front, values=[600.0, 601.0])
    assert {row["truncated"] for row in judged.rows(tuned())} == {True}
    hopeless = Validation(worlds, count=2, front=cut).rows(tuned())
    assert [row[HYPERVOLUME] for row in hopeless] == [0.0, 0.0]
    alone = replace(front, rival=None)  # the rival is cut off as often
    assert Source(worlds, 2, None, None, {}, 2.0, alone).cost(tuned()) == HOPELESS


def test_a_training_says_what_it_is_compared_with() -> None:
    assert baseline_of(compose_train(SMALL)) == "best_tradeoff"
    assert baseline_of(compose_train([*SMALL, "agent.front.rival=null"])) == "speed"
    named = [*SMALL, "agent.front.rival=null", "validation.baseline=fair"]
    assert baseline_of(compose_train(named)) == "fair"


@pytest.mark.e2e
def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    done = [
        training.start(
            compose_train([*SMALL, f"runs_dir={tmp_path / name}"]), progress="silent"
        ).folder
        for name in "ab"
    ]
    cards = [json.loads((folder / "exported" / "policy.json").read_text()) for folder in done]
    assert cards[0]["parameters"] == cards[1]["parameters"]
    assert cards[0]["provenance"]["evaluation"] == cards[1]["provenance"]["evaluation"]
    assert set(cards[0]["parameters"]) == {"slack", "waste", "idle", "overtaken"}
    found = [evaluation for _, evaluation in evaluations(read_progress(done[0]))]
    assert {each.metric for each in found} == {HYPERVOLUME}
    states = [sorted((folder / "checkpoints").glob("*/search.json"))[-1] for folder in done]
    assert states[0].read_bytes() == states[1].read_bytes()


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["agent.front.parameter=slack"], r"agent.front.parameter: slack is in agent.space"),
        (["agent.front.parameter=worth"], r"policy best_tradeoff: no parameter worth|packing: no"),
        (["agent.front.rival=speed"], r"policy speed: no parameter fidelity_worth"),
        (["agent.front.rival=nobody"], r"nobody: no such allocation policy"),
        (["agent.front.values=[1.0]"], r"agent.front.values: 1; at least 2 make a front"),
        (["agent.front.values=[5,5]"], r"agent.front.values: .*one of them is there twice"),
        (["agent.front.goals.1.metric=makespan_s"], r"agent.front.goals: makespan_s is there twi"),
        (["agent.front.values=[0,-1]"], r"fidelity_worth: -1.0; must not be negative"),
        (["agent.front.goals=[]"], r"agent.front.goals: has 0 entries; name two or three"),
        (["agent.front.goals.0.metric=slowness"], r"agent.front.goals: 'slowness' is no metric"),
        (
            ["agent.front.goals.0.reference=0.5"],
            r"^agent\.front\.goals\[0\]\.reference: 0\.5; must be above 1",
        ),
        (["validation.metric=makespan_s"], r"validation.metric: agent tuned_allocation is judged"),
    ],
)
def test_bad_input_is_a_line(overrides: list[str], said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        compose_train([*SMALL[:2], *overrides])
    assert "\n" not in str(caught.value)


def test_a_reference_point_needs_a_mean() -> None:
    goals = [GOALS[0], Goal(metric="restarts", goal="min", reference=2.0)]
    with pytest.raises(InputError, match=r"agent.front.goals: restarts of speed is 0 on average"):
        Validation(small(), count=1, front=replace(FRONT, goals=goals))


def test_an_agent_without_a_front_is_as_ever() -> None:
    agent: Any = compose_train(["agent=tuned_queueing", "scenario=serverless/small"]).agent
    assert isinstance(agent, Tuned)
    assert agent.front is None

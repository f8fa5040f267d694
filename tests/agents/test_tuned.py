"""An agent that searches the parameters of a policy by whole trials."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("cmaes")

from qcbench.agents import training
from qcbench.agents.checkpoints import checkpoints
from qcbench.agents.config import compose_train
from qcbench.agents.run_folder import read_progress
from qcbench.agents.sweep.config import compose_sweep
from qcbench.agents.tuned_agent import STATE, Tuned, TunedLearner
from qcbench.agents.tuned_trials import HOPELESS, Source
from qcbench.bench.environments import world_source
from qcbench.bench.worlds import ScenarioWorlds
from qcbench.errors import InputError
from qcbench.policies.config import PolicyConfig
from qcbench.policies.exported.card import HeuristicCard
from qcbench.policies.exported.folder import read_folder_card
from qcbench.tracking.references import resolve_policy

SMALL = [
    *(
        "agent=tuned_queueing",
        "scenario=serverless/small",
        "rules.horizon_s=60000",
        "rules.warm_up_s=0",
    ),
    *("agent.generations=3", "agent.population=4", "agent.worlds=2", "~agent.guards"),
    *("validation.worlds=2", "tracking=none", "cluster=inline"),
]


def train(runs: Path, *more: str) -> training.Trained:
    return training.start(compose_train([*SMALL, f"runs_dir={runs}", *more]), progress="silent")


def updates(folder: Path) -> list[dict[str, Any]]:
    return [line for line in read_progress(folder) if line["kind"] == "update"]


def small() -> ScenarioWorlds:
    changes = ["rules.horizon_s=60000", "rules.warm_up_s=0"]
    return world_source("serverless/small", overrides=changes, suite="train")


def source(**guards: float) -> Source:
    return Source(small(), 2, None, None, guards, 2.0)


def test_a_cost_is_the_logarithm_of_the_ratio_and_what_guards_cost() -> None:
    assert source().cost(PolicyConfig(name="fifo")) == 0.0
    better = source().cost(PolicyConfig(name="urgency"))
    assert better < -0.05
    lifo = PolicyConfig(name="lifo")
    unguarded, guarded = source().cost(lifo), source(p99_job_s=0.0).cost(lifo)
    assert guarded > unguarded
    assert source(p99_job_s=1.0).cost(lifo) == unguarded  # its tail is not twice as long
    # What is to be large is worse where it is less.
    assert source(jobs_done=0.0).cost(PolicyConfig(name="urgency")) == better
    assert better < HOPELESS


@pytest.mark.parametrize("guarded", [False, True])
def test_worlds_without_a_value_make_nothing_better(guarded: bool) -> None:
    """A setting under which nothing gets done in a hard world is not judged by the easy ones."""
    judged = source(**({"p99_job_s": 9.0} if guarded else {}))
    rows = judged._worlds.baseline_rows
    first = [dict(row) for row in rows]
    name = "p99_job_s" if guarded else "mean_job_s"
    first[int(np.argmax([row[name] for row in rows]))][name] = None
    judged._worlds.rows = lambda _: first  # type: ignore[assignment,method-assign]
    assert judged.cost(PolicyConfig(name="fifo")) == HOPELESS
    # Where the baseline has none, nobody needs one.
    judged._worlds.baseline_rows = first
    assert judged.cost(PolicyConfig(name="fifo")) == 0.0
    judged._worlds.rows = lambda _: rows  # type: ignore[assignment,method-assign]
    assert judged.cost(PolicyConfig(name="fifo")) == 0.0


def test_a_search_begins_at_the_usual_values_and_moves_to_what_costs_less() -> None:
    space: dict[str, list[Any]] = {"age": ["uniform", -2.0, 2.0], "fresh": ["uniform", -4.0, 4.0]}
    told = Tuned(policy="urgency", space=space, parameters={"short": 0.0}, generations=6)
    learner = TunedLearner(told, [small()], seed=0)
    card, tensors = learner.policy()
    assert tensors is None
    assert card.parameters == {"short": 0.0, "age": -0.189, "fresh": -1.15}
    middle = TunedLearner(replace(told, start="middle"), [small()], seed=0).policy()[0]
    assert middle.parameters == {"short": 0.0, "age": 0.0, "fresh": 0.0}

    class Bowl:
        """Costs least where `age` is 1."""

        def costs(self, policies: list[PolicyConfig]) -> list[float]:
            return [(float(each.parameters["age"]) - 1.0) ** 2 for each in policies]

        def close(self) -> None: ...

    learner._trials = Bowl()  # type: ignore[assignment]
    steps = [update.steps for update in learner.run(lambda: False)]
    assert steps == [12, 24, 36, 48, 60, 72]
    assert abs(float(learner.policy()[0].parameters["age"]) - 1.0) < 0.3


def test_whole_numbers_stay_whole() -> None:
    told = Tuned(
        track="placement",
        policy="lookahead",
        space={"samples": ["log", 2, 64]},
        generations=1,
        population=4,
    )
    drawn = [told.at(np.array([share])).parameters["samples"] for share in (0.0, 0.5, 1.0)]
    assert drawn == [2, 11, 64]
    assert all(type(each) is int for each in drawn)
    either = replace(told, space={"horizon": ["uniform", 1000, 1004]})  # a number or a word
    assert either.at(np.array([0.76])).parameters["horizon"] == 1003
    narrow = replace(told, policy="lookahead", space={"tail": ["uniform", 100.0, 100.4]})
    assert narrow.at(np.array([0.5])).parameters["tail"] == 100.2


@pytest.mark.e2e
def test_a_training_goes_on_from_a_checkpoint_as_if_it_had_not_stopped(tmp_path: Path) -> None:
    done = train(tmp_path / "whole", "validation.every_steps=4", "checkpoints.keep=9")
    assert done.complete
    assert [line["steps"] for line in updates(done.folder)] == [4, 8, 12]
    card = read_folder_card(done.folder / "exported")
    assert isinstance(card, HeuristicCard)
    assert (card.track, card.name) == ("queueing", "urgency")
    assert card.provenance.seeds == {"training": 0}
    named = resolve_policy(PolicyConfig(name=str(done.folder)), "queueing")
    assert named.name == "urgency"
    assert named.parameters == card.parameters
    # The same again where the first checkpoint is all that is left.
    copied = tmp_path / "again" / done.folder.name
    shutil.copytree(done.folder, copied)
    for kept in checkpoints(copied)[2:]:
        shutil.rmtree(kept)
    assert training.go_on(copied, progress="silent").complete
    last = [checkpoints(folder)[-1] for folder in (done.folder, copied)]
    assert last[0].name == last[1].name
    costs = [json.loads((folder / STATE).read_text()) for folder in last]
    assert costs[0] == costs[1]
    cards = [read_folder_card(folder / "exported") for folder in last]
    assert cards[0].parameters == cards[1].parameters  # type: ignore[union-attr]


@pytest.mark.e2e
def test_actors_find_what_one_process_finds(tmp_path: Path) -> None:
    found = [
        train(tmp_path / where, f"cluster={where}", "agent.generations=2")
        for where in ("inline", "local")
    ]
    costs = [json.loads((checkpoints(each.folder)[-1] / STATE).read_text()) for each in found]
    assert costs[0] == costs[1]


@pytest.mark.e2e
@pytest.mark.parametrize("where", ["inline", "local"])
def test_what_cannot_be_judged_leaves_nothing_behind(tmp_path: Path, where: str) -> None:
    runs = tmp_path / "runs"
    with pytest.raises(InputError, match=r"validation.metric: restarts of fifo is 0 on average"):
        train(runs, f"cluster={where}", "validation.metric=restarts")
    assert not runs.exists()


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["agent.policy=urgent"], r"policy urgent: no such queueing policy"),
        (["agent.space={slow: [uniform, 0, 1]}"], r"policy urgency: no parameter slow"),
        (["agent.space={age: [uniform, 1, 0]}"], r"agent.space.age: .* from a lesser to a larger"),
        (["agent.space={age: [choice, 1, 0]}"], r"agent.space.age: a choice; numbers are searched"),
        (["agent.space={age: [uniform, 0, 1e9]}"], r"policy urgency: parameter age: .*1000000"),
        (["agent.parameters={age: 1.0}"], r"agent.space.age: is among agent.parameters too"),
        (["agent.guards={p98_job_s: 1%}"], r"agent.guards: .*p98_job_s"),
        (["agent.population=2"], r"agent.population: 2"),
        (["scenario=placement/qce5"], r"agent tuned_queueing: is for track queueing"),
    ],
)
def test_bad_input_is_a_line(overrides: list[str], said: str) -> None:
    with pytest.raises(InputError, match=said):
        compose_train([*SMALL[:2], *overrides])


def test_guards_are_shares() -> None:
    agent = compose_train([*SMALL[:2], "agent.guards={p99_job_s: 5%, jobs_done: 0.01}"]).agent
    assert isinstance(agent, Tuned)
    assert agent.guards == {"p99_job_s": 0.05, "drop_probability": 0.0, "jobs_done": 0.01}


def test_a_checkpoint_of_another_agent_is_refused(tmp_path: Path) -> None:
    space: dict[str, list[Any]] = {"age": ["uniform", -2.0, 2.0]}
    told = Tuned(policy="urgency", space=space, generations=2, population=4, worlds=1)
    learner = TunedLearner(told, [small()], seed=0)
    next(iter(learner.run(lambda: False)))
    learner.save(tmp_path)
    other = [(replace(told, spread=0.1), 0), (told, 5), (replace(told, start="middle"), 0)]
    for settings, seed in other:
        with pytest.raises(InputError, match="it draws other settings"):
            TunedLearner(settings, [small()], seed).restore(tmp_path)
    with pytest.raises(InputError, match=r"search.json: is not of this agent"):
        TunedLearner(replace(told, population=5), [small()], 0).restore(tmp_path)
    again = TunedLearner(told, [small()], seed=0)
    again.restore(tmp_path)
    assert (again.steps, again.policy()) == (4, learner.policy())
    for text in ("{", '{"costs": [NaN, 1, 1, 1], "points": [1, 1, 1, 1]}', "[]"):
        (tmp_path / STATE).write_text(text)
        with pytest.raises(InputError, match=r"search.json: is not of this agent"):
            again.restore(tmp_path)


def test_what_has_no_value_keeps_no_guard(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match=r"agent.guards.share_missed: fifo has none in"):
        source(share_missed=0.1)
    with pytest.raises(InputError, match=r"validation.metric: jobs_censored|restarts of fifo is 0"):
        Source(small(), 2, "restarts", None, {}, 2.0)
    guarded = source(p99_job_s=0.0)
    rows = [{**row, "p99_job_s": None} for row in guarded._worlds.baseline_rows]
    monkeypatch.setattr(guarded._worlds, "rows", lambda _: rows)
    assert guarded.cost(PolicyConfig(name="fifo")) == HOPELESS


def test_a_metric_of_which_nothing_is_left_is_the_best(monkeypatch: pytest.MonkeyPatch) -> None:
    none = Source(small(), 2, None, None, {}, 2.0)
    rows = [{**row, "mean_job_s": 0.0} for row in none._worlds.baseline_rows]
    monkeypatch.setattr(none._worlds, "rows", lambda _: rows)
    assert none.cost(PolicyConfig(name="fifo")) == pytest.approx(np.log(1e-3))


def test_networks_are_taken_over_and_searches_are_not() -> None:
    with pytest.raises(InputError, match=r"sweep.kind: pbt lets trials take over networks"):
        compose_sweep([*SMALL[:2], "sweep=pbt", "agent.generations=2"])

"""The memory of promotions: one judge an alias, every world of a pair counts once."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from qcbench.bench.run_folder import open_run
from qcbench.bench.trial import MODEL_VERSION
from qcbench.cli.main import main
from qcbench.errors import InputError
from qcbench.policies.config import PolicyConfig
from qcbench.stats.pooled import Pairs
from qcbench.tracking import tries as memory
from qcbench.tracking.config import TrackingConfig
from qcbench.tracking.contest import check_contest, contest_of, hold, judge_of
from qcbench.tracking.promote_config import PromoteConfig, compose_promote
from qcbench.tracking.promotion import _candidates
from qcbench.tracking.registry import Reference, Registry, open_registry
from qcbench.tracking.tries import (
    FIGURES_TAG,
    LONGEST_TAG,
    TRY_TAG,
    Judge,
    Try,
    _key,
    check_judge,
    identity,
    pool,
    recall,
    remember,
    set_judge,
)

CHAMPION = Reference("placement", "champion")
RIVAL = PolicyConfig(name="earliest_completion")
SCENARIO = "placement/qce5"
CANDIDATE = PolicyConfig(name="lookahead", label="lookahead", parameters={"samples": 12})


@pytest.fixture
def registry(tmp_path: Path, mlflow_store: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "runs"
    folder.mkdir()
    shutil.copy(mlflow_store, folder / "mlflow.db")
    found = open_registry(TrackingConfig(), folder)
    assert found is not None
    return found


def a_try(seed: int, worlds: int, rival: PolicyConfig = RIVAL) -> Try:
    """Worlds of a seed begin with the same ones, however many there are."""
    drawn = np.random.default_rng(seed).normal(10.0, 1.0, (2, 400))[:, :worlds]
    pairs = Pairs.of(drawn[0], drawn[1], "min")
    return Try(
        seed, worlds, {identity(rival, "placement"): {"mean_completion_s": {SCENARIO: pairs}}}
    )


def judge_by(settings: PromoteConfig) -> Judge:
    assert settings.scenario is not None
    return judge_of(settings, [settings.scenario])


def test_a_world_counts_once() -> None:
    tries = [a_try(0, 20), a_try(1, 30), a_try(0, 50), a_try(0, 40)]
    found = pool(tries, identity(RIVAL, "placement"), "mean_completion_s")
    assert {name: pairs.n for name, pairs in found.items()} == {SCENARIO: 80}
    assert found == pool([tries[2], tries[1]], identity(RIVAL, "placement"), "mean_completion_s")
    assert found == pool(tries[::-1], identity(RIVAL, "placement"), "mean_completion_s")
    assert pool(tries, identity(CANDIDATE, "placement"), "mean_completion_s") == {}
    assert pool(tries, identity(RIVAL, "placement"), "p99_completion_s") == {}


def test_of_equally_many_worlds_the_newest_count() -> None:
    """What was found last is what the code of now gives."""
    before, now = a_try(0, 20), replace(a_try(1, 20), seed=0)
    word = identity(RIVAL, "placement")
    found = pool([before, now], word, "mean_completion_s")
    assert found == now.pairs[word]["mean_completion_s"] != before.pairs[word]["mean_completion_s"]
    assert pool([now, before], word, "mean_completion_s") != found


def test_policies_of_this_package_are_known_as_they_always_were() -> None:
    """Registries are full of tries under these words."""
    assert identity(RIVAL, "placement") == "633ca7f8f0528cf6"
    assert identity(CANDIDATE, "placement") == "27d1ac2ff3641731"
    judge = Judge("placement/qce5", "0", "mean_completion_s", "min", {})
    assert _key(judge, CANDIDATE, "placement") == "641c9de2665c02e2"


def test_tries_of_another_model_version_do_not_count(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge = judge_by(compose_promote("lookahead"))
    remember(registry, judge, CANDIDATE, "placement", a_try(0, 20), {}, {})
    monkeypatch.setattr(memory, "MODEL_VERSION", MODEL_VERSION + 1)
    assert recall(registry, judge, CANDIDATE, "placement") == []
    remember(registry, judge, CANDIDATE, "placement", a_try(1, 20), {}, {})
    assert recall(registry, judge, CANDIDATE, "placement") == [a_try(1, 20)]


def test_files_that_lie_elsewhere_are_the_same_policy() -> None:
    here = PolicyConfig(name="learned", parameters={"path": "a", "sha256": "1"})
    there = replace(here, label="x", parameters={"path": "b", "sha256": "1"})
    other = replace(here, parameters={"path": "a", "sha256": "2"})
    assert (
        identity(here, "placement") == identity(there, "placement") != identity(other, "placement")
    )


def test_tries_are_kept_by_candidate_and_judge(registry: Registry) -> None:
    judge = judge_by(compose_promote("lookahead"))
    assert (
        recall(None, judge, CANDIDATE, "placement")
        == recall(registry, judge, CANDIDATE, "placement")
        == []
    )
    tries = [a_try(0, 20), a_try(1, 30)]
    for one in tries:
        remember(
            registry, judge, CANDIDATE, "placement", one, {"qcbench.run": "r"}, {"worlds": 20.0}
        )
    assert recall(registry, judge, CANDIDATE, "placement") == tries
    assert (
        recall(registry, judge, replace(CANDIDATE, parameters={"samples": 13}), "placement") == []
    )
    assert recall(registry, replace(judge, metric="p99_completion_s"), CANDIDATE, "placement") == []
    registry.note({TRY_TAG: _key(judge, CANDIDATE, "placement"), FIGURES_TAG: "{}"}, "torn", {})
    with pytest.raises(InputError, match=r"an earlier try of lookahead .* delete that run"):
        recall(registry, judge, CANDIDATE, "placement")


def test_a_try_is_kept_however_many_scenarios_it_has(registry: Registry) -> None:
    judge = replace(judge_by(compose_promote("lookahead")), scenario="", suite="many", losses=False)
    (pairs,) = a_try(3, 40).pairs[identity(RIVAL, "placement")]["mean_completion_s"].values()
    many = {f"scenario {place}": pairs for place in range(100)}
    long = Try(3, 40, {identity(RIVAL, "placement"): {"mean_completion_s": many}})
    assert len(long.to_text()) > 2 * LONGEST_TAG
    remember(registry, judge, CANDIDATE, "placement", long, {}, {})
    assert recall(registry, judge, CANDIDATE, "placement") == [long]
    found = pool([long, replace(long, seed=4)], identity(RIVAL, "placement"), "mean_completion_s")
    assert set(found) == set(many)
    assert all(each.n == 80 for each in found.values())


def test_tries_of_one_scenario_are_read_as_they_were_kept(registry: Registry) -> None:
    """Their numbers stood by metric alone, and their judge had five keys."""
    judge = judge_by(compose_promote("lookahead"))
    assert set(judge.as_data()) == {"scenario", "worlds", "metric", "goal", "guards"}
    one = a_try(0, 20)
    (numbers,) = one.pairs[identity(RIVAL, "placement")]["mean_completion_s"].values()
    kept = {identity(RIVAL, "placement"): {"mean_completion_s": numbers.as_numbers()}}
    text = json.dumps({"seed": 0, "worlds": 20, "pairs": kept})
    registry.note({TRY_TAG: _key(judge, CANDIDATE, "placement"), FIGURES_TAG: text}, "earlier", {})
    assert recall(registry, judge, CANDIDATE, "placement") == [one]


def test_two_guards_never_read_the_same() -> None:
    shares = (0.05, 0.07, 1 / 3, 0.333333, 0.05000000001)
    told = {
        str(Judge("s", "w", "makespan_s", "min", {"p99_completion_s": share})) for share in shares
    }
    assert len(told) == len(shares)
    assert any("{p99_completion_s: 7%}" in text for text in told)


def test_a_suite_and_a_scenario_are_two_judges(registry: Registry) -> None:
    of_suite = ["suite=placement-v1", "suite.scenarios=[placement/qce5]"]
    by_suite = compose_promote("lookahead", of_suite)
    judge = judge_of(by_suite, contest_of(by_suite).scenarios)
    assert str(judge) == (
        "suite=placement-v1 metric=mean_completion_s guards={makespan_s: 5%, mean_fidelity: 2%, "
        "p99_completion_s: 5%} losses=false"
    )
    registry.client.create_registered_model("placement")
    set_judge(registry, CHAMPION, judge_by(compose_promote("lookahead")))
    with pytest.raises(InputError) as error:
        contest_of(by_suite)
    assert str(error.value) == (
        "placement@champion is judged by scenario=placement/qce5 metric=mean_completion_s "
        f"guards={{}}, not {judge}: an alias has one judge, so that champions are comparable; "
        "judge by that, or choose another alias=NAME"
    )
    set_judge(registry, CHAMPION, judge)
    contest_of(by_suite)
    for overrides, said in (
        (["suite.replicates=99", "replicates=40", "seed=1"], ""),
        (['suite.scenario_overrides=["workload.tasks=9"]'], "; the suite has other settings"),
        (["losses=true"], ", not suite=placement-v1"),
        (["guards={}"], ", not suite=placement-v1"),
    ):
        told = compose_promote("lookahead", [*of_suite, *overrides])
        if not said:
            contest_of(told)
            continue
        with pytest.raises(InputError, match=said):
            contest_of(told)


def test_an_alias_has_one_judge(registry: Registry) -> None:
    told = compose_promote("lookahead", ["guards={p99_completion_s: 5%}"])
    judge = judge_by(told)
    assert judge.guards == {"p99_completion_s": 0.05}
    check_judge(None, CHAMPION, judge)
    check_judge(registry, CHAMPION, judge)
    registry.client.create_registered_model("placement")
    check_judge(registry, CHAMPION, judge)
    set_judge(registry, CHAMPION, judge)
    check_judge(registry, CHAMPION, judge)
    check_judge(registry, Reference("placement", "other"), judge_by(compose_promote("lookahead")))
    for overrides, said in (
        (["metric=makespan_s"], ", not scenario=placement/qce5 metric=makespan_s guards={}: an"),
        (["guards={p99_completion_s: 6%}"], "guards={p99_completion_s: 6%}: an alias has one"),
        (["guards={p99_completion_s: 5%}", "workload.tasks=9"], "; the scenario has other setti"),
    ):
        with pytest.raises(InputError) as error:
            check_judge(registry, CHAMPION, judge_by(compose_promote("lookahead", overrides)))
        text = str(error.value)
        assert text.startswith(
            "placement@champion is judged by scenario=placement/qce5 metric=mean_completion_s "
            "guards={p99_completion_s: 5%}"
        )
        assert said in text
        assert text.endswith("choose another alias=NAME")
        assert "\n" not in text
    registry.tag_model("placement", "qcbench.judge.champion", "?")
    with pytest.raises(InputError, match="names no judge; restore it or delete it"):
        check_judge(registry, CHAMPION, judge)


def write_tasks(seed: int) -> None:
    assert main(["workload", "generate", "tasks.csv", "--subsets=120", f"--seed={seed}"]) == 0


def write_fleet(count: int) -> None:
    Path("fleet.json").write_text(f'[{{"device": "kolkata", "count": {count}}}]')


TASKS = ["workload=file", "workload.circuits.path=tasks.csv", "workload.arrivals={process: batch}"]


@pytest.mark.parametrize(
    ("write", "told"),
    [(write_tasks, TASKS), (write_fleet, ["fleet.file=fleet.json", "fleet.qpus=[]"])],
)
def test_worlds_of_another_file_are_other_worlds(
    write: Callable[[int], None],
    told: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    write(2)
    settings = compose_promote("greedy", [*told, "replicates=20", "alias=mine"])
    first = judge_by(settings)
    assert judge_by(settings) == first
    contest = contest_of(settings)
    run = open_run(hold(contest, Path("runs"), settings.cluster, "silent"))
    check_contest(contest, run)
    write(3)
    assert judge_by(settings) != first
    with pytest.raises(InputError, match=r"files of scenario placement/qce5 have changed since"):
        check_contest(contest, run)
    write(2)
    assert judge_by(settings) == first
    check_contest(contest, run)


def test_judges_of_packaged_scenarios_are_as_they_were_kept() -> None:
    assert judge_by(compose_promote("lookahead")).worlds == "92711cba4c3494a6"


def test_what_does_not_change_the_worlds_is_no_other_judge() -> None:
    usual = compose_promote("lookahead")
    told = compose_promote("greedy", ["seed=3", "replicates=90", "engine=simpy", "candidates=4"])
    assert judge_by(told) == judge_by(usual)
    described = replace(usual, scenario=replace(usual.scenario, description="else"))
    assert judge_by(described) == judge_by(usual)


def test_the_best_of_a_sweep_pays_for_all_its_trials(tmp_path: Path) -> None:
    told = compose_promote("lookahead")
    assert _candidates(told) == 1
    assert _candidates(replace(told, candidates=5)) == 5
    folder = tmp_path / "sweep-1" / "trials" / "a" / "train-1" / "exported"
    folder.mkdir(parents=True)
    swept = replace(told, policy=PolicyConfig(name="learned", parameters={"path": str(folder)}))
    assert _candidates(swept) == 1
    (tmp_path / "sweep-1" / "sweep.yaml").write_text("sweep: {trials: 20, kind: asha}\n")
    assert _candidates(swept) == 20
    assert _candidates(replace(swept, candidates=3)) == 3
    (tmp_path / "sweep-1" / "sweep.yaml").write_text("sweep: 3\n")
    with pytest.raises(InputError, match=r"sweep\.yaml: does not say .* candidates=N"):
        _candidates(swept)

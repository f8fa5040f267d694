"""Metrics of other packages: computed in the trials of suites that name them."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from qcbench.agents.config import code_of_others, compose_train
from qcbench.agents.evaluation import Validation
from qcbench.api import compose_run, open_run
from qcbench.bench.metrics.names import goal_of
from qcbench.bench.suite import expand, suite_data, suite_scenarios
from qcbench.bench.worlds import ScenarioWorlds
from qcbench.cli.main import main
from qcbench.errors import InputError
from qcbench.plugins import _source_hash

CODE = '''"""Of a package."""

import numpy as np


def longest_wait_s(records, warm_up_s):
    """Return the longest wait."""
    return records.wait_s.max()


def promptness(records, warm_up_s):
    """Return the share that did not wait."""
    return float((records.wait_s == 0).mean())


promptness.goal = "max"


def undefined(records, warm_up_s):
    """Return nothing."""


def infinite(records, warm_up_s):
    """Return too much."""
    return np.inf


def wrong_goal(records, warm_up_s):
    """Return something."""
    return 1


wrong_goal.goal = "more"
'''
NAMES = ("longest_wait_s", "promptness", "undefined", "infinite", "wrong_goal")
TOLD = [
    "suite=quickstart",
    "suite.replicates=2",
    "suite.scenarios=[placement/qce5]",
    "suite.policies=[earliest_completion,random]",
    "cluster=inline",
    "tracking=none",
]


@pytest.fixture(autouse=True)
def acme(install: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    points = {name: f"acme:{name}" for name in (*NAMES, "share_kept")}
    install("acme", {"metrics": points}, {"acme.py": CODE})
    monkeypatch.chdir(tmp_path)


@pytest.mark.e2e
def test_a_suite_ranks_by_it(capsys: pytest.CaptureFixture[str]) -> None:
    told = [*TOLD, "suite.primary_metric=promptness", "suite.goal=max", "keep_records=true"]
    assert main(["run", *told, "suite.metrics=[longest_wait_s,undefined]"]) == 0
    assert "promptness, more is better" in capsys.readouterr().out
    run = open_run()
    rows = run.trials.select("trial_id", "promptness", "longest_wait_s", "undefined").rows()
    assert len(rows) == 4
    for trial_id, prompt, longest_s, undefined in rows:
        waits_s = run.records(trial_id)["wait_s"].to_numpy()
        assert prompt == np.mean(waits_s == 0)
        assert longest_s == waits_s.max()
        assert undefined is None
    assert main(["leaderboard", "metric=longest_wait_s"]) == 0
    assert main(["verify", "sample=all"]) == 0


def test_trials_name_the_metrics_that_they_have_and_no_others() -> None:
    def trials(*more: str) -> list[str]:
        suite = compose_run([*TOLD, *more]).suite
        return [t.trial_id for t in expand(suite, suite_scenarios(suite))]

    usual = trials()
    assert trials("suite.metrics=[promptness]") != usual
    assert trials("suite.metrics=[mean_wait_s]") == usual
    suite = compose_run(TOLD).suite
    assert "metrics" not in suite_data(suite)


def test_a_metric_that_is_no_number_is_a_failed_trial(capsys: pytest.CaptureFixture[str]) -> None:
    main(["run", *TOLD, "suite.metrics=[infinite]"])
    run = open_run()
    assert set(run.trials["status"]) == {"failed"}
    (error,) = set(run.trials["error"])
    assert error == (
        "PluginError: metric infinite: returned inf; it is a finite number, or None where it is "
        "undefined"
    )


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ("suite.metrics=[promptnes]", r"suite.metrics\[0\]: 'promptnes' is no metric of placement"),
        (
            "suite.metrics=[wrong_goal]",
            "metric wrong_goal: its goal is 'more'; it must be",
        ),
        ("suite.metrics=[share_kept]", "metric share_kept: names that begin with share_ are qcben"),
        ("suite.primary_metric=promptnes", "did you mean promptness"),
    ],
)
def test_what_cannot_be_a_metric_is_one_line(told: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        compose_run([*TOLD, told])


SMALL_TRAINING = [
    *("agent.worlds=8", "agent.network.encoder=[8]", "agent.network.context=[8]"),
    *("agent.network.head=[8]", "agent.ppo.environments=8", "agent.ppo.steps=200"),
    *("agent.ppo.threads=1", "validation.worlds=2", "tracking=none"),
]
PROMOTED = ["replicates=20", "alias=mine", "workload.tasks=20"]


@pytest.fixture
def store(mlflow_store: Path, tmp_path: Path) -> None:
    """Let the runs' folder have a store already, which takes long to make."""
    (tmp_path / "runs").mkdir()
    shutil.copy(mlflow_store, tmp_path / "runs" / "mlflow.db")


@pytest.mark.e2e
@pytest.mark.usefixtures("store")
def test_a_champion_is_judged_and_guarded_by_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = ["promote", "earliest_completion", "baseline=random", *PROMOTED]
    assert main([*told, "metric=longest_wait_s", "guards={promptness: 0%}"]) == 0
    shown = capsys.readouterr().out
    assert "longest_wait_s" in shown
    assert re.search(r"promptness +0 % .*yes", shown)
    rows = open_run().trials
    assert set(rows["status"]) == {"done"}
    means = {
        policy: (longest_s, prompt)
        for policy, longest_s, prompt in rows.group_by("policy")
        .agg(pl.col("longest_wait_s").mean(), pl.col("promptness").mean())
        .iter_rows()
    }
    assert means["earliest_completion"][0] < means["random"][0]
    assert means["earliest_completion"][1] > means["random"][1]
    # What is judged by code that has changed since would not be comparable.
    (tmp_path / "site" / "acme" / "acme.py").write_text(CODE + "# changed\n")
    _source_hash.cache_clear()
    assert main([*told, "metric=longest_wait_s", "guards={promptness: 0%}"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "placement@mine is judged with metrics/longest_wait_s of acme 1.0, sha256" in error
    assert "choose another alias=NAME" in error


@pytest.mark.usefixtures("store")
def test_a_guard_that_gets_worse_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    told = ["promote", "random", "baseline=earliest_completion", *PROMOTED]
    assert main([*told, "guards={longest_wait_s: 5%}"]) == 1
    assert "guard longest_wait_s: may be" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ("guards={promptnes: 5%}", "guards: 'promptnes' is no metric of placement"),
        ("metric=promptnes", "metric: 'promptnes' is no metric of placement trials; did you mean"),
        ("guards={wrong_goal: 5%}", "metric wrong_goal: its goal is 'more'; it must be"),
        ("guards={share_kept: 5%}", "guards: metric share_kept: names that begin with share_ are"),
    ],
)
def test_what_cannot_be_a_guard_is_one_line(
    told: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["promote", "lookahead", "tracking=none", "replicates=20", told]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert message in error


def test_a_validation_measures_what_a_trial_does() -> None:
    told = [*SMALL_TRAINING, "validation.metric=promptness"]
    config = compose_train(told)
    assert [*code_of_others(config)] == ["metrics/promptness"]
    source = ScenarioWorlds(config.scenario, "train", seed=config.seed)
    judge = Validation(source, count=2, metric="promptness")
    assert judge.goal == "max"
    assert 0.0 < judge.baseline_mean <= 1.0
    usual = Validation(source, count=2)
    assert "promptness" not in usual.baseline_rows[0]
    assert judge.baseline_mean == np.mean([row["promptness"] for row in judge.baseline_rows])


@pytest.mark.parametrize(
    ("metric", "code", "message"),
    [
        ("promptnes", 2, "validation.metric: 'promptnes' is no metric of placement trials; did"),
        ("infinite", 1, "metric infinite: returned inf; it is a finite number"),
        ("wrong_goal", 2, "metric wrong_goal: its goal is 'more'"),
    ],
)
def test_what_cannot_validate_is_one_line(
    metric: str, code: int, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", *SMALL_TRAINING, f"validation.metric={metric}"]) == code
    lines = [line for line in capsys.readouterr().err.splitlines() if message in line]
    assert len(lines) == 1
    assert not list((tmp_path / "runs").glob("train-*"))


@pytest.mark.e2e
def test_an_agent_is_chosen_by_it_and_not_gone_on_with_by_another(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", *SMALL_TRAINING, "validation.metric=promptness"]) in (0, 1)
    shown = capsys.readouterr()
    assert "promptness" in shown.out
    (folder,) = (tmp_path / "runs").glob("train-*")
    about = json.loads((folder / "training.json").read_text())
    assert [*about["plugins"]] == ["metrics/promptness"]
    (tmp_path / "site" / "acme" / "acme.py").write_text(CODE + "# changed\n")
    _source_hash.cache_clear()
    assert main(["train", folder.name]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "metrics/promptness: is not the one that was meant" in error


def test_goals() -> None:
    assert goal_of("promptness") == "max"
    assert goal_of("longest_wait_s") == "min"
    assert goal_of("share_kept") == "min"  # which cannot be loaded

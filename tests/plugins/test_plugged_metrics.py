"""Metrics of other packages: computed in the trials of suites that name them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from qcbench.api import compose_run, open_run
from qcbench.bench.metrics.names import goal_of
from qcbench.bench.suite import expand, suite_data, suite_scenarios
from qcbench.cli.main import main
from qcbench.errors import InputError

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


def test_goals() -> None:
    assert goal_of("promptness") == "max"
    assert goal_of("longest_wait_s") == "min"
    assert goal_of("share_kept") == "min"  # which cannot be loaded

"""`qcbench compare` on small runs."""

import json
from pathlib import Path

import pytest

import qcbench
from qcbench.cli.main import main

pytestmark = pytest.mark.e2e

FIRST, SECOND, OTHER = "first", "second", "other"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two equal runs, and one under another rule with another policy and fewer replicates."""
    folder = tmp_path_factory.mktemp("runs")
    common = ["suite.scenarios=[placement/qce5]", "cluster=inline", "tracking=none"]
    policies = "suite.policies=[earliest_completion,best_fidelity]"
    own = {
        FIRST: [policies, "suite.replicates=6"],
        SECOND: [policies, "suite.replicates=6"],
        OTHER: [
            "suite.policies=[earliest_completion,greedy]",
            "suite.replicates=5",
            'suite.scenario_overrides=["physics.time.model=affine",'
            '"+physics.time.intercept_s=2.0","+physics.time.slope_s=0.001"]',
        ],
    }
    for name, words in own.items():
        assert main(["run", *common, *words, f"runs_dir={folder / 'made'}"]) == 0
        (run,) = (folder / "made").glob("quickstart-*")
        run.rename(folder / name)
    return folder


def test_equal_runs(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main(["compare", FIRST, SECOND, f"runs_dir={runs}"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "Same suite, configs and software." in said
    assert "all 12 pairs of trials is equal to the last bit" in said


def test_what_changed_and_what_came_of_it(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main(["compare", FIRST, OTHER, f"runs_dir={runs}", "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    changed = {(change["where"], change["key"]) for change in found["changes"]}
    assert ("suite", "replicates") in changed
    assert any(key.startswith("physics.time") for _, key in changed)
    (cell,) = found["cells"]
    assert (cell["policy"], cell["pairs"]) == ("earliest_completion", 5)
    assert cell["p_value"] < 0.05
    assert [policy for _, policy in found["only_first"]] == ["best_fidelity"]
    assert [policy for _, policy in found["only_second"]] == ["greedy"]
    assert main(["compare", FIRST, OTHER, f"runs_dir={runs}"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "differs beyond chance in 1 of 1 pair of scenario and policy" in said
    assert "Only in the second:" in said


def test_from_python(runs: Path) -> None:
    found = qcbench.compare(FIRST, OTHER, metric="mean_fidelity", runs_dir=str(runs))
    assert found.results.goal == "max"
    assert (found.first, found.second) == (FIRST, OTHER)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([FIRST], "compare: the following arguments are required: second"),
        ([FIRST, FIRST], "are the same run; name two"),
        ([FIRST, "nothing"], "nothing"),
        ([FIRST, SECOND, "metric=mean_fidelty"], "did you mean mean_fidelity"),
    ],
)
def test_bad_questions(
    words: list[str], message: str, runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert main(["compare", *words, f"runs_dir={runs}"]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1

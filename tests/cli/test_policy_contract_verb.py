"""`qcbench test-policy`: a line a check, 1 where one fails, 2 on bad input."""

from pathlib import Path

import pytest
from exported_samples import PLAIN, write_sample

from qcbench.cli.main import main

MINE = '''
"""The first QPU that fits."""

def policy(context, *, first: int = 0):
    return lambda view: first if view.feasible[first] else int(view.feasible.argmax())

def collapsed(context):
    """Always the same QPU."""
    return lambda _view: 0

def queue(context):
    """The task that came last."""
    return lambda view: len(view.waiting) - 1
'''


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine_of_tests.py").write_text(MINE)
    return tmp_path


def test_a_name_means_every_track_that_has_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["test-policy", "weighted", "policy.parameters.time=2.0", "track=placement"]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[0] == "weighted: placement"
    assert shown[1].startswith("  ok    says what it does")
    assert shown[-1] == "  all 7 checks passed"
    assert main(["test-policy", "weighted", "track=queueing"]) == 0
    assert main(["test-policy", "random", "track=placement"]) == 0, "as published"


@pytest.mark.parametrize(
    "name", ["mine_of_tests.py", "./mine_of_tests.py:policy", "mine_of_tests:policy"]
)
def test_code_that_is_registered_nowhere(
    mine: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["test-policy", name]) == 0
    assert main(["test-policy", name, "policy.parameters.first=1"]) == 1
    assert "raised IndexError: " in capsys.readouterr().out


def test_a_failing_check_says_which_decision(
    mine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["test-policy", "mine_of_tests.py:collapsed"]) == 1
    shown = capsys.readouterr().out
    assert "  FAIL  every decision is legal: decision " in shown
    assert "chose QPU 0, which the task does not fit" in shown
    assert shown.splitlines()[-1].startswith("  if it is of another track, say so: track=alloc")
    assert main(["test-policy", "mine_of_tests.py:collapsed", "track=placement"]) == 1
    assert capsys.readouterr().out.rstrip().endswith(" checks failed")
    assert "checks failed" in shown
    assert main(["test-policy", "mine_of_tests.py:collapsed", "may_violate=true"]) == 0
    assert main(["test-policy", "mine_of_tests.py:queue", "track=queueing"]) == 0


def test_a_trained_policy_is_checked_on_the_fleet_that_it_serves(
    mine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_sample(mine / "p", "placement", PLAIN)
    assert main(["test-policy", str(folder)]) == 0
    folder = write_sample(mine / "q", "queueing")
    assert main(["test-policy", str(folder)]) == 0
    assert f"{folder}: queueing" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "test-policy: name a policy, their.module:function"),
        (["nobody"], "policy nobody: no such policy"),
        (["nobody.py"], "nobody.py: no such file"),
        (["nobody_at_all:policy"], "nobody_at_all: cannot be loaded (ModuleNotFoundError"),
        (["broken.py"], "broken.py: cannot be loaded (SyntaxError"),
        (["mine_of_tests.py:colapsed"], "has no function colapsed; did you mean collapsed?"),
        (["mine_of_tests.py", "track=placing"], "track: 'placing'; no such track"),
        (
            ["mine_of_tests.py", "policy.parameters.frst=1"],
            "no parameter frst; did you mean first",
        ),
        (["mine_of_tests.py", "policy.parameters.first=x"], "first is 'x'; it must be int"),
        (["fifo", "track=placement"], "policy fifo: no such placement policy"),
        (["scripted"], "policy scripted: parameter file is missing"),
        (["learned"], "path: no such folder; it must hold policy.json"),
        (["./nowhere"], "./nowhere: no such folder"),
        (["packaged:nobody"], "no placement policy of this name is packaged"),
        (["greedy", "may_violte=true"], "may_violte: no such key"),
    ],
)
def test_bad_input_in_one_line(
    mine: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (mine / "broken.py").write_text("def policy(:\n")
    assert main(["test-policy", *arguments]) == 2
    said = capsys.readouterr().err.strip()
    assert "\n" not in said
    assert message in said

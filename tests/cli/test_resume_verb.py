"""`qcbench resume`: what is stopped ends as if it had not been, and what is done stays as it is."""

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

import qcbench
from qcbench.bench import driver
from qcbench.bench.stopping import StopFlag
from qcbench.cli.main import main
from qcbench.errors import InputError
from qcbench.files import read_json
from qcbench.tracking.config import TrackingConfig
from qcbench.tracking.registry import open_registry

Output = pytest.CaptureFixture[str]
CANDIDATE = ["promote", "lookahead", "replicates=20", "workload.tasks=12", "engine=simpy"]
"""Wins against `random`."""
WINNING = [*CANDIDATE, "baseline=random", "alias=best"]
LOSING = [*CANDIDATE, "seed=1", "alias=lost"]


@pytest.fixture
def stopping(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Lets the next call of the driver stop before a trial, as Ctrl-C does."""

    def stop(after: int) -> None:
        asked = iter(range(after))

        class Stop(StopFlag):
            def __call__(self) -> bool:
                return next(asked, None) is None

        monkeypatch.setattr(driver, "StopFlag", Stop)

    return stop


def only(runs: Path) -> Path:
    (folder,) = [path for path in runs.iterdir() if (path / "manifest.json").is_file()]
    return folder


def aliases(runs: Path) -> dict[str, int]:
    shelf = open_registry(TrackingConfig(), runs)
    assert shelf is not None
    return dict(shelf.aliases("placement"))


def test_a_stopped_promotion_ends_with_its_verdict(
    runs: Path, stopping: Callable[[int], None], monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    """The command that is advised runs the rest alone, and registers as promote would have."""
    stopping(23)
    assert main(WINNING) == 130
    (advised,) = re.findall(r"go on with `(.+)`", capsys.readouterr().err)
    folder = only(runs)
    assert not (folder / "verdict.json").exists()
    assert main(["show", folder.name]) == 0
    shown = capsys.readouterr().out
    assert f"verdict     none yet; `qcbench resume {folder.name}`" in shown
    assert f"told        {shlex.join(['qcbench', *WINNING])}" in shown
    monkeypatch.undo()
    monkeypatch.chdir(runs.parent)
    assert main(shlex.split(advised)[1:]) == 0
    said = capsys.readouterr()
    assert "promoted  placement@best is lookahead now, version 2" in said.out
    assert "23/40 trials" in said.err
    assert aliases(runs) == {"champion": 1, "best": 2}
    told = read_json(folder / "verdict.json")
    assert (told["promoted"], told["version"], told["worlds"]) == (True, 2, 20)
    assert only(runs) == folder
    for more in ([], ["retry_failed=true"]):
        assert main([*shlex.split(advised)[1:], *more]) == 0
        said = capsys.readouterr()
        assert "promoted, version 2; nothing to do" in said.out
        assert "trials" not in said.err
    assert aliases(runs) == {"champion": 1, "best": 2}


def test_a_stopped_promotion_that_loses(
    runs: Path, stopping: Callable[[int], None], monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    stopping(5)
    assert main(LOSING) == 130
    monkeypatch.undo()
    monkeypatch.chdir(runs.parent / "runs")  # the run by its path, from another folder
    capsys.readouterr()
    assert main(["resume", f"./{only(runs).name}"]) == 1
    assert "lookahead is not promoted to placement@lost: " in capsys.readouterr().err
    assert read_json(only(runs) / "verdict.json")["promoted"] is False
    assert not (runs / "runs").exists()


def test_from_python(
    runs: Path, stopping: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    stopping(5)
    with pytest.raises(KeyboardInterrupt):
        qcbench.promote("lookahead", WINNING[2:], progress="silent")
    monkeypatch.undo()
    monkeypatch.chdir(runs.parent)
    assert qcbench.resume(progress="silent").complete
    assert read_json(only(runs) / "verdict.json")["promoted"] is True
    assert aliases(runs)["best"] == 2


def test_trials_that_are_there_are_judged_where_the_registry_failed(
    runs: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    def refuse(*_: object) -> None:
        raise InputError("the store is away")

    monkeypatch.setattr("qcbench.tracking.promotion._shelf", refuse)
    assert main(WINNING) == 1
    (advised,) = re.findall(r"the store is away; .* `(.+)` judges by", capsys.readouterr().err)
    monkeypatch.undo()
    monkeypatch.chdir(runs.parent)
    assert main(["runs", "format=json"]) == 0
    said = capsys.readouterr()
    (listed,) = json.loads(said.out)
    assert (listed["state"], listed["done"], listed["trials"]) == ("unfinished", 40, 40)
    assert f"{listed['id']}: all trials are there and no verdict; `{advised}` judges" in said.err
    assert main(["show"]) == 0
    assert "state       unfinished: 40 of 40 trials" in capsys.readouterr().out
    assert main(shlex.split(advised)[1:]) == 0
    said = capsys.readouterr()
    assert "promoted  placement@best" in said.out
    assert "trials" not in said.err
    assert main(["runs", "format=json"]) == 0
    said = capsys.readouterr()
    assert (json.loads(said.out)[0]["state"], said.err) == ("complete", "")


def test_another_champion_since(
    runs: Path, stopping: Callable[[int], None], monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    """It is refused before a trial is run: the candidate has another one to beat."""
    stopping(5)
    assert main(WINNING) == 130
    folder = only(runs)
    monkeypatch.undo()
    monkeypatch.chdir(runs.parent)
    assert main(WINNING) == 0
    capsys.readouterr()
    assert main(["resume", folder.name]) == 2
    said = capsys.readouterr().err
    assert "against others than those that stand now; nothing was promoted, promote again" in said
    assert "trials" not in said


def test_a_finished_promotion_of_before_is_not_run_again(runs: Path, capsys: Output) -> None:
    """Its suite says that it has bounds, and it does not say what is to be promoted."""
    assert main(LOSING) == 1
    folder = only(runs)
    (folder / "promotion.json").unlink()
    manifest = folder / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"bounds": false', '"bounds": true'))
    capsys.readouterr()
    shards = sorted((folder / "shards").iterdir())
    assert main(["resume", folder.name, "cluster=inline", "tracking=none"]) == 0
    assert sorted((folder / "shards").iterdir()) == shards
    said = capsys.readouterr()
    assert "/40 trials" not in said.err
    outcome = "lookahead for models:/placement@lost: not promoted: "
    assert f"was judged before; {outcome}" in said.out
    assert main(["show", folder.name]) == 0
    shown = capsys.readouterr().out
    assert f"verdict     {outcome}" in shown
    assert "changed" not in shown
    verdict = folder / "verdict.json"
    verdict.write_text(verdict.read_text()[:100])
    assert main(["show", folder.name]) == 0
    assert "verdict     not known: " in capsys.readouterr().out
    verdict.unlink()
    assert main(["resume", folder.name, "cluster=inline", "tracking=none"]) == 0
    said = capsys.readouterr()
    assert "without what was to be promoted; nothing is judged or registered" in said.err


@pytest.mark.e2e
def test_a_finished_suite_has_nothing_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    monkeypatch.chdir(tmp_path)
    few = ["suite.replicates=2", 'suite.scenario_overrides=["workload.tasks=9"]']
    where = ["cluster=inline", "tracking=none"]
    assert main(["run", "suite=quickstart", *few, *where]) == 0
    folder = only(tmp_path / "runs")
    before = written(folder)
    capsys.readouterr()
    # Said or not, `none` asks for no publishing.
    assert main(["resume", *where]) == 0
    said = capsys.readouterr()
    many = len(read_json(folder / "manifest.json")["trials"])
    assert said.out == f"runs/{folder.name}: complete, {many} trials; nothing to do\n"
    assert said.err == ""
    assert written(folder) == before
    (folder / "report.html").unlink()
    assert main(["resume", *where]) == 0
    assert (folder / "report.html").is_file()
    assert "report " in capsys.readouterr().out


def written(folder: Path) -> dict[Path, int]:
    """When each file was written; the lock is taken by every writer."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != "run.lock")
    return {path: path.stat().st_mtime_ns for path in files}

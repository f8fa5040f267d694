"""A policy in a file of the user's own: wherever a policy is named, and wherever it runs."""

import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import qcbench
from qcbench.api.suites import compose_run
from qcbench.bench.manifest import load
from qcbench.cli.main import main
from qcbench.errors import InputError
from qcbench.policies import source
from qcbench.policies.exported.card import HeuristicCard
from qcbench.policies.exported.folder import write_folder

FILE = '''"""Of the QPUs that are free soon, the one with the highest fidelity."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Patience:
    seconds: float


def policy(context, *, patience_s: float = 10.0):
    patience = Patience(patience_s)

    def decide(view):
        soon = view.feasible & (view.start_s() - view.now_s <= patience.seconds)
        score = np.where(soon, view.fidelity, -1.0) if soon.any() else -view.completion_s()
        return int(score.argmax())

    return decide


def soonest(context):
    """The QPU that completes it first."""
    return lambda view: int(view.completion_s().argmin())
'''
ONE = "suite.scenarios=[placement/qce5]"
RUN = [ONE, "suite.replicates=5", "cluster.address=inline", "tracking=none"]
MINE = "suite.policies=[mine.py,mine.py:soonest,earliest_completion]"


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a policy in it."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "mine.py"
    path.write_text(FILE)
    return path


def soonest(context: Any) -> Any:
    """Of this very file."""
    del context
    return lambda view: int(view.completion_s().argmin())


def test_names_of_files() -> None:
    assert all(map(source.is_source, ["mine.py", "a/mine.py", "~/mine.py:best", "/x.y/m.py"]))
    assert not any(
        map(source.is_source, ["mine", "their.module:function", "a/b", "packaged:x.pyc"])
    )
    assert [source.label_of(n) for n in ("a/mine.py", "mine.py:best")] == ["mine", "best"]


@pytest.mark.e2e
def test_a_suite_compares_them_and_is_gone_on_with_without_the_file(mine: Path) -> None:
    assert main(["run", "suite=quickstart", MINE, *RUN]) == 0
    (folder,) = Path("runs").iterdir()
    data = (folder / "trials.parquet").read_bytes()
    table = qcbench.open_run(folder.name).trials
    means = dict(table.group_by("policy").agg(pl.col("mean_completion_s").mean()).iter_rows())
    assert means["soonest"] == means["earliest_completion"] != means["mine"]
    # The run has all that it needs: what it lacks is run again without the file.
    mine.unlink()
    for lost in ("trials.parquet", "tables.json"):
        (folder / lost).unlink()
    for shard in (folder / "shards").glob("*"):
        shard.unlink()
    assert main(["resume", folder.name, "cluster.address=inline", "tracking=none"]) == 0
    assert (folder / "trials.parquet").read_bytes() == data


def test_a_trial_is_identified_by_the_text_and_not_by_the_place(mine: Path) -> None:
    def parameters(where: str) -> dict[str, Any]:
        policy = compose_run([f"suite.policies=[{where},earliest_completion]"]).suite.policies[0]
        return {"name": policy.name, "label": policy.label, **policy.parameters}

    before = parameters("mine.py")
    assert before == {"name": "mine.py", "label": "mine", "source": FILE}
    elsewhere = mine.parent / "there" / "mine.py"
    elsewhere.parent.mkdir()
    elsewhere.write_text(FILE)
    assert parameters(str(elsewhere)) == before
    elsewhere.write_text(FILE.replace("10.0", "20.0"))
    assert parameters("there/mine.py") != before


def test_functions_of_python_are_taken_with_their_file(tmp_path: Path) -> None:
    run = qcbench.run_suite(
        overrides=[*RUN, f"runs_dir={tmp_path}"],
        policies=[soonest, "earliest_completion", {"name": "lookahead", "label": "far"}],
    )
    suite = load(run.folder / "manifest.json").suite
    assert [policy["label"] for policy in suite["policies"]] == [
        *("soonest", "earliest_completion", "far")
    ]
    assert suite["policies"][0]["parameters"]["source"] == Path(__file__).read_text()
    with pytest.raises(InputError, match="stands by itself in a file or a cell"):
        qcbench.run_suite(policies=[partial(soonest), "earliest_completion"])


@pytest.mark.e2e
@pytest.mark.parametrize("name", ["mine.py", "mine.py:soonest", "./mine.py"])
def test_it_is_checked_and_simulated(
    mine: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    del mine
    assert main(["test-policy", name]) == 0
    assert main(["simulate", f"policy={name}", "output=out.csv"]) == 0
    capsys.readouterr()
    records = qcbench.simulate(policy=name)
    assert (records.finish_s > 0).all()


@pytest.mark.e2e
def test_comparisons_show_the_hash_of_a_text(
    mine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for text in (FILE, FILE.replace("10.0", "1.0")):
        mine.write_text(text)
        assert main(["run", "suite=quickstart", MINE, *RUN]) == 0
    first, second = sorted(path.name for path in Path("runs").iterdir())
    capsys.readouterr()
    assert main(["compare", first, second]) == 0
    said = capsys.readouterr().out
    assert "26 lines, sha256" in said
    assert "import numpy" not in said


@pytest.mark.parametrize(
    ("text", "arguments", "said"),
    [
        (None, ["policy=mine.py"], "policy mine.py: mine.py: no such file"),
        ("def policy(:", ["policy=mine.py"], "mine.py: cannot be loaded (SyntaxError"),
        ("import nothing_of_the_kind", ["policy=mine.py"], "mine.py: cannot be loaded (Module"),
        ("raise SystemExit(3)", ["policy=mine.py"], "mine.py: cannot be loaded (SystemExit"),
        (FILE, ["policy=mine.py:sonest"], "has no function sonest; did you mean soonest?"),
        (FILE, ["policy=mine.py", "policy.parameters.x=1"], "no parameter x; known: patience_s"),
        (FILE, ["policy=mine.py:soonest", "policy.parameters.x=1"], "no parameter x; it has none"),
        ("def policy(context, source=1): ...", ["policy=mine.py"], "parameter source has the name"),
        ("# \udcff", ["policy=mine.py"], "mine.py: is not text in UTF-8"),
        ("#" * 300_000, ["policy=mine.py"], "has 300,000 bytes; at most 262,144"),
    ],
)
def test_what_cannot_be_used_is_one_line(
    mine: Path,
    text: str | None,
    arguments: list[str],
    said: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    mine.unlink()
    if text is not None:
        mine.write_bytes(text.encode(errors="surrogateescape"))
    assert main(["simulate", *arguments, "output=out.csv"]) == 2
    shown = capsys.readouterr().err
    assert said in shown
    assert shown.count("\n") == 1
    assert not Path("out.csv").exists()


@pytest.mark.parametrize(
    "told",
    [
        "policy=~nobody_of_this_name/mine.py",
        "policy=~nobody_of_this_name/folder",
        'fleet.file="~nobody_of_this_name/fleet.yaml"',
    ],
)
def test_a_home_that_nobody_has_is_one_line(
    mine: Path, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    del mine
    assert main(["simulate", told, "output=out.csv"]) == 2
    shown = capsys.readouterr().err
    assert "there is no home folder ~nobody_of_this_name; give the whole path" in shown
    assert "Traceback" not in shown
    assert not Path("out.csv").exists()


def test_a_pipe_is_not_waited_for(mine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine.unlink()
    os.mkfifo(mine)
    assert main(["simulate", "policy=mine.py", "output=out.csv"]) == 2
    assert "is no regular file" in capsys.readouterr().err


def test_what_it_does_in_a_trial_fails_that_trial_alone(mine: Path) -> None:
    mine.write_text(FILE + "\n\ndef broken(context):\n    return lambda view: 1 / 0\n")
    told = "suite.policies=[mine.py:broken,earliest_completion]"
    main(["run", "suite=quickstart", told, *RUN])
    (folder,) = Path("runs").iterdir()
    failed = qcbench.open_run(folder.name).failures
    assert {row["policy"] for row in failed} == {"broken"}
    assert "ZeroDivisionError" in json.dumps(failed)
    assert "(mine.py, line " in json.dumps(failed)


@pytest.mark.e2e
def test_to_read_a_run_runs_none_of_its_policies(
    mine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine.write_text(FILE + "\n\nopen('ran', 'a').write('.')\n")
    assert (
        main(["run", "suite=quickstart", "suite.policies=[mine.py,earliest_completion]", *RUN]) == 0
    )
    Path("ran").unlink()
    source._module.cache_clear()
    (folder,) = Path("runs").iterdir()
    for verb in ("leaderboard", "report"):
        assert main([verb, folder.name]) == 0
    assert not Path("ran").exists()
    capsys.readouterr()


def test_cards_of_code_are_refused(mine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["promote", "mine.py", "tracking=none"]) == 2
    assert "is code, and a registry holds none" in capsys.readouterr().err
    card = HeuristicCard(
        track="placement", name="mine.py", parameters={"source": "open('ran', 'a')"}
    )
    write_folder(Path("theirs"), card, None)
    assert main(["simulate", "policy=./theirs", "output=out.csv"]) == 2
    assert "is code" in capsys.readouterr().err
    assert not Path("ran").exists()
    del mine


CALLS = {
    "run_suite": "qcbench.run_suite('quickstart', policies=[policy])",
    "simulate": "qcbench.simulate(policy='mine.py')",
    "promote": "qcbench.promote('mine.py', tracking='none')",
    "train": "qcbench.train()",
    "sweep": "qcbench.sweep()",
    "replay": "qcbench.replay(['backend=local'])",
    "check_policy": "qcbench.check_policy('mine.py')",
    "verify": "qcbench.verify()",
    "resume": "qcbench.resume()",
    "simulate ": "from qcbench.cli.main import _run; _run(['simulate', 'policy=mine.py'])",
}
SCRIPT = FILE + "\nimport qcbench\n\nopen('loads', 'a').write('.')\n"


@pytest.mark.parametrize("call", CALLS)
def test_a_file_that_starts_work_as_it_is_loaded_is_one_line(
    call: str, mine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It would run itself in every run of itself; below `__main__` it is a policy like others."""
    mine.write_text(f"{SCRIPT}{CALLS[call]}\n")
    assert main(["run", "suite=quickstart", "suite.policies=[mine.py,greedy]", *RUN]) == 2
    (said,) = capsys.readouterr().err.strip().splitlines()
    assert f"mine.py: calls qcbench{' ' if call[-1] == ' ' else '.'}{call.strip()} at top" in said
    assert 'under `if __name__ == "__main__":`' in said
    assert Path("loads").read_text() == "."
    assert not Path("runs").exists()
    with pytest.raises(InputError, match="at top level"):
        source.load("mine.py", mine.read_text())
    mine.write_text(f"{SCRIPT}if __name__ == '__main__':\n    {CALLS[call]}\n")
    assert main(["simulate", "policy=mine.py", "workload.tasks=5", "output=out.csv"]) == 0


def test_a_file_may_look_things_up_as_it_is_loaded(mine: Path) -> None:
    mine.write_text(f"{SCRIPT}KNOWN = qcbench.runs()\n")
    factory, _ = source.load("mine.py", mine.read_text())
    assert factory.__name__ == "policy"


def test_a_module_that_starts_work_as_it_is_loaded_is_one_line(
    mine: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(mine.parent))
    Path("started_at_once.py").write_text(f"{SCRIPT}qcbench.check_policy('mine.py')\n")
    assert main(["test-policy", "started_at_once:policy"]) == 2
    (said,) = capsys.readouterr().err.strip().splitlines()
    assert said.startswith("qcbench: started_at_once: calls qcbench.check_policy at top level")


def test_a_script_that_runs_itself_ends_at_once(mine: Path) -> None:
    mine.write_text(f"{SCRIPT}{CALLS['run_suite']}\n")
    done = subprocess.run(
        [sys.executable, "mine.py"], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert "mine.py: calls qcbench.run_suite at top level" in last
    assert done.stderr.count("Traceback") == 1
    assert Path("loads").read_text() == "..", "as a script, and where its policy is looked at"
    assert not Path("runs").exists()

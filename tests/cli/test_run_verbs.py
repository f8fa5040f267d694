"""`qcbench runs`, `show` and `verify`: what runs there are, what one is, whether it repeats."""

import csv
import fcntl
import hashlib
import io
import json
import os
import re
import shlex
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

import qcbench
from qcbench import api
from qcbench.bench import tables
from qcbench.bench.listing import list_all
from qcbench.bench.overrides import rerun_command
from qcbench.bench.run_folder import open_run
from qcbench.bench.verifying import chosen
from qcbench.cli.main import main

MINE = "def policy(context):\n    return lambda view: int(view.completion_s().argmin())\n"
WRONG = "def policy(context):\n    return lambda view: 1 / 0\n"
TOLD = [
    *("suite=quickstart", "suite.replicates=2", "keep_records=true", "suite.baseline=mine"),
    "suite.bounds=false",
    "suite.policies=[mine.py,wrong.py]",
    'suite.scenario_overrides=["workload.tasks=9"]',
]
WHERE = ["cluster.address=inline", "tracking=none", "cluster.retries=0"]

Output = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one run, without a report: a policy that works, and one that fails."""
    folder = tmp_path_factory.mktemp("made")
    before = Path.cwd()
    os.chdir(folder)
    Path("mine.py").write_text(MINE)
    Path("wrong.py").write_text(WRONG)
    told = api.compose_run([*TOLD, *WHERE])
    api.drive(api.start_run(told, (), rerun_command(TOLD)), told.cluster, "silent")
    os.chdir(before)
    return folder


@pytest.fixture
def run(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output) -> Path:
    """A copy of that run, in the folder of all runs of the current one."""
    shutil.copytree(made / "runs", tmp_path / "runs")
    monkeypatch.chdir(tmp_path)
    capsys.readouterr()
    (found,) = Path("runs").iterdir()
    return found


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def unfinish(run: Path) -> None:
    """Take the last shard and the tables of a run away, as a kill before its end would."""
    for name in ("trials.parquet", "worlds.parquet", "tables.json"):
        (run / name).unlink(missing_ok=True)
    sorted((run / "shards").iterdir())[-1].unlink()


def change(run: Path, column: str, by: float) -> str:
    """Add to a number of one trial that is done, in a shard that is sound; return its trial."""
    for path in (run / "shards").iterdir():
        entries = list(tables.entries_of(tables.read_shard(path.read_bytes())))
        for place, entry in enumerate(entries):
            if entry.status == "done":
                row = json.loads(entry.row)
                row[column] += by
                values = {**vars(entry), "row": json.dumps(row)}
                entries[place] = tables.Entry(**values)
                data = tables.parquet_bytes(tables.frame_of(entries))
                path.unlink()
                digest = hashlib.sha256(data).hexdigest()[: len(path.stem)]
                name = path.name.replace(path.stem, digest)
                (run / "shards" / name).write_bytes(data)
                return entry.trial_id
    raise AssertionError("no trial is done")


def test_a_pipe_gets_csv(run: Path, capsys: Output) -> None:
    assert main(["runs"]) == 0
    (found,) = rows(capsys.readouterr().out)
    assert found["id"] == run.name
    assert (found["kind"], found["subject"], found["state"]) == ("run", "quickstart", "complete")
    assert (found["trials"], found["done"], found["failed"]) == ("12", "6", "6")
    assert found["policies"] == "mine;wrong"
    stamp = re.sub(r"\D", "", found["began"])
    assert stamp == re.sub(r"\D", "", run.name)


def test_what_is_not_complete_is_told(run: Path, capsys: Output) -> None:
    damaged = shutil.copytree(run, run.with_name("quickstart-20209999-999999"))  # is no time
    (damaged / "manifest.json").write_text("{}")
    unfinish(run)
    held = (run / "run.lock").open("a")
    assert main(["runs", "format=json"]) == 0
    out, err = capsys.readouterr()
    first, second = json.loads(out)
    assert (first["id"], first["state"], first["trials"]) == (damaged.name, "damaged", None)
    assert err.count("\n") == 1
    assert damaged.name in err
    assert second["state"] == "unfinished"
    assert second["done"] + second["failed"] < second["trials"] == 12
    fcntl.flock(held, fcntl.LOCK_EX)
    assert list_all(Path("runs"))[-1].state == "running"
    held.close()


def test_the_order(run: Path, capsys: Output) -> None:
    other = run.rename(run.with_name("quickstart-20990101-000000"))
    again = shutil.copytree(other, run.with_name("quickstart-20200101-000000"))
    unfinish(again)
    for sort, expected in (
        ("began", [again, other]),
        ("-began", [other, again]),
        ("state", [other, again]),
        ("-id", [other, again]),
    ):
        assert main(["runs", f"sort={sort}"]) == 0
        assert [each["id"] for each in rows(capsys.readouterr().out)] == [e.name for e in expected]


def test_what_lies_beside_runs_is_listed(run: Path, capsys: Output) -> None:
    training = Path("runs/train-ppo-20250102-030405")
    training.mkdir()
    agent = "agent: {name: ppo, steps: 100}\nscenario: {name: placement/qce5}\n"
    (training / "config.yaml").write_text(agent)
    (training / "training.json").write_text('{"versions": {"qcbench": "0.1.0"}}')
    judged = {"kind": "evaluation", "steps": 50, "time_s": 1.0}
    lines = [json.dumps({**judged, "steps": steps}) + "\n" for steps in (50, 100)]
    (training / "progress.jsonl").write_text(lines[0])
    sweep = Path("runs/sweep-ppo-20250102-030406")
    sweep.mkdir()
    (sweep / "sweep.yaml").touch()
    (sweep / "results.json").write_text('[{"status": "done"}, {"status": "failed"}]')
    Path("runs/mlartifacts").mkdir()
    assert main(["runs", "sort=kind"]) == 0
    found = {each["kind"]: each for each in rows(capsys.readouterr().out)}
    assert list(found) == ["run", "sweep", "training"]
    assert found["training"]["state"] == "unfinished"
    assert found["training"]["subject"] == "placement/qce5"
    assert found["training"]["policies"] == "ppo"
    assert (found["sweep"]["state"], found["sweep"]["failed"]) == ("complete", "1")
    (training / "progress.jsonl").write_text("".join(lines))
    assert next(e for e in list_all(Path("runs")) if e.kind == "training").state == "complete"
    assert main(["show", "train"]) == 0
    assert f"qcbench promote {training.name}" in capsys.readouterr().out


def test_a_terminal_of_60_columns(
    run: Path, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rich.console import Console  # noqa: PLC0415

    monkeypatch.setattr(Console, "is_terminal", property(lambda _: True))
    monkeypatch.setenv("COLUMNS", "60")
    assert main(["runs", "format=table"]) == 0
    shown = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out).splitlines()
    assert max(map(len, shown)) <= 60
    assert shown[1].split()[:4] == [run.name, "complete,", "6", "failed"]
    assert "12/12" in shown[1]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["runs", "sort=whn"], "sort=whn: no such column"),
        (
            ["show", "no-such"],
            "run, training run, sweep or replay in runs or replays",
        ),
        (["show"], "runs: has no runs; start one with `qcbench run suite=quickstart`"),
        (["verify", "no-such"], "run no-such: no such run in runs"),
        (["verify", "sample=0"], "verify: sample=0: give a number of trials, or all"),
        (["verify", "sample=some"], "verify: sample=some: give a number of trials, or all"),
    ],
)
def test_bad_input(
    words: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Output,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err
    assert err.count("\n") == 1


def test_no_runs_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["runs"]) == 0
    assert rows(capsys.readouterr().out) == []
    assert main(["runs", "format=table"]) == 0
    assert "has no runs; start one with `qcbench run suite=quickstart`" in capsys.readouterr().out


def test_show_says_what_a_run_is(run: Path, capsys: Output) -> None:
    assert main(["show"]) == 0
    lines = capsys.readouterr().out.splitlines()
    shown = {line[:10].strip(): line[12:] for line in lines if line[:10].strip()}
    assert shown["run"] == run.name
    suite = qcbench.open_run(run.name).suite
    assert shown["suite"] == f"quickstart (placement): {suite.description}"
    assert replace(suite, description="").headed == "quickstart (placement)"
    assert shown["state"] == "complete: 12 of 12 trials have a result, 6 of them failed"
    assert shlex.split(shown["told"]) == ["qcbench", "run", *TOLD]
    text = "\n".join(lines)
    assert "replicates: 2; in the file 10" in text
    assert "baseline: mine; in the file earliest_completion" in text
    assert "policies: mine, wrong; in the file earliest_completion, " in text
    assert "x wrong in " in shown["failed"]
    assert "ZeroDivisionError" in shown["failed"]
    assert shown["policies"] == "2: mine (baseline), wrong"
    assert shown["report"] == f"none; `qcbench report {run.name}`"
    assert shown["next"] == f"qcbench leaderboard {run.name}"


@pytest.mark.parametrize("harm", ["torn", "foreign"])
def test_show_does_not_say_what_a_damaged_store_would_know(
    run: Path, capsys: Output, harm: str
) -> None:
    """Whether a run is in MLflow is not known then, and to publish it once more is no advice."""
    store = run.parent / "mlflow.db"
    if harm == "torn":
        store.write_bytes(b"SQLite format 3\0" + bytes(84))
    else:
        with closing(sqlite3.connect(store)) as database, database:
            database.execute("CREATE TABLE songs (name)")
    try:
        assert main(["show"]) == 0
    finally:
        store.unlink()
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("tracking")]
    assert "not known" in line
    assert str(store) in line
    assert "qcbench track" not in line


@pytest.mark.e2e
def test_what_show_advises_works(run: Path, capsys: Output) -> None:
    unfinish(run)
    assert main(["show", run.name[:14]]) == 0
    out = capsys.readouterr().out
    commands = re.findall(r"qcbench (?:leaderboard|report|resume|verify) .*?(?=`|$)", out, re.M)
    verbs = {command.split()[1] for command in commands}
    assert verbs == {"resume", "leaderboard", "report", "verify"}
    for command in commands:
        where = WHERE if " resume " in command else []
        assert main([*shlex.split(command)[1:], *where]) == 0, command


def test_the_same_numbers_are_found_to_be_the_same(run: Path, capsys: Output) -> None:
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    assert main(["verify", "sample=2"]) == 0
    out = capsys.readouterr().out
    assert "6 trials failed and have no numbers to compare" in out
    assert out.count("\nok ") == 2
    assert "2 trials repeated, 0 on both engines: equal to the last bit" in out
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before


def test_one_bit_is_found(run: Path, capsys: Output) -> None:
    trial = change(run, "mean_completion_s", 1e-11)
    (run / "trials.parquet").unlink()
    assert main(["verify", "sample=all"]) == 1
    out = capsys.readouterr().out
    (line,) = [line for line in out.splitlines() if line.startswith("DIFFERENT")]
    assert re.search(r"/ mine / world \d, simpy: mean_completion_s: \S+ stored, \S+ here", line)
    store = open_run(run)
    named = next(each for each in store.trials if each.trial_id == trial)
    assert f"{named.scenario} / mine / world {named.replicate}" in line
    assert "6 trials repeated, 0 on both engines: 1 trial not as stored" in out


def test_records_and_tables_are_compared_too(run: Path, capsys: Output) -> None:
    store = open_run(run)
    trial = chosen(store, None, 0)[0]
    path = store.records_path(trial.trial_id)
    records = pl.read_parquet(path)
    wait = pl.col("wait_s")
    changed = records.with_columns(
        pl.when(pl.int_range(pl.len()) == 3).then(wait + 1.0).otherwise(wait).alias("wait_s")
    )
    changed.write_parquet(path)
    table = pl.read_parquet(run / "trials.parquet")
    table.with_columns(replicate=pl.col("replicate") + 1).write_parquet(run / "trials.parquet")
    assert main(["verify", "sample=all"]) == 1
    out = capsys.readouterr().out
    assert re.search(r"DIFFERENT .*: records.wait_s, row 3: \S+ stored, \S+ here \(-1, ", out)
    assert "trials.parquet: is not the table that the shards of the run make" in out


def test_what_is_otherwise_here_is_said_first(run: Path, capsys: Output) -> None:
    path = run / "manifest.json"
    told = path.read_text().replace('"model_version": 3', '"model_version": 2')
    told = re.sub(r'"simpy": "[^"]+"', '"simpy": "0.0.1"', told)
    path.write_text(told)
    assert main(["verify", "sample=1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == "note  model version 2 ran it, here is 3: numbers may differ"
    assert lines[2].startswith("note  versions simpy: 0.0.1 ran it, here is ")
    assert lines[-2].startswith("ok ")


def test_the_choice_is_by_the_seed_alone(run: Path) -> None:
    store = open_run(run)
    few, more = ({t.trial_id for t in chosen(store, count, 1)} for count in (2, 4))
    assert few < more
    assert {t.trial_id for t in chosen(store, 2, 1)} == few
    assert any({t.trial_id for t in chosen(store, 2, seed)} != few for seed in range(2, 8))
    scenarios = {t.scenario for t in store.trials}
    assert {t.scenario for t in chosen(store, len(scenarios), 5)} == scenarios


@pytest.mark.e2e
@pytest.mark.parametrize("engine", ["simpy", "compiled"])
def test_both_engines(
    engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    monkeypatch.chdir(tmp_path)
    told = ["suite=quickstart", "suite.replicates=1", f"suite.engine={engine}"]
    assert main(["run", *told, *WHERE]) == 0
    capsys.readouterr()
    assert main(["verify", "sample=6"]) == 0
    assert "6 trials repeated, 6 on both engines: equal" in capsys.readouterr().out


def test_the_same_in_python(run: Path) -> None:
    assert set(qcbench.__all__) == set(dir(qcbench))
    found = qcbench.runs()
    assert [each.id for each in found] == [run.name]
    assert repr(found) == f"<1 listed: {run.name}>"
    assert repr(found[0]) == f"<run {run.name}: complete>"
    opened = qcbench.open_run()
    assert repr(opened) == f"<Run {run.name}: complete, 12 of 12 trials, 6 failed>"
    ranked = qcbench.leaderboard(metric="mean_wait_s")
    assert repr(ranked) == f"<Leaderboard of {run.name}: mine first of 2 by mean_wait_s>"
    assert ranked.text("csv").startswith("scenario,policy,")
    assert str(ranked).count("mine") >= 3
    assert "\x1b" not in str(ranked)
    for shown in (found, opened, ranked):
        page = shown._repr_html_()
        assert "mine" in page
        assert page.startswith(("<table>", "<pre "))
    done = qcbench.verify(sample=1)
    assert (done.equal, len(done.repeated), done.run) == (True, 1, run.name)


def test_a_leaderboard_in_jupyter_is_text_as_elsewhere(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = str(qcbench.leaderboard())
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    assert str(qcbench.leaderboard()) == elsewhere
    assert "mine" in elsewhere


def test_names_are_no_markup_in_a_notebook(run: Path) -> None:
    manifest = run / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"quickstart"', '"<script>alert(1)</script>"'))
    for shown in (qcbench.runs(), qcbench.open_run()):
        page = shown._repr_html_()
        assert "<script" not in page
        assert "&lt;script&gt;" in page


def test_records_in_a_notebook() -> None:
    records = qcbench.simulate(policy="random", seed=1)
    assert repr(records) == f"<Records of 25 jobs, {len(records)} rows: {len(records)} done>"
    assert "<table" in records._repr_html_()


def test_a_name_that_is_too_long_is_bad_input(capsys: pytest.CaptureFixture[str]) -> None:
    name = "a" * 300
    assert main(["show", name]) == 2
    assert "File name too long" in capsys.readouterr().err
    assert main(["new", "policy", name]) == 2
    assert main(["new", "policy", "__main__"]) == 2
    assert "is a module of Python's or a package's" in capsys.readouterr().err
    assert main(["verify", f"sample={'9' * 5000}"]) == 2
    assert "give a number of trials, or all" in capsys.readouterr().err

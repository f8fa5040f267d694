"""What lies on the disk: runs that are whole or not there, locks, damaged files, names."""

import json
import os
import resource
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from toys import toy_trials, work

from qcbench.bench import manifest, tables, trial
from qcbench.bench.config import ClusterConfig
from qcbench.bench.driver import run_trials
from qcbench.bench.listing import list_all
from qcbench.bench.outcome import attempt_trial
from qcbench.bench.run_folder import create_run, missing, open_run
from qcbench.bench.run_names import HEADS, find, find_any, list_runs
from qcbench.bench.store import RunStore
from qcbench.errors import InputError
from qcbench.report.run import describe_run
from qcbench.storage import stored_run

NOW = datetime(2026, 3, 1, 12, 30, 5, tzinfo=UTC)
SUITE = {"name": "toy", "replicates": 3}


def fill(store: RunStore, start: int, stop: int, step: int = 3) -> None:
    """Store the results of some trials, a few a shard."""
    trials = store.trials[start:stop]
    for first in range(0, len(trials), step):
        part = trials[first : first + step]
        store.append([attempt_trial(work, t, "placement", "host:1") for t in part])


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """Let writes beyond a size fail, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_run_is_rebuilt_from_its_manifest(runs: Path) -> None:
    trials = toy_trials(8, load=0.1, note="é")
    with create_run(runs, SUITE, trials, track="placement", keep_records=True, now=NOW) as store:
        assert store.folder == runs / "toy-20260301-123005"
    read = open_run(store.folder)
    assert list(read.trials) == trials
    assert read.manifest.suite == SUITE
    assert read.manifest.track == "placement"
    assert read.manifest.keep_records
    assert read.manifest.provenance["versions"]["polars"] == pl.__version__


def test_runs_of_the_same_second_get_other_names(runs: Path) -> None:
    names = []
    for _ in range(3):
        with create_run(runs, SUITE, toy_trials(1), track="placement", now=NOW) as store:
            names.append(store.folder.name)
    stamp = "toy-20260301-123005"
    assert names == [stamp, f"{stamp}-2", f"{stamp}-3"]
    assert [folder.name for folder in list_runs(runs)] == names


def test_the_table_is_in_the_order_of_the_suite_and_says_what_failed(runs: Path) -> None:
    trials = toy_trials(10, fail={"1": "value"})
    shuffled = [trials[n] for n in (3, 9, 0, 7, 1, 8, 2, 6, 5, 4)]
    with create_run(runs, SUITE, shuffled, track="placement") as store:
        fill(store, 5, 10)
        fill(store, 0, 5)
        store.finish()
    table = pl.read_parquet(store.folder / "trials.parquet")
    assert table["trial_id"].to_list() == [t.trial_id for t in trials]
    failed = table.filter(pl.col("status") == "failed")
    assert failed["replicate"].to_list() == [1, 1, 1, 1]
    assert failed["error"].str.starts_with("ValueError: replicate 1").all()
    assert table.columns[: len(trial.COORDINATES)] == list(trial.COORDINATES)
    assert table["track"].unique().to_list() == ["placement"]
    listed = [json.loads(x) for x in (store.folder / "failures.jsonl").read_text().splitlines()]
    assert [x["trial_id"] for x in listed] == failed["trial_id"].to_list()
    assert all("in work" in x["traceback"] for x in listed)
    timings = pl.read_parquet(store.folder / "timings.parquet")
    assert timings["trial_id"].to_list() == table["trial_id"].to_list()


def test_an_unfinished_run_is_readable_but_not_finished(runs: Path) -> None:
    with create_run(runs, SUITE, toy_trials(6), track="placement") as store:
        fill(store, 0, 2)
        with pytest.raises(InputError, match="4 trials have no result yet; resume"):
            store.finish()
    read = open_run(store.folder)
    assert read.table().height == 2
    assert [t.ordinal for t in missing(read.trials, read)] == [2, 3, 4, 5]
    assert not (store.folder / "trials.parquet").exists()


@pytest.mark.parametrize("damage", ["torn", "flipped", "empty", "foreign", "other run", "text"])
def test_a_damaged_shard_is_set_aside_and_its_trials_are_missing(runs: Path, damage: str) -> None:
    with create_run(runs, SUITE, toy_trials(9), track="placement") as store:
        fill(store, 0, 9)
        expected = store.finish().read_bytes()
    shards = sorted((store.folder / "shards").iterdir())
    victim = shards[1]
    data = victim.read_bytes()
    if damage == "torn":
        victim.write_bytes(data[: len(data) // 2])
    elif damage == "flipped":
        victim.write_bytes(data[:200] + bytes([data[200] ^ 1]) + data[201:])
    elif damage == "empty":
        victim.write_bytes(b"")
    elif damage == "text":
        (victim.parent / "notes.txt").write_text("hello")
    elif damage == "foreign":
        pl.DataFrame({"a": [1]}).write_parquet(victim.parent / "mine.parquet")
    else:
        with create_run(runs, SUITE, toy_trials(3, other=1), track="placement") as other:
            fill(other, 0, 3)
        shutil.copy(next((other.folder / "shards").iterdir()), victim.parent)

    reader = open_run(store.folder)
    assert len(reader.warnings) == 1
    assert sorted((store.folder / "shards").iterdir()), "a reader moves nothing"
    with open_run(store.folder, write=True) as again:
        lost = missing(again.trials, again)
        assert len(lost) == (3 if damage in ("torn", "flipped", "empty") else 0)
        assert len(again.warnings) == 1
        assert "run again" in again.warnings[0]
        assert len(list((store.folder / "quarantine").iterdir())) == 1
        run_trials(again.trials, work, again, ClusterConfig(address="inline"))
    assert (store.folder / "trials.parquet").read_bytes() == expected


def test_a_second_writer_is_refused_and_the_first_goes_on(runs: Path) -> None:
    with create_run(runs, SUITE, toy_trials(3), track="placement") as store:
        with pytest.raises(InputError, match=f"being written by process {os.getpid()} on"):
            open_run(store.folder, write=True)
        assert open_run(store.folder).trials == store.trials
        fill(store, 0, 3)
        store.finish()
    open_run(store.folder, write=True).close()


def test_left_over_temporary_files_are_removed(runs: Path) -> None:
    with create_run(runs, SUITE, toy_trials(3), track="placement") as store:
        torn = store.folder / "shards" / ".abc.parquet.123.tmp"
        torn.write_bytes(b"half")
    open_run(store.folder)
    assert torn.exists()
    open_run(store.folder, write=True).close()
    assert not torn.exists()


def test_a_place_that_cannot_be_written_is_refused_before_anything_is_there(
    tmp_path: Path,
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    for runs in (blocked, blocked / "runs", Path("/proc/runs")):
        with pytest.raises(InputError, match=r"cannot be stored here|cannot be written"):
            create_run(runs, SUITE, toy_trials(1), track="placement")
    assert blocked.read_text() == "not a folder"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_refused(runs: Path) -> None:
    runs.mkdir()
    runs.chmod(0o500)
    with pytest.raises(InputError, match="cannot be stored here"):
        create_run(runs, SUITE, toy_trials(1), track="placement")


def test_a_full_disk_is_refused_before_any_trial_runs(runs: Path) -> None:
    with (
        file_size_limit(10_000),
        pytest.raises(InputError, match=r"cannot be written .*free space"),
    ):
        create_run(runs, SUITE, toy_trials(1), track="placement")
    assert not runs.exists()
    with create_run(runs, SUITE, toy_trials(1), track="placement") as store:
        pass
    before = sorted(store.folder.rglob("*"))
    with file_size_limit(10_000), pytest.raises(InputError, match="free space"):
        open_run(store.folder, write=True)
    assert sorted(store.folder.rglob("*")) == before


def test_a_disk_that_fills_up_stops_the_run_and_a_resume_completes_it(
    runs: Path, tmp_path: Path
) -> None:
    trials = toy_trials(8)
    with create_run(runs, SUITE, trials, track="placement") as store:
        fill(store, 0, 8)
        expected = store.finish().read_bytes()
    with create_run(runs, SUITE, trials, track="placement") as store:
        fill(store, 0, 4)
        with file_size_limit(500), pytest.raises(InputError, match="cannot be written"):
            fill(store, 4, 8)
        assert not list((store.folder / "shards").glob(".*"))
    with open_run(store.folder, write=True) as store:
        assert [t.ordinal for t in missing(store.trials, store)] == [4, 5, 6, 7]
        summary = run_trials(store.trials, work, store, ClusterConfig(address="inline"))
    assert summary.ran == 4
    assert (store.folder / "trials.parquet").read_bytes() == expected


def test_a_trial_listed_twice_is_refused(runs: Path) -> None:
    trials = toy_trials(2)
    twin = replace(trials[0], ordinal=7)
    with pytest.raises(InputError, match="scenario s0, policy p0, replicate 0 is listed twice"):
        create_run(runs, SUITE, [*trials, twin], track="placement")
    with pytest.raises(InputError, match="no trials"):
        create_run(runs, SUITE, [], track="placement")
    assert not runs.exists()


def test_a_run_of_another_model_version_is_readable_but_not_continued(
    runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with create_run(runs, SUITE, toy_trials(4), track="placement") as store:
        fill(store, 0, 4)
        expected = store.table()
    newer = trial.MODEL_VERSION + 1
    monkeypatch.setattr(trial, "MODEL_VERSION", newer)
    monkeypatch.setattr(manifest, "MODEL_VERSION", newer)
    with pytest.raises(InputError, match=f"model version {newer - 1} and this qcbench {newer}"):
        open_run(store.folder, write=True)
    assert open_run(store.folder).table().equals(expected)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text[:300], "no manifest of a run"),
        (lambda text: "[]", "no manifest of a run"),
        (lambda text: text.replace('"trials"', '"trails"'), "no manifest of a run"),
        (lambda text: text.replace('"format": 1', '"format": 99'), "format 99"),
        (lambda text: text.replace('"load": 0.5', '"load": 0.6'), "manifest was edited"),
    ],
)
def test_a_damaged_manifest_is_refused(runs: Path, change, message: str) -> None:
    with create_run(runs, SUITE, toy_trials(2, load=0.5), track="placement") as store:
        path = store.folder / "manifest.json"
    path.write_text(change(path.read_text()))
    with pytest.raises(InputError, match=message):
        open_run(store.folder, write=True)


def test_a_run_is_found_by_name_beginning_path_or_age(runs: Path) -> None:
    with pytest.raises(InputError, match="has no runs"):
        find("run", runs)
    for suite, minute in (("big", 3), ("toy", 2), ("toy", 1)):
        trials = toy_trials(1, suite=suite)
        create_run(runs, {}, trials, track="placement", now=NOW.replace(minute=minute)).close()
    newest = runs / "big-20260301-120305"
    assert find("run", runs) == newest
    assert find("run", runs, "toy-20260301-120105").name == "toy-20260301-120105"
    assert find("run", runs, "toy-20260301-1201").name == "toy-20260301-120105"
    assert find("run", runs, str(newest)) == newest
    with pytest.raises(InputError, match=r"several begin so: toy-.*, toy-"):
        find("run", runs, "toy")
    with pytest.raises(InputError, match="did you mean big-20260301-120305"):
        find("run", runs, "big-20260301-120306")
    (runs / "notes").mkdir()
    with pytest.raises(InputError, match="is no run"):
        open_run(runs / "notes")


def test_what_is_named_is_of_the_kind_that_is_wanted(tmp_path: Path) -> None:
    runs, replays = tmp_path / "runs", tmp_path / "replays"
    made = {
        "run": runs / "toy-20260301-120105",
        "training": runs / "train-ppo-20260301-120105",
        "sweep": runs / "sweep-ppo-20260301-120105",
        "replay": replays / "replay-toy",
    }
    assert {HEADS[kind] for kind in made if kind != "replay"} == set(stored_run.HEADS)
    for kind, folder in made.items():
        folder.mkdir(parents=True)
        (folder / HEADS[kind]).touch()
    for kind, folder in made.items():
        assert find(kind, folder.parent, folder.name) == folder
        assert find(kind, folder.parent, folder.name[:-2]) == folder
        assert find(kind, folder.parent) == folder
        assert find(kind, tmp_path, str(folder)) == folder
        assert find_any(HEADS, (runs, replays), folder.name) == (folder, kind)
    for name in (made["sweep"].name, str(made["sweep"])):
        with pytest.raises(InputError, match="is a sweep, no training run"):
            find("training", runs, name)
    shutil.copytree(made["replay"], replays / "replay-toy-2")
    with pytest.raises(InputError, match="several begin so: replay-toy, replay-toy-2"):
        find("replay", replays, "replay")
    assert find("replay", replays, "replay-toy") == made["replay"]
    with pytest.raises(InputError, match=r"is no run or training run, whose folder has a manif"):
        find_any(("run", "training"), (runs,), str(tmp_path))


def test_records_are_kept_on_request_and_run_again_when_gone(runs: Path) -> None:
    with create_run(runs, SUITE, toy_trials(4), track="placement", keep_records=True) as store:
        fill(store, 0, 4)
        wanted = store.trials[2].trial_id
        assert store.records(wanted).columns == ["task_id", "wait_s"]
        store.records_path(wanted).unlink()
        assert [t.trial_id for t in missing(store.trials, store)] == [wanted]
    with create_run(runs, SUITE, toy_trials(4), track="placement") as store:
        fill(store, 0, 4)
        with pytest.raises(InputError, match="keep_records"):
            store.records(wanted)


def test_sessions_are_logged_once_each(runs: Path) -> None:
    with create_run(runs, SUITE, toy_trials(1), track="placement") as store:
        first, second = ("2026-03-01T12:30:05+00:00", "2026-03-01T12:31:05+00:00")
        store.log_session({"started": first})
        store.log_session({"started": second})
        store.log_session({"started": first, "finished": "c"})
    sessions = json.loads((store.folder / "machine.json").read_text())
    assert sessions == [{"started": second}, {"started": first, "finished": "c"}]


def test_a_finished_table_is_read_from_its_file_only_if_it_is_that_of_the_shards(
    runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with create_run(runs, SUITE, toy_trials(9), track="placement") as store:
        fill(store, 0, 9)
        path = store.finish()
    expected = path.read_bytes()
    from_shards = []

    def put_together(selected: pl.DataFrame) -> pl.DataFrame:
        from_shards.append(selected)
        return together(selected)

    together = tables.trials_frame
    monkeypatch.setattr(tables, "trials_frame", put_together)
    whole = open_run(store.folder).table()
    assert not from_shards
    assert tables.parquet_bytes(whole) == expected

    # Edited, though it is a table: the shards are the truth.
    path.write_bytes(tables.parquet_bytes(whole.with_columns(mean_wait_s=pl.lit(0.0))))
    assert tables.parquet_bytes(open_run(store.folder).table()) == expected
    path.unlink()
    assert tables.parquet_bytes(open_run(store.folder).table()) == expected
    assert len(from_shards) == 2

    # Results that came after it was written.
    path.write_bytes(expected)
    with open_run(store.folder, write=True) as store:
        assert not store.table().is_empty()
        assert len(from_shards) == 2
        store.append([attempt_trial(work, store.trials[0], "placement", "host:2")])
        assert tables.parquet_bytes(store.table()) == expected
    assert len(from_shards) == 3


DAMAGED = {
    "empty": b"",
    "torn": b'[{"started": "2026-03-01T12:30:05+00:00", "ho',
    "no JSON": b"sessions: none\n",
    "another type": b'{"started": "2026-03-01"}',
    "another type within": b'[{"started": 5}]',
    "a time that is none": b'[{"started": "2026-03-01T12:30:05+00:00", "run_s": "long"}]',
    "binary": b"\x80\x00\xff\xfe",
}


@pytest.mark.parametrize("data", DAMAGED.values(), ids=DAMAGED.keys())
def test_damaged_sessions_are_set_aside_and_the_run_goes_on(runs: Path, data: bytes) -> None:
    with create_run(runs, SUITE, toy_trials(8), track="placement", now=NOW) as store:
        fill(store, 0, 3)
    path = store.folder / "machine.json"
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"machine\.json.*; remove it, no result depends on it"):
        describe_run(store.folder)
    assert open_run(store.folder).warnings == [], "who only reads results needs no sessions"
    session = {"started": NOW.isoformat(), "run_s": 2.0}
    with open_run(store.folder, write=True) as again:
        (warning,) = again.warnings
        assert "machine.json" in warning
        assert warning.endswith("it is set aside, and the sessions before this one are not known")
        again.log_session(session | {"run_s": 1.0})
        again.log_session(session)
    assert json.loads(path.read_text()) == [session]
    assert (store.folder / "quarantine" / "machine.json").read_bytes() == data
    assert describe_run(store.folder).run_s == 2.0
    assert open_run(store.folder, write=True).warnings == []


@pytest.mark.parametrize("how", ["empty", "torn", "text", "binary", "another", "texts"])
def test_damaged_records_are_one_line(runs: Path, how: str) -> None:
    with create_run(runs, SUITE, toy_trials(1), track="placement", keep_records=True) as store:
        path = store.records_path(store.trials[0].trial_id)
        rows = pl.DataFrame({"trial_id": ["a"], "wait_s": [1.0]})
        whole = tables.parquet_bytes(rows)
        path.write_bytes(whole)
        assert store.records(store.trials[0].trial_id).equals(rows)
        path.write_bytes(
            {
                "empty": b"",
                "torn": whole[: len(whole) // 2],
                "text": b"no table",
                "binary": bytes(range(256)),
                "another": tables.parquet_bytes(rows.select("trial_id")),
                "texts": tables.parquet_bytes(rows.cast(pl.String)),
            }[how]
        )
        with pytest.raises(
            InputError, match=r"is damaged .*; remove it, and `qcbench resume` runs"
        ):
            store.records(store.trials[0].trial_id)


@pytest.mark.parametrize("name", ["suite", "provenance", "configs", "trials", "track", "versions"])
@pytest.mark.parametrize("value", [None, 5, "x", [], {}], ids=repr)
def test_a_manifest_whose_part_is_another_thing_is_one_line(
    runs: Path, name: str, value: object
) -> None:
    with create_run(runs, SUITE, toy_trials(2), track="placement") as store:
        path = store.folder / "manifest.json"
    data = json.loads(path.read_text())
    part = data["provenance"] if name == "versions" else data
    if type(part[name]) is type(value) or (name, value) == ("versions", None):
        return
    part[name] = value
    path.write_text(json.dumps(data))
    told = None if name == "versions" and not value else r"manifest\.json: is no manifest of a run"
    for look in (open_run, describe_run):
        if told is None:
            look(store.folder)
            continue
        with pytest.raises(InputError, match=told):
            look(store.folder)
    assert list_all(runs)[0].state == ("unfinished" if told is None else "damaged")


def test_a_manifest_that_is_nested_too_deep_is_one_line(runs: Path) -> None:
    with create_run(runs, SUITE, toy_trials(2), track="placement") as store:
        path = store.folder / "manifest.json"
    path.write_text("[" * 200_000)
    with pytest.raises(InputError, match=r"manifest\.json: is no manifest of a run"):
        open_run(store.folder)

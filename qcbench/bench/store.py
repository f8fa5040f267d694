"""A run on disk: the one place that writes results, and where a resumed run finds them.

RUNS/<run id>/
    manifest.json     the suite, its trials in order, versions and machine
    machine.json      every session that worked on the run: when, where, how many workers
    shards/           one Parquet file a finished chunk, named by the hash of its content
    records/          one Parquet file a trial, where the suite keeps records
    quarantine/       shards that were damaged or not of this run
    trials.parquet    the result table, written when all trials are there
    timings.parquet   times, worker and attempt of each trial: what cannot be reproduced
    summary-*.json    the numbers of the leaderboard, which can be computed again
    failures.jsonl    failed trials with their tracebacks
    run.lock          held while a process writes
"""

import fcntl
import hashlib
import json
import os
import re
import shutil
from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import polars as pl

from qcbench.bench import manifest as manifests
from qcbench.bench import tables
from qcbench.bench.manifest import Manifest
from qcbench.bench.outcome import Outcome
from qcbench.bench.run_names import list_runs
from qcbench.bench.tables import Entry, ShardError
from qcbench.bench.trial import Trial
from qcbench.errors import InputError, nearest
from qcbench.files import remove_temporary, write_durable

PROBE_BYTES = 1 << 20
"""What must fit before a run starts; a suite's table is about this large."""


class RunStore:
    """Results of one run. Made by `create_run` or `open_run`; a context that gives up the lock.

    Attributes:
        folder: where the run lies.
        manifest: what the run is.
        warnings: what was wrong with the files found, one line each.
    """

    def __init__(self, folder: Path, manifest: Manifest, lock: IO[str] | None) -> None:
        self.folder = folder
        self.manifest = manifest
        self.warnings: list[str] = []
        self._lock = lock
        self._made: tuple[Path, ...] = ()
        self._finished: set[str] = set()
        self._failed: set[str] = set()
        self._shards: set[str] = set()
        if lock is not None:
            for place in (folder, folder / "shards", folder / "records"):
                remove_temporary(place)
        self._read_shards()

    @property
    def trials(self) -> tuple[Trial, ...]:
        """The trials of the run in order."""
        return self.manifest.trials

    @property
    def finished(self) -> Set[str]:
        """Trial ids that have a row, whether done or failed."""
        return self._finished

    @property
    def failed(self) -> Set[str]:
        """Trial ids whose row says failed."""
        return self._failed

    @property
    def fingerprint(self) -> str:
        """A word that stands for the results: another one where they differ."""
        return hashlib.sha256("\n".join(sorted(self._shards)).encode()).hexdigest()

    def append(self, outcomes: Sequence[Outcome]) -> None:
        """Store the outcomes of a finished chunk: records first, then one shard.

        Raises:
            InputError: the disk is full or cannot be written; earlier shards are unharmed.
        """
        if not outcomes:
            return
        for outcome in outcomes:
            if self.manifest.keep_records and outcome.records is not None:
                path = self.records_path(outcome.trial_id)
                write_durable(path, tables.parquet_bytes(outcome.records))
        entries = [Entry.of(outcome) for outcome in outcomes]
        data = tables.shard_bytes(entries)
        name = _shard_name(data)
        write_durable(self.folder / "shards" / name, data)
        self._shards.add(name)
        done = [entry.trial_id for entry in entries if entry.status == "done"]
        self._note(done, [entry.trial_id for entry in entries if entry.status != "done"])

    def table(self) -> pl.DataFrame:
        """Return the result table of the trials that have a row, in the order of the suite."""
        return tables.trials_frame(self._selected())

    def timings(self) -> pl.DataFrame:
        """Return times, worker and attempt of the trials that have a row, in order."""
        return tables.timings_frame(self._selected())

    def failures(self) -> list[dict[str, Any]]:
        """Return coordinates, error and traceback of each failed trial, in order."""
        return [json.loads(line) for line in tables.failures_text(self._selected()).splitlines()]

    def records_path(self, trial_id: str) -> Path:
        """Return where the records of a trial lie."""
        return self.folder / "records" / f"{trial_id}.parquet"

    def records(self, trial_id: str) -> pl.DataFrame:
        """Return one row a task of a trial.

        Raises:
            InputError: the run did not keep records, or not of this trial.
        """
        path = self.records_path(trial_id)
        if not path.is_file():
            raise InputError(f"{path}: no records; run the suite with keep_records=true")
        return pl.read_parquet(path)

    def finish(self) -> Path:
        """Write the result table and what goes with it; return the path of the table.

        The bytes of the table depend on the trials alone. A file that is right already is left
        untouched.

        Raises:
            InputError: trials without a row, a metric without one type, or an unwritable disk.
        """
        absent = len(self.manifest.trial_ids) - len(self._finished)
        if absent:
            raise InputError(f"{self.folder}: {absent} trials have no result yet; resume the run")
        selected = self._selected()
        path = self.folder / "trials.parquet"
        files = {
            self.folder / "failures.jsonl": tables.failures_text(selected).encode(),
            self.folder / "timings.parquet": tables.parquet_bytes(tables.timings_frame(selected)),
            path: tables.parquet_bytes(tables.trials_frame(selected)),
        }
        for file, data in files.items():
            if not file.is_file() or file.read_bytes() != data:
                write_durable(file, data)
        return path

    def log_session(self, session: Mapping[str, Any]) -> None:
        """Add a session to `machine.json`, or replace the one with the same `started`."""
        path = self.folder / "machine.json"
        sessions = json.loads(path.read_text()) if path.is_file() else []
        kept = [other for other in sessions if other.get("started") != session.get("started")]
        write_durable(path, (json.dumps([*kept, session], indent=2) + "\n").encode())

    @property
    def is_new(self) -> bool:
        """Whether this process has made the run and nothing is stored in it yet."""
        return bool(self._made) and not self._finished

    def discard(self) -> None:
        """Remove a new run that could not begin, and what was made to hold it."""
        if not self.is_new:
            raise ValueError(f"{self.folder}: holds results")
        self.close()
        shutil.rmtree(self.folder, ignore_errors=True)
        remove_empty(self._made)

    def close(self) -> None:
        """Give up the lock."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def __enter__(self) -> "RunStore":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _selected(self) -> pl.DataFrame:
        """Read all shards; return one entry a trial in the order of the suite."""
        return tables.select(self._read(tuple(tables.SHARD_SCHEMA)), self.manifest.trial_ids)

    def _read(self, columns: Sequence[str]) -> pl.DataFrame:
        paths = [self.folder / "shards" / name for name in sorted(self._shards)]
        return tables.read_shards(paths, columns)

    def _note(self, done: Collection[str], failed: Collection[str]) -> None:
        """Take in which trials have a row; one that was ever done is done."""
        self._failed.update(trial_id for trial_id in failed if trial_id not in self._finished)
        self._failed.difference_update(done)
        self._finished.update(done, failed)

    def _read_shards(self) -> None:
        ids = frozenset(self.manifest.trial_ids)
        for path in sorted((self.folder / "shards").glob("[!.]*")):
            try:
                if path.name != _shard_name(path.read_bytes()):
                    raise ShardError("damaged, or not written by qcbench")
            except (OSError, ShardError) as error:
                self._set_aside(path, str(error))
            else:
                self._shards.add(path.name)
        try:
            found = self._read(("trial_id", "status"))
            sound = ids.issuperset(found.get_column("trial_id"))
        except (Exception, pl.exceptions.PanicException):  # as of `read_shard`
            sound = False
        if not sound:
            self._look_closer(ids)
            found = self._read(("trial_id", "status"))
        is_done = found.get_column("status") == "done"
        ids_found = found.get_column("trial_id")
        self._note(ids_found.filter(is_done).to_list(), ids_found.filter(~is_done).to_list())

    def _look_closer(self, ids: Set[str]) -> None:
        """Set aside each shard that is what it was, but none of this run."""
        for name in sorted(self._shards):
            path = self.folder / "shards" / name
            try:
                entries = tables.read_shard(path.read_bytes())
                foreign = next(
                    (one for one in entries.get_column("trial_id") if one not in ids), None
                )
                if foreign is not None:
                    raise ShardError(f"trial {foreign} is not of this run")
            except (OSError, ShardError) as error:
                self._shards.remove(name)
                self._set_aside(path, str(error))

    def _set_aside(self, path: Path, reason: str) -> None:
        now = "are missing until `qcbench resume`" if self._lock is None else "are run again"
        self.warnings.append(f"{path}: {reason}; its trials {now}")
        if self._lock is not None:
            quarantine = self.folder / "quarantine"
            quarantine.mkdir(exist_ok=True)
            path.replace(quarantine / path.name)


def absent_folders(path: Path) -> list[Path]:
    """Return the folder and those above it that are not there, the innermost first."""
    return [place for place in (path, *path.parents) if not place.exists()]


def remove_empty(folders: Iterable[Path]) -> None:
    """Remove folders, the innermost first, up to one that holds something."""
    for folder in folders:
        try:
            folder.rmdir()
        except FileNotFoundError:
            continue
        except OSError:
            return


def missing(trials: Sequence[Trial], store: RunStore, *, retry_failed: bool = False) -> list[Trial]:
    """Return the trials that have no row yet, in order.

    A trial whose records should have been kept but are gone counts as missing; with `retry_failed`
    so does one that failed.

    Raises:
        InputError: the manifest says another id of one than its config gives.
    """
    finished, failed = store.finished, store.failed
    keep = store.manifest.keep_records

    def is_missing(trial: Trial) -> bool:
        if trial.trial_id not in finished:
            return True
        if trial.trial_id in failed:
            return retry_failed
        return keep and not store.records_path(trial.trial_id).is_file()

    found = [trial for trial in trials if is_missing(trial)]
    if not store.is_new and (mismatch := manifests.edited(found)):
        raise InputError(continuable(store.folder, mismatch))
    return found


def continuable(folder: Path, mismatch: str) -> str:
    """Return what is said of a run that cannot be continued."""
    return f"{folder}: cannot be continued: {mismatch}; its results stay readable, start a new run"


def _shard_name(data: bytes) -> str:
    """Name a shard by its content, so that any damage shows."""
    return f"{hashlib.sha256(data).hexdigest()[:32]}.parquet"


def create_run(
    runs: Path,
    suite: Mapping[str, Any],
    trials: Sequence[Trial],
    *,
    track: str,
    keep_records: bool = False,
    now: datetime | None = None,
) -> RunStore:
    """Make the folder of a new run below `runs` and open it for writing.

    Args:
        runs: folder of all runs; made where absent.
        suite: the resolved suite as plain JSON data.
        trials: the expanded suite, in order of `ordinal`.
        track: kind of decision.
        keep_records: whether each trial's records are stored.
        now: time in the run's name; the present where None. UTC.

    Raises:
        InputError: no trials, one listed twice, or a place that is full or cannot be written; then
            nothing is left behind.
    """
    ordered = tuple(sorted(trials, key=lambda trial: trial.ordinal))
    manifests.check_trials(ordered)
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", ordered[0].suite).strip("-.") or "suite"
    stamp = f"{now or datetime.now(UTC):%Y%m%d-%H%M%S}"
    draft = runs / f".{name}-{stamp}.{os.getpid()}.tmp"
    absent = absent_folders(runs)
    try:
        (draft / "shards").mkdir(parents=True)
        (draft / "records").mkdir()
        _probe(draft)
        for suffix in range(1, 1000):
            run_id = f"{name}-{stamp}" + (f"-{suffix}" if suffix > 1 else "")
            folder = runs / run_id
            if folder.exists():
                continue
            manifest = Manifest(
                run_id=run_id,
                suite=suite,
                trials=ordered,
                track=track,
                keep_records=keep_records,
                provenance=manifests.provenance(),
            )
            write_durable(draft / "manifest.json", manifests.dump(manifest))
            try:
                draft.rename(folder)
            except FileExistsError:
                continue
            except OSError as error:
                if folder.exists():
                    continue
                raise error
            store = _writing(folder, manifest)
            store._made = (folder, *absent)
            return store
    except OSError as error:
        raise InputError(
            f"{runs}: runs cannot be stored here ({error.strerror}); choose another folder"
        ) from error
    finally:
        if draft.is_dir():
            shutil.rmtree(draft)
    raise InputError(f"{runs}: a thousand runs named {name}-{stamp}; choose another folder")


def open_run(folder: Path, *, write: bool = False) -> RunStore:
    """Open a run for reading, or with `write` for continuing it.

    Raises:
        InputError: no run, one that another process writes, one that this version of qcbench would
            continue with other numbers, or a place that is full or cannot be written.
    """
    path = folder / "manifest.json"
    if not path.is_file():
        raise InputError(f"{folder}: is no run; it has no manifest.json")
    manifest = manifests.load(path)
    if not write:
        return RunStore(folder, manifest, None)
    if manifest.mismatch:
        raise InputError(continuable(folder, manifest.mismatch))
    return _writing(folder, manifest)


def _writing(folder: Path, manifest: Manifest) -> RunStore:
    """Open a run for writing."""
    lock = _lock(folder)
    try:
        _probe(folder)
        for name in ("shards", "records"):
            (folder / name).mkdir(exist_ok=True)
        return RunStore(folder, manifest, lock)
    except BaseException:
        lock.close()
        raise


def _lock(folder: Path) -> IO[str]:
    """Take the run's lock. The kernel drops it with the process, so a killed one blocks nobody."""
    try:
        file = (folder / "run.lock").open("a+")
    except OSError as error:
        raise InputError(f"{folder}: cannot be written ({error.strerror})") from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.seek(0)
        holder = file.read().strip() or "another process"
        file.close()
        raise InputError(
            f"{folder}: is being written by {holder}; wait for it or stop it"
        ) from error
    except OSError as error:
        file.close()
        raise InputError(f"{folder}: cannot be locked ({error.strerror})") from error
    file.truncate(0)
    file.write(f"process {os.getpid()} on {os.uname().nodename}\n")
    file.flush()
    return file


def _probe(folder: Path) -> None:
    """Write and delete a file, so that a full or read-only place shows before any trial runs."""
    probe = folder / "probe"
    write_durable(probe, bytes(PROBE_BYTES))
    probe.unlink()


def find_run(runs: Path, run: str | None = None) -> Path:
    """Return the folder of a run given by id, by the beginning of one, or by path; or the latest.

    Raises:
        InputError: no such run (with the nearest names), or several that begin so.
    """
    found = list_runs(runs)
    if run is None:
        if not found:
            raise InputError(f"{runs}: has no runs; start one with `qcbench run suite=quickstart`")
        return found[-1]
    if (Path(run) / "manifest.json").is_file():
        return Path(run)
    names = {folder.name: folder for folder in found}
    if run in names:
        return names[run]
    begun = [name for name in names if run and name.startswith(run)]
    if len(begun) == 1:
        return names[begun[0]]
    if begun:
        raise InputError(f"run {run}: several begin so: {', '.join(begun[-5:])}")
    if Path(run).exists():
        raise InputError(f"run {run}: is no run; a run's folder has a manifest.json")
    raise InputError(f"run {run}: not in {runs}{nearest(run, names)}")

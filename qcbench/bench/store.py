"""A run on disk: the one place that writes results, and where a resumed run finds them.

RUNS/<run id>/
    manifest.json     the suite, its trials in order, versions and machine
    rounds.json       of a run that grows: how many worlds each scenario has by now, and why no more
    machine.json      every session that worked on the run: when, where, how many workers
    shards/           one Parquet file a finished chunk, named by the hash of its content
    worlds/           what is known of the worlds, one Parquet file a chunk that found some of it
    records/          one Parquet file a trial, where the suite keeps records
    quarantine/       shards that were damaged or not of this run, and a damaged machine.json
    trials.parquet    the result table, written when all trials are there
    worlds.parquet    bounds and other facts of the worlds
    tables.json       of which shards the result table is made, and its hash
    timings.parquet   times, worker and attempt of each trial: what cannot be reproduced
    summary-*.json    the numbers of the leaderboard, which can be computed again
    failures.jsonl    failed trials with their tracebacks
    run.lock          held while a process writes
"""

import hashlib
import json
import shutil
from collections.abc import Collection, Mapping, Sequence, Set
from pathlib import Path
from types import TracebackType
from typing import Any

import polars as pl

from qcbench.bench import rounds as round_files
from qcbench.bench import sessions, tables
from qcbench.bench.facts import SCHEMA, bearers, worlds_frame
from qcbench.bench.folders import remove_empty
from qcbench.bench.gathered import Compacted, Gathered
from qcbench.bench.manifest import Manifest
from qcbench.bench.outcome import Outcome
from qcbench.bench.rounds import Rounds
from qcbench.bench.sound_files import check_of_run, made_of, name_of, read_sound, to_quarantine
from qcbench.bench.tables import Entry, ShardError
from qcbench.bench.trial import Trial
from qcbench.errors import InputError
from qcbench.files import remove_temporary, write_durable
from qcbench.parquet import frame_in
from qcbench.storage import mirror
from qcbench.storage.places import shown_path

TABLE = "trials.parquet"
"""The result table of a finished run."""

WORLDS = "worlds.parquet"
"""What is known of the worlds of a finished run, see `qcbench.bench.facts`."""

PARTS = ("shards", "worlds", "records")
"""Folders of a run."""

STATES = ["trial_id", "status"]
"""Columns that say what became of which trial."""


class RunStore:
    """Results of one run. Made by `create_run` or `open_run`; a context that gives up the lock.

    Attributes:
        folder: where the run lies.
        manifest: what the run is.
        rounds: of a run that grows, as they are by now; None of another one.
        trials: of the run in order; of one that grows those of the rounds that have begun.
        warnings: what was wrong with the files found, one line each.
    """

    def __init__(
        self,
        folder: Path,
        manifest: Manifest,
        lock: mirror.Lock | None,
        made: Sequence[Path] = (),
    ) -> None:
        self.folder = folder
        self.manifest = manifest
        self.rounds: Rounds | None = None
        self.trials = manifest.trials
        if manifest.grows:
            self._take(round_files.load(folder, manifest.trials))
        self.warnings: list[str] = []
        self._lock = lock
        self._made = made
        self._finished: set[str] = set()
        self._failed: set[str] = set()
        self._shards: set[str] = set()
        self._worlds: dict[str, pl.DataFrame] = {}
        self._lacking = bearers(self.trials)
        if lock is not None:
            for place in (folder, *(folder / part for part in PARTS)):
                remove_temporary(place)
            self._look_at_sessions()
        self._look_at_shards()
        self._read_worlds()
        self._read_states()
        self._gathered = None if self._shards else Gathered()

    @property
    def complete(self) -> bool:
        """Whether every trial has a result, and no further ones will follow."""
        ended = self.rounds is None or not self.rounds.open
        return ended and len(self._finished) == len(self.trials)

    def begin(self, rounds: Rounds) -> None:
        """Write down what was decided of the rounds, before any trial of it runs.

        Raises:
            InputError: the disk is full or cannot be written.
        """
        path = self.folder / round_files.FILE
        write_durable(path, round_files.dump(rounds))
        mirror.push(path)
        before = bearers(self.trials)
        self._take(rounds)
        self._lacking |= {w: i for w, i in bearers(self.trials).items() if w not in before}

    def _take(self, rounds: Rounds) -> None:
        self.rounds = rounds
        self.trials = round_files.trials_of(self.manifest.trials, rounds)

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
        names = sorted(self._shards) + sorted(self._worlds)
        return hashlib.sha256("\n".join(names).encode()).hexdigest()

    def bears(self, trial: Trial) -> bool:
        """Whether a trial is the one that brings facts along which are not here."""
        return self._lacking.get((trial.scenario, trial.replicate)) == trial.trial_id

    @property
    def lacking(self) -> Set[str]:
        """Ids of the trials that bring facts of worlds along which are not here."""
        return frozenset(self._lacking.values())

    def append(self, outcomes: Sequence[Outcome]) -> None:
        """Store the outcomes of a finished chunk: records and facts first, then one shard.

        Raises:
            InputError: the disk is full or cannot be written; earlier shards are unharmed.
        """
        if not outcomes:
            return
        kept = []
        for outcome in outcomes:
            if self.manifest.keep_records and outcome.records is not None:
                path = self.records_path(outcome.trial_id)
                write_durable(path, tables.parquet_bytes(outcome.records))
                kept.append(path)
        rows = [outcome.facts for outcome in outcomes if outcome.facts is not None]
        if rows:
            facts = pl.DataFrame(rows, schema=SCHEMA)
            data = tables.parquet_bytes(facts)
            name = name_of(data)
            write_durable(self.folder / "worlds" / name, data)
            kept.append(self.folder / "worlds" / name)
            self._take_in(name, facts)
        entries = [Entry.of(outcome) for outcome in outcomes]
        frame = tables.frame_of(entries)
        data = tables.parquet_bytes(frame)
        name = name_of(data)
        shard = self.folder / "shards" / name
        write_durable(shard, data)
        mirror.push(*kept, shard, last=name)
        self._shards.add(name)
        if self._gathered is not None:
            self._gathered.take(frame)
        done = [entry.trial_id for entry in entries if entry.status == "done"]
        self._note(done, [entry.trial_id for entry in entries if entry.status != "done"])

    def table(self) -> pl.DataFrame:
        """Return the result table of the trials that have a row, in the order of the suite.

        Where the run is finished it is the file, if that is what `finish` has written: it is read
        in no time, and the shards are text.
        """
        data = self._whole_table()
        return self.compacted() if data is None else frame_in(data)

    def _whole_table(self) -> bytes | None:
        """Return the file of the result table, if it is of the shards and worlds that are here."""
        try:
            data = (self.folder / TABLE).read_bytes()
            said = (self.folder / "tables.json").read_bytes()
        except FileNotFoundError:
            return None
        return data if said == made_of(self.fingerprint, TABLE, data) else None

    def compacted(self) -> pl.DataFrame:
        """Return what `table` does, made of the shards, whatever the file says."""
        return tables.trials_frame(self._selected())

    def worlds(self) -> pl.DataFrame:
        """Return the facts of the worlds in the order of the suite, see `qcbench.bench.facts`."""
        return worlds_frame(self._worlds.values(), self.trials)

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
            InputError: the run did not keep records, not of this trial, or they are damaged.
        """
        path = self.records_path(trial_id)
        mirror.pull(path)
        if not path.is_file():
            raise InputError(f"{path}: no records; run the suite with keep_records=true")
        try:
            return tables.read_records(path.read_bytes())
        except (OSError, ShardError) as error:
            raise InputError(
                f"{shown_path(path)}: is damaged ({error}); remove it, and `qcbench resume` runs"
                " the trial again"
            ) from error

    def finish(self) -> Path:
        """Write the result table and what goes with it; return the path of the table.

        The bytes of the table depend on the trials alone. A file that is right already is left
        untouched.

        Raises:
            InputError: trials without a row, a metric without one type, or an unwritable disk.
        """
        absent = len(self.trials) - len(self._finished)
        if absent:
            raise InputError(f"{self.folder}: {absent} trials have no result yet; resume the run")
        made, failures = self._compacted()
        path = self.folder / TABLE
        table = tables.parquet_bytes(made.trials)
        worlds = self.worlds()
        about = {} if worlds.is_empty() else {self.folder / WORLDS: tables.parquet_bytes(worlds)}
        files = about | {
            self.folder / "failures.jsonl": failures.encode(),
            self.folder / "timings.parquet": tables.parquet_bytes(made.timings),
            path: table,
            self.folder / "tables.json": made_of(self.fingerprint, TABLE, table),
        }
        for file, data in files.items():
            if not file.is_file() or file.read_bytes() != data:
                write_durable(file, data)
        mirror.push(*files)
        return path

    def _compacted(self) -> tuple[Compacted, str]:
        """Return the tables, and the lines of the failures, of all trials."""
        gathered, self._gathered = self._gathered, None
        order = [trial.trial_id for trial in self.trials]
        made = None if gathered is None else gathered.compacted(order)
        if made is not None:
            return made, ""
        selected = self._selected()
        made = Compacted(tables.trials_frame(selected), tables.timings_frame(selected))
        return made, tables.failures_text(selected)

    def log_session(self, session: Mapping[str, Any]) -> None:
        """Add a session to `machine.json`, or replace the one with the same `started`."""
        path = self.folder / sessions.FILE
        write_durable(path, sessions.with_session(sessions.read(self.folder), session))
        mirror.push(path)

    @property
    def is_new(self) -> bool:
        """Whether this process has made the run and nothing is stored in it yet."""
        return bool(self._made) and not self._finished

    def discard(self) -> None:
        """Remove a new run that could not begin, and what was made to hold it."""
        if not self.is_new:
            raise ValueError(f"{self.folder}: holds results")
        mirror.discard(self.folder)
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
        order = [trial.trial_id for trial in self.trials]
        return tables.select(self._read(tuple(tables.SHARD_SCHEMA)), order)

    def _read(self, columns: Sequence[str]) -> pl.DataFrame:
        paths = [self.folder / "shards" / name for name in sorted(self._shards)]
        return tables.read_shards(paths, columns)

    def _note(self, done: Collection[str], failed: Collection[str]) -> None:
        """Take in which trials have a row; one that was ever done is done."""
        self._failed.update(trial_id for trial_id in failed if trial_id not in self._finished)
        self._failed.difference_update(done)
        self._finished.update(done, failed)

    def _look_at_sessions(self) -> None:
        try:
            sessions.read(self.folder)
        except InputError as error:
            said = f"{error}; it is set aside, and the sessions before this one are not known"
            self.warnings.append(said)
            to_quarantine(self.folder, self.folder / sessions.FILE)

    def _look_at_shards(self) -> None:
        for path in sorted((self.folder / "shards").glob("[!.]*")):
            try:
                read_sound(path)
            except (OSError, ShardError) as error:
                self._set_aside(path, str(error))
            else:
                self._shards.add(path.name)

    def _read_states(self) -> None:
        """Take in which trials have a row, and set aside shards that are none of this run."""
        ids = frozenset(trial.trial_id for trial in self.trials)
        found = self._states(ids)
        if found is None:
            self._look_closer(ids)
            found = self._read(STATES)
        is_done = found.get_column("status") == "done"
        ids_found = found.get_column("trial_id")
        self._note(ids_found.filter(is_done).to_list(), ids_found.filter(~is_done).to_list())

    def _states(self, ids: frozenset[str]) -> pl.DataFrame | None:
        """Return what the shards say of their trials, or the table made of them, which is quicker.

        None where something in them is none of this run.
        """
        try:
            whole = self._whole_table()
            found = self._read(STATES) if whole is None else frame_in(whole, STATES)
            sound = ids.issuperset(found.get_column("trial_id").to_list())
        except (Exception, pl.exceptions.PanicException):  # as of `read_shard`
            sound = False
        return found if sound else None

    def _read_worlds(self) -> None:
        for path in sorted((self.folder / "worlds").glob("[!.]*")):
            try:
                self._take_in(path.name, tables.read_parquet(read_sound(path), SCHEMA))
            except (OSError, ShardError) as error:
                self._set_aside(path, str(error))

    def _take_in(self, name: str, facts: pl.DataFrame) -> None:
        self._worlds[name] = facts
        for world in facts.select("scenario", "replicate").iter_rows():
            self._lacking.pop(world, None)

    def _look_closer(self, ids: Set[str]) -> None:
        """Set aside each shard that is what it was, but none of this run."""
        for name in sorted(self._shards):
            path = self.folder / "shards" / name
            try:
                check_of_run(path, ids)
            except (OSError, ShardError) as error:
                self._shards.remove(name)
                self._set_aside(path, str(error))

    def _set_aside(self, path: Path, reason: str) -> None:
        now = "are missing until `qcbench resume`" if self._lock is None else "are run again"
        self.warnings.append(f"{path}: {reason}; its trials {now}")
        if self._lock is not None:
            to_quarantine(self.folder, path)

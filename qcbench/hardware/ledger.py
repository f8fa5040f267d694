"""The durable record of a replay: what was decided, meant, submitted and measured.

A row of `intents` is on the disk before anything is submitted, with a hash that goes with the job
as its token. Whoever dies in between finds the job again by that. SQLite, forced to the disk at
every commit; one process writes at a time, and others may read meanwhile.
"""

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from qcbench.errors import InputError
from qcbench.hardware.intents import (
    OPEN,
    UNSENT,
    Decision,
    Intent,
    JobCalibration,
    JobRow,
    KeptCircuit,
    State,
)
from qcbench.hardware.ledger_file import check_whole, open_to_read, open_to_write, version_of
from qcbench.hardware.port import JobFigures, JobStatus
from qcbench.locks import take_lock
from qcbench.sums import added

VERSION = 2
"""Of the tables; a ledger of a later version is not read."""

FROM_1 = (
    "ALTER TABLE intents RENAME COLUMN estimate_s TO estimate",
    "ALTER TABLE intents RENAME COLUMN reserve_s TO reserve",
    "ALTER TABLE jobs RENAME COLUMN charge_s TO charge",
)
"""Version 1 knew no charges but QPU seconds."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS decisions (
    policy TEXT NOT NULL, sequence INTEGER NOT NULL, task INTEGER NOT NULL, qpu INTEGER NOT NULL,
    feasible INTEGER NOT NULL, at_s REAL NOT NULL, view TEXT NOT NULL,
    PRIMARY KEY (policy, sequence));
CREATE TABLE IF NOT EXISTS intents (
    hash TEXT PRIMARY KEY, phase TEXT NOT NULL, policy TEXT NOT NULL, task INTEGER NOT NULL,
    qpu INTEGER NOT NULL, device TEXT NOT NULL, circuits TEXT NOT NULL, shots INTEGER NOT NULL,
    estimate REAL NOT NULL, reserve REAL NOT NULL, at_s REAL NOT NULL,
    planned_s REAL NOT NULL, pending_jobs INTEGER, state TEXT NOT NULL, job_id TEXT,
    attempts INTEGER NOT NULL DEFAULT 0, error_class TEXT NOT NULL DEFAULT '',
    error TEXT NOT NULL DEFAULT '', counts TEXT, sent_s REAL);
CREATE TABLE IF NOT EXISTS circuits (
    qpu INTEGER NOT NULL, digest TEXT NOT NULL, figures TEXT NOT NULL, calibration TEXT NOT NULL,
    repetition_delay_s REAL, qpy BLOB NOT NULL, PRIMARY KEY (qpu, digest));
CREATE TABLE IF NOT EXISTS jobs (
    job_id TEXT PRIMARY KEY, hash TEXT NOT NULL, role TEXT NOT NULL, status TEXT NOT NULL,
    created_s REAL, running_s REAL, finished_s REAL, execution_s REAL,
    execution_source TEXT NOT NULL DEFAULT '', charge REAL);
CREATE TABLE IF NOT EXISTS calibrations (
    job_id TEXT PRIMARY KEY, date TEXT NOT NULL, success REAL, readout REAL);
CREATE TABLE IF NOT EXISTS events (
    at_s REAL NOT NULL, kind TEXT NOT NULL, hash TEXT NOT NULL, detail TEXT NOT NULL);
"""


class JobLedger:
    """The ledger of one replay; a context manager that closes it."""

    def __init__(self, path: Path, *, reading: bool = False) -> None:
        """Open or create a ledger.

        Args:
            reading: only to look; another process may be writing it.

        Raises:
            InputError: it cannot be written or read, is no ledger, or another process writes it.
        """
        self.path = path
        self._lock: IO[str] | None = None
        try:
            if reading and version_of(path) == VERSION:
                self._base = open_to_read(path)
                check_whole(self._base)
                return
            # Two clients would submit everything twice.
            self._lock = take_lock(path.with_suffix(".lock"), f"{path}: is being written")
            self._base = open_to_write(path)
            check_whole(self._base)
            self._prepare()
        except (sqlite3.Error, InputError) as error:
            self.close()
            if isinstance(error, InputError):
                raise
            reason = f"{path}: cannot be opened ({error}); where it is damaged, restore it"
            raise InputError(reason) from error

    def _prepare(self) -> None:
        """Make the tables, or bring those of version 1 up to date."""
        written_by = int(self._base.execute("PRAGMA user_version").fetchone()[0])
        tables = self._base.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if tables and written_by not in {1, VERSION}:
            raise InputError(
                f"{self.path}: was written by another version of qcbench; finish the replay with"
                " that one, or begin another with name=NAME"
            )
        with self.together():
            if tables and written_by == 1:
                for statement in FROM_1:
                    self._base.execute(statement)
            for statement in SCHEMA.split(";"):
                self._base.execute(statement)
            self._base.execute(f"PRAGMA user_version = {VERSION}")

    def __enter__(self) -> "JobLedger":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file, and let others write it."""
        if hasattr(self, "_base"):
            self._base.close()
        if self._lock is not None:
            self._lock.close()

    @contextmanager
    def together(self) -> Iterator[None]:
        """Write several rows or none of them.

        Raises:
            UnwritableError: the disk takes no more.
        """
        self._base.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._base.execute("COMMIT")
        except BaseException:
            if self._base.in_transaction:  # a full disk may have ended it
                self._base.execute("ROLLBACK")
            raise

    def get(self, key: str) -> str | None:
        """Return a remembered value."""
        row = self._base.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return None if row is None else str(row[0])

    def put(self, key: str, value: object) -> None:
        """Remember a value."""
        self._base.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, str(value)))

    def decide(self, decision: Decision) -> None:
        """Record a decision."""
        self._base.execute(
            "INSERT INTO decisions VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                decision.policy,
                decision.sequence,
                decision.task,
                decision.qpu,
                int(decision.feasible),
                decision.at_s,
                json.dumps(decision.view),
            ),
        )

    def decisions(self) -> list[Decision]:
        """Return all decisions, by policy and in order."""
        rows = self._base.execute("SELECT * FROM decisions ORDER BY policy, sequence")
        return [
            Decision(policy, sequence, task, qpu, bool(feasible), at_s, json.loads(view))
            for policy, sequence, task, qpu, feasible, at_s, view in rows
        ]

    def plan(self, intent: Intent) -> None:
        """Record what shall be submitted, before it is."""
        self._base.execute(
            "INSERT INTO intents (hash, phase, policy, task, qpu, device, circuits, shots,"
            " estimate, reserve, at_s, planned_s, pending_jobs, state, error_class, error)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                intent.hash,
                intent.phase,
                intent.policy,
                intent.task,
                intent.qpu,
                intent.device,
                json.dumps(intent.circuits),
                intent.shots,
                intent.estimate,
                intent.reserve,
                intent.at_s,
                intent.planned_s,
                intent.pending_jobs,
                intent.state,
                intent.error_class,
                intent.error,
            ),
        )

    def keep(self, circuit: KeptCircuit) -> None:
        """Keep a compiled circuit; one that is there already stays as it is."""
        self._base.execute(
            "INSERT OR IGNORE INTO circuits VALUES (?, ?, ?, ?, ?, ?)",
            (
                circuit.qpu,
                circuit.digest,
                json.dumps(circuit.figures),
                circuit.calibration,
                circuit.repetition_delay_s,
                circuit.qpy,
            ),
        )

    def circuits(self) -> list[KeptCircuit]:
        """Return all circuits that were kept."""
        rows = self._base.execute("SELECT * FROM circuits ORDER BY rowid")
        return [
            KeptCircuit(qpu, digest, json.loads(figures), date, delay_s, bytes(qpy))
            for qpu, digest, figures, date, delay_s, qpy in rows
        ]

    def replan(self, hash_: str, at_s: float, planned_s: float) -> None:
        """Take up an intent again that was refused, with the time at which it is."""
        self._base.execute(
            "UPDATE intents SET state = 'planned', job_id = NULL, error_class = '', error = '',"
            " at_s = ?, planned_s = ? WHERE hash = ?",
            (at_s, planned_s, hash_),
        )

    def attempt(self, intent: Intent) -> None:
        """Count an attempt to submit, and when, before it is made."""
        self._base.execute(
            "UPDATE intents SET attempts = attempts + 1, sent_s = ? WHERE hash = ?",
            (intent.sent_s, intent.hash),
        )

    def unsent(self, hash_: str) -> None:
        """Take back an attempt that met a limit of the account: it has surely made no job."""
        self._base.execute("UPDATE intents SET attempts = attempts - 1 WHERE hash = ?", (hash_,))

    def wait(self, hash_: str, error_class: str, error: str) -> None:
        """Record that an intent waits for what the account does not take now."""
        self._base.execute(
            "UPDATE intents SET state = 'waiting', error_class = ?, error = ? WHERE hash = ?",
            (error_class, error, hash_),
        )

    def adopt(self, hash_: str, job_id: str, status: JobStatus = "queued") -> None:
        """Record the job that an intent became."""
        with self.together():
            self._base.execute(
                "UPDATE intents SET state = 'submitted', job_id = ?, error_class = '', error = ''"
                " WHERE hash = ?",
                (job_id, hash_),
            )
            self._job(JobRow(job_id, hash_, "task", status, JobFigures()))

    def reopen(self, hash_: str) -> None:
        """Take back that an intent became a job: the backend has forgotten it."""
        self._base.execute(
            "UPDATE intents SET state = 'planned', job_id = NULL WHERE hash = ?", (hash_,)
        )

    def duplicate(self, hash_: str, job_id: str, status: JobStatus) -> None:
        """Record another job of the same intent, which is to be cancelled."""
        self._job(JobRow(job_id, hash_, "duplicate", status, JobFigures()))

    def _job(self, row: JobRow) -> None:
        figures = row.figures
        self._base.execute(
            "INSERT OR REPLACE INTO jobs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                row.job_id,
                row.hash,
                row.role,
                row.status,
                figures.created_s,
                figures.running_s,
                figures.finished_s,
                figures.execution_s,
                figures.execution_source,
                figures.charge,
            ),
        )

    def measure(self, job_id: str, status: JobStatus, figures: JobFigures) -> None:
        """Record what a job says of itself."""
        found = self._base.execute(
            "SELECT hash, role FROM jobs WHERE job_id = ?", (job_id,)
        ).fetchone()
        self._job(JobRow(job_id, found[0], found[1], status, figures))

    def finish(
        self,
        hash_: str,
        state: State,
        *,
        error_class: str = "",
        error: str = "",
        counts: Sequence[Mapping[str, int]] | None = None,
    ) -> None:
        """Record the end of an intent."""
        self._base.execute(
            "UPDATE intents SET state = ?, error_class = ?, error = ?, counts = ? WHERE hash = ?",
            (state, error_class, error, None if counts is None else json.dumps(counts), hash_),
        )

    def intents(self, *, open_only: bool = False) -> list[Intent]:
        """Return all intents in the order in which they were planned."""
        rows = self._base.execute(
            "SELECT hash, phase, policy, task, qpu, device, circuits, shots, estimate, reserve,"
            " at_s, planned_s, pending_jobs, state, job_id, attempts, error_class, error, counts,"
            " sent_s FROM intents ORDER BY rowid"
        )
        found = []
        for row in rows:
            values = list(row)
            values[6] = tuple(json.loads(values[6]))
            values[18] = None if values[18] is None else tuple(json.loads(values[18]))
            intent = Intent(*values)
            if not open_only or intent.state in OPEN:
                found.append(intent)
        return found

    def jobs(self) -> list[JobRow]:
        """Return all jobs in the order in which they became known."""
        rows = self._base.execute("SELECT * FROM jobs ORDER BY rowid")
        return [
            JobRow(job_id, hash_, role, status, JobFigures(*figures))
            for job_id, hash_, role, status, *figures in rows
        ]

    def calibrated(self, job_id: str, found: JobCalibration) -> None:
        """Record the calibration of a job's own time."""
        self._base.execute(
            "INSERT OR REPLACE INTO calibrations VALUES (?, ?, ?, ?)",
            (job_id, found.date, found.success_probability, found.readout_success),
        )

    def calibrations(self) -> dict[str, JobCalibration]:
        """Return the calibrations of jobs' own times; a ledger from before they were kept has none.

        Those that are only read have no table for them.
        """
        named = "SELECT count(*) FROM sqlite_master WHERE name = 'calibrations'"
        if not self._base.execute(named).fetchone()[0]:
            return {}
        rows = self._base.execute("SELECT * FROM calibrations")
        return {job_id: JobCalibration(*figures) for job_id, *figures in rows}

    def event(self, at_s: float, kind: str, hash_: str, detail: str) -> None:
        """Record something that happened on the way, such as a retry."""
        self._base.execute("INSERT INTO events VALUES (?, ?, ?, ?)", (at_s, kind, hash_, detail))

    def events(self) -> list[tuple[float, str, str, str]]:
        """Return (clock, kind, intent, detail) of all that happened on the way."""
        return list(
            self._base.execute("SELECT at_s, kind, hash, detail FROM events ORDER BY rowid")
        )

    def committed(self) -> float:
        """What is spent or may yet be, in the unit of the provider.

        A job whose charge is settled counts with it; every other intent that may have a job, and
        every duplicate, counts with what is reserved for it.
        """
        charged: dict[str, float] = {}
        unsettled: dict[str, int] = {}
        for job in self.jobs():
            charged.setdefault(job.hash, 0.0)
            if job.figures.charge is None:
                unsettled[job.hash] = unsettled.get(job.hash, 0) + 1
            else:
                charged[job.hash] += job.figures.charge
        total = 0.0
        for intent in self.intents():
            total += charged.get(intent.hash, 0.0)
            waiting = unsettled.get(intent.hash, 0)
            if intent.state in UNSENT and not waiting:
                waiting = 1
            total += waiting * intent.reserve
        return total

    def charged(self) -> float:
        """What was charged, in the unit of the provider."""
        return added(job.figures.charge or 0.0 for job in self.jobs())

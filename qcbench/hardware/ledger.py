"""The durable record of a replay: what was decided, meant, submitted and measured.

A row of `intents` is on the disk before anything is submitted, with a hash that goes with the job
as a tag. Whoever dies in between finds the job again by that tag. SQLite, forced to the disk at
every commit; one process writes at a time.
"""

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from qcbench.errors import InputError
from qcbench.hardware.port import JobFigures, JobStatus

State = Literal[
    "planned", "submitted", "done", "failed", "cancelled", "expired", "refused", "not_run"
]
"""`planned` and `submitted` are open; `expired` ran into our deadline and is censored; `refused`
was never accepted; `not_run` is too large for the backend, or cannot be executed at all."""

OPEN: tuple[State, ...] = ("planned", "submitted")

SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS decisions (
    policy TEXT NOT NULL, sequence INTEGER NOT NULL, task INTEGER NOT NULL, qpu INTEGER NOT NULL,
    feasible INTEGER NOT NULL, at_s REAL NOT NULL, view TEXT NOT NULL,
    PRIMARY KEY (policy, sequence));
CREATE TABLE IF NOT EXISTS intents (
    hash TEXT PRIMARY KEY, phase TEXT NOT NULL, policy TEXT NOT NULL, task INTEGER NOT NULL,
    qpu INTEGER NOT NULL, device TEXT NOT NULL, circuits TEXT NOT NULL, shots INTEGER NOT NULL,
    estimate_s REAL NOT NULL, reserve_s INTEGER NOT NULL, at_s REAL NOT NULL,
    planned_s REAL NOT NULL, pending_jobs INTEGER, state TEXT NOT NULL, job_id TEXT,
    attempts INTEGER NOT NULL DEFAULT 0, error_class TEXT NOT NULL DEFAULT '',
    error TEXT NOT NULL DEFAULT '', counts TEXT);
CREATE TABLE IF NOT EXISTS circuits (
    qpu INTEGER NOT NULL, digest TEXT NOT NULL, figures TEXT NOT NULL, calibration TEXT NOT NULL,
    repetition_delay_s REAL NOT NULL, qpy BLOB NOT NULL, PRIMARY KEY (qpu, digest));
CREATE TABLE IF NOT EXISTS jobs (
    job_id TEXT PRIMARY KEY, hash TEXT NOT NULL, role TEXT NOT NULL, status TEXT NOT NULL,
    created_s REAL, running_s REAL, finished_s REAL, execution_s REAL,
    execution_source TEXT NOT NULL DEFAULT '', charge_s REAL);
CREATE TABLE IF NOT EXISTS events (
    at_s REAL NOT NULL, kind TEXT NOT NULL, hash TEXT NOT NULL, detail TEXT NOT NULL);
"""


@dataclass(frozen=True)
class Decision:
    """A placement that a policy chose, feasible or not, and what it saw."""

    policy: str
    sequence: int
    task: int
    qpu: int
    feasible: bool
    at_s: float
    view: Mapping[str, Any]


@dataclass(frozen=True)
class Intent:
    """A job that shall be submitted.

    Attributes:
        hash: name of the intent, from everything it consists of; the job's tag.
        phase: `stream` for a task, `mirror` for a batch of mirror circuits.
        task: row of the task in its workload, or number of the batch.
        circuits: digests of the compiled circuits, in order; none of one that cannot be compiled.
        estimate_s: charge that is expected.
        reserve_s: charge that is reserved, and after which the backend stops the job.
        at_s: stream time of the decision.
        planned_s: backend's clock when the row was written.
        pending_jobs: in the device's queue then; None where unknown.
    """

    hash: str
    phase: Literal["stream", "mirror"]
    policy: str
    task: int
    qpu: int
    device: str
    circuits: tuple[str, ...]
    shots: int
    estimate_s: float
    reserve_s: int
    at_s: float
    planned_s: float
    pending_jobs: int | None = None
    state: State = "planned"
    job_id: str | None = None
    attempts: int = 0
    error_class: str = ""
    error: str = ""
    counts: tuple[Mapping[str, int], ...] | None = None


@dataclass(frozen=True)
class KeptCircuit:
    """A compiled circuit as it was submitted: a later calibration would compile another.

    Attributes:
        figures: of `CompiledFigures`, as plain data.
        calibration: date of the calibration that it was compiled for.
        qpy: the circuit.
    """

    qpu: int
    digest: str
    figures: Mapping[str, Any]
    calibration: str
    repetition_delay_s: float
    qpy: bytes


@dataclass(frozen=True)
class JobRow:
    """A job that was made, adopted or a duplicate of another."""

    job_id: str
    hash: str
    role: str
    status: JobStatus
    figures: JobFigures


class JobLedger:
    """The ledger of one replay; a context manager that closes it."""

    def __init__(self, path: Path) -> None:
        """Open or create a ledger.

        Raises:
            InputError: it cannot be written, is no ledger, or another process has it.
        """
        self.path = path
        try:
            self._base = sqlite3.connect(path, isolation_level=None, timeout=2.0)
            # An exclusive lock from the first write on: two clients would submit everything twice.
            self._base.execute("PRAGMA locking_mode=EXCLUSIVE")
            self._base.execute("PRAGMA journal_mode=WAL")
            self._base.execute("PRAGMA synchronous=FULL")
            self._base.execute("BEGIN EXCLUSIVE")
            self._base.execute("COMMIT")
            self._base.executescript(SCHEMA)
        except sqlite3.Error as error:
            reason = str(error)
            if "locked" in reason:
                raise InputError(
                    f"{path}: another replay is writing it; wait for its end"
                ) from None
            raise InputError(f"{path}: cannot be opened ({reason})") from error

    def __enter__(self) -> "JobLedger":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._base.close()

    @contextmanager
    def together(self) -> Iterator[None]:
        """Write several rows or none of them."""
        self._base.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._base.execute("ROLLBACK")
            raise
        self._base.execute("COMMIT")

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
            " estimate_s, reserve_s, at_s, planned_s, pending_jobs, state, error_class, error)"
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
                intent.estimate_s,
                intent.reserve_s,
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

    def attempt(self, hash_: str) -> None:
        """Count an attempt to submit, before it is made."""
        self._base.execute("UPDATE intents SET attempts = attempts + 1 WHERE hash = ?", (hash_,))

    def adopt(self, hash_: str, job_id: str, status: JobStatus = "queued") -> None:
        """Record the job that an intent became."""
        with self.together():
            self._base.execute(
                "UPDATE intents SET state = 'submitted', job_id = ? WHERE hash = ?",
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
                figures.charge_s,
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
            "SELECT hash, phase, policy, task, qpu, device, circuits, shots, estimate_s, reserve_s,"
            " at_s, planned_s, pending_jobs, state, job_id, attempts, error_class, error, counts"
            " FROM intents ORDER BY rowid"
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

    def event(self, at_s: float, kind: str, hash_: str, detail: str) -> None:
        """Record something that happened on the way, such as a retry."""
        self._base.execute("INSERT INTO events VALUES (?, ?, ?, ?)", (at_s, kind, hash_, detail))

    def events(self) -> list[tuple[float, str, str, str]]:
        """Return (clock, kind, intent, detail) of all that happened on the way."""
        return list(
            self._base.execute("SELECT at_s, kind, hash, detail FROM events ORDER BY rowid")
        )

    def committed_s(self) -> float:
        """QPU seconds that are spent or may yet be.

        A job whose charge is settled counts with it; every other intent that may have a job, and
        every duplicate, counts with what is reserved for it.
        """
        charged: dict[str, float] = {}
        unsettled: dict[str, int] = {}
        for job in self.jobs():
            charged.setdefault(job.hash, 0.0)
            if job.figures.charge_s is None:
                unsettled[job.hash] = unsettled.get(job.hash, 0) + 1
            else:
                charged[job.hash] += job.figures.charge_s
        total = 0.0
        for intent in self.intents():
            total += charged.get(intent.hash, 0.0)
            waiting = unsettled.get(intent.hash, 0)
            if intent.state == "planned" and not waiting:
                waiting = 1
            total += waiting * intent.reserve_s
        return total

    def charged_s(self) -> float:
        """QPU seconds that were charged."""
        return sum(job.figures.charge_s or 0.0 for job in self.jobs())

"""Seeing what becomes of submitted jobs: their ends, deadlines, duplicates, charges."""

from collections.abc import Sequence
from dataclasses import dataclass

from qcbench.hardware.open_intents import OpenIntent, OpenIntents, tag_of
from qcbench.hardware.port import FINAL, BackendError, JobFigures, JobSummary, Port

QUIET_SHARE = 0.05
"""Time between two looks, as a part of that since the last change: what is seen late is seen late
by so much of what it took."""


@dataclass
class Watcher:
    """Looks at the jobs of a replay.

    Attributes:
        group: label of all jobs of this replay.
        budget: that a job has to fit into which is submitted again.
        poll_s, longest_poll_s: see `Patience`.
        next_poll: when to look again, on the clock of pauses.
    """

    open: OpenIntents
    group: str
    budget: float
    poll_s: float
    longest_poll_s: float
    next_poll: float = 0.0

    @property
    def _port(self) -> Port:
        return self.open.port

    def look(self) -> None:
        """Look where it is time to."""
        now = self.open.wall()
        if self.next_poll <= now:
            quiet = min(QUIET_SHARE * (now - self.open.changed), self.longest_poll_s)
            self.next_poll = now + max(self.poll_s, quiet)
            self._poll()

    def soon(self) -> None:
        """Look within one interval: something has changed."""
        self.next_poll = min(self.next_poll, self.open.wall() + self.poll_s)

    def _poll(self) -> None:
        """Look at all jobs of this replay that are not at their end, and end what is."""
        submitted = [entry for entry in self.open if entry.intent.state == "submitted"]
        if not submitted:
            return
        try:
            listed = self._port.find(self.group, pending=True)
            pending = {job.job_id: job for job in listed}
            self.cancel_strangers(listed)
            for entry in submitted:
                job = pending.get(entry.intent.job_id or "")
                if job is None:
                    self._settle(entry)
                    continue
                self.open.heard_of(entry, job.status)
                if self.open.late(entry.intent):
                    self._port.cancel(job.job_id)
                    self.open.end(entry, "expired", "deadline", "not at its end by the deadline")
            self.open.answered()
        except BackendError as error:
            self.open.note(error.kind, None, str(error))
            if not error.may_retry:
                raise
            self.open.check_silence(error)
            self.next_poll = self.open.wall() + max(self.poll_s, error.retry_after_s)

    def cancel_strangers(self, listed: Sequence[JobSummary]) -> None:
        """Cancel jobs with the token of an intent that has another job: duplicates of a retry."""
        own = {tag_of(i.hash): i for i in self.open.ledger.intents() if i.job_id is not None}
        for job in listed:
            for tag in job.tags:
                intent = own.get(tag)
                if intent is not None and intent.job_id != job.job_id:
                    self.open.duplicate(intent.hash, job)

    def _settle(self, entry: OpenIntent) -> None:
        """End an intent whose job is at its end; come back where it is not quite."""
        job_id, ledger = entry.intent.job_id or "", self.open.ledger
        try:
            status = self._port.status(job_id)
        except BackendError as error:
            if error.kind != "unknown_job":
                raise
            self._forgotten(entry, str(error))
            return
        self.open.heard_of(entry, status)
        if status == "done":
            try:
                outcome = self._port.outcome(job_id)
            except BackendError as error:
                if error.may_retry:
                    raise
                # A result that cannot be read costs its own row; what the job cost is known.
                ledger.measure(job_id, status, self._port.figures(job_id))
                self.open.end(entry, "failed", "result", f"its result cannot be read: {error}")
                return
            ledger.measure(job_id, status, outcome.figures)
            self.open.end(entry, "done", counts=outcome.counts)
        elif status in {"failed", "cancelled"}:
            figures = self._port.figures(job_id)
            ledger.measure(job_id, status, figures)
            if status == "cancelled":
                self.open.end(entry, "cancelled", "cancelled", figures.error or status)
            else:
                self.open.end(entry, "failed", "job_error", figures.error or status)

    def _forgotten(self, entry: OpenIntent, reason: str) -> None:
        """Deal with a job that the backend does not know any more.

        A simulator that was started anew has forgotten everything: the job is submitted again, and
        counts with all that was reserved for it. A real service forgets nothing: that is an error.
        """
        self.open.note("forgotten", entry.intent, reason)
        ledger = self.open.ledger
        job_id = entry.intent.job_id or ""
        ledger.measure(job_id, "cancelled", JobFigures(charge=float(entry.intent.reserve)))
        if self._port.label == "hardware":
            self.open.end(entry, "failed", "unknown_job", reason)
            return
        if ledger.committed() + entry.intent.reserve > self.budget:
            self.open.end(entry, "refused", "budget", f"{reason}; no budget for another submit")
            return
        self.open.reopen(entry)

    def settle_charges(self) -> int:
        """Ask for charges that were not settled when their job ended; return how many still lack.

        Looks once more for duplicates, also among the jobs at their end.
        """
        ledger = self.open.ledger
        try:
            self.cancel_strangers(self._port.find(self.group))
        except BackendError as error:
            self.open.note(error.kind, None, str(error))
            return len(ledger.jobs())
        lacking = 0
        for job in ledger.jobs():
            if job.figures.charge is None or job.status not in FINAL:
                try:
                    status = self._port.status(job.job_id)
                    figures = self._port.figures(job.job_id)
                except BackendError as error:
                    self.open.note(error.kind, None, str(error))
                    lacking += 1
                    continue
                ledger.measure(job.job_id, status, figures)
                lacking += figures.charge is None
        self.open.count()
        return lacking

"""When the jobs of a replay did what: in stream time, with those that never came to their end."""

from bisect import bisect_right
from collections.abc import Iterable
from statistics import median
from typing import Any

from qcbench.hardware.intents import OPEN, Intent, JobRow
from qcbench.hardware.ledger import JobLedger

STARTS = "starts"
"""How often a replay was begun or gone on with, in the ledger."""


def session_clocks(ledger: JobLedger) -> list[tuple[float, float]]:
    """Return when every session of a replay began, and when its stream time was 0.

    Both by the backend's clock; sessions are the first, and those after restarts and suspensions.
    """
    return [
        (
            float(ledger.get(f"began_{session}") or 0.0),
            float(ledger.get(f"origin_{session}") or 0.0),
        )
        for session in range(int(ledger.get("sessions") or 0))
    ]


def note_start(ledger: JobLedger) -> int:
    """Note that a replay is begun or gone on with; return how many starts there were before.

    Those before its first submit do not count, so that the same command measures the same.
    """
    # A ledger of before says only in how many sessions there were.
    before = int(ledger.get(STARTS) or ledger.get("sessions") or 0) if ledger.intents() else 0
    ledger.put(STARTS, before + 1)
    return before


class Clocks:
    """From the backend's time stamps to stream time.

    The clocks of client and service differ, by an amount that is the same for a whole session: the
    median over its jobs of creation less submission. What was decided in one session may be
    submitted in a later one, whose stream time counts.
    """

    def __init__(self, ledger: JobLedger) -> None:
        clocks = session_clocks(ledger)
        self._starts = [began_s for began_s, _ in clocks]
        self._origins = [origin_s for _, origin_s in clocks]
        created = {job.job_id: job.figures.created_s for job in ledger.jobs()}
        gaps: dict[int, list[float]] = {}
        for intent in ledger.intents():
            moment = created.get(intent.job_id or "")
            if intent.phase == "stream" and moment is not None and intent.sent_s is not None:
                gaps.setdefault(self._at(intent.sent_s), []).append(moment - intent.sent_s)
        self._gap = {session: median(values) for session, values in gaps.items()}
        sent = [intent.sent_s for intent in ledger.intents() if intent.sent_s is not None]
        heard = [event[0] for event in ledger.events()]
        self._latest_s = max([*sent, *heard, *self._starts], default=0.0)

    def watched_s(self, intent: Intent) -> float | None:
        """Return for how long a job was watched at least, by what the ledger has heard since."""
        return None if intent.sent_s is None else max(self._latest_s - intent.sent_s, 0.0)

    def _at(self, moment_s: float) -> int:
        return max(bisect_right(self._starts, moment_s) - 1, 0)

    def session(self, intent: Intent) -> int:
        """Return which session planned an intent."""
        return self._at(intent.planned_s)

    def stream_s(self, intent: Intent, moment: float | None) -> float | None:
        """Return a time stamp of an intent's job in stream time."""
        if moment is None or intent.sent_s is None:
            return None
        sent_in = self._at(intent.sent_s)
        return moment - self._gap[sent_in] - self._origins[sent_in]

    def latest_end_s(self, ended: Iterable[tuple[Intent, float]]) -> float:
        """Return the stream time of the latest end in the latest session, its begin at least.

        Args:
            ended: what has ended, with the time stamp of its end.
        """
        if not self._starts:
            return 0.0
        began_s, origin_s = self._starts[-1], self._origins[-1]
        ends_s = [
            moment - self._gap.get(self._at(intent.sent_s), 0.0)
            for intent, moment in ended
            if intent.sent_s is not None
        ]
        # An end before the latest session lies in an earlier one, or in the pause between them.
        return max([began_s, *(end_s for end_s in ends_s if end_s >= began_s)]) - origin_s


def latest_end_s(ledger: JobLedger) -> float:
    """Return the stream time up to which a ledger's jobs have ended, 0 where nothing has begun."""
    finished = {job.job_id: job.figures.finished_s for job in ledger.jobs()}
    ended = []
    for intent in ledger.intents():
        moment = finished.get(intent.job_id or "")
        if intent.phase == "stream" and intent.state not in OPEN and moment is not None:
            ended.append((intent, moment))
    return Clocks(ledger).latest_end_s(ended)


def when(intent: Intent, job: JobRow | None, clocks: Clocks, deadline_s: float) -> dict[str, Any]:
    """Measured times in stream time; of a job that is not done, what is known of it."""
    figures = None if job is None else job.figures
    created = running = finished = queue = None
    if figures is not None:
        created, running, finished = (
            clocks.stream_s(intent, moment)
            for moment in (figures.created_s, figures.running_s, figures.finished_s)
        )
        queue = figures.queue_s
    execution = None if figures is None else figures.execution_s
    done = intent.state == "done" and queue is not None and execution is not None
    completion_s = queue + execution if done else None  # type: ignore[operator]
    on_device_s = None if created is None or finished is None else finished - created
    so_far_s = _so_far_s(intent, on_device_s, clocks, deadline_s)
    # Whether a job that is open has begun is not written down.
    waited_s = None if intent.state == "submitted" else so_far_s
    return {
        "session": clocks.session(intent),
        "submitted_s": created,
        "started_s": running,
        "finished_s": finished,
        "queue_s": queue,
        "waited_s": waited_s if queue is None else queue,
        "watched_s": completion_s if done or intent.state not in CENSORED else so_far_s,
        "execution_s": execution if done else None,
        "execution_source": "" if figures is None else figures.execution_source,
        "completion_s": completion_s,
        "overhead_s": (
            finished - running - execution  # type: ignore[operator]
            if done and finished is not None
            else None
        ),
    }


CENSORED = ("expired", "cancelled", "submitted")
"""States of jobs that would have taken longer than they were watched."""


def _so_far_s(
    intent: Intent, on_device_s: float | None, clocks: Clocks, deadline_s: float
) -> float | None:
    """Return for how long a job was watched, of one that did not come to its own end.

    Args:
        on_device_s: from its creation to its end, where both are known.
    """
    if intent.job_id is None or on_device_s is not None:
        return on_device_s
    if intent.state == "submitted":
        return clocks.watched_s(intent)
    return deadline_s if intent.state == "expired" else None

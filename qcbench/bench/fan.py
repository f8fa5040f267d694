"""Trials on Ray actors: two chunks in flight each, dead actors replaced, nothing lost or doubled.

Workers come and go as the nodes of the cluster do (`crew`).

Ray could restart actors and retry their calls by itself, but then a trial that kills its worker
takes every chunk that waits behind it along until all retries are spent, and nobody can tell which
trial it was. So the actors here have neither restarts nor retries, and the ledger of the driver
decides what is run again.
"""

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from qcbench.bench import nodes
from qcbench.bench.cluster import Cluster
from qcbench.bench.crew import WORTH_S, Crew
from qcbench.bench.ledger import Chunk
from qcbench.bench.outcome import Outcome, RunTrial, clean_line, error_line, failed_row
from qcbench.bench.session import RunError, Session
from qcbench.bench.stopping import StopFlag
from qcbench.bench.worker import Worker
from qcbench.plugins import distributions

POLL_S = 0.5
"""How long a request to stop may wait [s]."""

LOOK_S = 2.0
"""Time between two looks at how many CPUs the cluster has [s]."""

WAITING_S = 10.0
"""Time without any worker after which a person is told what is waited for [s]."""

MAX_FAILED_STARTS = 5
"""Times in a row that workers may die before one is ready; those of one moment count once, for a
node takes all of its workers along."""

LONGEST_PAUSE_S = 30.0
"""Longest pause after a worker that did not start [s]; the first takes half a second."""


@dataclass(eq=False)
class Slot:
    """An actor and what it was given.

    Attributes:
        actor: the handle.
        starting: the answer to `ready`, until it has come.
        late: whether it was hired after the run had begun.
        chunks: calls in flight, the one in hand first.
    """

    actor: Any
    starting: Any | None
    late: bool
    chunks: deque[tuple[Any, Chunk]] = field(default_factory=deque)


class Fan:
    """Deals a session's trials out to actors until every one has a result."""

    def __init__(self, session: Session, run_trial: str | RunTrial, cluster: Cluster) -> None:
        self._ray = cluster.ray
        self._session = session
        self._ledger = session.ledger(1)
        self._cluster = cluster
        local = session.config.address == "local"
        self._crew = Crew(session.config.workers, elastic=not local)
        self._track = session.store.manifest.track
        # A private Ray runs what this process runs.
        plugged = distributions(trial.plugins for trial in session.todo)
        needed = () if local else (*nodes.requirements(), *plugged)
        self._arguments = (run_trial, self._track, needed, session.facts or "")
        self._actor_class = self._ray.remote(
            num_cpus=1, max_restarts=0, max_task_retries=0, **cluster.actor_options
        )(Worker)
        self._slots: list[Slot] = []
        self._cores = -1
        self._look_at = 0.0
        self._hire_at = 0.0
        self._first_dispatch: float | None = None
        self._failed_starts = 0
        self._idle_since: float | None = time.monotonic()

    def run(self, stop: StopFlag) -> None:
        """Run everything, until done or asked to stop.

        Raises:
            RunError: workers that do not start, or no result for too long.
            InputError: the store became full.
        """
        try:
            last_news = time.monotonic()
            while self._ledger.unresolved and not stop():
                self._staff()
                self._dispatch()
                if self._receive(POLL_S):
                    last_news = time.monotonic()
                elif time.monotonic() - last_news > self._session.config.timeout_s:
                    raise RunError(self._stalled())
            if self._ledger.unresolved:
                self._receive(0.0)
            self._session.interrupted = self._ledger.unresolved > 0
        finally:
            for slot in self._slots:
                self._ray.kill(slot.actor)

    def _staff(self) -> None:
        """Hire workers up to what is wanted now; dismiss those that no longer are.

        First those that are not ready. On a cluster of others those that have nothing to do go
        too, so that long last trials do not hold the CPUs of all.
        """
        now = time.monotonic()
        if now >= self._look_at:
            self._look(now)
        ready = self._ready
        in_hand_s = now - self._first_dispatch if self._first_dispatch else 0.0
        wanted = self._crew.wanted(
            cores=self._cores,
            ready=ready,
            worth=self._ledger.worth(WORTH_S, in_hand_s),
            # Workers are kept from one round to the next.
            unresolved=self._ledger.unresolved + self._session.coming,
        )
        if now >= self._hire_at:
            for _ in range(wanted - len(self._slots)):
                self._hire()
        if (spare := len(self._slots) - wanted) > 0:
            idle = [slot for slot in self._slots if slot.starting is not None][::-1]
            if self._crew.elastic:
                idle += [slot for slot in self._slots if slot.starting is None and not slot.chunks]
            for slot in idle[:spare]:
                self._dismiss(slot)
        self._ledger.workers = self._crew.present(
            hired=len(self._slots), cores=self._cores, ready=self._ready
        )
        self._session.workers = max(self._session.workers, ready)
        self._tell_of_waiting(now, ready)

    @property
    def _ready(self) -> int:
        """Workers that run trials or could."""
        return sum(slot.starting is None for slot in self._slots)

    def _look(self, now: float) -> None:
        """See how many CPUs the cluster has, and say so where that has changed."""
        before, self._cores = self._cores, self._cluster.cores
        self._look_at = now + LOOK_S
        note = self._session.progress.note
        if before < 0:
            first = self._crew.wanted(
                cores=self._cores, ready=0, worth=0, unresolved=self._ledger.unresolved
            )
            note(f"starting {first} worker{'s' if first > 1 else ''}")
        elif self._cores != before:
            note(f"CPUs of the cluster: {self._cores}, before {before}")

    def _tell_of_waiting(self, now: float, ready: int) -> None:
        """Say once what is waited for where no worker has been ready for some time."""
        if ready:
            self._idle_since = now
        elif self._idle_since is not None and now - self._idle_since > WAITING_S:
            self._idle_since = None
            why = (
                f"all {self._cores} CPUs of the cluster are in use, or the workers still start"
                if self._cores
                else "the cluster has no CPU yet"
            )
            self._session.progress.note(
                f"waiting for a node with a free CPU: {why}; the run stops after "
                f"cluster.timeout_s={self._session.config.timeout_s:g} s without a result"
            )

    def _hire(self) -> None:
        actor = self._actor_class.remote(*self._arguments)
        late = self._first_dispatch is not None
        self._slots.append(Slot(actor, actor.ready.remote(), late))

    def _dispatch(self) -> None:
        """Give every worker a chunk, then a second one that hides the way there and back.

        There is no second behind a long chunk, where nothing is to be hidden, nor near the end,
        where it would wait while another worker is idle.
        """
        for depth in (0, 1):
            if depth and not self._ledger.plenty:
                return
            for slot in self._slots:
                if slot.starting is not None or len(slot.chunks) != depth:
                    continue
                if depth and slot.chunks[0][1].estimate_s > self._session.config.chunk_s:
                    continue
                chunk = self._ledger.next_chunk()
                if chunk is None:
                    return
                self._session.dispatching()
                self._first_dispatch = self._first_dispatch or time.monotonic()
                bearers = self._session.bearers_of(chunk)
                slot.chunks.append((slot.actor.run.remote(list(chunk.trials), bearers), chunk))

    def _receive(self, timeout_s: float) -> bool:
        """Take in what has arrived, waiting for the first; return whether anything had."""
        pending = [slot.starting for slot in self._slots if slot.starting is not None]
        pending += [answer for slot in self._slots for answer, _ in slot.chunks]
        if not pending:
            time.sleep(timeout_s)
            return False
        first, _ = self._ray.wait(pending, num_returns=1, timeout=timeout_s)
        if not first:
            return False
        arrived, _ = self._ray.wait(pending, num_returns=len(pending), timeout=0)
        here = {*first, *arrived}
        outcomes: list[Outcome] = []
        unstarted: list[tuple[Slot, Exception]] = []
        for slot in list(self._slots):
            if slot.starting is None:
                outcomes += self._receive_from(slot, here)
            elif slot.starting in here and (error := self._start_error(slot)):
                unstarted.append((slot, error))
        self._session.accept(outcomes)
        if unstarted:
            self._not_started(unstarted)
        return True

    def _receive_from(self, slot: Slot, here: set[Any]) -> list[Outcome]:
        errors = self._ray.exceptions
        outcomes: list[Outcome] = []
        while slot.chunks and slot.chunks[0][0] in here:
            answer, chunk = slot.chunks[0]
            try:
                given = self._ray.get(answer)
            except errors.RayTaskError as error:
                # Not a trial that failed but the way to it or back, such as arguments that the
                # worker cannot read.
                given = [self._undelivered(trial, error) for trial in chunk.trials]
            except errors.RayError as error:
                return outcomes + self._bury(slot, error)
            slot.chunks.popleft()
            outcomes += self._ledger.settle(chunk, given)
        return outcomes

    def _start_error(self, slot: Slot) -> Exception | None:
        """Take in that a worker is ready; return why it is not where it is not."""
        try:
            self._ray.get(slot.starting)
        except self._ray.exceptions.RayError as error:
            return error  # type: ignore[no-any-return]
        slot.starting = None
        self._failed_starts = 0
        return None

    def _not_started(self, slots: Sequence[tuple[Slot, Exception]]) -> None:
        """Let workers that did not start go, and hire others after a pause.

        A run that has begun is not stopped by nodes that join it and are no good, as long as
        others work.
        """
        slot, error = slots[0]
        unable = isinstance(error, self._ray.exceptions.RayTaskError)
        cause = getattr(error, "cause", None) if unable else None
        if unable:
            reason = error_line(cause if isinstance(cause, Exception) else error)
        else:
            reason = clean_line(str(error))
        if unable and not slot.late:
            raise RunError(
                self._session.resume_line(f"the workers cannot run trials: {reason}")
            ) from error
        for lost, _ in slots:
            self._dismiss(lost)
        self._failed_starts += 1
        if self._ready:
            self._session.progress.note(f"a worker did not start ({reason}); the others go on")
        elif self._failed_starts >= MAX_FAILED_STARTS:
            raise RunError(
                self._session.resume_line(f"the workers do not start ({reason})")
            ) from error
        pause_s = min(0.25 * 2**self._failed_starts, LONGEST_PAUSE_S)
        self._hire_at = time.monotonic() + pause_s

    def _bury(self, slot: Slot, error: Exception) -> list[Outcome]:
        """Take back what a dead worker had."""
        self._session.lost_workers += 1
        outcomes: list[Outcome] = []
        for position, (_, chunk) in enumerate(slot.chunks):
            outcomes += self._ledger.lost(chunk, started=position == 0, reason=str(error))
        self._dismiss(slot)
        return outcomes

    def _dismiss(self, slot: Slot) -> None:
        self._slots.remove(slot)
        # It may live on behind a cut link; its results are no longer wanted.
        self._ray.kill(slot.actor)

    def _undelivered(self, trial: Any, error: Exception) -> Outcome:
        return Outcome(
            trial_id=trial.trial_id,
            row=failed_row(trial, self._track, error_line(error)),
            wall_s=0.0,
            cpu_s=0.0,
            elapsed_s=0.0,
            traceback=str(error),
        )

    def _stalled(self) -> str:
        busy = [chunk.trials[0] for slot in self._slots for _, chunk in list(slot.chunks)[:1]]
        trials = ", ".join(f"{t.scenario}/{t.policy}/{t.replicate}" for t in busy[:3])
        hands = (
            f"in hand: {trials}" if busy else "no worker has started; the cluster has no free CPU"
        )
        return self._session.resume_line(
            f"no result for cluster.timeout_s={self._session.config.timeout_s:g} s ({hands})"
        )

"""Trials on Ray actors: two chunks in flight each, dead actors replaced, nothing lost or doubled.

Ray could restart actors and retry their calls by itself, but then a trial that kills its worker
takes every chunk that waits behind it along until all retries are spent, and nobody can tell which
trial it was. So the actors here have neither restarts nor retries, and the ledger of the driver
decides what is run again.
"""

import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from qcbench.bench import nodes
from qcbench.bench.cluster import Cluster
from qcbench.bench.ledger import Chunk
from qcbench.bench.outcome import Outcome, RunTrial, clean_line, error_line, failed_row
from qcbench.bench.session import RunError, Session
from qcbench.bench.stopping import StopFlag
from qcbench.bench.worker import Worker

POLL_S = 0.5
"""How long a request to stop may wait [s]."""

MAX_FAILED_STARTS = 5
"""Workers in a row that may die before they are ready."""


@dataclass(eq=False)
class Slot:
    """An actor and what it was given.

    Attributes:
        actor: the handle.
        starting: the answer to `ready`, until it has come.
        chunks: calls in flight, the one in hand first.
    """

    actor: Any
    starting: Any | None
    chunks: deque[tuple[Any, Chunk]] = field(default_factory=deque)


class Fan:
    """Deals a session's trials out to actors until every one has a result."""

    def __init__(
        self, session: Session, run_trial: str | RunTrial, cluster: Cluster, workers: int
    ) -> None:
        import ray  # noqa: PLC0415 - heavy, and not needed by who only imports the driver

        self._ray = ray
        self._session = session
        self._ledger = session.ledger(workers)
        self._workers = workers
        self._track = session.store.manifest.track
        # A private Ray runs what this process runs.
        needed = () if session.config.address == "local" else nodes.requirements()
        self._arguments = (run_trial, self._track, needed)
        self._actor_class = ray.remote(
            num_cpus=1, max_restarts=0, max_task_retries=0, **cluster.actor_options
        )(Worker)
        self._slots: list[Slot] = []
        self._failed_starts = 0

    def run(self, stop: StopFlag) -> None:
        """Run everything, until done or asked to stop.

        Raises:
            RunError: workers that do not start, or no result for too long.
            InputError: the store became full.
        """
        try:
            self._session.progress.note(
                f"starting {self._workers} worker{'s' if self._workers > 1 else ''}"
            )
            for _ in range(self._workers):
                self._hire()
            last_news = time.monotonic()
            while self._ledger.unresolved and not stop():
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

    def _hire(self) -> None:
        actor = self._actor_class.remote(*self._arguments)
        self._slots.append(Slot(actor, actor.ready.remote()))

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
                slot.chunks.append((slot.actor.run.remote(list(chunk.trials)), chunk))

    def _receive(self, timeout_s: float) -> bool:
        """Take in what has arrived, waiting for the first; return whether anything had."""
        pending = [slot.starting for slot in self._slots if slot.starting is not None]
        pending += [answer for slot in self._slots for answer, _ in slot.chunks]
        first, _ = self._ray.wait(pending, num_returns=1, timeout=timeout_s)
        if not first:
            return False
        arrived, _ = self._ray.wait(pending, num_returns=len(pending), timeout=0)
        here = {*first, *arrived}
        outcomes: list[Outcome] = []
        for slot in list(self._slots):
            outcomes += self._receive_from(slot, here)
        self._session.accept(outcomes)
        return True

    def _receive_from(self, slot: Slot, here: set[Any]) -> list[Outcome]:
        errors = self._ray.exceptions
        if slot.starting is not None:
            if slot.starting in here:
                self._started(slot)
            return []
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
            self._failed_starts = 0
            outcomes += self._ledger.settle(chunk, given)
        return outcomes

    def _started(self, slot: Slot) -> None:
        errors = self._ray.exceptions
        try:
            self._ray.get(slot.starting)
        except errors.RayTaskError as error:
            reason = error_line(error.cause if isinstance(error.cause, Exception) else error)
            raise RunError(
                self._session.resume_line(f"the workers cannot run trials: {reason}")
            ) from error
        except errors.RayError as error:
            self._failed_starts += 1
            if self._failed_starts >= MAX_FAILED_STARTS:
                reason = clean_line(str(error))
                raise RunError(
                    self._session.resume_line(f"the workers do not start ({reason})")
                ) from error
            self._replace(slot)
        else:
            slot.starting = None

    def _bury(self, slot: Slot, error: Exception) -> list[Outcome]:
        """Take back what a dead worker had, and hire another."""
        self._session.lost_workers += 1
        outcomes: list[Outcome] = []
        for position, (_, chunk) in enumerate(slot.chunks):
            outcomes += self._ledger.lost(chunk, started=position == 0, reason=str(error))
        self._replace(slot)
        return outcomes

    def _replace(self, slot: Slot) -> None:
        self._slots.remove(slot)
        # It may live on behind a cut link; its results are no longer wanted.
        self._ray.kill(slot.actor)
        self._hire()

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

"""A backend's queue: jobs of users among jobs of others, first come, first served."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .config import BackgroundConfig, Maintenance
from .faults import open_again_s


@dataclass
class QueueEntry:
    """A job in a queue.

    Attributes:
        arrival_s: when it came.
        run_s: how long it will occupy the device.
        job_id: empty for a job of others.
    """

    arrival_s: float
    run_s: float
    job_id: str = ""


class Background:
    """Arrivals of others' jobs at one backend, in order of time."""

    def __init__(self, config: BackgroundConfig, rng: np.random.Generator) -> None:
        self._config = config
        self._rng = rng
        own = config.utilisation * (1.0 + config.spread * rng.uniform(-1.0, 1.0))
        sample = np.exp(rng.normal(np.log(config.run_median_s), config.run_sigma, 10_000))
        mean_run_s = float(np.minimum(sample, config.run_max_s).mean())
        self._mean_gap_s = mean_run_s / min(own, 0.95) if own > 0.0 else float("inf")
        self._next_s = -config.warm_up_s
        self._step()

    def until(self, moment_s: float) -> list[QueueEntry]:
        """Return the jobs that have arrived since the last call, up to a moment."""
        arrived = []
        while self._next_s <= moment_s:
            run_s = float(
                np.exp(self._rng.normal(np.log(self._config.run_median_s), self._config.run_sigma))
            )
            arrived.append(QueueEntry(self._next_s, min(run_s, self._config.run_max_s)))
            self._step()
        return arrived

    def _step(self) -> None:
        if np.isinf(self._mean_gap_s):
            self._next_s = float("inf")
        else:
            self._next_s += float(self._rng.exponential(self._mean_gap_s))


class BackendQueue:
    """One device's queue and what it runs.

    It is brought up to a moment by `advance`, which calls `started` and `finished` for jobs of the
    emulator's users, with the moment at which it happened. A job that may not run (`may_run`) lets
    the others pass.
    """

    def __init__(
        self,
        background: Background,
        maintenance: tuple[Maintenance, ...],
        *,
        may_run: Callable[[str], bool],
        started: Callable[[str, float], None],
        finished: Callable[[str, float], None],
        begin_s: float,
    ) -> None:
        self._background = background
        self._maintenance = maintenance
        self._may_run = may_run
        self._started = started
        self._finished = finished
        self._waiting: deque[QueueEntry] = deque()
        self._running: QueueEntry | None = None
        self._free_s = begin_s
        """When the device is free, or becomes free by what it runs."""

    @property
    def length(self) -> int:
        """Number of jobs that wait or run."""
        return len(self._waiting) + (self._running is not None)

    def in_maintenance(self, moment_s: float) -> bool:
        """Whether it accepts jobs and runs none."""
        return open_again_s(self._maintenance, moment_s) > moment_s

    def position(self, job_id: str) -> int | None:
        """Return how many jobs are before a waiting one, or None if it does not wait."""
        for place, entry in enumerate(self._waiting):
            if entry.job_id == job_id:
                return place + (self._running is not None)
        return None

    def estimated_start_s(self, job_id: str) -> float | None:
        """Return when a waiting job would start if nothing changed."""
        at_s = self._free_s
        for entry in self._waiting:
            at_s = open_again_s(self._maintenance, max(at_s, entry.arrival_s))
            if entry.job_id == job_id:
                return None if np.isinf(at_s) else at_s
            at_s += entry.run_s
        return None

    def add(self, job_id: str, arrival_s: float, run_s: float) -> None:
        """Put a job at the end; the queue has been brought up to its arrival."""
        self._waiting.append(QueueEntry(arrival_s, run_s, job_id))

    def remove(self, job_id: str, moment_s: float) -> None:
        """Take a job out, or stop it if it runs; `finished` is not called."""
        if self._running is not None and self._running.job_id == job_id:
            self._running = None
            self._free_s = moment_s
        self._waiting = deque(entry for entry in self._waiting if entry.job_id != job_id)

    def advance(self, now_s: float) -> None:
        """Bring the queue up to a moment."""
        arrived = self._background.until(now_s)
        if arrived:
            # Jobs of users were added at their own time, after everything older.
            self._waiting = deque(sorted([*self._waiting, *arrived], key=lambda e: e.arrival_s))
        while True:
            if self._running is not None:
                if self._free_s > now_s:
                    return
                done, self._running = self._running, None
                if done.job_id:
                    self._finished(done.job_id, self._free_s)
                continue
            entry = self._next(now_s)
            if entry is None:
                return
            start_s = open_again_s(self._maintenance, max(self._free_s, entry.arrival_s))
            if start_s > now_s:
                return
            self._waiting.remove(entry)
            self._running = entry
            self._free_s = start_s + entry.run_s
            if entry.job_id:
                self._started(entry.job_id, start_s)

    def next_event_s(self, now_s: float) -> float:
        """Return when something next happens that a user can see; infinity if nothing will."""
        if self._running is not None:
            concerns = self._running.job_id or any(entry.job_id for entry in self._waiting)
            return self._free_s if concerns else float("inf")
        starts = [
            open_again_s(self._maintenance, max(self._free_s, entry.arrival_s, now_s))
            for entry in self._waiting
            if entry.job_id and self._may_run(entry.job_id)
        ]
        return min(starts, default=float("inf"))

    def _next(self, now_s: float) -> QueueEntry | None:
        for entry in self._waiting:
            if entry.arrival_s > now_s:
                return None
            if not entry.job_id or self._may_run(entry.job_id):
                return entry
        return None

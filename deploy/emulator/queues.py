"""A backend's queue: jobs of users among jobs of others, first come, first served.

Sessions and batches that are active go first; a session has the device to itself.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from .config import BackgroundConfig, Maintenance
from .faults import open_again_s

INFINITY = float("inf")


@dataclass(frozen=True)
class JobGroup:
    """A session or batch, as the queue knows it.

    Attributes:
        name: of it.
        exclusive: nobody else's jobs start while it is active.
        idle_s: for which it stays active without a job.
    """

    name: str
    exclusive: bool
    idle_s: float


@dataclass(eq=False)
class QueueEntry:
    """A job in a queue.

    Attributes:
        arrival_s: when it came.
        run_s: how long it will be on the device, if it does not wait for the QPU there.
        job_id: empty for a job of others.
        lead_s, tail_s: classical parts of `run_s`, before and after the QPU.
        group: session or batch that it belongs to.
        start_s: when it took a lane.
        lock_s: when it got the QPU.
        finish_s: when it leaves its lane.
    """

    arrival_s: float
    run_s: float
    job_id: str = ""
    lead_s: float = 0.0
    tail_s: float = 0.0
    group: JobGroup | None = None
    start_s: float = 0.0
    lock_s: float | None = None
    finish_s: float = INFINITY


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

    A job takes a lane, is prepared there, waits for the QPU behind those that took a lane before,
    and leaves after its classical rest. Jobs of a group (session, batch) that is active go
    before all others; while an exclusive one is, no others start.

    It is brought up to a moment by `advance`, which calls `started`, `locked` (the QPU is theirs)
    and `finished` for jobs of the emulator's users, with the moment at which it happened. A job
    that may not run (`may_run`) lets the others pass.
    """

    def __init__(
        self,
        background: Background,
        maintenance: tuple[Maintenance, ...],
        *,
        may_run: Callable[[str], bool],
        started: Callable[[str, float], None],
        locked: Callable[[str, float], None],
        finished: Callable[[str, float], None],
        begin_s: float,
        lanes: int = 1,
    ) -> None:
        self._background = background
        self._maintenance = maintenance
        self._may_run = may_run
        self._started = started
        self._locked = locked
        self._finished = finished
        self._lanes = lanes
        self._waiting: deque[QueueEntry] = deque()
        self._running: list[QueueEntry] = []
        self._lane_free_s = begin_s
        """Since when a lane is free, where one is."""
        self._qpu_free_s = begin_s
        self._active: JobGroup | None = None
        self._active_until_s = -INFINITY
        self._released: set[str] = set()

    @property
    def length(self) -> int:
        """Number of jobs that wait or run."""
        return len(self._waiting) + len(self._running)

    def in_maintenance(self, moment_s: float) -> bool:
        """Whether it accepts jobs and runs none."""
        return open_again_s(self._maintenance, moment_s) > moment_s

    def _in_turn(self) -> list[QueueEntry]:
        """Return what waits in the order in which it would start."""
        return sorted(self._waiting, key=lambda entry: not self._is_active(entry))

    def position(self, job_id: str) -> int | None:
        """Return how many jobs are before a waiting one, or None if it does not wait."""
        for place, entry in enumerate(self._in_turn()):
            if entry.job_id == job_id:
                return place + len(self._running)
        return None

    def estimated_start_s(self, job_id: str) -> float | None:
        """Return when a waiting job would start if nothing changed, and with one lane."""
        at_s = self._lane_free_s
        for entry in self._running:
            if entry.lock_s is None:
                ready_s = max(at_s, entry.start_s + entry.lead_s)
                at_s = ready_s + entry.run_s - entry.lead_s
            else:
                at_s = max(at_s, entry.finish_s)
        for entry in self._in_turn():
            at_s = open_again_s(self._maintenance, max(at_s, entry.arrival_s))
            if entry.job_id == job_id:
                return None if np.isinf(at_s) else at_s
            at_s += entry.run_s
        return None

    def add(self, entry: QueueEntry) -> None:
        """Put a job at the end; the queue has been brought up to its arrival."""
        self._waiting.append(entry)

    def remove(self, job_id: str, moment_s: float) -> None:
        """Take a job out, or stop it if it runs; `finished` is not called."""
        for entry in self._running:
            if entry.job_id == job_id:
                holds = entry.lock_s is not None and moment_s < entry.finish_s - entry.tail_s
                if holds:
                    self._qpu_free_s = moment_s
                self._leave(entry, moment_s)
                break
        self._waiting = deque(entry for entry in self._waiting if entry.job_id != job_id)

    def release(self, group: str, moment_s: float) -> None:
        """End a group: what waits of it keeps its place; it is active no longer than that."""
        self._released.add(group)
        of = [e for e in (*self._running, *self._waiting) if e.group and e.group.name == group]
        if self._active is not None and self._active.name == group and not of:
            self._active_until_s = min(self._active_until_s, moment_s)

    def advance(self, now_s: float) -> None:
        """Bring the queue up to a moment."""
        arrived = self._background.until(now_s)
        if arrived:
            # Jobs of users were added at their own time, after everything older.
            self._waiting = deque(sorted([*self._waiting, *arrived], key=lambda e: e.arrival_s))
        while True:
            moment_s, happens = self._next(now_s)
            if moment_s > now_s:
                return
            happens()

    def next_event_s(self, now_s: float) -> float:
        """Return when something next happens that a user can see; infinity if nothing will."""
        ours = any(entry.job_id for entry in (*self._running, *self._waiting))
        return self._next(now_s)[0] if ours else INFINITY

    def _next(self, now_s: float) -> tuple[float, Callable[[], None]]:
        """Return what happens next, and when; at one moment ends come first and starts last."""
        found: list[tuple[float, int, Callable[[], None]]] = [(INFINITY, 3, lambda: None)]
        over = min(self._running, key=lambda entry: entry.finish_s, default=None)
        if over is not None:
            found.append((over.finish_s, 0, partial(self._finish, over)))
        ready = next((entry for entry in self._running if entry.lock_s is None), None)
        if ready is not None:
            lock_s = max(ready.start_s + ready.lead_s, self._qpu_free_s)
            found.append((lock_s, 1, partial(self._lock, ready, lock_s)))
        chosen = self._choice(now_s) if len(self._running) < self._lanes else None
        if chosen is not None:
            found.append((chosen[1], 2, partial(self._start, *chosen)))
        moment_s, _, happens = min(found, key=lambda event: event[:2])
        return moment_s, happens

    def _choice(self, now_s: float) -> tuple[QueueEntry, float] | None:
        """Return which job starts next, and when; None where none that may run has come."""
        able = [
            entry
            for entry in self._waiting
            if entry.arrival_s <= now_s and (not entry.job_id or self._may_run(entry.job_id))
        ]
        if not able:
            return None
        first = able[0]
        start_s = max(self._lane_free_s, first.arrival_s)
        own = next((entry for entry in able if self._is_active(entry)), None)
        exclusive = self._active is not None and self._active.exclusive
        if exclusive:
            start_s = max(start_s, self._active_until_s)
        if own is not None:
            own_s = max(self._lane_free_s, own.arrival_s)
            if exclusive or own_s <= start_s:
                first, start_s = own, own_s
        return first, open_again_s(self._maintenance, start_s)

    def _is_active(self, entry: QueueEntry) -> bool:
        """Whether a job is of the group that is active until then."""
        if self._active is None or entry.group is None:
            return False
        in_time = entry.arrival_s <= self._active_until_s
        return entry.group.name == self._active.name and in_time

    def _start(self, entry: QueueEntry, start_s: float) -> None:
        self._waiting.remove(entry)
        self._running.append(entry)
        entry.start_s = start_s
        if entry.group is not None:
            self._active, self._active_until_s = entry.group, INFINITY
        if entry.job_id:
            self._started(entry.job_id, start_s)

    def _lock(self, entry: QueueEntry, lock_s: float) -> None:
        waited = lock_s > entry.start_s + entry.lead_s
        rest_s = entry.run_s - entry.lead_s
        entry.lock_s = lock_s
        entry.finish_s = lock_s + rest_s if waited else entry.start_s + entry.run_s
        self._qpu_free_s = entry.finish_s - entry.tail_s
        if entry.job_id:
            self._locked(entry.job_id, lock_s)

    def _finish(self, entry: QueueEntry) -> None:
        moment_s = entry.finish_s
        self._leave(entry, moment_s)
        if entry.job_id:
            self._finished(entry.job_id, moment_s)

    def _leave(self, entry: QueueEntry, moment_s: float) -> None:
        """Free a lane; a group without a job on the device stays active for its idle time."""
        self._running.remove(entry)
        self._lane_free_s = max(self._lane_free_s, moment_s)
        active = self._active
        if active is None or entry.group is None or entry.group.name != active.name:
            return
        if not any(e.group and e.group.name == active.name for e in self._running):
            idle_s = 0.0 if active.name in self._released else active.idle_s
            self._active_until_s = moment_s + idle_s

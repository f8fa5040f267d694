"""The classical pool: processor sharing, computed in virtual time."""

from heapq import heappop, heappush
from itertools import count

from simpy import Event

from qcbench.cloud.clock import COMPLETION, Clock
from qcbench.cloud.rules import ClassicalPoolRules


class ClassicalPool:
    """C workers of S operations/s shared by A tasks: each gets S x min(1, C/A).

    Virtual time is the work that every active task has received since the pool was last idle, so a
    task ends when it has grown by the task's operations. An arrival or completion costs O(log A),
    and only the next completion is scheduled; nothing polls.

    Attributes:
        active: tasks in the pool.
        area_s: integral of `active` over time, up to the last change [task s].
    """

    def __init__(self, clock: Clock, rules: ClassicalPoolRules) -> None:
        self._clock = clock
        self._workers = rules.workers
        self._speed = rules.speed
        self._virtual = 0.0
        self._changed_s = 0.0
        self._heap: list[tuple[float, int, Event]] = []
        self._ties = count()
        self._alarm: Event | None = None
        self.area_s = 0.0

    @property
    def active(self) -> int:
        """Tasks in the pool."""
        return len(self._heap)

    def submit(self, operations: float) -> Event:
        """Start a task; the event fires when it is done."""
        self._advance()
        done = Event(self._clock)
        heappush(self._heap, (self._virtual + operations, next(self._ties), done))
        self._schedule()
        return done

    def _rate(self) -> float:
        """Operations a second that each active task receives."""
        return self._speed * min(1.0, self._workers / len(self._heap))

    def _advance(self) -> None:
        now = self._clock.now
        elapsed = now - self._changed_s
        self._changed_s = now
        if self._heap:
            self.area_s += elapsed * len(self._heap)
            self._virtual += elapsed * self._rate()
        else:
            self._virtual = 0.0

    def _schedule(self) -> None:
        """Set the alarm for the next completion; an earlier alarm becomes stale."""
        if not self._heap:
            self._alarm = None
            return
        left = max(0.0, self._heap[0][0] - self._virtual)
        alarm = self._clock.at(self._clock.now + left / self._rate(), COMPLETION)
        alarm.callbacks.append(self._complete)
        self._alarm = alarm

    def _complete(self, alarm: Event) -> None:
        if alarm is not self._alarm:
            return
        self._advance()
        tag, _, done = heappop(self._heap)
        # The alarm fires at a rounded time; the work done by then is the tag itself.
        self._virtual = tag if self._heap else 0.0
        self._schedule()
        self._clock.fire(done)

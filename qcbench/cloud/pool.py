"""The classical pool: processor sharing, computed in virtual time."""

from collections.abc import Callable
from functools import partial
from heapq import heappop, heappush
from itertools import count
from typing import TypeAlias

from simpy import Event

from qcbench.cloud.clock import Clock
from qcbench.cloud.containers import Containers
from qcbench.cloud.rules import ClassicalPoolRules

Continuation: TypeAlias = Callable[[None], object]
"""What follows the completion of a task."""


class ClassicalPool:
    """C workers of S operations/s shared by A tasks: each gets S x min(1, C/A).

    Virtual time is the work that every active task has received since the pool was last idle, so a
    task ends when it has grown by the task's operations. An arrival or completion costs O(log A),
    and only the next completion is scheduled; nothing polls.

    Attributes:
        containers: what tasks run in, where the rules have a cold start.
        starting: tasks that wait for their container.
        start: takes the operations of a task and what is called, with None, when it is done.
    """

    def __init__(self, clock: Clock, rules: ClassicalPoolRules) -> None:
        self._clock = clock
        self._workers = rules.workers
        self._speed = rules.speed
        self._alone = rules.speed * min(1.0, rules.workers)
        self._virtual = 0.0
        self._changed_s = 0.0
        self._heap: list[tuple[float, int, Continuation]] = []
        self._ties = count(1)
        self._alarm = clock.alarm()
        self._alarm.callbacks = None  # type: ignore[assignment]  # as one that has been processed
        self._callbacks: list[Callable[[Event], None]] = [self._complete]
        self._area_s = 0.0
        self.containers = None if rules.cold_start is None else Containers(rules.cold_start)
        self.start: Callable[[float, Continuation], None] = (
            self._enter if self.containers is None else partial(self._start_in, self.containers)
        )
        self.starting = 0

    @property
    def active(self) -> int:
        """Tasks in the pool, those that wait for their container included."""
        return len(self._heap) + self.starting

    @property
    def area_s(self) -> float:
        """Integral over time of the tasks that share the workers, up to now [task s]."""
        return self._area_s + (self._clock.now - self._changed_s) * len(self._heap)

    def submit(self, operations: float) -> Event:
        """Start a task; the event fires when it is done."""
        done = Event(self._clock)
        self.start(operations, partial(self._clock.fire, done))
        return done

    def _start_in(self, containers: Containers, operations: float, then: Continuation) -> None:
        """Start a task once its container is ready."""
        delay_s = containers.acquire(self._clock.now)
        if delay_s > 0.0:
            self.starting += 1
            ready = self._clock.at(self._clock.now + delay_s)
            ready.callbacks.append(lambda _: self._ready(operations, then))
        else:
            self._enter(operations, then)

    def _ready(self, operations: float, then: Continuation) -> None:
        self.starting -= 1
        self._enter(operations, then)

    def _enter(self, operations: float, then: Continuation) -> None:
        heap = self._heap
        if heap:
            self._advance()
            heappush(heap, (self._virtual + operations, next(self._ties), then))
            self._schedule()
        else:
            clock, alarm = self._clock, self._alarm
            self._changed_s = now = clock.now
            heap.append((operations, 0, then))
            if alarm.callbacks is not None:
                self._alarm = alarm = clock.alarm()  # the former one is still on the clock
            clock.rearm(alarm, self._callbacks, now + operations / self._alone)

    def _rate(self) -> float:
        """Operations a second that each active task receives."""
        return self._speed * min(1.0, self._workers / len(self._heap))

    def _advance(self) -> None:
        """Give the active tasks what they have received since the last change."""
        now = self._clock.now
        elapsed = now - self._changed_s
        self._changed_s = now
        self._area_s += elapsed * len(self._heap)
        self._virtual += elapsed * self._rate()

    def _schedule(self) -> None:
        """Set the alarm for the next completion; an earlier alarm becomes stale."""
        left = max(0.0, self._heap[0][0] - self._virtual)
        self._set_alarm(self._clock.now + left / self._rate())

    def _set_alarm(self, time_s: float) -> None:
        if self._alarm.callbacks is not None:
            self._alarm = self._clock.alarm()  # the former one is still on the clock
        self._clock.rearm(self._alarm, self._callbacks, time_s)

    def _complete(self, alarm: Event) -> None:
        if alarm is not self._alarm:
            return
        heap = self._heap
        if len(heap) == 1:
            now = self._clock.now
            self._area_s += now - self._changed_s
            self._changed_s = now
            self._virtual = 0.0
            _, _, then = heap.pop()
        else:
            self._advance()
            tag, _, then = heappop(heap)
            # The alarm fires at a rounded time; the work done by then is the tag itself.
            self._virtual = tag
            self._schedule()
        if self.containers is not None:
            self.containers.release(self._clock.now)
        then(None)

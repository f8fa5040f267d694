"""The classical pool: processor sharing, computed in virtual time."""

from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count

from simpy import Event

from qcbench.cloud.clock import Clock
from qcbench.cloud.containers import Containers
from qcbench.cloud.rules import ClassicalPoolRules


class ClassicalPool:
    """C workers of S operations/s shared by A tasks: each gets S x min(1, C/A).

    Virtual time is the work that every active task has received since the pool was last idle, so a
    task ends when it has grown by the task's operations. An arrival or completion costs O(log A),
    and only the next completion is scheduled; nothing polls.

    Attributes:
        containers: what tasks run in, where the rules have a cold start.
        starting: tasks that wait for their container.
    """

    def __init__(self, clock: Clock, rules: ClassicalPoolRules) -> None:
        self._clock = clock
        self._workers = rules.workers
        self._speed = rules.speed
        self._alone = rules.speed * min(1.0, rules.workers)
        self._virtual = 0.0
        self._changed_s = 0.0
        self._heap: list[tuple[float, int, Event]] = []
        self._ties = count(1)
        self._alarm = clock.alarm()
        self._alarm.callbacks = None  # type: ignore[assignment]  # as one that has been processed
        self._callbacks: list[Callable[[Event], None]] = [self._complete]
        self._area_s = 0.0
        self.containers = None if rules.cold_start is None else Containers(rules.cold_start)
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
        if self.containers is not None:
            delay_s = self.containers.acquire(self._clock.now)
            if delay_s > 0.0:
                self.starting += 1
                ready = self._clock.at(self._clock.now + delay_s)
                ready.callbacks.append(lambda _: self._begin(operations, done))
                return done
        self._enter(operations, done)
        return done

    def _begin(self, operations: float, done: Event) -> None:
        self.starting -= 1
        self._enter(operations, done)

    def _enter(self, operations: float, done: Event) -> None:
        heap = self._heap
        if heap:
            self._advance()
            heappush(heap, (self._virtual + operations, next(self._ties), done))
            self._schedule()
        else:
            clock, alarm = self._clock, self._alarm
            self._changed_s = now = clock.now
            heap.append((operations, 0, done))
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
            _, _, done = heap.pop()
        else:
            self._advance()
            tag, _, done = heappop(heap)
            # The alarm fires at a rounded time; the work done by then is the tag itself.
            self._virtual = tag
            self._schedule()
        if self.containers is not None:
            self.containers.release(self._clock.now)
        self._clock.fire(done)

"""SimPy's environment with exact times and an order for what happens at the same instant."""

from collections.abc import Callable, Generator, Iterator
from heapq import heappop, heappush
from typing import Any, Protocol, TypeAlias

from simpy import Environment, Event

Process: TypeAlias = Generator[Event, Any, None]
Callbacks: TypeAlias = list[Callable[[Event], None]]

COMPLETION = -(2**62)
"""Executions that end come first, so that whoever decides at that instant sees the QPU free."""
HORIZON = COMPLETION + 1
"""The end of the observation: what ends at that instant counts, what arrives does not."""
ARRIVAL = 1
"""Arrivals come last (SimPy's normal priority). Retries lie between: see `Clock.retry`."""


class Clock(Environment):
    """A SimPy environment for which absolute times are exact.

    ``timeout(t - now)`` fires at ``now + (t - now)``, which is not always ``t`` in floating point;
    ties and replays of other simulators need ``t`` itself.
    """

    now = 0.0
    """The time. SimPy computes it in a property, which is too slow for what is read most."""

    def __init__(self) -> None:
        super().__init__(initial_time=0.0)
        self.rearm = _rearming(self._queue, self._eid)
        """Lets an event that has been processed fire once more, at a time: a QPU or a pool that
        ends one task after the other needs no new event for each, nor do arrivals."""
        self._retries = 0
        self._begun = self.alarm()

    def at(self, time_s: float, priority: int = ARRIVAL) -> Event:
        """Return an event that fires at exactly this time.

        Raises:
            ValueError: the time has passed.
        """
        if time_s < self._now:
            raise ValueError(f"time {time_s} s lies before now, {self._now} s")
        event = Event(self)
        event._ok = True
        event._value = None
        heappush(self._queue, (time_s, priority, next(self._eid), event))  # type: ignore[misc]
        return event

    def step(self) -> None:
        """Process the next event."""
        if self._queue:
            self.now = self._queue[0][0]
        super().step()

    def alarm(self) -> Event:
        """Return an event that has succeeded but is not on the clock: for `rearm`."""
        event = Event(self)
        event._ok = True
        event._value = None
        return event

    def begin(self, process: Process) -> None:
        """Run a process at once up to the event that it waits for, and on when that fires.

        SimPy's own `process` puts its beginning and its end on the clock, as two more events, so
        that others can wait for it. Nobody waits for a job.
        """
        _Resumption(process)(self._begun)

    def retry(self, time_s: float) -> Event:
        """Return an event for a task that is put back into the order of arrivals.

        It fires before all arrivals of its instant, and before earlier retries for that instant: a
        task is inserted before the first one that does not arrive earlier.
        """
        self._retries += 1
        return self.at(time_s, -self._retries)

    def run_until_processed(self, last: Event) -> bool:
        """Process events until ``last`` has been, and return whether that came to pass.

        It does not where no event is left. Unlike SimPy's own `run`, an exception in a process
        comes out as the very one that was raised there.
        """
        queue = self._queue
        awaited: Any = last
        while awaited.callbacks is not None:  # what `processed` says
            if not queue:
                return False
            now, _, _, event = heappop(queue)
            self.now = self._now = now
            callbacks, event.callbacks = event.callbacks, None  # type: ignore[assignment]
            for callback in callbacks:
                callback(event)
            if not event._ok and not event.defused:
                raise event._value
        return True

    def fire(self, event: Event, value: object = None) -> None:
        """Trigger an event within the current step, without a way through the event queue.

        To be called from callbacks only, never from inside a process: the processes that wait for
        the event are resumed before this returns, with this value.
        """
        event._ok = True
        event._value = value
        callbacks, event.callbacks = event.callbacks, None  # type: ignore[assignment]
        for callback in callbacks:
            callback(event)


class _Resumption:
    """A process that was begun, as the callback of the event that it waits for."""

    __slots__ = ("_send",)

    def __init__(self, process: Process) -> None:
        self._send = process.send

    def __call__(self, event: Event) -> None:
        """Give the process the value of its event, and those of events that have fired before."""
        try:
            awaited: Any = self._send(event._value)
            while awaited.callbacks is None:
                awaited = self._send(awaited._value)
        except StopIteration:
            return
        awaited.callbacks.append(self)


class Rearm(Protocol):
    """Lets an event that has been processed fire once more, see `Clock.rearm`."""

    def __call__(
        self, event: Event, callbacks: Callbacks, time_s: float, priority: int = ..., /
    ) -> None:
        """Call these callbacks at a time, with a priority among what happens at that time."""


def _rearming(queue: list[Any], numbers: Iterator[int]) -> Rearm:
    """Return `Clock.rearm` for SimPy's own events to come and their numbers.

    A function that has both at hand takes half as long as a method that looks them up, and a job
    does little else than to be started and to end.
    """

    def rearm(
        event: Event, callbacks: Callbacks, time_s: float, priority: int = COMPLETION, /
    ) -> None:
        event.callbacks = callbacks
        heappush(queue, (time_s, priority, next(numbers), event))

    return rearm

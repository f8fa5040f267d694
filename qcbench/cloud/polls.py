"""Many processes that look again at regular intervals."""

from collections import deque
from heapq import heappush
from math import frexp, ldexp
from typing import Protocol

from simpy import Event

from qcbench.cloud.clock import ARRIVAL, Clock


class Gauge(Protocol):
    """What a poll looks at: something that has a level."""

    @property
    def level(self) -> float:
        """The level now."""


class Polls:
    """Timeouts of one length that are skipped while there is nothing to see.

    For whoever waits it is as if it had waited for ``clock.timeout(interval_s)`` again and again
    until there was something: same times (a sum of floats, step by step), same order among all
    other events. But a poll that sees nothing costs no more than a move from one end of a queue to
    the other, and whole rounds of them, between two other events, cost no more than one. The queue
    needs no sorting: of timeouts of one length, those that are set later fire later, and those that
    fire at one instant do so in the order in which they were set.

    Attributes:
        news: how often there was something new; whoever knows of it counts it up.
    """

    def __init__(self, clock: Clock, interval_s: float) -> None:
        self.news = 0
        self._clock = clock
        self._interval_s = interval_s
        self._queue: deque[tuple[float, int, Gauge, float, Event]] = deque()
        """Time, SimPy's number of the timeout, the level that is waited for, who is resumed."""

    @property
    def level(self) -> int:
        """The news, for those who wait for any."""
        return self.news

    def next(self) -> Event:
        """Return the first poll after now at which there is something new."""
        return self.next_at(self, self.news + 1)

    def next_at(self, gauge: Gauge, least: float) -> Event:
        """Return the first poll after now at which a level is at least this.

        A level changes with other events only, never with a poll that resumes nobody.
        """
        clock, queue = self._clock, self._queue
        event = Event(clock)
        queue.append((clock.now + self._interval_s, next(clock._eid), gauge, least, event))
        if len(queue) == 1:
            self._set_alarm()
        return event

    def _set_alarm(self) -> None:
        """Put the first poll into the clock's queue, in its own place."""
        time_s, number, *_ = self._queue[0]
        alarm = Event(self._clock)
        alarm._ok = True
        alarm._value = None
        alarm.callbacks.append(self._poll)
        heappush(self._clock._queue, (time_s, ARRIVAL, number, alarm))  # type: ignore[misc]

    def _poll(self, _alarm: Event) -> None:
        """Go through the polls that come before anything else happens."""
        clock, queue = self._clock, self._queue
        others, numbers, interval_s = clock._queue, clock._eid, self._interval_s
        idle = 0
        while others or idle < len(queue):
            time_s, _, gauge, least, event = queue.popleft()
            clock.now = clock._now = time_s
            if gauge.level < least:
                queue.append((time_s + interval_s, next(numbers), gauge, least, event))
                idle += 1
                if idle == len(queue) and others:
                    self._skip_rounds(others[0][0])
            else:
                alone = not queue
                clock.fire(event)
                if alone:
                    return  # whoever polls again has set the alarm anew
                idle = 0
            if others and (queue[0][0], ARRIVAL, queue[0][1]) > others[0][:3]:
                self._set_alarm()
                return
        # Nothing else is left to happen, and nobody sees anything: so it will stay for ever.

    def _skip_rounds(self, until_s: float) -> None:
        """Let all polls go on by as many rounds as surely end before a time, at which they see
        what they see now.

        All of them lie within one interval, and a sum of floats that is longer by a number is never
        less, so that their order stays.
        """
        queue, interval_s = self._queue, self._interval_s
        rounds = int((until_s - queue[-1][0]) / interval_s) - 1
        if rounds < 1:
            return
        numbers = self._clock._eid
        for _ in range(len(queue)):
            time_s, _, gauge, least, event = queue.popleft()
            later_s = added(time_s, interval_s, rounds)
            queue.append((later_s, next(numbers), gauge, least, event))


def added(time_s: float, interval_s: float, times: int) -> float:
    """Return ``time_s + interval_s + interval_s ...`` as floats add it up, without the steps.

    Where the interval is a whole number of the time's last places, every step within the same power
    of two is exact, and so is their sum at once. The others are taken one by one.
    """
    while times > 0:
        exponent = frexp(time_s)[1]
        end_s = ldexp(1.0, exponent)
        place_s = ldexp(1.0, exponent - 53)
        exact = 0
        if time_s > 0.0 and interval_s % place_s == 0.0:
            exact = min(times, int((end_s - time_s) / interval_s) - 1)
        if exact > 0:
            time_s += exact * interval_s
            times -= exact
        else:
            time_s += interval_s
            times -= 1
    return time_s

"""Many processes that look again at regular intervals."""

from collections import deque
from heapq import heappush

from simpy import Event

from qcbench.cloud.clock import ARRIVAL, Clock


class Polls:
    """Timeouts of one length that are skipped while there is nothing new to see.

    For whoever waits it is as if it had waited for ``clock.timeout(interval_s)`` again and again
    until there was something new: same times (a sum of floats, step by step), same order among all
    other events. But a poll that sees nothing new costs no more than a move from one end of a queue
    to the other. The queue needs no sorting: of timeouts of one length, those that are set later
    fire later, and those that fire at one instant do so in the order in which they were set.

    Attributes:
        news: how often there was something new; whoever knows of it counts it up.
    """

    def __init__(self, clock: Clock, interval_s: float) -> None:
        self.news = 0
        self._clock = clock
        self._interval_s = interval_s
        self._queue: deque[tuple[float, int, int, Event]] = deque()
        """Time, SimPy's number of the timeout, news seen before, and who is to be resumed."""

    def next(self) -> Event:
        """Return the first poll after now at which there is something new."""
        clock, queue = self._clock, self._queue
        event = Event(clock)
        queue.append((clock.now + self._interval_s, next(clock._eid), self.news, event))
        if len(queue) == 1:
            self._set_alarm()
        return event

    def _set_alarm(self) -> None:
        """Put the first poll into the clock's queue, in its own place."""
        time_s, number, _, _ = self._queue[0]
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
            time_s, _, seen, event = queue.popleft()
            clock.now = clock._now = time_s
            if seen == self.news:
                queue.append((time_s + interval_s, next(numbers), seen, event))
                idle += 1
            else:
                alone = not queue
                clock.fire(event)
                if alone:
                    return  # whoever polls again has set the alarm anew
                idle = 0
            if others and (queue[0][0], ARRIVAL, queue[0][1]) > others[0][:3]:
                self._set_alarm()
                return
        # Nothing else is left to happen, and nobody has news: so it will stay for ever.

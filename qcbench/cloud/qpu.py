"""An exclusive QPU: one execution at a time, the others in a queue in order of submission."""

from collections import deque
from collections.abc import Callable

from simpy import Event

from qcbench.cloud.clock import Clock
from qcbench.cloud.execution import Execution
from qcbench.policies.view import NEVER_USED


class ExclusiveQpu:
    """A single server with a first-in-first-out queue of its own, which can fail.

    Attributes:
        index: position in the fleet.
        running: what it executes.
        queue: what waits on this QPU (always empty under pull dispatch).
        up: whether it works.
        busy_s: time spent executing, lost executions included.
        backlog_s: estimated execution time of what waits.
        idle_since_s: end of the last execution, -1 before the first.
        on_end: called with the QPU and what it has executed, once it has turned to what is next.
    """

    __slots__ = (
        "_alarm",
        "_callbacks",
        "_clock",
        "backlog_s",
        "busy_s",
        "idle_since_s",
        "index",
        "on_end",
        "queue",
        "running",
        "up",
    )

    def __init__(
        self, clock: Clock, index: int, on_end: Callable[["ExclusiveQpu", Execution], None]
    ) -> None:
        self._clock = clock
        self._alarm = clock.alarm()
        self._callbacks: list[Callable[[Event], None]] | None = None
        """What follows an execution; None while idle, for it refers to the QPU itself."""
        self.index = index
        self.running: Execution | None = None
        self.queue: deque[Execution] = deque()
        self.up = True
        self.busy_s = 0.0
        self.backlog_s = 0.0
        self.idle_since_s = NEVER_USED
        self.on_end = on_end

    def submit(self, execution: Execution) -> None:
        """Execute at once if idle, else after all that was submitted before."""
        if self.running is None and self.up:
            self.start(execution)
        else:
            self.queue.append(execution)
            self.backlog_s += execution.estimated_exec_s

    def resume_first(self, execution: Execution) -> None:
        """Put a lost execution back before all that wait, to be started again after the repair."""
        self.queue.appendleft(execution)
        self.backlog_s += execution.estimated_exec_s

    def fail(self) -> Execution | None:
        """Stop working; return what was being executed. What waits goes on waiting."""
        self.up = False
        lost, self.running = self.running, None
        if lost is not None:
            self._alarm = self._clock.alarm()  # the former one still is to come, and means nothing
            self.idle_since_s = self._clock.now
            self.busy_s += self._clock.now - lost.start_s
            lost.restarts += 1
        return lost

    def repair(self) -> None:
        """Work again, beginning with the first that waits."""
        if self.up:
            return
        self.up = True
        if self.queue:
            self._next()

    def busy_until_now_s(self) -> float:
        """Time spent executing, the current execution included up to now."""
        if self.running is None:
            return self.busy_s
        return self.busy_s + self._clock.now - self.running.start_s

    def start(self, execution: Execution) -> None:
        """Execute at once; it must be idle and up."""
        clock = self._clock
        if self._callbacks is None:
            self._callbacks = [self._finish]
        self.running = execution
        execution.start_s = now = clock.now
        clock.rearm(self._alarm, self._callbacks, now + execution.exec_s)

    def _finish(self, alarm: Event) -> None:
        execution = self.running
        if execution is None or alarm is not self._alarm:
            return  # that execution was lost to a failure
        self.running = None
        self.busy_s += execution.exec_s
        self.idle_since_s = self._clock.now
        if self.queue:
            self._next()
        self.on_end(self, execution)
        if self.running is None:
            self._callbacks = None

    def _next(self) -> None:
        execution = self.queue.popleft()
        # Emptied, the sum starts again at 0, so that no rounding error piles up.
        self.backlog_s = self.backlog_s - execution.estimated_exec_s if self.queue else 0.0
        self.start(execution)

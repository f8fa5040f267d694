"""The one who decides, by asking a policy: what every way of dispatching offers to the cloud."""

from typing import Protocol

from qcbench.arrays import FloatArray
from qcbench.cloud.clock import Process


class Broker(Protocol):
    """One implementation a way of dispatching: `placement`, `allocation`, `queueing`."""

    @property
    def pending(self) -> int:
        """Tasks that wait for a QPU."""

    @property
    def running(self) -> int:
        """Tasks that are being executed."""

    def fail(self, qpu: int) -> None:
        """Take a QPU out of service, with what it executes."""

    def repair(self, qpu: int) -> None:
        """Put a QPU back into service."""

    def busy_s(self) -> FloatArray:
        """Return the time that each QPU has worked up to now, shape (QPUs,)."""


class PushBroker(Broker, Protocol):
    """A broker that sends each task to its QPUs."""

    def execute(self, job: int, row: int) -> Process:
        """Have a task executed: the part of a job's process that is a quantum phase.

        Raises:
            TaskLost: the task was given up.
        """


class TaskLost(Exception):  # noqa: N818
    """A task was given up after a failure of its QPU, or because it is too late for it."""

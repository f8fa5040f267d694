"""A job that goes from phase to phase where QPUs pull, as a plain coroutine.

A hybrid job may have thousands of iterations, and half of the time of a SimPy process goes into the
event that it waits for and into being resumed. A coroutine is resumed by the pool and by the broker
themselves, with one call; the process of its job waits for the last phase only.
"""

from collections.abc import Generator, Iterable
from typing import Any

from simpy import Event

from qcbench.cloud.clock import Clock
from qcbench.cloud.pool import ClassicalPool
from qcbench.cloud.queueing import QueueingBroker
from qcbench.workload.workload import ClassicalPhase, QuantumPhase


def go_through(
    phases: Iterable[ClassicalPhase | QuantumPhase],
    job: int,
    clock: Clock,
    pool: ClassicalPool,
    broker: QueueingBroker,
) -> Event:
    """Begin with the phases of a job.

    Returns:
        An event that fires after the last one, with True; or, as soon as a task was given up after
        a failure of its QPU, with False.
    """
    ended = Event(clock)

    def run() -> Generator[None, Any, None]:
        resume = yield
        queued = broker.enter(job, resume)
        for phase in phases:
            if isinstance(phase, ClassicalPhase):
                pool.start(phase.operations, resume)
                yield
            else:
                broker.submit(queued, phase.task)
                if not (yield):
                    clock.fire(ended, False)
                    break
        else:
            clock.fire(ended, True)
        yield  # nobody resumes it any more

    coroutine = run()
    next(coroutine)
    coroutine.send(coroutine.send)
    return ended

"""The processes that simulate circuits.

Aer lets no other thread of its process run, so within the service's own nobody would be answered.
"""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor
from concurrent.futures.thread import ThreadPoolExecutor

from .execution import PreparedItem, run
from .programs import Bits


def begin() -> None:
    """Make this process a worker: it ends with the service, which alone hears of Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _nothing() -> None:
    """A first task, which has a worker import what it needs."""


class Workers:
    """Simulates jobs, some at a time.

    Args:
        count: of processes; 0 simulates in a thread of this one.
        initializer: makes the emulator's modules known in a new process and calls `begin`.
    """

    def __init__(self, count: int, initializer: Callable[[], None] | None) -> None:
        self._count = count
        self._initializer = initializer
        self._executor = self._start()

    def submit(
        self, prepared: Sequence[PreparedItem], seeds: Sequence[int]
    ) -> "Future[list[Bits]]":
        """Simulate the items of a job; after a worker has died, in new ones."""
        try:
            return self._executor.submit(run, prepared, seeds)
        except BrokenExecutor:
            self._executor.shutdown(wait=False)
            self._executor = self._start()
            return self._executor.submit(run, prepared, seeds)

    def stop(self) -> None:
        """End the workers; what they are at is lost, unless it is done in this process."""
        # Nothing public ends a worker in the middle of a task, and a task may take a minute.
        for process in list((getattr(self._executor, "_processes", None) or {}).values()):
            process.kill()
        self._executor.shutdown(wait=True, cancel_futures=True)

    def _start(self) -> Executor:
        if not self._count:
            return ThreadPoolExecutor(1, "simulation")
        executor = ProcessPoolExecutor(
            self._count, multiprocessing.get_context("spawn"), initializer=self._initializer
        )
        for _ in range(self._count):
            executor.submit(_nothing)
        return executor

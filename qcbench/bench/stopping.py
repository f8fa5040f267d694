"""Stopping between two steps when someone asks to."""

import signal
import threading
from types import FrameType, TracebackType
from typing import Any


class StopFlag:
    """Ctrl-C and SIGTERM as a question to ask between two steps, so that no step is torn.

    A second Ctrl-C raises KeyboardInterrupt at once. Outside the main thread signals cannot be
    caught, and the flag stays down.
    """

    def __init__(self) -> None:
        self._raised = False
        self._before: dict[signal.Signals, Any] = {}

    def __call__(self) -> bool:
        """Whether to stop."""
        return self._raised

    def install(self) -> None:
        """Catch the signals, again if someone else took them over."""
        if threading.current_thread() is threading.main_thread():
            for name in (signal.SIGINT, signal.SIGTERM):
                before = signal.signal(name, self._catch)
                self._before.setdefault(name, before)

    def _catch(self, number: int, _frame: FrameType | None) -> None:
        if self._raised and number == signal.SIGINT:
            raise KeyboardInterrupt
        self._raised = True

    def __enter__(self) -> "StopFlag":
        self.install()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for name, before in self._before.items():
            signal.signal(name, before)

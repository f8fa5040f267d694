"""The emulator as a process of its own."""

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType

from .config import EmulatorConfig
from .server import Emulator

PARENT_POLL_S = 0.5
SIGNALS = (signal.SIGTERM, signal.SIGINT)


def serve(
    config: EmulatorConfig, say: Callable[[str], None], initializer: Callable[[], None]
) -> int:
    """Run the emulator until a signal, or until its parent is gone.

    Args:
        say: prints a line; the first one is the address, when requests are answered.
        initializer: makes a new process know the emulator's modules and calls `workers.begin`.
    """
    stop = threading.Event()

    def on_signal(number: int, frame: FrameType | None) -> None:
        del number, frame
        stop.set()

    emulator = Emulator(config, log=True, initializer=initializer)
    before = {number: signal.signal(number, on_signal) for number in SIGNALS}
    try:
        say(emulator.url)
        # A child sees its parent change even while the dead one has not been waited for.
        is_child = config.parent_pid == os.getppid()
        while not stop.wait(PARENT_POLL_S):
            if config.parent_pid is None:
                continue
            if not (config.parent_pid == os.getppid() if is_child else _lives(config.parent_pid)):
                break
    finally:
        emulator.stop()
        for number, handler in before.items():
            signal.signal(number, handler)
    return 0


def _lives(pid: int) -> bool:
    """Whether a process is there."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True

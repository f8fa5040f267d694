"""What a command is doing, for who waits for it."""

import shutil
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

CLEAR = "\r\x1b[K"
"""Goes back to the beginning of the line, and empties it."""
TICK_S = 1.0
"""Time after which a terminal is told again how long a stage has lasted [s]."""


@contextmanager
def stage(text: str, *, logged: bool = True) -> Iterator[None]:
    """Say what is being done for the length of the context.

    A terminal shows it as long as it lasts, with the seconds since it began; a log keeps it.

    Args:
        text: what is being done.
        logged: whether a log gets it: not what happens before anything could go wrong in a run,
            for bad input is answered by one line.
    """
    if not sys.stderr.isatty():
        if logged:
            print(text, file=sys.stderr, flush=True)
        yield
        return
    over = threading.Event()
    clock = threading.Thread(target=_tick, args=(text, over), daemon=True)
    print(_fitting(text, ""), end="", file=sys.stderr, flush=True)
    clock.start()
    try:
        yield
    finally:
        over.set()
        clock.join()
        print(CLEAR, end="", file=sys.stderr, flush=True)


def _tick(text: str, over: threading.Event) -> None:
    """Write a line again and again, with the seconds since it was first written."""
    begun = time.monotonic()
    while not over.wait(TICK_S):
        line = _fitting(text, f", {time.monotonic() - begun:.0f} s")
        print(f"{CLEAR}{line}", end="", file=sys.stderr, flush=True)


def _fitting(text: str, end: str) -> str:
    """Return what fits on one line of the terminal: of two lines only the last could be cleared."""
    room = shutil.get_terminal_size().columns - 1 - len(end)
    return (text if len(text) <= room else f"{text[: max(room - 1, 0)]}…") + end


def next_step(*commands: str) -> None:
    """Tell a person what usually comes next; a pipe gets results alone.

    Args:
        commands: that can be pasted.
    """
    if sys.stdout.isatty():
        for place, command in enumerate(commands):
            print(f"{'' if place else 'next':<10}  {command}", file=sys.stderr, flush=True)

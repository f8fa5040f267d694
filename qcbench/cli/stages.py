"""What a command is doing, for who waits for it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

CLEAR = "\r\x1b[K"
"""Goes back to the beginning of the line, and empties it."""


@contextmanager
def stage(text: str, *, logged: bool = True) -> Iterator[None]:
    """Say what is being done for the length of the context.

    A terminal shows it as long as it lasts, a log keeps it.

    Args:
        text: what is being done.
        logged: whether a log gets it: not what happens before anything could go wrong in a run,
            for bad input is answered by one line.
    """
    if sys.stderr.isatty():
        print(text, end="", file=sys.stderr, flush=True)
    elif logged:
        print(text, file=sys.stderr, flush=True)
    try:
        yield
    finally:
        if sys.stderr.isatty():
            print(CLEAR, end="", file=sys.stderr, flush=True)


def next_step(*commands: str) -> None:
    """Tell a person what usually comes next; a pipe gets results alone.

    Args:
        commands: that can be pasted.
    """
    if sys.stdout.isatty():
        for place, command in enumerate(commands):
            print(f"{'' if place else 'next':<10}  {command}", file=sys.stderr, flush=True)

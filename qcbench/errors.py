"""The one error a user of qcbench is meant to read, and the hints that go with it."""

from collections.abc import Iterable
from difflib import get_close_matches


class InputError(ValueError):
    """Input that cannot be used: a file, key or value, and what would be right.

    The message is one line. The command line prints it without a traceback and exits with 2.
    """


def nearest(name: str, known: Iterable[str], count: int = 3) -> str:
    """Return a hint such as ``; did you mean greedy, greedy_error?`` or the whole list if short."""
    options = sorted(set(known))
    if not options:
        return "; there is none"
    close = get_close_matches(name, options, n=count, cutoff=0.5)
    if close:
        return f"; did you mean {', '.join(close)}?"
    if len(options) <= 12:
        return f"; known: {', '.join(options)}"
    return ""

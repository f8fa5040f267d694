"""The errors that a user of qcbench is meant to read, in one line, and the hints that go with them.

Whatever a message quotes (a name, a path, a value, words of a library) comes from elsewhere, so it
is made one printable line here, where every message passes, and not where it is written.
"""

import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import ClassVar

LONGEST = 2000
"""Characters of a message; of a longer one the middle is left out."""

CODE_ERRORS = (Exception, SystemExit, GeneratorExit)
"""What somebody's code may raise that is a failure of that code; not Ctrl-C, a wish to stop."""


class QcbenchError(Exception):
    """An error whose message is one line that a user is meant to read.

    Attributes:
        exit_code: what the command line exits with after printing it, without a traceback.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: object = "") -> None:
        super().__init__(one_line(message))


class InputError(QcbenchError, ValueError):
    """Input that cannot be used: a file, key or value, and what would be right."""

    exit_code = 2


class UnwritableError(InputError):
    """A place that cannot be written, such as a full disk.

    Bad input where work begins. Who is in the middle of it makes a `StoppedError` of it that says
    how to go on.
    """


class StoppedError(QcbenchError, RuntimeError):
    """Work that could not go on; what is stored stays."""


def one_line(text: object) -> str:
    r"""Return a text as one line that every terminal and every encoding can show.

    Control characters, line ends, escape sequences, lone surrogates and invisible marks are written
    as Python writes them: a newline is ``\n``. A text that fits is returned as it is.
    """
    line = said(text)
    if not line.isprintable():
        line = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in line)
    if len(line) > LONGEST:
        half = LONGEST // 2
        line = f"{line[:half]} [... {len(line) - 2 * half} characters ...] {line[-half:]}"
    return line


def said(value: object) -> str:
    """Return what a value says of itself; an exception of somebody's code may fail at that, too."""
    try:
        return str(value)
    except CODE_ERRORS:
        return f"a {type(value).__name__} that cannot be written out"


def without_addresses(text: str) -> str:
    """Return a text without addresses of memory, which differ from run to run."""
    return re.sub(r"\b0x[0-9a-fA-F]{6,}\b", "0x...", text)


def shown(value: object) -> str:
    """Return a value as Python writes it, in one line, whatever its own code does when asked."""
    try:
        return one_line(without_addresses(repr(value)))
    except CODE_ERRORS:
        return f"a {type(value).__name__} that cannot be written out"


def reason_of(error: BaseException) -> str:
    """Return kind and words of an exception in one line, its white space joined."""
    words = " ".join(said(error).split())
    return one_line(f"{type(error).__name__}: {words}" if words else type(error).__name__)


def nearest(name: str, known: Iterable[str], count: int = 3) -> str:
    """Return a hint such as ``; did you mean greedy, greedy_error?`` or the whole list if short."""
    options = sorted(set(known))
    if not options:
        return "; there is none"
    close = get_close_matches(name, options, n=count, cutoff=0.5)
    if close:
        return f"; did you mean {', '.join(close)}?"
    if len(options) <= 16:
        return f"; known: {', '.join(options)}"
    return ""

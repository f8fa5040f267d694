"""Standard output and standard error that may be full, closed, or read by somebody who has left.

Work that has been done must not be lost because it could not be shown. So what cannot be written is
dropped, and `standard_streams` says at the end whether that was so: of standard error nothing is
said (there is no place for it), standard output that was full or closed is an error, and a reader
of a pipe who has left (`| head`) is none.

Texts that an encoding does not have, such as the lone surrogates of a file name that is no UTF-8,
are written with escapes.
"""

import errno
import io
import os
import select
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass


class Descriptor(io.RawIOBase):
    """A file descriptor to write to, which remembers its first failure and goes on without.

    Attributes:
        failure: what the system said; None as long as everything could be written.
    """

    def __init__(self, number: int, *, was_closed: bool = False) -> None:
        self.number = number
        self.failure: OSError | None = None
        self._was_closed = was_closed

    def writable(self) -> bool:
        """It is."""
        return True

    def fileno(self) -> int:
        """Return the number of the descriptor."""
        return self.number

    def isatty(self) -> bool:
        """Whether a person sees it."""
        return os.isatty(self.number)

    def write(self, data: "memoryview | bytes") -> int:  # type: ignore[override]
        """Write what can be written, and drop everything once something could not be."""
        while self.failure is None:
            try:
                if self._was_closed:
                    raise OSError(errno.EBADF, "it is closed")
                return os.write(self.number, data)
            except BlockingIOError:
                select.select([], [self.number], [])
            except OSError as error:
                self.failure = error
        return len(data)


@dataclass
class Lost:
    """Whether standard output could be written; known at the end of `standard_streams`.

    Attributes:
        reason: why some of it is lost; empty where nothing is, or nobody wanted the rest.
    """

    reason: str = ""


@contextmanager
def standard_streams() -> Iterator[Lost]:
    """Make standard output and standard error safe to write to for the length of the context."""
    lost = Lost()
    _occupy_closed()
    with ExitStack() as stack:
        stack.enter_context(_safe("stderr"))
        out = stack.enter_context(_safe("stdout"))
        yield lost
        if out is not None:
            sys.stdout.flush()
            if out.failure is not None and out.failure.errno != errno.EPIPE:
                lost.reason = out.failure.strerror or "cannot be written"


def _occupy_closed() -> None:
    """Put the null device where a standard stream is closed, lest the next file gets its number.

    A database that is opened as descriptor 1 would receive whatever a library prints.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            # The lowest free number is taken, so this one.
            os.open(os.devnull, os.O_RDWR)


@contextmanager
def _safe(name: str) -> Iterator[Descriptor | None]:
    """Replace a stream of `sys` by one that never fails; give None where it is no descriptor."""
    before = getattr(sys, name)
    number = {"stdout": 1, "stderr": 2}[name]
    raw: Descriptor | None = None
    if before is None:  # closed before this process began
        raw = Descriptor(number, was_closed=True)
        encoding, buffered = "utf-8", False
    elif (found := _number(before)) is not None:
        raw, encoding, buffered = Descriptor(found), before.encoding, before.line_buffering
    if raw is None:
        yield None
        return
    safe = io.TextIOWrapper(
        io.BufferedWriter(raw),  # type: ignore[type-var]  # a raw stream is all it needs
        encoding=encoding,
        errors="backslashreplace",
        line_buffering=buffered or name == "stderr",
        write_through=name == "stderr",
    )
    setattr(sys, name, safe)
    try:
        yield raw
    finally:
        safe.flush()
        if getattr(sys, name) is safe:
            setattr(sys, name, before)


def _number(stream: object) -> int | None:
    """Return the descriptor of a text stream that Python opened; None of any other."""
    if type(stream) is not io.TextIOWrapper:
        return None
    try:
        stream.flush()
        return stream.fileno()
    except (OSError, ValueError):
        return None

"""A lock on a folder that is worked on; the kernel drops it with the process that holds it."""

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from qcbench.errors import InputError

LOCKS = ("run.lock", "sweep.lock", "ledger.lock")
"""Lock files in the folders of runs and replays; they mean something only on the machine that they
lie on."""

WITHOUT_LOCKS = (errno.EBADF, errno.ENOLCK, errno.EOPNOTSUPP)
"""What network file systems say that lock no folders."""


class TakenError(InputError):
    """Another process holds what is asked for."""


def take_lock(path: Path, taken: str) -> IO[str]:
    """Open a lock file and hold it until the file is closed.

    Args:
        path: of the file; made where it is not there.
        taken: what is said where another process holds it.

    Raises:
        TakenError: another process does.
        InputError: the file cannot be written.
    """
    try:
        file = path.open("a+")
    except OSError as error:
        raise InputError(f"{path.parent}: cannot be written ({error.strerror})") from None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise TakenError(taken) from None
    return file


@contextmanager
def turn(folder: Path) -> Iterator[None]:
    """Do something with a folder while no other process, or thread, does so; wait until it is free.

    On a file system without locks nobody waits.
    """
    opened = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(opened, fcntl.LOCK_EX)
        except OSError as error:
            if error.errno not in WITHOUT_LOCKS:
                raise
        yield
    finally:
        os.close(opened)

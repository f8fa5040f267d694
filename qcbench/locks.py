"""A lock on a folder that is worked on; the kernel drops it with the process that holds it."""

import fcntl
from pathlib import Path
from typing import IO

from qcbench.errors import InputError


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

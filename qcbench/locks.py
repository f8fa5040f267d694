"""A lock on a folder that is worked on; the kernel drops it with the process that holds it."""

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
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


def take_lock(path: Path, doing: str) -> IO[str]:
    """Open a lock file and hold it until the file is closed; it says who does.

    Args:
        path: of the file; made where it is not there.
        doing: what is said to be done by another process that holds it, such as `runs/one: is being
            written`.

    Raises:
        TakenError: another process does.
        InputError: the file cannot be written or locked.
    """
    try:
        file = path.open("a+", encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path.parent}: cannot be written ({error.strerror})") from None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        with file:
            file.seek(0)
            raise taken(doing, file.read().strip() or "another process") from None
    except OSError as error:
        file.close()
        raise InputError(f"{path.parent}: cannot be locked ({error.strerror})") from None
    try:
        file.truncate(0)
        file.write(f"process {os.getpid()} on {os.uname().nodename}\n")
        file.flush()
    except OSError as error:
        with suppress(OSError):  # what could not be written is tried again
            file.close()
        raise InputError(f"{path.parent}: cannot be written ({error.strerror})") from None
    return file


def taken(doing: str, who: str) -> TakenError:
    """Return what is raised where another process holds what is asked for."""
    return TakenError(f"{doing} by {who}; wait for it or stop it")


def is_held(path: Path) -> bool:
    """Whether a lock of this machine is held; not one that this user may not look at."""
    try:
        with path.open(encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # there is none, or it is somebody else's
        pass
    return False


def is_running(folder: Path) -> bool:
    """Whether a process of this machine works on the folder of a run, training, sweep or replay."""
    return any(is_held(folder / name) for name in LOCKS)


@contextmanager
def turn(folder: Path, *, wait: bool = True) -> Iterator[None]:
    """Do something with a folder while no other process, or thread, does so; wait until it is free.

    On a file system without locks nobody waits.

    Raises:
        TakenError: it is not free, and nobody is to wait.
    """
    opened = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            raise taken(f"{folder}: is worked on", "another process") from None
        except OSError as error:
            if error.errno not in WITHOUT_LOCKS:
                raise
        yield
    finally:
        os.close(opened)

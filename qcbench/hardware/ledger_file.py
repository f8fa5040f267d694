"""The SQLite file of a ledger: forced to the disk, and in one line what the disk says."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from qcbench.errors import UnwritableError

LOCKED_S = 5.0
"""For which a reader and a writer wait for each other."""

REFUSED = {
    sqlite3.SQLITE_FULL: "cannot be written ({}); free space",
    sqlite3.SQLITE_IOERR: "cannot be read or written ({}); see to the disk",
    sqlite3.SQLITE_READONLY: "cannot be written ({}); see to its permissions",
}
"""What SQLite says of a disk that is full, broken or not to be written, and what would be right."""


class _Base(sqlite3.Connection):
    """A connection whose statements tell of a disk that takes no more."""

    def execute(self, *arguments: Any) -> sqlite3.Cursor:
        """Execute a statement.

        Raises:
            UnwritableError: the disk takes no more.
        """
        try:
            return super().execute(*arguments)
        except sqlite3.OperationalError as error:
            words = REFUSED.get(error.sqlite_errorcode & 0xFF)
            if words is None:
                raise
            file = super().execute("PRAGMA database_list").fetchone()[2]
            raise UnwritableError(f"{file}: {words.format(error)}") from error


def open_to_write(path: Path) -> sqlite3.Connection:
    """Open a file, made where there is none; every statement is committed by itself.

    Raises:
        sqlite3.Error: it cannot be opened.
    """
    base = sqlite3.connect(path, isolation_level=None, timeout=LOCKED_S, factory=_Base)
    # No mode that keeps a file in shared memory: a replay may lie on a network's disk.
    base.execute("PRAGMA journal_mode=TRUNCATE")
    base.execute("PRAGMA synchronous=FULL")
    return base


def open_to_read(path: Path) -> sqlite3.Connection:
    """Open a file that another process may be writing.

    Raises:
        sqlite3.Error: it cannot be opened.
    """
    address = f"{path.resolve().as_uri()}?mode=ro"
    return sqlite3.connect(address, uri=True, timeout=LOCKED_S)


def check_whole(base: sqlite3.Connection) -> None:
    """Raise where a part of a file cannot be read: later it would be in the middle of something.

    Raises:
        sqlite3.DatabaseError: so it is.
    """
    said = base.execute("PRAGMA quick_check(1)").fetchone()[0]
    if said != "ok":
        raise sqlite3.DatabaseError(" ".join(str(said).split()))


def version_of(path: Path) -> int:
    """Return the version of a file's tables, 0 where none was noted."""
    with closing(open_to_read(path)) as base:
        return int(base.execute("PRAGMA user_version").fetchone()[0])

"""What searches found, kept between processes under a hash of all that it depends on.

The same worlds come again with every run of a suite. A file that is damaged, locked or cannot be
written costs the time of the search and nothing else; it can be deleted at any time.
"""

import hashlib
import sqlite3
from collections.abc import Callable
from contextlib import closing

import numpy as np

from qcbench.arrays import FloatArray
from qcbench.caches import user_cache

MOST_KEPT = 100_000
"""Results in the file; the ones that were found first go."""
PATIENCE_S = 1.0
"""How long another process may hold the file [s]."""

Search = Callable[[FloatArray, FloatArray], float]


def kept(search: Search, code: str, *arrays: FloatArray) -> float:
    """Return what a search gives, from the file where it is there.

    Args:
        search: pure.
        code: stands for that of the search and its settings, see `qcbench.sources.source_hash`.
        arrays: what it is given.
    """
    key = _key(code, arrays)
    path = user_cache() / "searches.sqlite"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(path, timeout=PATIENCE_S)) as database, database:
            database.execute("CREATE TABLE IF NOT EXISTS found (key TEXT PRIMARY KEY, value REAL)")
            row = database.execute("SELECT value FROM found WHERE key = ?", (key,)).fetchone()
    except (OSError, sqlite3.Error):
        return search(*arrays)
    if row is not None:
        return float(row[0])
    value = search(*arrays)
    try:
        with closing(sqlite3.connect(path, timeout=PATIENCE_S)) as database, database:
            database.execute("INSERT OR REPLACE INTO found VALUES (?, ?)", (key, value))
            database.execute(
                "DELETE FROM found WHERE rowid <= (SELECT max(rowid) FROM found) - ?", (MOST_KEPT,)
            )
    except (OSError, sqlite3.Error):
        return value
    return value


def _key(code: str, arrays: tuple[FloatArray, ...]) -> str:
    """Hash what a result depends on: the code, and every bit of what it is given."""
    content = hashlib.sha256(code.encode())
    for array in arrays:
        content.update(f"{array.shape}{array.dtype}".encode())
        content.update(np.ascontiguousarray(array).tobytes())
    return content.hexdigest()

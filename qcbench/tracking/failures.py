"""What is wrong with an MLflow store, in words of the user, and what can be done about it."""

import re
import shlex
import sqlite3
from contextlib import closing
from pathlib import Path

from qcbench.errors import InputError, reason_of

SQLITE = "sqlite:///"
LONGEST = 300
"""Characters of words that are not understood."""

OF_SQLITE = (
    (
        "database is locked",
        "is in use by another process; try again when it has ended, or stop it (`fuser {file}` "
        "names it)",
    ),
    (
        r"malformed|not a database|unsupported file format",
        "is damaged; `mv {file} {file}.damaged`, then publish the runs and promote the models "
        "again",
    ),
    (r"readonly database|attempt to write", "cannot be written; choose another tracking.uri"),
    (r"database or disk is full", "the disk is full; free space, or choose another tracking.uri"),
    (
        r"disk I/O error|unable to open database",
        "cannot be opened or written; check its folder and the space that is left, or choose "
        "another tracking.uri",
    ),
    (
        r"no such (table|column)|has no column",
        "lacks tables of MLflow; `mv {file} {file}.damaged`, then publish the runs and promote the "
        "models again",
    ),
)
"""What SQLite says, and what that means."""

OF_MLFLOW = frozenset({"experiment_tags", "latest_metrics", "registered_models", "model_versions"})
"""Tables by one of which a store of MLflow is known, also where others of its tables are lost."""

OF_SERVERS = (
    (
        r"code 401\b",
        "refuses; set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD to a user who may "
        "write there",
    ),
    (
        r"code 403\b",
        "refuses: this user may not change what is there; give tracking.prefix=NAME for "
        "experiments of your own, or set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD "
        "to another user",
    ),
    (
        r"too many (5\d\d|429) error responses|code (5\d\d)\b",
        "fails with error {code}; see its log",
    ),
    (r"code (\d\d\d)\b", "answers {code}; is it an MLflow server?"),
    (r"not in a valid JSON", "does not answer in JSON; is it an MLflow server?"),
    (r"timed out", "does not answer in time; is it busy, or is there a proxy?"),
    (
        r"Max retries exceeded|Connection (refused|reset|aborted)|Name or service",
        "cannot be reached; start it, or correct tracking.uri",
    ),
)
"""What the client of a server says, and what that means."""


def explained(uri: str, error: Exception) -> str:
    """Return what an error of MLflow means for the store at an address."""
    if isinstance(error, OSError) and error.strerror:
        where = f" {error.filename}" if error.filename else ""
        return f"cannot write{where} ({error.strerror}); free space or choose another place"
    words = " ".join(str(error).split())
    if not uri.startswith(SQLITE):
        for pattern, meaning in OF_SERVERS:
            if found := re.search(pattern, words):
                return meaning.format(code=next(filter(None, found.groups()), ""))
        return _shortened(reason_of(error))
    if "out-of-date" in words or "Can't locate revision" in words:
        return _of_another_version(uri)
    for pattern, meaning in OF_SQLITE:
        if re.search(pattern, words, re.IGNORECASE):
            return meaning.format(file=shlex.quote(uri.removeprefix(SQLITE)))
    return _shortened(words.partition("[SQL:")[0].strip() or type(error).__name__)


def check_tables(path: Path) -> None:
    """Refuse a database of something else, in which MLflow would put its tables.

    Raises:
        InputError: as said.
    """
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as database:
            rows = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            tables = {str(name) for (name,) in rows}
            columns = {str(row[1]) for row in database.execute("PRAGMA table_info(experiments)")}
    except sqlite3.Error:
        return  # MLflow meets the same, and it is explained there
    # Other programs count the versions of their tables by Alembic, too, or have experiments.
    others = tables - {"alembic_version"}
    if others and not others & OF_MLFLOW and "lifecycle_stage" not in columns:
        raise InputError(
            f"{path}: is a database of something else (table {min(others)}); choose another "
            "tracking.uri"
        )


def _of_another_version(uri: str) -> str:
    """Say whether a store is older or newer than the MLflow that is installed."""
    import mlflow  # noqa: PLC0415 - heavy; it has just failed

    found = schema_of(Path(uri.removeprefix(SQLITE)))
    if found is None:
        file = shlex.quote(uri.removeprefix(SQLITE))
        return (
            f"has no version of its tables; `mv {file} {file}.damaged`, then publish the runs and "
            "promote the models again"
        )
    if _is_known(found):
        return (
            f"was made by an older MLflow; back it up and run `mlflow db upgrade "
            f"{shlex.quote(uri)}`"
        )
    return (
        f"was made by a newer MLflow than {mlflow.__version__}, which is installed; run "
        "`pip install --upgrade mlflow`, or choose another tracking.uri"
    )


def schema_of(path: Path) -> str | None:
    """Return the version of the tables in a file."""
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as database:
            row = database.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.Error:
        return None
    return None if row is None else str(row[0])


def _is_known(revision: str) -> bool:
    """Whether the installed MLflow knows a version of its tables."""
    from alembic.script import ScriptDirectory  # noqa: PLC0415 - comes with MLflow
    from mlflow.store import db_migrations  # noqa: PLC0415

    folder = Path(str(db_migrations.__file__)).parent
    known = {each.revision for each in ScriptDirectory(str(folder)).walk_revisions()}
    return revision in known


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"

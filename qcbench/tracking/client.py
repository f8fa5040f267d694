"""Opening an MLflow store: quietly, once, and with errors that say what to do."""

import fcntl
import logging
import os
import re
import shutil
import sqlite3
import time
import urllib.error
import urllib.request
import warnings
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from http.client import HTTPException
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from qcbench.caches import user_cache
from qcbench.errors import InputError, QcbenchError
from qcbench.files import replacing
from qcbench.storage.places import local_folder
from qcbench.tracking.config import TrackingConfig
from qcbench.tracking.failures import SQLITE, check_tables, explained

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

# Read by MLflow when it is imported; what the user has set stays.
SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
HEALTH_TIMEOUT_S = 5.0
GRANT_S = 1.0
"""Longest time from a server's making of an experiment to its owner's right to write there."""
NO_PATH = re.compile(r"\?|%[0-9A-Fa-f]{2}")
"""What SQLAlchemy takes for the beginning of options, or for another character (from 2.1 on)."""
SQLITE_MAGIC = b"SQLite format 3\x00"


def store_uri(tracking: TrackingConfig, runs: Path) -> str:
    """Return where runs are tracked: the configured place, or `mlflow.db` beside the runs.

    For runs at a URL that is the file below `runs`: it is no object that many could write.

    Raises:
        InputError: neither a server nor an SQLite file, or credentials in the address.
    """
    uri = tracking.uri or f"{SQLITE}{local_folder(runs).resolve() / 'mlflow.db'}"
    try:
        parts = urlsplit(uri)
        is_server = parts.scheme in ("http", "https") and bool(parts.hostname and parts.port != 0)
    except ValueError as error:
        raise InputError(f"tracking.uri: {uri} is no address ({error})") from None
    if is_server:
        if parts.username or parts.password:
            raise InputError(
                f"tracking.uri: {without_credentials(uri)} has credentials in it; put them into"
                " MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"
            )
        return uri.rstrip("/")
    if uri.startswith(SQLITE) and uri != SQLITE:
        path = Path(uri.removeprefix(SQLITE)).resolve()
        if unsound := NO_PATH.search(str(path)):
            raise InputError(
                f"tracking.uri: {SQLITE}{path}: has a {unsound[0]} in it; choose another place"
            )
        return f"{SQLITE}{path}"
    raise InputError(
        f"tracking.uri: {without_credentials(uri)} is neither http(s)://HOST:PORT nor {SQLITE}FILE"
    )


def check_store(tracking: TrackingConfig, runs: Path) -> None:
    """Check, before hours of work, what can be said of a store without opening it.

    Raises:
        InputError: an address of no known kind, or a server that does not answer.
    """
    if tracking.enabled:
        uri = store_uri(tracking, runs)
        if not uri.startswith(SQLITE):
            _check_server(uri)


def without_credentials(uri: str) -> str:
    """Return an address that can be printed, and pasted: the rest of it is as it was."""
    try:
        secret, at, _ = urlsplit(uri).netloc.rpartition("@")
    except ValueError:  # no address at all
        return uri
    return uri.replace(secret + at, "", 1)


def open_client(uri: str) -> "MlflowClient":
    """Return a client of a store that answers; an SQLite file is made where there is none.

    Raises:
        InputError: a server that cannot be reached or refuses, or a file that is no MLflow store.
    """
    if uri.startswith(SQLITE):
        path = Path(uri.removeprefix(SQLITE))
        _check_file(path)
        if not path.exists():
            _create_file(path)
    else:
        _check_server(uri)
    with mlflow_errors(uri):
        client = _client(uri)
        client.search_experiments(max_results=1)
        return client


def begin_run(client: "MlflowClient", experiment: str, tags: Mapping[str, str], name: str) -> str:
    """Make a run and return its id; the first that is written to an experiment.

    A server with users makes an experiment and notes whose it is in two steps. Another process of
    its owner may come between them and is refused; it asks once more.
    """
    from mlflow.exceptions import MlflowException  # noqa: PLC0415 - heavy

    try:
        run = client.create_run(experiment, tags=dict(tags), run_name=name)
    except MlflowException as error:
        if error.error_code != "PERMISSION_DENIED":
            raise
        time.sleep(GRANT_S)
        run = client.create_run(experiment, tags=dict(tags), run_name=name)
    return str(run.info.run_id)


@contextmanager
def mlflow_errors(uri: str) -> Iterator[None]:
    """Turn whatever MLflow raises into one line that names the store and says what to do.

    The libraries below it (SQLAlchemy, Alembic, requests) raise their own errors through it, and a
    server that is none makes it raise nearly anything.
    """
    _prepare()
    import mlflow.exceptions  # noqa: F401, PLC0415 - after the settings; what is missing says so

    try:
        yield
    except QcbenchError:
        raise
    except Exception as error:
        raise InputError(
            f"MLflow at {without_credentials(uri)}: {explained(uri, error)}"
        ) from error


def _prepare() -> None:
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # It logs the traceback of every error of a database; `mlflow_errors` says it in one line.
    logging.getLogger("mlflow.store").setLevel(logging.CRITICAL)


def _client(uri: str) -> "MlflowClient":
    _prepare()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from mlflow.tracking import MlflowClient  # noqa: PLC0415 - seconds, and after the settings

        _prepare()  # MLflow configures its loggers when it is imported
        return MlflowClient(uri, registry_uri=uri)


def _check_file(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not os.access(path.parent, os.W_OK):
            raise InputError(f"{path.parent}: cannot be written; choose another tracking.uri")
        if path.exists():
            with path.open("r+b") as file:
                magic = file.read(len(SQLITE_MAGIC))
            if magic not in (b"", SQLITE_MAGIC):
                raise InputError(f"{path}: is no SQLite file; choose another tracking.uri")
            check_tables(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be opened ({error.strerror})") from error


def _create_file(path: Path) -> None:
    """Make the tables under a temporary name: a killed process leaves no half-made store."""
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)  # two runs that end at once make it once
        if not path.exists():
            kept = _empty_store()
            with replacing(path) as temporary:
                if kept is None:
                    _make_tables(temporary)
                else:
                    shutil.copyfile(kept, temporary)
    finally:
        os.close(folder)


def _make_tables(path: Path) -> None:
    """Make a store of an empty file, with all of MLflow's migrations: seconds."""
    with mlflow_errors(f"{SQLITE}{path}"):
        _client(f"{SQLITE}{path}").search_experiments(max_results=1)


def _empty_store() -> Path | None:
    """Return a store without experiments that is kept for the installed MLflow; made if absent.

    Its migrations take seconds, and give the same tables every time. MLflow adds the experiment
    that every store has when it opens a copy, so that it names the copy's place.
    """
    kept = user_cache() / "mlflow" / f"empty-{version('mlflow')}.db"
    if not kept.is_file():
        try:
            kept.parent.mkdir(parents=True, exist_ok=True)
            with replacing(kept) as temporary:
                _make_tables(temporary)
                with closing(sqlite3.connect(temporary)) as database, database:
                    database.execute("DELETE FROM experiments")
        except (OSError, InputError):
            return None  # a cache that cannot be written is none
    return kept


def get_ready(tracking: TrackingConfig, runs: Path) -> None:
    """Do what opening a store will need, and what takes seconds, without touching the store.

    Errors are for `open_client`, which meets them again.
    """
    with suppress(Exception):
        if tracking.enabled:
            uri = store_uri(tracking, runs)
            if uri.startswith(SQLITE) and not Path(uri.removeprefix(SQLITE)).exists():
                _empty_store()
            _prepare()
            import mlflow.tracking  # noqa: F401, PLC0415 - seconds


def _check_server(uri: str) -> None:
    place = without_credentials(uri)
    try:
        with urllib.request.urlopen(f"{uri}/health", timeout=HEALTH_TIMEOUT_S):  # noqa: S310
            return
    except urllib.error.HTTPError as error:
        if error.code in (401, 403):
            return  # it is there; the client has the credentials
        raise InputError(f"MLflow at {place}: answers {error.code}; is it an MLflow server?") from (
            error
        )
    except (urllib.error.URLError, HTTPException, OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise InputError(
            f"MLflow at {place}: cannot be reached ({reason}); start it, correct tracking.uri, or"
            " run with tracking=sqlite or tracking=none"
        ) from error

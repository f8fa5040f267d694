"""Where a browser of this machine finds what an SQLite store shows."""

from pathlib import Path

from qcbench.bench.ports import LOOPBACK, MLFLOW
from qcbench.commands import command
from qcbench.tracking.client import store_uri
from qcbench.tracking.config import TrackingConfig
from qcbench.tracking.failures import SQLITE

BROWSER = f"http://{LOOPBACK}:{MLFLOW}"


def browse_command(uri: str) -> str:
    """Return the command that shows an SQLite store to a browser on this machine alone."""
    usual = uri == store_uri(TrackingConfig(), Path("runs"))
    return command("browse", *([] if usual else [f"store={uri.removeprefix(SQLITE)}"]))


def artifacts_of(store: Path) -> Path:
    """Return the folder of the artifacts of an SQLite store."""
    return store.parent / "mlartifacts"

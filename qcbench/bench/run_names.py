"""The runs that there are, by name."""

import re
import shlex
from datetime import UTC, datetime
from pathlib import Path


def list_runs(runs: Path) -> list[Path]:
    """Return the folders of all runs below `runs`, oldest first."""
    if not runs.is_dir():
        return []
    found = [path.parent for path in runs.glob("*/manifest.json") if path.parent.name[0] != "."]
    return sorted(found, key=_age)


def _age(folder: Path) -> tuple[str, int, str]:
    """Sort key: the time in the run's name, or that of the manifest where the name has none."""
    named = re.search(r"-(\d{8}-\d{6})(?:-(\d+))?$", folder.name)
    if named:
        return named[1], int(named[2] or 1), folder.name
    modified = datetime.fromtimestamp((folder / "manifest.json").stat().st_mtime, UTC)
    return f"{modified:%Y%m%d-%H%M%S}", 1, folder.name


def told_name(folder: Path) -> str:
    """Return how a run is named on the command line here: by its id, or by its path elsewhere."""
    usual = Path("runs").resolve()
    if folder.resolve().parent == usual:
        return shlex.quote(folder.name)
    path = str(folder)
    return shlex.quote(path if "/" in path else f"./{path}")

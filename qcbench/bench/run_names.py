"""The runs that there are, by name."""

import re
import shlex
from datetime import UTC, datetime
from pathlib import Path

from qcbench.storage.mirror import heads
from qcbench.storage.places import place_of


def list_runs(runs: Path) -> list[Path]:
    """Return the folders of all runs below `runs`, oldest first."""
    return sorted((path.parent for path in heads(runs, "manifest.json")), key=_age)


NAMED = re.compile(r"-(\d{8}-\d{6})(?:-(\d+))?$")
"""When something began (UTC), at the end of its name, and the how manieth of that second it is."""


def began(name: str) -> datetime | None:
    """Return when a run, training or sweep began, by its name; None where that does not say."""
    named = NAMED.search(name)
    try:
        return named and datetime.strptime(named[1], "%Y%m%d-%H%M%S").replace(tzinfo=UTC)
    except ValueError:  # it looks like a time, and is none
        return None


def _age(folder: Path) -> tuple[str, int, str]:
    """Sort key: the time in the run's name, or that of the manifest where the name has none."""
    named = NAMED.search(folder.name)
    if named:
        return named[1], int(named[2] or 1), folder.name
    modified = datetime.fromtimestamp((folder / "manifest.json").stat().st_mtime, UTC)
    return f"{modified:%Y%m%d-%H%M%S}", 1, folder.name


def told_name(folder: Path) -> str:
    """Return how a run is named on the command line here: by its id, or by its path elsewhere.

    One that is kept at a URL is named by its id and `runs_dir`.
    """
    place = place_of(folder)
    if place is not None:
        return place.told
    usual = Path("runs").resolve()
    if folder.resolve().parent == usual:
        return shlex.quote(folder.name)
    path = str(folder)
    return shlex.quote(path if "/" in path else f"./{path}")

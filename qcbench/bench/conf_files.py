"""Where config files lie, and which there are; what is in them, `qcbench.bench.compose` says."""

from collections.abc import Sequence
from pathlib import Path

from qcbench.errors import InputError


def conf_dir() -> Path:
    """Return the folder of the packaged configs."""
    package = Path(__file__).resolve().parent.parent
    installed = package / "conf"
    return installed if installed.is_dir() else package.parent / "conf"


def options_of(group: str, config_dirs: Sequence[Path] = ()) -> list[str]:
    """Return the names of a group's files, with those in sub-folders as `folder/name`."""
    found: set[str] = set()
    for root in (conf_dir(), *config_dirs):
        folder = root / group
        found |= {str(path.relative_to(folder).with_suffix("")) for path in folder.rglob("*.yaml")}
    return sorted(found)


def check_dirs(config_dirs: Sequence[Path]) -> None:
    """Refuse a config folder that is not there.

    Raises:
        InputError: there is one.
    """
    for folder in config_dirs:
        if not folder.is_dir():
            raise InputError(f"--config-dir {folder}: no such folder")

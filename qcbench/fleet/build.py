"""Build the packaged catalogue from the snapshots that qiskit-ibm-runtime carries.

The snapshots are read as files; neither qiskit nor qiskit-ibm-runtime is imported, which takes
seconds and a few hundred MB.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata, util
from pathlib import Path
from typing import Any

from qcbench.errors import InputError
from qcbench.extras import install
from qcbench.files import to_json, write_text
from qcbench.fleet.catalogue import CATALOGUE_PATH
from qcbench.fleet.families import family_of
from qcbench.fleet.snapshot import figures, read_snapshot

PACKAGE = "qiskit-ibm-runtime"


def snapshot_folder() -> Path:
    """Return the folder of the installed snapshots, one folder a device in it.

    Raises:
        InputError: the package is not installed, or keeps its snapshots elsewhere.
    """
    spec = util.find_spec(PACKAGE.replace("-", "_"))  # a top-level name: nothing is executed
    if spec is None or not spec.submodule_search_locations:
        raise InputError(
            f"{PACKAGE} is not installed; `{install(['hardware'])}` brings the snapshots "
            "that the catalogue is built from"
        )
    folder = Path(next(iter(spec.submodule_search_locations))) / "fake_provider" / "backends"
    if not folder.is_dir():
        raise InputError(f"{folder}: not found; this version of {PACKAGE} has no snapshots there")
    return folder


def build_rows(folder: Path, version: str) -> list[dict[str, Any]]:
    """Return the catalogue's rows of all snapshots below a folder, sorted by name.

    Args:
        folder: one folder a device, with its `conf_*.json` and `props_*.json`.
        version: of the package that the folder belongs to; part of every row's `source`.

    Raises:
        InputError: the folder holds no snapshot, or one that cannot be used.
    """
    folders = sorted(
        path for path in folder.iterdir() if (path / f"conf_{path.name}.json").exists()
    )
    if not folders:
        raise InputError(f"{folder}: holds no calibration snapshot")
    snapshots = [read_snapshot(path) for path in folders]
    maps = {}
    for path, snapshot in zip(folders, snapshots, strict=True):
        with _named(path):
            maps[snapshot.name] = (snapshot.qubits, snapshot.links)
    rows = []
    for path, snapshot in zip(folders, snapshots, strict=True):
        with _named(path):
            device = snapshot.configuration
            source = (
                f"{PACKAGE} {version}, {device['backend_name']} version {device['backend_version']}"
            )
            family = family_of(snapshot.name, snapshot.qubits, snapshot.links, maps)
            rows.append(figures(snapshot, family, source))
    return rows


@contextmanager
def _named(folder: Path) -> Iterator[None]:
    """Name the snapshot whose content is not what IBM's clients store."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{folder}: {error}") from error
    except KeyError as error:
        raise InputError(f"{folder}: is no calibration snapshot; it lacks {error}") from error
    except (TypeError, ValueError, AttributeError, OverflowError) as error:
        raise InputError(
            f"{folder}: is no calibration snapshot; a value has another type than it should"
        ) from error


def table_text(rows: list[dict[str, Any]]) -> str:
    """Return the table as JSON Lines, one device a line: the same text on every machine."""
    lines = [to_json(row, "the catalogue", compact=True) for row in rows]
    return "\n".join(lines) + "\n"


def build(output: Path | None = None) -> Path:
    """Write the catalogue, in place of the packaged one where no other path is given.

    Raises:
        InputError: the snapshots are not installed, or the path cannot be written.
    """
    path = CATALOGUE_PATH if output is None else output
    write_text(path, table_text(build_rows(snapshot_folder(), metadata.version(PACKAGE))))
    return path

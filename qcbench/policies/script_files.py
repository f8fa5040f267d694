"""Files of decisions: a trial is told which content of them it depends on, and refuses another."""

from collections.abc import Mapping
from pathlib import Path

from qcbench.content import meant_hash, read_meant

Parameters = Mapping[str, bool | int | float | str]


def read_script(path: Path, sha256: str = "") -> bytes:
    """Return the content of a file of decisions.

    Raises:
        InputError: it cannot be read, or is another content than the hash says.
    """
    return read_meant(path, sha256, "script")


def resolve_parameters(parameters: Parameters) -> dict[str, bool | int | float | str]:
    """Return the parameters with the hash of the file, for the registry when a trial is made.

    Raises:
        InputError: as of `read_script`.
    """
    file, expected = parameters.get("file"), parameters.get("sha256", "")
    if not isinstance(file, str) or not isinstance(expected, str):
        return dict(parameters)  # the check of the parameters says so
    return {**parameters, "sha256": meant_hash(Path(file), expected, "script")}

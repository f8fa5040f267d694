"""Files of decisions: a trial is told which content of them it depends on, and refuses another."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from qcbench.errors import InputError

Parameters = Mapping[str, bool | int | float | str]


def read_script(path: Path, sha256: str = "") -> bytes:
    """Return the content of a file of decisions.

    Raises:
        InputError: it cannot be read, or is another content than the hash says.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    found = hashlib.sha256(data).hexdigest()
    if sha256 not in ("", found):
        raise InputError(
            f"{path}: is not the script that was meant; its SHA-256 is {found[:16]}..., expected "
            f"{sha256[:16]}..."
        )
    return data


def resolve_parameters(parameters: Parameters) -> dict[str, bool | int | float | str]:
    """Return the parameters with the hash of the file, for the registry when a trial is made.

    Raises:
        InputError: as of `read_script`.
    """
    file, expected = parameters.get("file"), parameters.get("sha256", "")
    if not isinstance(file, str) or not isinstance(expected, str):
        return dict(parameters)  # the check of the parameters says so
    data = read_script(Path(file), expected)
    return {**parameters, "sha256": hashlib.sha256(data).hexdigest()}

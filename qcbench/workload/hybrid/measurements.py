"""A folder of measurements in the format of the serverless study's data set.

`pre.csv`, `cost_time.csv`, `post.csv`, `num_iterations.csv` and perhaps `exec_time.csv` hold lines
`n_qubits,value` under a header, in seconds or a count; `ibm_job_estimate.csv` holds lines
`unix time,qubits,backend,seconds` without one. Where `exec_time.csv` is absent, durations have the
spread that the config states; in either case their mean is the backend's estimate.
"""

import hashlib
from functools import lru_cache
from pathlib import Path

from qcbench.errors import InputError
from qcbench.files import quoted, read_bytes
from qcbench.sums import added
from qcbench.workload.formats.numerals import decimal, whole
from qcbench.workload.formats.reading import check_line_lengths, read_text, unified_lines
from qcbench.workload.hybrid.figures import Figures, Inverse, of_rows

FILES = {
    "pre.csv": "pre_s",
    "num_iterations.csv": "iterations",
    "cost_time.csv": "classical_s",
    "exec_time.csv": "duration_s",
    "post.csv": "post_s",
}
OPTIONAL = "exec_time.csv"
ESTIMATES = "ibm_job_estimate.csv"


def folder_hash(folder: Path) -> str:
    """Return the SHA-256 of the files that are read from a folder.

    Raises:
        InputError: there is no such folder, or one of the files is missing.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: is no folder of measurements")
    digest = hashlib.sha256()
    for name in (*FILES, ESTIMATES):
        path = folder / name
        if not path.is_file():
            if name == OPTIONAL:
                continue
            needed = ", ".join(file for file in (*FILES, ESTIMATES) if file != OPTIONAL)
            raise InputError(f"{folder}: has no {name}; a folder of measurements has {needed}")
        digest.update(f"{name}\0{hashlib.sha256(read_bytes(path)).hexdigest()}\n".encode())
    return digest.hexdigest()


def meant_folder_hash(folder: Path, sha256: str) -> str:
    """Return the hash of a folder's files; not looked at is one to compare with that is empty.

    Raises:
        InputError: as of `folder_hash`, or the content is not what was meant.
    """
    found = folder_hash(folder)
    if sha256 not in ("", found):
        raise InputError(f"{folder}: its files are not those that were meant; they have changed")
    return found


def read_measurements(folder: Path, sha256: str = "") -> Figures:
    """Read a folder, once a process where its hash is known.

    Raises:
        InputError: a file is missing or has a mistake, or the content is not what was meant.
    """
    return _read(folder, meant_folder_hash(folder, sha256))


@lru_cache(maxsize=4)
def _read(folder: Path, _sha256: str) -> Figures:
    inverse: dict[str, dict[int, Inverse]] = {}
    for name, quantity in FILES.items():
        path = folder / name
        rows = _rows(path) if path.is_file() else {}
        if quantity == "duration_s":
            means = {size: added(values) / len(values) for size, values in rows.items()}
            empty = next((size for size, mean in means.items() if mean <= 0), None)
            if empty is not None:
                raise InputError(f"{path}: the durations for {empty} qubits are all 0")
            rows = {size: [v / means[size] for v in values] for size, values in rows.items()}
        inverse[quantity] = {size: of_rows(values) for size, values in rows.items()}
    return Figures(str(folder), inverse, _estimates(folder / ESTIMATES))


def _lines(path: Path) -> list[str]:
    text = unified_lines(read_text(path))
    check_line_lengths(path, text)
    return text.split("\n")


def _rows(path: Path) -> dict[int, list[float]]:
    found: dict[int, list[float]] = {}
    lines = _lines(path)
    for number, line in enumerate(lines[1:], start=2):
        if line.strip():
            cells = line.split(",")
            if len(cells) != 2:
                raise InputError(f"{path}: line {number}: {quoted(line)}; must be n_qubits,value")
            size = _size(path, number, cells[0])
            found.setdefault(size, []).append(_value(path, number, cells[1]))
    if not found:
        raise InputError(f"{path}: has no measurements")
    return found


def _estimates(path: Path) -> dict[int, float]:
    found: dict[int, float] = {}
    for number, line in enumerate(_lines(path), start=1):
        if line.strip():
            cells = line.split(",")
            if len(cells) != 4:
                raise InputError(
                    f"{path}: line {number}: {quoted(line)}; must be time,qubits,backend,seconds"
                )
            size, seconds = _size(path, number, cells[1]), _value(path, number, cells[3])
            if found.setdefault(size, seconds) != seconds:
                raise InputError(
                    f"{path}: line {number}: {seconds:g} s for {size} qubits, which another line "
                    f"says take {found[size]:g} s; keep one line for each size, of one backend"
                )
    return found


def _size(path: Path, number: int, text: str) -> int:
    try:
        return whole(text, 1)
    except ValueError:
        raise InputError(f"{path}: line {number}: {quoted(text)} is no number of qubits") from None


def _value(path: Path, number: int, text: str) -> float:
    try:
        value = decimal(text)
    except ValueError as error:
        raise InputError(f"{path}: line {number}: {error}") from None
    if value < 0:
        raise InputError(f"{path}: line {number}: {text}; must not be negative")
    return value

"""What features and compiled circuits depend on besides the circuit: part of every cache's key."""

import hashlib
import os
from collections.abc import Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from qcbench.errors import InputError
from qcbench.workload.features import OPTIMIZATION_LEVEL, SEED_TRANSPILER
from qcbench.workload.targets import INSTALL

NEEDED = ("qiskit", "qiskit-ibm-runtime")
ALSO_USED = ("qiskit-qasm3-import", "openqasm3", "antlr4-python3-runtime", "rustworkx", "numpy")
SOURCES = (
    *("features.py", "interactions.py", "graphs.py", "gates.py", "targets.py", "benchmarks.py"),
    *("qasm_tokens.py", "qasm_program.py", "qasm_limits.py", "qasm_parse.py", "qiskit_door.py"),
)
"""Files of this room whose code a circuit passes on its way to its features."""

ALL_THREADS = "QISKIT_SABRE_ALL_THREADS"
"""Makes the transpiler's search as wide as the machine has processors."""


def extraction_identity() -> list[Any]:
    """Return what features depend on besides circuit and target.

    Raises:
        InputError: qiskit is not installed.
    """
    return [qiskit_identity(), code_hash(), OPTIMIZATION_LEVEL, SEED_TRANSPILER]


def qiskit_identity() -> list[Any]:
    """Return versions and settings of qiskit, without importing it.

    Raises:
        InputError: it is not installed.
    """
    try:
        found: list[Any] = [version(name) for name in NEEDED]
    except PackageNotFoundError as error:
        raise InputError(f"circuits are read with {error.name}; {INSTALL}") from error
    for name in ALSO_USED:
        try:
            found.append(version(name))
        except PackageNotFoundError:
            found.append(None)
    if os.environ.get(ALL_THREADS):
        found.append([os.environ[ALL_THREADS], os.cpu_count()])
    return [*found, _settings()]


def _settings() -> str | None:
    """Return a hash of the user's settings of qiskit, None where there are none."""
    stated = os.environ.get("QISKIT_SETTINGS")
    try:
        path = Path(stated) if stated else Path.home() / ".qiskit" / "settings.conf"
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except (OSError, RuntimeError):  # none, or nobody's home
        return None


@cache
def code_hash(more: Sequence[Path] = ()) -> str:
    """Return a hash of the code that makes features, and of further files; once a process."""
    files = [Path(__file__).with_name(name) for name in SOURCES]
    digest = hashlib.sha256()
    for file in (*files, *more):
        digest.update(f"{file.name}\0{hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()

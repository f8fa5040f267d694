"""What features and compiled circuits depend on besides the circuit: part of every cache's key."""

import hashlib
import os
from collections.abc import Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from qcbench.errors import InputError
from qcbench.workload.circuits.features import OPTIMIZATION_LEVEL, SEED_TRANSPILER
from qcbench.workload.circuits.targets import INSTALL

NEEDED = ("qiskit", "qiskit-ibm-runtime")
ALSO_USED = ("qiskit-qasm3-import", "openqasm3", "antlr4-python3-runtime", "rustworkx", "numpy")
ROOM = Path(__file__).resolve().parents[1]
SOURCES = (
    *("circuits/features.py", "circuits/gates.py", "circuits/targets.py", "circuits/benchmarks.py"),
    *("formats/qasm_tokens.py", "formats/qasm_program.py", "formats/qasm_limits.py"),
    *("formats/qasm_parse.py", "circuits/qiskit_door.py", "circuits/limits.py"),
    *("circuits/interactions.py", "interaction_graph.py"),
)
"""Files of `workload/` whose code a circuit passes on its way to its features."""

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
    files = [ROOM / name for name in SOURCES]
    digest = hashlib.sha256()
    for file in (*files, *more):
        digest.update(f"{file.name}\0{hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()

"""QPY files: qiskit's own format of circuits, checked before qiskit builds anything of them."""

import hashlib
import io
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

from qcbench.errors import InputError
from qcbench.files import read_bytes
from qcbench.hardware.compiling import CircuitSource
from qcbench.workload.circuits.limits import MOST_BITS, MOST_QUBITS
from qcbench.workload.circuits.qiskit_door import asking_qiskit, check_circuit
from qcbench.workload.formats.qasm import files_below
from qcbench.workload.formats.recognise import evidence

QPY = ".qpy"
MAGIC = b"QISKIT"
MOST_CIRCUITS = 100_000

_FILE = struct.Struct("!6sBBBBQc")
"""Magic, version, qiskit's version in three numbers, number of circuits, encoding of symbols."""
_OFFSET = struct.Struct("!Q")
_CIRCUIT = struct.Struct("!H1cHIIQIQ")
"""Of its name, global phase and metadata the sizes, between them numbers of qubits and bits."""
WITH_OFFSETS = 16
OLDEST_CHECKED = 10


def is_qpy(path: Path) -> bool:
    """Whether a path is a QPY file, or a folder with QPY files."""
    if path.is_dir():
        return bool(files_below(path, (QPY,)))
    return path.suffix.lower() == QPY


def qpy_files(path: Path) -> list[Path]:
    """Return the QPY files that a path stands for, in order; hidden ones are none."""
    return files_below(path, (QPY,)) if path.is_dir() else [path]


def qpy_bytes(file: Path) -> bytes:
    """Return the content of a QPY file.

    Raises:
        InputError: it cannot be read, or is evidently something else.
    """
    data = read_bytes(file)
    if not data:
        raise InputError(f"{file}: is empty")
    if not data.startswith(MAGIC):
        other = evidence(data)
        what = "is no QPY" if other is None else f"is {other.what}, not QPY"
        raise InputError(f"{file}: {what}")
    return data


def qpy_sources(path: Path) -> list[CircuitSource]:
    """Return the circuits of a file or folder; several of one file are numbered.

    Raises:
        InputError: one line that names the file, and the circuit where it is one of several.
    """
    base = path if path.is_dir() else path.parent
    found = []
    for file in qpy_files(path):
        data = qpy_bytes(file)
        circuits = _circuits(file, data)
        stem = file.relative_to(base).with_suffix("").as_posix()
        digest = hashlib.sha256(data).hexdigest()
        for position, circuit in enumerate(circuits):
            where = str(file) if len(circuits) == 1 else f"{file}: circuit {position}"
            with asking_qiskit(_damaged(file)):
                check_circuit(circuit, where)
            found.append(
                CircuitSource(
                    key=f"qpy {digest} {position}",
                    name=stem if len(circuits) == 1 else f"{stem}/{position}",
                    build=circuit.copy,
                )
            )
    names = [source.name for source in found]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"{path}: two circuits are called {name}; rename one of the files")
    return found


def _circuits(file: Path, data: bytes) -> list[Any]:
    say = _damaged(file)
    with asking_qiskit(say):
        from qiskit import __version__, qpy  # noqa: PLC0415

        newest = qpy.common.QPY_VERSION
        if len(data) > len(MAGIC) and data[len(MAGIC)] > newest:
            raise InputError(
                f"{file}: is QPY of version {data[len(MAGIC)]}; qiskit {__version__} reads up to "
                f"{newest}: write it with qpy.dump(..., version={newest}), or upgrade qiskit"
            )
        _check_sizes(file, data)
        found = list(qpy.load(io.BytesIO(data)))
    if not found:
        raise InputError(f"{file}: holds no circuit")
    return found


def _damaged(file: Path) -> Callable[[str], str]:
    # qiskit's own words about torn bytes are a trace of its parser, which says nothing to a user.
    return lambda _reason: (
        f"{file}: is no whole QPY file; it may be torn, write it again with qpy.dump"
    )


def _check_sizes(file: Path, data: bytes) -> None:
    """Check sizes in the headers: a damaged one can ask for more memory than there is.

    Circuits behind the first of older files, which have no table of offsets, are not looked at.
    """
    _, version, *_, circuits, _ = _FILE.unpack_from(data)
    if version < OLDEST_CHECKED:
        return
    if circuits > MOST_CIRCUITS:
        raise InputError(f"{file}: says that it holds {circuits} circuits; it may be torn")
    start = _FILE.size + 1  # behind the kind of what it holds
    offsets = [start]
    if version >= WITH_OFFSETS:
        offsets = [_OFFSET.unpack_from(data, start + i * _OFFSET.size)[0] for i in range(circuits)]
    for offset in offsets[:circuits]:
        _, _, _, qubits, bits, *_ = _CIRCUIT.unpack_from(data, offset)
        if qubits > MOST_QUBITS or bits > MOST_BITS:
            raise InputError(
                f"{file}: has a circuit of {qubits} qubits and {bits} classical bits; at most "
                f"{MOST_QUBITS} and {MOST_BITS}"
            )

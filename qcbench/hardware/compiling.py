"""Circuits compiled for a device, with what the calibration says of them; kept on disk.

An entry of the cache is a QPY file and a JSON file with its figures, named by a hash of the
circuit, the target with all its errors and durations, the settings, and the versions of qiskit and
of this code. It lies in the user's cache directory and can be deleted at any time.
"""

import hashlib
import io
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import lru_cache
from math import isfinite
from pathlib import Path
from typing import Any

from qcbench.errors import InputError
from qcbench.files import write_durable, write_text
from qcbench.hardware import delays
from qcbench.hardware.port import Calibration
from qcbench.workload.circuits.gates import summarise
from qcbench.workload.circuits.qiskit_door import asking_qiskit
from qcbench.workload.circuits.qiskit_identity import code_hash, qiskit_identity
from qcbench.workload.formats.qasm import cache_folder

CACHE_VERSION = 4
IDLE = frozenset({"barrier", "delay"})


@dataclass(frozen=True)
class CircuitSource:
    """A circuit that is built when it is needed.

    Attributes:
        key: equal for equal circuits only.
        name: for people.
        build: returns the `QuantumCircuit`.
    """

    key: str
    name: str
    build: Callable[[], Any]


@dataclass(frozen=True)
class CompiledFigures:
    """What a calibration says of a compiled circuit.

    Attributes:
        digest: SHA-256 of its instructions, 16 digits; equal circuits have equal ones.
        depth: layers, measurements included and barriers not.
        one_qubit_gates: without rotations about z, which take no time.
        active_qubits: qubits that it touches.
        length_s: longest path through the circuit.
        success_probability: product of 1 - error over gates and readouts, as calibrated; None
            where the error of one is not.
        readout_success: the part of it that the readouts have; None as well.
    """

    digest: str
    depth: int
    one_qubit_gates: int
    two_qubit_gates: int
    measurements: int
    active_qubits: int
    length_s: float
    success_probability: float | None
    readout_success: float | None


@dataclass(frozen=True)
class CompiledCircuit:
    """A circuit in native gates on the qubits of a device."""

    circuit: Any
    figures: CompiledFigures


def compile_circuit(
    source: CircuitSource,
    calibration: Calibration,
    *,
    level: int = 3,
    seed: int = 10,
    cache: Path | None = None,
) -> CompiledCircuit:
    """Compile a circuit, or take it from the cache.

    Args:
        level: optimisation level of the transpiler.
        seed: of its random searches.
        cache: folder; beside that of workload features where None.

    Raises:
        InputError: the circuit cannot be compiled for this target.
    """
    folder = cache_folder().parent / "compiled" if cache is None else cache
    settings = [CACHE_VERSION, source.key, fingerprint(calibration.target), level, seed]
    code = [qiskit_identity(), code_hash((Path(__file__), Path(delays.__file__)))]
    key = hashlib.sha256(json.dumps([settings, code]).encode()).hexdigest()
    kept = _restore(folder / key)
    if kept is not None:
        return kept
    circuit = _transpile(source, calibration.target, level, seed)
    data = to_qpy(circuit)
    with asking_qiskit(lambda reason: f"{source.name}: has no length on this device: {reason}"):
        found = CompiledCircuit(circuit, _figures(circuit, calibration.target))
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot be made ({error.strerror})") from error
    write_durable(folder / f"{key}.qpy", data)
    entry = {"figures": asdict(found.figures), "qpy": hashlib.sha256(data).hexdigest()}
    write_text(folder / f"{key}.json", json.dumps(entry) + "\n")
    return found


def compiled_as_is(circuit: Any, target: Any) -> CompiledCircuit:
    """Return a circuit that is in native gates already, with its figures."""
    return CompiledCircuit(circuit, _figures(circuit, target))


def fingerprint(target: Any) -> str:
    """Return a hash of everything in a target that compilation or estimates depend on."""
    return _fingerprint(_ById(target))


class _ById:
    """A target as the key of a cache: by identity, and kept alive with the entry."""

    def __init__(self, target: Any) -> None:
        self.target = target

    def __hash__(self) -> int:
        return id(self.target)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _ById) and other.target is self.target


@lru_cache(maxsize=64)
def _fingerprint(key: _ById) -> str:
    target = key.target
    content: list[Any] = [
        target.num_qubits,
        target.dt,
        [target.granularity, target.min_length, target.pulse_alignment, target.acquire_alignment],
    ]
    for name in sorted(target.operation_names):
        entries = target[name] or {}
        rows = [
            [
                list(qubits) if qubits else [],
                getattr(p, "duration", None),
                getattr(p, "error", None),
            ]
            for qubits, p in entries.items()
        ]
        operation = target.operation_from_name(name)  # a class where it is variadic
        known = () if isinstance(operation, type) else operation.params
        parameters = [str(value) for value in known]
        content.append([name, parameters, sorted(rows, key=lambda row: row[0])])
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def _transpile(source: CircuitSource, target: Any, level: int, seed: int) -> Any:
    with asking_qiskit(lambda reason: f"{source.name}: cannot be compiled ({reason})"):
        from qiskit import generate_preset_pass_manager  # noqa: PLC0415

        manager = generate_preset_pass_manager(level, target=target, seed_transpiler=seed)
        timed = delays.on_clock(source.build(), target, source.name)
        circuit = manager.run(with_registers(timed))
    circuit.name = "task"
    circuit.metadata = {}
    return circuit


def with_registers(circuit: Any) -> Any:
    """Return a circuit whose classical bits are all in registers: clients return those alone."""
    from qiskit.circuit import ClassicalRegister  # noqa: PLC0415

    loose = [bit for bit in circuit.clbits if not circuit.find_bit(bit).registers]
    if not loose:
        return circuit
    taken = {register.name for register in circuit.cregs}
    name = next(name for n in range(len(taken) + 1) if (name := f"bits{n or ''}") not in taken)
    whole = circuit.copy()
    whole.add_register(ClassicalRegister(name=name, bits=loose))
    return whole


def to_qpy(circuit: Any) -> bytes:
    """Return a circuit as QPY."""
    from qiskit import qpy  # noqa: PLC0415

    buffer = io.BytesIO()
    qpy.dump(circuit, buffer)
    return buffer.getvalue()


def from_qpy(data: bytes) -> Any:
    """Return the circuit that QPY holds."""
    from qiskit import qpy  # noqa: PLC0415

    return qpy.load(io.BytesIO(data))[0]


def _restore(stem: Path) -> CompiledCircuit | None:
    """Return what the cache has; an entry that is missing or damaged is made again."""
    from qiskit.qpy import QpyError  # noqa: PLC0415

    try:
        entry = json.loads(stem.with_suffix(".json").read_text("utf-8"))
        data = stem.with_suffix(".qpy").read_bytes()
        if hashlib.sha256(data).hexdigest() != entry["qpy"]:
            return None
        figures = CompiledFigures(**entry["figures"])
        return CompiledCircuit(from_qpy(data), figures)
    except (OSError, ValueError, TypeError, KeyError, QpyError):
        return None


def _digest(circuit: Any) -> str:
    """Return a hash of what a circuit does; its QPY is not the same bytes every time."""
    steps = [
        [
            entry.operation.name,
            [circuit.find_bit(qubit).index for qubit in entry.qubits],
            [circuit.find_bit(bit).index for bit in entry.clbits],
            [
                float(value).hex() if isinstance(value, int | float) else str(value)
                for value in entry.operation.params
            ],
        ]
        for entry in circuit.data
    ]
    content = [circuit.num_qubits, [[r.name, r.size] for r in circuit.cregs], steps]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]


def _figures(circuit: Any, target: Any) -> CompiledFigures:
    gates = summarise({str(name): int(n) for name, n in circuit.count_ops().items()})
    active: set[int] = set()
    for entry in circuit.data:
        if entry.operation.name not in IDLE:
            active.update(circuit.find_bit(qubit).index for qubit in entry.qubits)
    success, readout_success = success_of(circuit, target)
    return CompiledFigures(
        digest=_digest(circuit),
        depth=int(circuit.depth()),
        one_qubit_gates=gates.one_qubit,
        two_qubit_gates=gates.multi_qubit,
        measurements=gates.measurements,
        active_qubits=len(active),
        length_s=float(circuit.estimate_duration(target, unit="s")),
        success_probability=success,
        readout_success=readout_success,
    )


def success_of(circuit: Any, target: Any) -> tuple[float | None, float | None]:
    """Return the product of 1 - error over gates and readouts, and the readouts' part of it.

    Each is None where the error of one operation is not calibrated.
    """
    gates: float | None = 1.0
    readout: float | None = 1.0
    for entry in circuit.data:
        name = entry.operation.name
        if name in IDLE:
            continue
        qubits = tuple(circuit.find_bit(qubit).index for qubit in entry.qubits)
        error = error_of(target, name, qubits)
        if name == "measure":
            readout = _times(readout, error)
        else:
            gates = _times(gates, error)
    return None if gates is None or readout is None else gates * readout, readout


def _times(success: float | None, error: float | None) -> float | None:
    """Return the product of a success and that of a further operation, None for an unknown one."""
    return None if success is None or error is None else success * (1.0 - error)


def error_of(target: Any, name: str, qubits: tuple[int, ...]) -> float | None:
    """Return the calibrated error of an operation, None where the target has none."""
    entries = target[name] if name in target.operation_names else None
    properties = entries.get(qubits) if entries else None
    error = getattr(properties, "error", None)
    return float(error) if error is not None and isfinite(error) else None

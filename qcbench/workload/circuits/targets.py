"""What circuits are transpiled for: coupling maps and basis gates of real devices."""

import json
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from qcbench.errors import InputError
from qcbench.workload.algorithms import FAMILIES

INSTALL = "pip install 'qcbench[hardware]'"

ONE_QUBIT_BASIS = ("rz", "sx", "x")
ENTANGLING = ("cx", "ecr", "cz")


@dataclass(frozen=True)
class FamilyTarget:
    """A family's connectivity and gates; calibrated errors are no part of it.

    Attributes:
        qubits: of the device.
        coupling: directed edges.
        basis_gates: the native gates, without reset and delay.
    """

    family: str
    qubits: int
    coupling: tuple[tuple[int, int], ...]
    basis_gates: tuple[str, ...]


@cache
def family_target(family: str) -> FamilyTarget:
    """Read a family's target from its device's snapshot, without importing qiskit.

    Raises:
        InputError: the snapshots of qiskit-ibm-runtime are not installed.
    """
    spec = find_spec("qiskit_ibm_runtime")
    if spec is None or spec.origin is None:
        raise InputError(f"coupling maps come with qiskit-ibm-runtime; {INSTALL}")
    device = FAMILIES[family]
    folder = Path(spec.origin).parent / "fake_provider" / "backends" / device
    configuration = json.loads((folder / f"conf_{device}.json").read_text(encoding="utf-8"))
    available = configuration["basis_gates"]
    entangling = next(gate for gate in ENTANGLING if gate in available)
    return FamilyTarget(
        family=family,
        qubits=int(configuration["n_qubits"]),
        coupling=tuple(sorted((int(a), int(b)) for a, b in configuration["coupling_map"])),
        basis_gates=(entangling, *ONE_QUBIT_BASIS),
    )

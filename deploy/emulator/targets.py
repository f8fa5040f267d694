"""A device's target, cut down to what a circuit uses."""

from collections.abc import Iterable, Sequence

from qiskit.transpiler import InstructionProperties, QubitProperties, Target

Place = tuple[str, tuple[int, ...]]
"""A gate and the physical qubits that it works on."""


def part_of(target: Target, qubits: Sequence[int], places: Iterable[Place]) -> Target:
    """Return a target of these gates only, on these qubits, numbered anew in their order."""
    number = {physical: virtual for virtual, physical in enumerate(qubits)}
    known = target.qubit_properties
    part = Target(
        num_qubits=len(qubits),
        dt=target.dt,
        qubit_properties=[known[q] if known else QubitProperties() for q in qubits],
    )
    by_name: dict[str, dict[tuple[int, ...], InstructionProperties]] = {}
    for name, where in sorted(places):
        found = target[name].get(where)
        by_name.setdefault(name, {})[tuple(number[q] for q in where)] = InstructionProperties(
            duration=found.duration if found else None, error=found.error if found else None
        )
    for name, properties in by_name.items():
        part.add_instruction(target.operation_from_name(name), properties, name=name)
    return part

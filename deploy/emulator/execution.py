"""Circuits on Aer, with a device's noise."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from qiskit.primitives import BitArray
from qiskit.transpiler import Target
from qiskit_aer.primitives import SamplerV2

from .circuits import (
    TOO_MANY_SHOTS,
    InvalidCircuitError,
    Reduced,
    check_flow,
    check_target,
    length_s,
    on_clock,
    reduce,
)
from .config import SimulationConfig
from .devices import Device
from .idling import with_idling
from .methods import Choice, choose, settle, simulator
from .noise import NO_GATES, noise_model
from .programs import Bits, Item
from .targets import part_of
from .timing import Load

MOST_EXECUTIONS = 5_000_000
"""Of a job; each of its bits is kept in memory."""


@dataclass(frozen=True)
class PreparedItem:
    """An item that can be run: all that a process needs that knows neither job nor device.

    Attributes:
        values: of its parameters, shape (*shape, parameters).
        shape: of the parameter sets.
        shots: of each of them.
        load: what it asks of the device.
        choice: how it is simulated.
        budget_s: what that may take.
        part: of the device's target, with what its circuit uses.
        readout: errors of its qubits, see `Device.readout`.
    """

    reduced: Reduced
    values: np.ndarray[Any, np.dtype[np.float64]]
    shape: tuple[int, ...]
    shots: int
    load: Load
    choice: Choice
    budget_s: float
    part: Target
    readout: tuple[tuple[float, float], ...]


def load_of(item: Item, device: Device) -> Load:
    """Return what an item asks of a device.

    Raises:
        InvalidCircuitError: the device cannot run it.
    """
    most = int(device.calibration.configuration.get("max_shots") or MOST_EXECUTIONS)
    if item.shots > most or item.executions > MOST_EXECUTIONS:
        raise InvalidCircuitError(
            f"circuit {item.circuit.name}: {item.sets} x {item.shots} shots are too many; "
            f"{device.name} takes {most} shots, and {MOST_EXECUTIONS} in all",
            TOO_MANY_SHOTS,
        )
    check_flow(item.circuit)
    check_target(item.circuit, device.target, device.name)
    return Load(
        executions=item.executions,
        length_s=length_s(on_clock(item.circuit, device.target), device.target),
        depth=int(item.circuit.depth()),
    )


def prepare(item: Item, device: Device, config: SimulationConfig) -> PreparedItem:
    """Make an item ready to run.

    Raises:
        InvalidCircuitError: the device cannot run it.
        CircuitError: it is too large to simulate.
    """
    load = load_of(item, device)
    item = replace(item, circuit=on_clock(item.circuit, device.target))
    reduced = with_idling(reduce(item.circuit), device, schedule=config.idle_noise)
    gates = [place for place in reduced.places if place[0] not in NO_GATES]
    return PreparedItem(
        reduced=reduced,
        values=item.parameters,
        shape=item.shape,
        shots=item.shots,
        load=load,
        choice=choose(reduced, item.shots, item.sets, config),
        budget_s=config.budget_s,
        part=part_of(device.target, reduced.qubits, gates),
        readout=tuple(device.readout[qubit] for qubit in reduced.qubits),
    )


def run(prepared: Sequence[PreparedItem], seeds: Sequence[int]) -> list[Bits]:
    """Run the items of a job; return their measured bits.

    Raises:
        CircuitError: one is too large to simulate, as a trial has shown.
    """
    return [_run(one, seed) for one, seed in zip(prepared, seeds, strict=True)]


def _run(one: PreparedItem, seed: int) -> Bits:
    circuit = one.reduced.circuit
    if all(step.operation.name != "measure" for step in circuit.data):
        return {
            register.name: BitArray.from_bool_array(
                np.zeros((*one.shape, one.shots, register.size), dtype=bool)
            )
            for register in circuit.cregs
        }
    noise = noise_model(one.part, one.readout)
    method = settle(one.choice, one.reduced, one.load.executions, noise, one.budget_s)
    sampler = SamplerV2.from_backend(simulator(method, noise), seed=seed)
    values = one.values if circuit.parameters else None
    data = sampler.run([(circuit, values, one.shots)]).result()[0].data
    return dict(data.items())

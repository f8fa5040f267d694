"""Circuits on Aer, with a device's noise."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from qiskit.primitives import BitArray
from qiskit_aer.primitives import SamplerV2

from .circuits import CircuitError, Reduced, check_target, length_s, reduce
from .config import SimulationConfig
from .devices import Device
from .idling import with_idling
from .methods import Choice, choose, simulator
from .noise import DeviceNoise
from .programs import Bits, Item
from .timing import Load

MOST_EXECUTIONS = 5_000_000
"""Of an item; each of its bits is kept in memory."""


@dataclass(frozen=True)
class Prepared:
    """An item that can be run, and what it asks of the device."""

    item: Item
    reduced: Reduced
    choice: Choice
    load: Load


def load_of(item: Item, device: Device) -> Load:
    """Return what an item asks of a device.

    Raises:
        CircuitError: the device cannot run it.
    """
    most = int(device.calibration.configuration.get("max_shots") or MOST_EXECUTIONS)
    if item.shots > most or item.executions > MOST_EXECUTIONS:
        raise CircuitError(
            f"circuit {item.circuit.name}: {item.sets} x {item.shots} shots are too many; "
            f"{device.name} takes {most} shots, and {MOST_EXECUTIONS} in all"
        )
    check_target(item.circuit, device.target, device.name)
    return Load(
        executions=item.executions,
        length_s=length_s(item.circuit, device.target),
        depth=int(item.circuit.depth()),
    )


def prepare(item: Item, device: Device, noise: DeviceNoise, told: SimulationConfig) -> Prepared:
    """Make an item ready to run.

    Raises:
        CircuitError: the device cannot run it, or it is too large to simulate.
    """
    load = load_of(item, device)
    reduced = with_idling(reduce(item.circuit), device, schedule=told.idle_noise)
    choice = choose(reduced, item.shots, item.sets, noise, told)
    return Prepared(item, reduced, choice, load)


def run(prepared: Sequence[Prepared], noise: DeviceNoise, rng: np.random.Generator) -> list[Bits]:
    """Run the items of a job; return their measured bits."""
    return [_run(one, noise, int(rng.integers(2**31))) for one in prepared]


def _run(one: Prepared, noise: DeviceNoise, seed: int) -> Bits:
    circuit = one.reduced.circuit
    if all(step.operation.name != "measure" for step in circuit.data):
        return {
            register.name: BitArray.from_bool_array(
                np.zeros((*one.item.shape, one.item.shots, register.size), dtype=bool)
            )
            for register in circuit.cregs
        }
    aer = simulator(one.choice.method, noise.model(one.reduced))
    sampler = SamplerV2.from_backend(aer, seed=seed)
    values = one.item.parameters if circuit.parameters else None
    pub = (circuit, values, one.item.shots)
    data = sampler.run([pub]).result()[0].data
    return dict(data.items())

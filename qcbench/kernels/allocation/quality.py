"""How well splits execute tasks: the compiled twin of `qcbench.cloud.splits`."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from qcbench.arrays import FloatArray
from qcbench.cloud.estimates import Estimates
from qcbench.fleet.profile import Fleet
from qcbench.kernels.allocation.arrays import Row, Worlds
from qcbench.kernels.compiling import inlined
from qcbench.physics.config import PartsFidelity, PhysicsConfig, SuccessProbability

WHOLE, BY_SHARE, BY_PARTS, BY_PARTS_WITH_GATES = range(4)
"""A part is as good as the whole task on its QPU; it has its share of the gates; the study's model
of parts, in which two-qubit gates are perfect or not."""


class Quality(NamedTuple):
    """Figures behind fidelity and price.

    Attributes:
        fidelity: of the whole task on each QPU, shape (worlds, most jobs, QPUs).
        price_per_s: of the QPUs.
        errors: readout, one-qubit and two-qubit error, shape (QPUs, 3).
        model: `WHOLE`, `BY_SHARE`, `BY_PARTS` or `BY_PARTS_WITH_GATES`.
        per_cut: factor for each link.
    """

    fidelity: FloatArray
    price_per_s: FloatArray
    errors: FloatArray
    model: int
    per_cut: float


def quality_of(fleet: Fleet, physics: PhysicsConfig, estimates: Sequence[Estimates]) -> Quality:
    """Return the figures of worlds with one fleet and the same models."""
    model = WHOLE
    if isinstance(physics.fidelity, SuccessProbability):
        model = BY_SHARE
    elif isinstance(physics.fidelity, PartsFidelity):
        with_gates = physics.fidelity.model == "with_2q"
        model = BY_PARTS_WITH_GATES if with_gates else BY_PARTS
    most = max(1, *(len(figures.fidelity) for figures in estimates), 1)
    fidelity = np.zeros((len(estimates), most, len(fleet)))
    for world, figures in enumerate(estimates):
        fidelity[world, : len(figures.fidelity)] = figures.fidelity
    return Quality(
        fidelity=fidelity,
        price_per_s=fleet.prices(),
        errors=fleet.errors(),
        model=model,
        per_cut=float(physics.links.fidelity_per_cut),
    )


@inlined
def split_fidelity(
    worlds: Worlds, quality: Quality, world: int, row: int, qpus: Row, qubits: Row, parts: int
) -> float:
    """Return the fidelity of a task that is split.

    Args:
        qpus, qubits: of the parts.
        parts: how many there are.
    """
    task = worlds.tasks[world, row]
    together = 1.0 if quality.model == BY_SHARE else 0.0
    width = np.sqrt(float(task.qubits // parts))
    gates = np.sqrt(np.sqrt(float(task.two_qubit_gates // parts)))
    for place in range(parts):
        qpu = qpus[place]
        whole = quality.fidelity[world, row, qpu]
        if quality.model == BY_SHARE:
            together *= whole ** (qubits[place] / task.qubits)
        elif quality.model == WHOLE:
            together += whole
        else:
            of_part = (1.0 - quality.errors[qpu, 1]) ** float(task.depth)
            of_part *= (1.0 - quality.errors[qpu, 0]) ** width
            if quality.model == BY_PARTS_WITH_GATES:
                of_part *= (1.0 - quality.errors[qpu, 2]) ** gates
            together += of_part
    if quality.model != BY_SHARE:
        together /= parts
    return float(together * quality.per_cut ** (parts - 1.0))

"""Situations at the edges: ties, no choice, nothing free, zeros and very large numbers.

Those of a track are in the module of its name; here is what they are made of.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from qcbench.fleet.profile import Fleet, QpuProfile
from qcbench.policies.view import TaskTable
from qcbench.tracks import Track, module_of

ROOM = "qcbench.bench.contract"
WIDTH = 5
"""Qubits of every QPU; the last one of a fleet can have more."""
FEW = 4


@dataclass(frozen=True)
class Edge:
    """One situation.

    Attributes:
        what: it is, in words.
        fleet: whose QPUs are there.
        view: what the policy is asked with.
    """

    what: str
    fleet: Fleet
    view: Any = field(repr=False)


def edges(track: Track, names: Sequence[str] = ()) -> Iterator[Edge]:
    """Return the situations of a track.

    Args:
        track: the kind of decision.
        names: of the QPUs; made up where there are none.
    """
    given = names or [f"q{index}" for index in range(FEW)]
    found: Iterator[Edge] = module_of(ROOM, track).edges(given)
    return found


def fleet_alike(names: Sequence[str], *, last: int = WIDTH, price: float = 1.0) -> Fleet:
    """Return QPUs that are all the same, but for the width of the last one."""
    widths = [WIDTH] * (len(names) - 1) + [last]
    qpus = (
        QpuProfile(
            name=name,
            qubits=qubits,
            family="tiny",
            readout_error=0.01,
            one_qubit_error=0.0,
            two_qubit_error=0.0,
            price_per_s=price,
        )
        for name, qubits in zip(names, widths, strict=True)
    )
    return Fleet("alike", tuple(qpus))


def one_task(fleet: Fleet, qubits: int, exec_s: float = 1.0, fidelity: float = 0.5) -> TaskTable:
    """Return one task, the same on every QPU that it fits."""
    feasible = qubits <= fleet.qubits
    rows: tuple[Any, ...] = (
        feasible,
        np.where(feasible, exec_s, np.inf),
        np.where(feasible, fidelity, 0.0),
        np.where(feasible, exec_s * fleet.prices(), np.inf),
    )
    for row in rows:
        row.flags.writeable = False
    one = np.ones(1, dtype=np.int64)
    return TaskTable(qubits * one, 10 * one, 1024 * one, 7 * one, *([row] for row in rows))

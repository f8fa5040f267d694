"""Random situations to put before a policy; those of a track are in the module of its name.

Views are filled anew for every decision, as the brokers do.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from qcbench.fleet.profile import Fleet, QpuProfile
from qcbench.policies.view import TaskTable
from qcbench.tracks import Track, module_of

ROOM = "qcbench.bench.contract"


def situations(track: Track, seed: int, fleet: Fleet, count: int) -> Iterator[Any]:
    """Return so many situations of a track, drawn from a seed."""
    found: Iterator[Any] = module_of(ROOM, track).views(seed, fleet, count)
    return found


def random_fleet(rng: np.random.Generator, qpus: int, names: Sequence[str] = ()) -> Fleet:
    """Return QPUs of different widths, errors and prices, zeros among them.

    Args:
        rng: that they are drawn from.
        qpus: how many.
        names: of all of them; made up where there are none.
    """
    return Fleet(
        "random",
        tuple(
            QpuProfile(
                name=names[index] if names else f"q{index}",
                qubits=int(rng.integers(2, 30)),
                family="tiny",
                readout_error=float(rng.choice([0.0, 0.01, rng.uniform(0, 0.2)])),
                one_qubit_error=0.0,
                two_qubit_error=0.0,
                price_per_s=float(rng.choice([0.0, 1.0, 1.6])),
            )
            for index in range(qpus)
        ),
    )


def random_table(rng: np.random.Generator, fleet: Fleet, tasks: int) -> TaskTable:
    """Estimates with ties, zeros and large values; every task fits at least one QPU."""
    qpus = len(fleet)
    qubits = rng.integers(1, int(fleet.qubits.max()) + 1, size=tasks)
    # Every third task fits the widest QPU only, where there is one.
    qubits[::3] = fleet.qubits.max()
    feasible = qubits[:, np.newaxis] <= fleet.qubits
    price = fleet.prices()
    exec_s = rng.choice([0.0, 1.0, 1e-9, 1e7], size=(tasks, qpus)) * rng.uniform(
        0.5, 2.0, size=(tasks, qpus)
    )
    fidelity = rng.choice([0.0, 1e-300, 0.5, 1.0], size=(tasks, qpus))
    columns = (
        feasible,
        np.where(feasible, exec_s, np.inf),
        np.where(feasible, fidelity, 0.0),
        np.where(feasible, exec_s * price, np.inf),
    )
    for column in columns:
        column.flags.writeable = False
    ones = np.ones(tasks, dtype=np.int64)
    return TaskTable(
        qubits,
        rng.integers(1, 100, tasks),
        1024 * ones,
        rng.integers(0, 100, tasks),
        *(list(column) for column in columns),
    )

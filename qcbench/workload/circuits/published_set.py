"""Task sets like the published one: many subsets of 26 circuits, as a file."""

from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.random import Generator

from qcbench.workload.algorithms import FAMILIES
from qcbench.workload.arrivals import processes
from qcbench.workload.circuits.selection import SUBSET_ROWS, draw_subsets
from qcbench.workload.circuits.table import load_circuits, load_gates
from qcbench.workload.config import MqtCircuits, QsimpyArrivals
from qcbench.workload.task_set import TaskSet


def draw_published_set(
    generator: Generator,
    subsets: int,
    circuits: MqtCircuits,
    arrivals: Literal["none", "minute", "qsimpy"] = "none",
) -> TaskSet:
    """Draw subsets of 26 circuits each; their ids count from 1.

    Args:
        generator: source of randomness.
        subsets: how many; the published set has 1,900.
        circuits: which circuits; the selection is always by subset.
        arrivals: `none` leaves them to whoever runs the tasks; `minute` draws those of subset k
            in minute k; `qsimpy` gives those that QSimPy would draw for this file.
    """
    table = load_circuits()
    rows = table.rows(circuits.algorithms, circuits.min_qubits, circuits.max_qubits)
    drawn = draw_subsets(generator, rows, subsets).reshape(-1)
    ids = np.arange(1, subsets + 1)
    content = TaskSet(
        tasks=table.with_shots(circuits.shots).take(drawn),
        subset=np.repeat(ids, SUBSET_ROWS),
        gates={
            prefix: [load_gates(prefix)[row] for row in drawn] for prefix in ("original", *FAMILIES)
        },
    )
    arrival_s = None
    if arrivals == "minute":
        first_minute_s = processes.minute(generator, len(drawn), SUBSET_ROWS)
        arrival_s = first_minute_s + processes.MINUTE_S
    elif arrivals == "qsimpy":
        # A row that comes again arrives with the one before it: it is no task of its own.
        new = content.is_new()
        times = processes.qsimpy_all(
            new.reshape(subsets, SUBSET_ROWS).sum(axis=1).tolist(), QsimpyArrivals().seed
        )
        arrival_s = times[np.cumsum(new) - 1]
    return replace(content, arrival_s=arrival_s)

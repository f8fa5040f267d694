"""The worlds that kernels run in: arrivals and estimates of many replicates as arrays."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from qcbench.arrays import FloatArray, IntArray
from qcbench.cloud.scenario import Scenario
from qcbench.errors import InputError
from qcbench.kernels.rules import due_of, latest_of, side_by_side, value_of

MOST_QPUS = 2**15 - 1
"""More have no number in the rows of a trial, see `outcome.ROW`."""
BLOCK = 4096
"""Tasks whose estimates are put side by side at the same time."""


class Worlds(NamedTuple):
    """Tasks of W worlds of up to T tasks on one fleet of Q QPUs; flat arrays, read-only.

    Task t of world w lies at ``w * T + t``, its estimate on QPU q at ``(w * T + t) * stride + q``:
    the three estimates of a task lie side by side in memory.

    Attributes:
        width: T.
        stride: from the estimates of a task to those of the next.
        tasks: how many tasks a world has, shape (W,).
        arrival_s, qubits, depth: of each task, shape (W * T,).
        exec_s, fidelity, price: estimates as in `qcbench.cloud.estimates`; where a task does not
            fit, the execution time is infinite.
        due_s, latest_s: when each task is due, and when a decision on it must be due lest it is
            dropped, both infinite where there is no such time, shape (W * T,).
        value: of each task's job as a share of the highest, shape (W * T,).
        qpu_qubits, clops: of each QPU, shape (Q,). A tuple of qubits makes the number of QPUs known
            to the compiler, which unrolls all loops over them.
    """

    width: int
    stride: int
    tasks: IntArray
    arrival_s: FloatArray
    qubits: npt.NDArray[np.int32]
    depth: npt.NDArray[np.int32]
    exec_s: FloatArray
    fidelity: FloatArray
    price: FloatArray
    due_s: FloatArray
    latest_s: FloatArray
    value: FloatArray
    qpu_qubits: IntArray | tuple[int, ...]
    clops: FloatArray


def worlds_of(scenarios: Sequence[Scenario], *, unrolled: bool = False) -> Worlds:
    """Gather the worlds of several replicates of one scenario.

    Args:
        scenarios: with equal fleets.
        unrolled: compile anew for every number of QPUs, for code that is a tenth faster.

    Raises:
        InputError: fleets differ, there are too many QPUs, or no model gives a figure that the
            scenario asks for.
    """
    fleet = scenarios[0].fleet
    if any(scenario.fleet != fleet for scenario in scenarios):
        name = next(scenario.name for scenario in scenarios if scenario.fleet != fleet)
        raise InputError(
            f"scenario {name}: its fleet differs from world to world; a kernel takes worlds of one "
            "fleet"
        )
    workloads = [scenario.workload for scenario in scenarios]
    counts = np.array([len(workload) for workload in workloads], dtype=np.int64)
    worlds, width, qpus = len(scenarios), max(int(counts.max()), 1), len(fleet)
    if qpus > MOST_QPUS:
        raise InputError(
            f"scenario {scenarios[0].name}: engine compiled: {qpus} QPUs; it takes {MOST_QPUS} at "
            "most, engine simpy more"
        )
    figures = np.empty((worlds, width, 3, qpus))
    for world, scenario in enumerate(scenarios):
        known, count = scenario.estimates, int(counts[world])
        figures[world, count:] = 0.0
        for begin in range(0, count, BLOCK):  # all three while the memory is at hand
            part = slice(begin, min(begin + BLOCK, count))
            figures[world, part, 0] = known.exec_s[part]
            figures[world, part, 1] = known.fidelity[part]
            figures[world, part, 2] = known.price[part]
    latest_s = [latest_of(scenario, scenario.estimates.exec_s) for scenario in scenarios]
    flat = figures.reshape(-1)
    return Worlds(
        width=width,
        stride=3 * qpus,
        tasks=counts,
        arrival_s=side_by_side([each.arrival_s for each in workloads], width),
        qubits=side_by_side([each.tasks.qubits for each in workloads], width, np.int32),
        depth=side_by_side([each.tasks.depth for each in workloads], width, np.int32),
        exec_s=flat,
        fidelity=flat[qpus:],
        price=flat[2 * qpus :],
        due_s=side_by_side([due_of(each) for each in workloads], width),
        latest_s=side_by_side(latest_s, width),
        value=side_by_side([value_of(each) for each in workloads], width),
        qpu_qubits=tuple(fleet.qubits.tolist()) if unrolled else fleet.qubits.astype(np.int64),
        clops=fleet.figures("clops_v"),
    )

"""What twins of the track may know of the tasks of a trial, see `qcbench.policies.twins`."""

import numpy as np

from qcbench.arrays import FloatArray
from qcbench.cloud.splits import Splits
from qcbench.policies.split_options import SplitOptions
from qcbench.policies.twins import KnownSplits, TwinContext
from qcbench.policies.view import AllocationView

PARTS_AT_ONCE = 1 << 14
"""Parts of tasks whose fidelity is found at a time: what that takes stays in the cache."""


def known_of(splits: Splits, view: AllocationView) -> TwinContext:
    """Return what a twin may know."""
    return TwinContext(
        splits.fleet,
        jobs=len(splits.tasks),
        splits=KnownSplits(
            qubits=splits.tasks.qubits.astype(np.int64),
            exec_s=splits.estimates.exec_s,
            whole=splits.estimates.fidelity,
            share_matters=splits.share_matters,
            fidelity=lambda options: success_of(options, splits, view),
        ),
    )


def success_of(options: SplitOptions, splits: Splits, view: AllocationView) -> FloatArray:
    """Return the fidelity of every task on every set of idle QPUs, shape (tasks, sets).

    It comes from the functions that policies in Python call, so that it is the same to the last
    bit: powers of compiled code and of NumPy differ in it.
    """
    tasks, sets = len(splits.tasks), len(options.counts)
    table = np.zeros((tasks, sets))
    if splits.share_matters:
        capacity = splits.fleet.qubits
        for row in range(tasks):
            view.row, view.task_qubits = row, int(splits.tasks.qubits[row])
            table[row] = options.fidelity(view, capacity)
        return table
    # Of a part only its QPU and the number of parts beside it matter.
    kinds, kind = np.unique(
        np.stack([np.repeat(options.counts, options.counts), options.qpu]),
        axis=1,
        return_inverse=True,
    )
    at_once = max(1, PARTS_AT_ONCE // len(options.qpu))
    for begin in range(0, tasks, at_once):
        rows = np.arange(begin, min(tasks, begin + at_once))
        of_kind = splits.of_parts(
            np.repeat(rows, kinds.shape[1]),
            np.tile(kinds[1], len(rows)),
            np.ones(len(rows) * kinds.shape[1], dtype=np.int64),
            np.tile(kinds[0], len(rows)),
        ).reshape(len(rows), -1)
        of_part = of_kind[:, kind.reshape(-1)].reshape(-1)
        table[rows] = splits.combined(of_part, np.tile(options.counts, len(rows))).reshape(-1, sets)
    return table

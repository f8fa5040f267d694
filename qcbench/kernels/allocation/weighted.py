"""The compiled twin of the allocation policy `weighted`."""

from math import inf
from typing import NamedTuple

import numpy as np

from qcbench.arrays import FloatArray
from qcbench.cloud.splits import Splits
from qcbench.kernels.allocation.arrays import Settings, State, Worlds
from qcbench.kernels.allocation.sets import (
    Sets,
    chain,
    comm_s,
    holds,
    longest_s,
    sets_of,
    success_of,
)
from qcbench.kernels.compiling import inlined, kernel
from qcbench.policies.split_options import split_options
from qcbench.policies.view import AllocationView
from qcbench.policies.weights import weighed_prices


class Weighing(NamedTuple):
    """The policy as numbers.

    Attributes:
        time, fidelity, price: the weights.
        success: of each task on each set, shape (tasks, sets).
        price_per_s: of each set, shape (sets,).
        exec_s, score, term: working space, shape (sets,).
    """

    sets: Sets
    time: float
    fidelity: float
    price: float
    success: FloatArray
    price_per_s: FloatArray
    exec_s: FloatArray
    score: FloatArray
    term: FloatArray


def weighing_of(
    splits: Splits, view: AllocationView, *, time: float, fidelity: float, price: float
) -> Weighing:
    """Return the policy for the tasks of a trial, whose fidelity does not depend on shares."""
    options = split_options(splits.fleet)
    size = len(options.counts)
    return Weighing(
        sets=sets_of(options, splits),
        time=float(time),
        fidelity=float(fidelity),
        price=float(price),
        success=success_of(options, splits, view) if fidelity else np.zeros((0, size)),
        price_per_s=options.uses @ weighed_prices(splits.fleet, price),
        exec_s=np.zeros(size),
        score=np.zeros(size),
        term=np.zeros(size),
    )


@kernel
def decide(told: Weighing, settings: Settings, worlds: Worlds, state: State, e: int) -> int:
    """Take the set with the least score; return its parts, 0 to wait."""
    cloud = state.clouds[e]
    task = cloud.task
    qubits = worlds.tasks[cloud.world, task].qubits
    free, sets, score, term = state.free[e], told.sets, told.score, told.term
    for option in range(len(score)):
        score[option] = inf
        if holds(sets, option, qubits, free):
            score[option] = 0.0
            told.exec_s[option] = longest_s(sets, option, worlds.exec_s[cloud.world, task])
    if told.time:
        for option in range(len(score)):
            if score[option] < inf:
                term[option] = told.exec_s[option] + comm_s(
                    sets, option, qubits, free, settings.time_per_qubit_s
                )
        add_scaled(told.time, term, score)
    if told.fidelity:
        for option in range(len(score)):
            term[option] = -told.success[task, option]
        add_scaled(told.fidelity, term, score)
    if told.price:
        for option in range(len(score)):
            term[option] = told.exec_s[option] * told.price_per_s[option]
        add_scaled(told.price, term, score)
    best = 0
    for option in range(1, len(score)):
        if score[option] < score[best]:
            best = option
    if score[best] == inf:
        return 0
    return chain(sets, state, e, task, qubits, best)


@inlined
def add_scaled(weight: float, term: FloatArray, score: FloatArray) -> None:
    """Add a term to the score of the sets on offer, scaled to 0 (least) .. 1 (largest)."""
    least, largest = inf, -inf
    for option in range(len(score)):
        if score[option] < inf:
            least = min(least, term[option])
            largest = max(largest, term[option])
    spread = largest - least
    if spread > 0:
        for option in range(len(score)):
            score[option] += weight * ((term[option] - least) / spread)

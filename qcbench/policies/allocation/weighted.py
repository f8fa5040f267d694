"""Least weighted sum of time, infidelity and price among the splits that are possible now.

The Pareto knob without foresight: it looks at this task and at what is free, over all sets of QPUs.
Each term is scaled to 0..1 over the splits on offer; the fastest, the most faithful and the
cheapest score 0.
"""

from math import inf
from typing import NamedTuple

import numpy as np

from qcbench.arrays import FloatArray
from qcbench.configs import NotNegative
from qcbench.policies.numpy_sums import MOST_SUMMED
from qcbench.policies.protocol import Allocation, PolicyContext
from qcbench.policies.split_options import (
    Sets,
    comm_s,
    holds,
    longest_s,
    sets_of,
    split_options,
)
from qcbench.policies.splitting import chain
from qcbench.policies.twins import Splitting, TwinContext
from qcbench.policies.view import AllocationView
from qcbench.policies.weights import check_weights, weighed_prices


def policy(
    context: PolicyContext,
    *,
    time: NotNegative = 1.0,
    fidelity: NotNegative = 1.0,
    price: NotNegative = 0.0,
) -> Allocation:
    """Build the policy; one of the three weights must be positive."""
    check_weights("weighted", {"time": time, "fidelity": fidelity, "price": price})
    options = split_options(context.fleet)
    price_per_s = options.uses @ weighed_prices(context.fleet, price)

    def decide(view: AllocationView) -> dict[int, int] | None:
        free, qubits = view.free_qubits, view.task_qubits
        offered = np.flatnonzero(options.possible(qubits, free))
        if not len(offered):
            return None
        exec_s = options.exec_s(view)
        score = np.zeros(len(offered))
        if time:
            least_s = exec_s + options.comm_s(qubits, free, view.time_per_qubit_s)
            score += time * _scaled(least_s[offered])
        if fidelity:
            score += fidelity * _scaled(-options.fidelity(view, free)[offered])
        if price:
            score += price * _scaled((exec_s * price_per_s)[offered])
        return options.parts(int(offered[score.argmin()]), view, free)

    return decide


def _scaled(values: FloatArray) -> FloatArray:
    """Map values linearly to 0 (least) .. 1 (largest); 0 where all are equal."""
    least = values.min()
    spread = values.max() - least
    return (values - least) / spread if spread > 0 else np.zeros_like(values)


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


def remember(
    context: TwinContext, *, time: float = 1.0, fidelity: float = 1.0, price: float = 0.0
) -> Weighing | None:
    """Return the policy for the tasks of a trial; None where fidelity depends on shares.

    NumPy would be asked for it at every decision.
    """
    splits = context.splits
    if splits is None or splits.share_matters or len(context.fleet) > MOST_SUMMED:
        return None
    options = split_options(context.fleet)
    size = len(options.counts)
    return Weighing(
        sets=sets_of(options, splits.whole, splits.share_matters),
        time=float(time),
        fidelity=float(fidelity),
        price=float(price),
        success=splits.fidelity(options) if fidelity else np.zeros((0, size)),
        price_per_s=options.uses @ weighed_prices(context.fleet, price),
        exec_s=np.zeros(size),
        score=np.zeros(size),
        term=np.zeros(size),
    )


def twin(view: Splitting, told: Weighing) -> int:
    """Decide as `policy` does."""
    qubits = view.task_qubits
    free, sets, score, term = view.free, told.sets, told.score, told.term
    for option in range(len(score)):
        score[option] = inf
        if holds(sets, option, qubits, free):
            score[option] = 0.0
            told.exec_s[option] = longest_s(sets, option, view.exec_s)
    if told.time:
        for option in range(len(score)):
            if score[option] < inf:
                term[option] = told.exec_s[option] + comm_s(
                    sets, option, qubits, free, view.time_per_qubit_s
                )
        add_scaled(told.time, term, score)
    if told.fidelity:
        for option in range(len(score)):
            term[option] = -told.success[view.row, option]
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
    return chain(view, sets, best)


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

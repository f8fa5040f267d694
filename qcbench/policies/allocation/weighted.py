"""Least weighted sum of time, infidelity and price among the splits that are possible now.

The Pareto knob without foresight: it looks at this task and at what is free, over all sets of QPUs.
Each term is scaled to 0..1 over the splits on offer; the fastest, the most faithful and the
cheapest score 0.
"""

import numpy as np

from qcbench.arrays import FloatArray
from qcbench.policies.protocol import Allocation, PolicyContext
from qcbench.policies.split_options import split_options
from qcbench.policies.view import AllocationView
from qcbench.policies.weights import check_weights, weighed_prices


def policy(
    context: PolicyContext,
    *,
    time: float = 1.0,
    fidelity: float = 1.0,
    price: float = 0.0,
) -> Allocation:
    """Build the policy; the three weights must not be negative and one must be positive."""
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
            comm_s = options.comm_s(qubits, free, view.time_per_qubit_s)
            score += time * _scaled((exec_s + comm_s)[offered])
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

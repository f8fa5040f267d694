"""The best split for the model by the worth of each QPU's time: traces time against fidelity.

Which split is best depends on what else the QPUs could do, which prices say
(`qcbench.policies.split_prices`). With them each task weighs its splits on its own: QPU time at its
price, plus the worth of the fidelity that it loses. It takes the best one, or one that is nearly as
good and free; else it waits.
"""

from math import inf
from typing import NamedTuple

import numpy as np

from qcbench.arrays import BoolArray, FloatArray
from qcbench.configs import NotNegative
from qcbench.fleet.profile import Fleet
from qcbench.policies.numpy_sums import numpy_sum
from qcbench.policies.protocol import Allocation, PolicyContext
from qcbench.policies.split_options import holds
from qcbench.policies.split_prices import (
    Case,
    Pricing,
    SplitPrices,
    pricing_of,
    see,
    spread_load,
)
from qcbench.policies.splitting import chain
from qcbench.policies.twins import Splitting, TwinContext
from qcbench.policies.view import AllocationView


def policy(
    context: PolicyContext, *, fidelity_worth: NotNegative = 10.0, slack: NotNegative = 0.1
) -> Allocation:
    """Build the policy.

    Args:
        context: the fleet.
        fidelity_worth: what a task's fidelity of 1 is worth, in units of the time that the busiest
            QPU takes for a task on average when nothing but time counts. 0 is the fastest end of
            the front; with some thousands every task takes its most faithful split.
        slack: how much worse than the best a split may be that is free now, as a share of the QPU
            time that the best one is worth.
    """
    return _Tradeoff(context.fleet, fidelity_worth, slack).decide


class _Tradeoff:
    """The state of the policy: prices, and ends of what runs."""

    def __init__(self, fleet: Fleet, fidelity_worth: float, slack: float) -> None:
        self._told = SplitPrices(fleet, fidelity_worth)
        self._slack = slack
        self._free_at_s = np.zeros(len(fleet))

    def decide(self, view: AllocationView) -> dict[int, int] | None:
        """Return the split of a task, or None to wait."""
        told = self._told
        case = told.case(view)
        told.weigh(case)
        fits = told.options.possible(view.task_qubits, view.free_qubits)
        cost_s, best = case.cost_s, case.best
        limit_s = self._least_s(view, case, fits) + self._slack * case.worth_s[best]
        offered = np.flatnonzero(fits & (cost_s <= limit_s))
        if len(offered):
            chosen = int(offered[case.duration_s[offered].argmin()])
            # A slow split must not last longer than the best one and all that waits.
            backlog_s = case.duration_s[best] + view.waiting * told.busiest_s
            if case.duration_s[chosen] <= backlog_s:
                return self._start(view, case, chosen)
        if not view.running and fits.any():
            # Nothing will be released, so something must do, say while a QPU is down.
            return self._start(view, case, int(np.where(fits, cost_s, np.inf).argmin()))
        return None

    def _least_s(self, view: AllocationView, case: Case, fits: BoolArray) -> float:
        """Return the least cost of an option, waiting included.

        Where nobody may overtake, waiting for an option leaves idle what is free meanwhile.
        """
        if view.may_overtake:
            return float(case.cost_s[case.best])
        told = self._told
        idle_worth = float(told.prices[view.free_qubits == told.capacity].sum())
        until_free_s = np.maximum(self._free_at_s - view.now_s, 0.0)
        wait_s = np.where(fits, 0.0, (told.options.weights * until_free_s).max(axis=1))
        return float((case.cost_s + idle_worth * wait_s).min())

    def _start(self, view: AllocationView, case: Case, option: int) -> dict[int, int]:
        del self._told.cases[view.row]
        split = self._told.options.parts(option, view, view.free_qubits)
        used = list(split)
        end_s = view.now_s + case.duration_s[option]
        self._free_at_s[used] = np.maximum(self._free_at_s[used], end_s)
        return split


class Tradeoff(NamedTuple):
    """The policy as numbers, what it has learnt, and working space.

    Attributes:
        pricing: prices, and what they are of.
        free_at_s: when what was started on each QPU ends, shape (QPUs,).
        duration_s, worth_s, cost_s: of each set for the task that is looked at, shape (sets,):
            communication and execution; load at the prices of the QPUs; the same and the worth of
            the fidelity that is lost, infinite where the QPUs are too small.
        fits: whether the set can hold it now.
    """

    pricing: Pricing
    slack: float
    free_at_s: FloatArray
    duration_s: FloatArray
    worth_s: FloatArray
    cost_s: FloatArray
    fits: BoolArray


def remember(
    context: TwinContext, *, fidelity_worth: NotNegative = 10.0, slack: NotNegative = 0.1
) -> Tradeoff | None:
    """Return the policy for the tasks of a trial, which has learnt nothing yet."""
    pricing = pricing_of(context, fidelity_worth)
    if pricing is None:
        return None
    sets = len(pricing.sets.counts)
    return Tradeoff(
        pricing=pricing,
        slack=float(slack),
        free_at_s=np.zeros(len(context.fleet)),
        duration_s=np.zeros(sets),
        worth_s=np.zeros(sets),
        cost_s=np.zeros(sets),
        fits=np.zeros(sets, dtype=np.bool_),
    )


def twin(view: Splitting, told: Tradeoff) -> int:
    """Decide as `policy` does."""
    pricing, task, qubits = told.pricing, view.row, view.task_qubits
    sets, free, fits, cost_s = pricing.sets, view.free, told.fits, told.cost_s
    see(pricing, view)
    best = weigh(told, view, task)
    for option in range(len(fits)):
        fits[option] = holds(sets, option, qubits, free)
    limit_s = least_s(told, view, best) + told.slack * told.worth_s[best]
    chosen = -1
    for option in range(len(fits)):
        offered = fits[option] and cost_s[option] <= limit_s
        if offered and (chosen < 0 or told.duration_s[option] < told.duration_s[chosen]):
            chosen = option
    # A slow split must not last longer than the best one and all that waits.
    backlog_s = told.duration_s[best] + view.waiting * pricing.learnt[0].busiest_s
    if chosen >= 0 and told.duration_s[chosen] > backlog_s:
        chosen = -1
    if chosen < 0 and not view.running:
        # Nothing will be released, so something must do, say while a QPU is down.
        for option in range(len(fits)):
            if fits[option] and (chosen < 0 or cost_s[option] < cost_s[chosen]):
                chosen = option
    if chosen < 0:
        return 0
    pricing.known[task] = False
    end_s = view.now_s + told.duration_s[chosen]
    for place in range(sets.first[chosen], sets.first[chosen] + sets.counts[chosen]):
        qpu = sets.qpu[place]
        told.free_at_s[qpu] = max(told.free_at_s[qpu], end_s)
    return chain(view, sets, chosen)


def least_s(told: Tradeoff, view: Splitting, best: int) -> float:
    """Return the least cost of a set, waiting included where nobody may overtake."""
    if view.may_overtake:
        return float(told.cost_s[best])
    pricing = told.pricing
    sets, load_s, free, idle = pricing.sets, pricing.load_s, view.free, 0
    for qpu in range(len(free)):
        if free[qpu] == view.capacity[qpu]:
            load_s[idle] = pricing.prices[qpu]
            idle += 1
    idle_worth = numpy_sum(load_s[:idle])
    least = inf
    for option in range(len(told.cost_s)):
        wait_s = 0.0
        if not told.fits[option]:
            for place in range(sets.first[option], sets.first[option] + sets.counts[option]):
                wait_s = max(wait_s, told.free_at_s[sets.qpu[place]] - view.now_s)
        least = min(least, told.cost_s[option] + idle_worth * wait_s)
    return least


def weigh(told: Tradeoff, view: Splitting, task: int) -> int:
    """Weigh the sets with the present prices; return the one that costs least."""
    pricing = told.pricing
    qubits, load_s = pricing.qubits[task], pricing.load_s
    best = 0
    for option in range(len(told.cost_s)):
        told.duration_s[option] = spread_load(pricing, view, task, option)
        for qpu in range(len(load_s)):
            load_s[qpu] *= pricing.prices[qpu]
        told.worth_s[option] = numpy_sum(load_s)
        told.cost_s[option] = inf
        if holds(pricing.sets, option, qubits, view.capacity):
            lost_s = pricing.learnt[0].fidelity_s * pricing.infidelity[task, option]
            told.cost_s[option] = told.worth_s[option] + lost_s
        if told.cost_s[option] < told.cost_s[best]:
            best = option
    return best

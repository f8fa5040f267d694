"""The best split for the model by the worth of each QPU's time: traces time against fidelity.

Which split is best depends on what else the QPUs could do. A small linear program over a sample of
the tasks seen so far spreads them in the best way over all sets of QPUs; its dual variables say
what a second of each QPU is worth (`qcbench.policies.bottleneck`). With these prices each task
weighs its splits on its own: QPU time at its price, plus the worth of the fidelity that it loses.
It takes the best one, or one that is nearly as good and free; else it waits.
"""

from dataclasses import dataclass

import numpy as np

from qcbench.arrays import BoolArray, FloatArray, IntArray
from qcbench.errors import InputError
from qcbench.fleet.profile import Fleet
from qcbench.policies.bottleneck import bottleneck_prices
from qcbench.policies.protocol import Allocation, PolicyContext
from qcbench.policies.split_options import split_options
from qcbench.policies.view import AllocationView

SAMPLE = 24
"""Tasks that stand for the mix; fewer where there are many options."""
MOST_CHOICES = 1500
"""Tasks of the sample times options, so that the linear program stays small."""
WINDOW = 256
"""Latest tasks that the sample is taken from."""
TILTS = 5
TILT = 0.02
"""How often and by how much QPUs are made to look busier, to find the middle of dual solutions."""


def policy(
    context: PolicyContext, *, fidelity_worth: float = 10.0, slack: float = 0.1
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
    for key, value in (("fidelity_worth", fidelity_worth), ("slack", slack)):
        if not 0 <= value < np.inf:
            raise InputError(
                f"policy best_tradeoff: parameter {key} is {value:g}; it must be finite and >= 0"
            )
    return _Tradeoff(context.fleet, fidelity_worth, slack).decide


def sample_size(options: int) -> int:
    """Return how many tasks make a sample where each has so many options."""
    return max(2, min(SAMPLE, MOST_CHOICES // options))


def sample_of(seen: int, options: int) -> IntArray:
    """Return the places of a sample among so many tasks, spread evenly."""
    return np.unique(np.linspace(0, seen - 1, sample_size(options)).round().astype(np.int64))


@dataclass(slots=True)
class _Case:
    """What a task makes of each option: shape (options,), and (options, QPUs) for the load.

    Attributes:
        duration_s: communication and execution.
        load_s: time that each QPU is kept busy.
        infidelity: 1 - fidelity.
        possible: the QPUs of the option are large enough.
        worth_s: load at the prices of the QPUs.
        cost_s: the same and the worth of the fidelity that is lost; infinite where impossible.
        best: the option that costs least.
        prices: number of the prices that the last three were found with.
    """

    duration_s: FloatArray
    load_s: FloatArray
    infidelity: FloatArray
    possible: BoolArray
    worth_s: FloatArray
    cost_s: FloatArray
    best: int = -1
    prices: int = -1


class _Tradeoff:
    """The state of the policy: cases of waiting and of recent tasks, prices, ends of what runs."""

    def __init__(self, fleet: Fleet, fidelity_worth: float, slack: float) -> None:
        self._options = split_options(fleet)
        self._capacity: IntArray = fleet.qubits
        self._widest = int(fleet.qubits.max())
        self._fidelity_worth = fidelity_worth
        self._slack = slack
        self._cases: dict[int, _Case] = {}
        self._recent: list[_Case] = []
        self._seen = 0
        self._prices = np.full(len(fleet), 1.0 / len(fleet))
        self._priced = 0
        """How often prices were found."""
        self._fidelity_s = 0.0
        """What a fidelity of 1 is worth."""
        self._busiest_s = 0.0
        """Time of the busiest QPU that a task takes on average."""
        self._free_at_s = np.zeros(len(fleet))

    def decide(self, view: AllocationView) -> dict[int, int] | None:
        """Return the split of a task, or None to wait."""
        options, free = self._options, view.free_qubits
        case = self._cases.get(view.row)
        if case is None:
            case = self._cases[view.row] = self._case(view)
            self._learn(case)
        if case.prices != self._priced:
            self._price(case)
        fits = options.possible(view.task_qubits, free)
        cost_s, best = case.cost_s, case.best
        limit_s = self._least_s(view, case, fits) + self._slack * case.worth_s[best]
        offered = np.flatnonzero(fits & (cost_s <= limit_s))
        if len(offered):
            chosen = int(offered[case.duration_s[offered].argmin()])
            # A slow split must not last longer than the best one and all that waits.
            backlog_s = case.duration_s[best] + view.waiting * self._busiest_s
            if case.duration_s[chosen] <= backlog_s:
                return self._start(view, case, chosen)
        if not view.running and fits.any():
            # Nothing will be released, so something must do, say while a QPU is down.
            return self._start(view, case, int(np.where(fits, cost_s, np.inf).argmin()))
        return None

    def _case(self, view: AllocationView) -> _Case:
        options, qubits, capacity = self._options, view.task_qubits, self._capacity
        comm_s = options.comm_s(qubits, capacity, view.time_per_qubit_s)
        duration_s = options.exec_s(view) + comm_s
        if qubits > self._widest:
            # What such a task leaves of a QPU is seldom of use to another one.
            share = options.uses.astype(np.float64)
        else:
            share = np.where(options.uses, qubits / options.counts[:, np.newaxis] / capacity, 0.0)
        return _Case(
            duration_s=duration_s,
            load_s=share * duration_s[:, np.newaxis],
            infidelity=1.0 - options.fidelity(view, capacity),
            possible=options.possible(qubits, capacity),
            worth_s=duration_s,
            cost_s=duration_s,
        )

    def _price(self, case: _Case) -> None:
        """Weigh the options of a task with the present prices."""
        case.worth_s = (case.load_s * self._prices).sum(axis=1)
        cost_s = case.worth_s + self._fidelity_s * case.infidelity
        case.cost_s = np.where(case.possible, cost_s, np.inf)
        case.best = int(case.cost_s.argmin())
        case.prices = self._priced

    def _learn(self, case: _Case) -> None:
        """Add a task to those seen, and now and then find the prices anew."""
        self._recent.append(case)
        if len(self._recent) > WINDOW:
            del self._recent[0]
        self._seen += 1
        often = self._seen < WINDOW and self._seen.bit_count() == 1
        if not often and self._seen % WINDOW:
            return
        sample = [self._recent[place] for place in sample_of(len(self._recent), len(case.possible))]
        load_s = np.array([np.where(c.possible[:, np.newaxis], c.load_s, np.inf) for c in sample])
        infidelity = np.array([c.infidelity for c in sample])
        _, fastest_s = bottleneck_prices(load_s, np.zeros_like(infidelity))
        self._fidelity_s = self._fidelity_worth * fastest_s
        found = []
        for turn in range(min(TILTS, len(self._prices))):
            # Where two QPUs always work together, any division of their price is optimal; the mean
            # of several solutions gives each its part.
            tilted = load_s.copy()
            tilted[:, :, turn::TILTS] *= 1.0 + TILT
            found.append(bottleneck_prices(tilted, self._fidelity_s * infidelity))
        self._prices = np.mean([prices for prices, _ in found], axis=0)
        self._priced += 1
        self._busiest_s = float(np.mean([busiest_s for _, busiest_s in found]))

    def _least_s(self, view: AllocationView, case: _Case, fits: BoolArray) -> float:
        """Return the least cost of an option, waiting included.

        Where nobody may overtake, waiting for an option leaves idle what is free meanwhile.
        """
        if view.may_overtake:
            return float(case.cost_s[case.best])
        idle_worth = float(self._prices[view.free_qubits == self._capacity].sum())
        until_free_s = np.maximum(self._free_at_s - view.now_s, 0.0)
        wait_s = np.where(fits, 0.0, (self._options.weights * until_free_s).max(axis=1))
        return float((case.cost_s + idle_worth * wait_s).min())

    def _start(self, view: AllocationView, case: _Case, option: int) -> dict[int, int]:
        del self._cases[view.row]
        split = self._options.parts(option, view, view.free_qubits)
        used = list(split)
        end_s = view.now_s + case.duration_s[option]
        self._free_at_s[used] = np.maximum(self._free_at_s[used], end_s)
        return split

"""The best split for the model by the worth of each QPU's time: traces time against fidelity.

Which split is best depends on what else the QPUs could do. A small linear program over a sample of
the tasks seen so far spreads them in the best way over all sets of QPUs; its dual variables say
what a second of each QPU is worth (`qcbench.policies.bottleneck`). With these prices each task
weighs its splits on its own: QPU time at its price, plus the worth of the fidelity that it loses.
It takes the best one, or one that is nearly as good and free; else it waits.
"""

from dataclasses import dataclass
from math import inf
from typing import Any, NamedTuple

import numpy as np

from qcbench.arrays import BoolArray, FloatArray, IntArray
from qcbench.configs import NotNegative
from qcbench.fleet.profile import Fleet
from qcbench.policies.bottleneck import bottleneck_prices, solve
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
from qcbench.policies.sums import MOST_SUMMED, numpy_sum
from qcbench.policies.twins import Splitting, TwinContext
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
        duration_s = options.exec_s(view) + options.comm_s(qubits, capacity, view.time_per_qubit_s)
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


LEARNT = np.dtype([("seen", "i8"), ("fidelity_s", "f8"), ("busiest_s", "f8")], align=True)
"""Tasks seen; what a fidelity of 1 is worth; time of the busiest QPU that a task takes on average.
"""


class Tradeoff(NamedTuple):
    """The policy as numbers, what it has learnt, and working space.

    Attributes:
        widest: qubits of the largest QPU.
        qubits, exec_s: as in `KnownSplits`.
        infidelity: of each task on each set, shape (tasks, sets).
        samples: places in `recent` by the number of tasks there, -1 behind the last one, shape
            (`WINDOW` + 1, size of a sample).
        learnt: one row of `LEARNT`.
        prices: what a second of each QPU is worth, shape (QPUs,), as is the next.
        free_at_s: when what was started on each QPU ends.
        known: whether a task was seen since it last started, shape (tasks,).
        recent: tasks seen, the latest `WINDOW`.
        duration_s, worth_s, cost_s: of each set for the task that is looked at, shape (sets,):
            communication and execution; load at the prices of the QPUs; the same and the worth of
            the fidelity that is lost, infinite where the QPUs are too small.
        fits: whether the set can hold it now.
        load_s: time that each QPU is kept busy, shape (QPUs,).
        begin: see `bottleneck.solve`; `table` likewise.
        found: several solutions, shape (solutions, QPUs).
    """

    sets: Sets
    widest: int
    fidelity_worth: float
    slack: float
    qubits: IntArray
    exec_s: FloatArray
    infidelity: FloatArray
    samples: IntArray
    learnt: Any
    prices: FloatArray
    free_at_s: FloatArray
    known: BoolArray
    recent: IntArray
    duration_s: FloatArray
    worth_s: FloatArray
    cost_s: FloatArray
    fits: BoolArray
    load_s: FloatArray
    begin: IntArray
    table: FloatArray
    found: FloatArray


def remember(
    context: TwinContext, *, fidelity_worth: NotNegative = 10.0, slack: NotNegative = 0.1
) -> Tradeoff | None:
    """Return the policy for the tasks of a trial, which has learnt nothing yet."""
    splits = context.splits
    if splits is None or len(context.fleet) > MOST_SUMMED:
        return None
    options = split_options(context.fleet)
    tasks, qpus, sets = len(splits.qubits), len(context.fleet), len(options.counts)
    size = sample_size(sets)
    samples: IntArray = np.full((WINDOW + 1, size), -1)
    for count in range(1, WINDOW + 1):
        chosen = sample_of(count, sets)
        samples[count, : len(chosen)] = chosen
    return Tradeoff(
        sets=sets_of(options, splits.whole, splits.share_matters),
        widest=int(context.fleet.qubits.max()),
        fidelity_worth=float(fidelity_worth),
        slack=float(slack),
        qubits=splits.qubits,
        exec_s=splits.exec_s,
        infidelity=1.0 - splits.fidelity(options),
        samples=samples,
        learnt=np.zeros(1, dtype=LEARNT),
        prices=np.full(qpus, 1.0 / qpus),
        free_at_s=np.zeros(qpus),
        known=np.zeros(tasks, dtype=np.bool_),
        recent=np.zeros(WINDOW, dtype=np.int64),
        duration_s=np.zeros(sets),
        worth_s=np.zeros(sets),
        cost_s=np.zeros(sets),
        fits=np.zeros(sets, dtype=np.bool_),
        load_s=np.zeros(qpus),
        begin=np.zeros((size, 2), dtype=np.int64),
        table=np.zeros((qpus + size + 1, size * sets + qpus + 2)),
        found=np.zeros((min(TILTS, qpus), qpus)),
    )


def twin(view: Splitting, told: Tradeoff) -> int:
    """Decide as `policy` does."""
    learnt, sets, task, qubits = told.learnt[0], told.sets, view.row, view.task_qubits
    free, fits, cost_s = view.free, told.fits, told.cost_s
    if not told.known[task]:
        told.known[task] = True
        learn(told, view, task)
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
    backlog_s = told.duration_s[best] + view.waiting * learnt.busiest_s
    if chosen >= 0 and told.duration_s[chosen] > backlog_s:
        chosen = -1
    if chosen < 0 and not view.running:
        # Nothing will be released, so something must do, say while a QPU is down.
        for option in range(len(fits)):
            if fits[option] and (chosen < 0 or cost_s[option] < cost_s[chosen]):
                chosen = option
    if chosen < 0:
        return 0
    told.known[task] = False
    end_s = view.now_s + told.duration_s[chosen]
    for place in range(sets.first[chosen], sets.first[chosen] + sets.counts[chosen]):
        qpu = sets.qpu[place]
        told.free_at_s[qpu] = max(told.free_at_s[qpu], end_s)
    return chain(view, sets, chosen)


def least_s(told: Tradeoff, view: Splitting, best: int) -> float:
    """Return the least cost of a set, waiting included where nobody may overtake."""
    if view.may_overtake:
        return float(told.cost_s[best])
    sets, free, idle = told.sets, view.free, 0
    for qpu in range(len(free)):
        if free[qpu] == view.capacity[qpu]:
            told.load_s[idle] = told.prices[qpu]
            idle += 1
    idle_worth = numpy_sum(told.load_s[:idle])
    least = inf
    for option in range(len(told.cost_s)):
        wait_s = 0.0
        if not told.fits[option]:
            for place in range(sets.first[option], sets.first[option] + sets.counts[option]):
                wait_s = max(wait_s, told.free_at_s[sets.qpu[place]] - view.now_s)
        least = min(least, told.cost_s[option] + idle_worth * wait_s)
    return least


def spread_load(told: Tradeoff, view: Splitting, task: int, option: int) -> float:
    """Write the time for which a set keeps each QPU busy; return how long it takes [s]."""
    sets, load_s, capacity = told.sets, told.load_s, view.capacity
    qubits = told.qubits[task]
    duration_s = longest_s(sets, option, told.exec_s[task]) + comm_s(
        sets, option, qubits, capacity, view.time_per_qubit_s
    )
    for qpu in range(len(load_s)):
        load_s[qpu] = 0.0
    count = sets.counts[option]
    for place in range(sets.first[option], sets.first[option] + count):
        qpu = sets.qpu[place]
        share = 1.0 if qubits > told.widest else qubits / count / capacity[qpu]
        load_s[qpu] = share * duration_s
    return duration_s


def weigh(told: Tradeoff, view: Splitting, task: int) -> int:
    """Weigh the sets with the present prices; return the one that costs least."""
    qubits = told.qubits[task]
    best = 0
    for option in range(len(told.cost_s)):
        told.duration_s[option] = spread_load(told, view, task, option)
        for qpu in range(len(told.prices)):
            told.load_s[qpu] *= told.prices[qpu]
        told.worth_s[option] = numpy_sum(told.load_s)
        told.cost_s[option] = inf
        if holds(told.sets, option, qubits, view.capacity):
            lost_s = told.learnt[0].fidelity_s * told.infidelity[task, option]
            told.cost_s[option] = told.worth_s[option] + lost_s
        if told.cost_s[option] < told.cost_s[best]:
            best = option
    return best


def learn(told: Tradeoff, view: Splitting, task: int) -> None:
    """Add a task to those seen, and now and then find the prices anew."""
    learnt = told.learnt[0]
    told.recent[learnt.seen % WINDOW] = task
    learnt.seen += 1
    often = learnt.seen < WINDOW and learnt.seen & (learnt.seen - 1) == 0
    if not often and learnt.seen % WINDOW != 0:
        return
    no_tilt = -1
    fastest_s = price_qpus(told, view, no_tilt, 0.0, told.prices)
    learnt.fidelity_s = told.fidelity_worth * fastest_s
    turns = len(told.found)
    busiest_s = 0.0
    for turn in range(turns):
        busiest_s += price_qpus(told, view, turn, learnt.fidelity_s, told.found[turn])
    learnt.busiest_s = busiest_s / turns
    for qpu in range(len(told.prices)):
        total = 0.0
        for turn in range(turns):
            total += told.found[turn, qpu]
        told.prices[qpu] = total / turns


def price_qpus(
    told: Tradeoff,
    view: Splitting,
    turn: int,
    fidelity_s: float,
    prices: FloatArray,
) -> float:
    """Write the prices that the sample gives, and return the load of the busiest QPU [s].

    Args:
        turn: which QPUs are made to look busier; -1 for none.
        fidelity_s: what a fidelity of 1 is worth.
    """
    sets, table, load_s = told.sets, told.table, told.load_s
    qpus, seen = len(prices), min(told.learnt[0].seen, WINDOW)
    places = told.samples[seen]
    tasks = 0
    while tasks < len(places) and places[tasks] >= 0:
        tasks += 1
    variables = 0
    for row in range(tasks):
        task = told.recent[places[row]]
        qubits = told.qubits[task]
        least_load_s = inf
        for option in range(len(sets.counts)):
            if not holds(sets, option, qubits, view.capacity):
                continue
            spread_load(told, view, task, option)
            for qpu in range(qpus):
                if turn >= 0 and qpu % TILTS == turn:
                    load_s[qpu] *= 1.0 + TILT
                table[qpu, variables] = load_s[qpu] / tasks
            total_s = numpy_sum(load_s)
            if total_s < least_load_s:
                least_load_s = total_s
                told.begin[row, 0] = variables
            lost_s = fidelity_s * told.infidelity[task, option]
            table[qpus + tasks, variables] = lost_s / tasks
            variables += 1
        told.begin[row, 1] = variables
    return solve(table, tasks, variables, told.begin, prices)

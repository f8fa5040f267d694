"""What the time of each QPU is worth to the tasks of an allocation trial, learnt on the way.

Which split is best depends on what else the QPUs could do. A small linear program over a sample of
the tasks seen so far spreads them in the best way over all sets of QPUs; its dual variables say
what a second of each QPU is worth (`qcbench.policies.bottleneck`). With these prices each task
weighs its splits on its own.

`SplitPrices` learns them in Python, `learn` in twins: the same to the last bit.
"""

from dataclasses import dataclass, field
from math import inf
from typing import Any, NamedTuple

import numpy as np

from qcbench.arrays import BoolArray, FloatArray, IntArray
from qcbench.fleet.profile import Fleet
from qcbench.policies.bottleneck import bottleneck_prices, solve
from qcbench.policies.numpy_sums import MOST_SUMMED, numpy_sum
from qcbench.policies.split_options import (
    Sets,
    SplitOptions,
    comm_s,
    holds,
    longest_s,
    sets_of,
    split_options,
)
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


def sample_size(options: int) -> int:
    """Return how many tasks make a sample where each has so many options."""
    return max(2, min(SAMPLE, MOST_CHOICES // options))


def sample_of(seen: int, options: int) -> IntArray:
    """Return the places of a sample among so many tasks, spread evenly."""
    return np.unique(np.linspace(0, seen - 1, sample_size(options)).round().astype(np.int64))


@dataclass(slots=True)
class Case:
    """What a task makes of each option: shape (options,), and (options, QPUs) for the load.

    Attributes:
        duration_s: communication and execution.
        load_s: time that each QPU is kept busy.
        infidelity: 1 - fidelity.
        possible: the QPUs of the option are large enough.
        worth_s: load at the prices of the QPUs.
        cost_s: the same and the worth of the fidelity that is lost; infinite where impossible.
        best: the option that costs least.
        priced: number of the prices that the last three were found with.
    """

    duration_s: FloatArray
    load_s: FloatArray
    infidelity: FloatArray
    possible: BoolArray
    worth_s: FloatArray
    cost_s: FloatArray
    best: int = -1
    priced: int = -1


@dataclass(slots=True)
class SplitPrices:
    """Cases of waiting and of recent tasks, and what they say.

    Attributes:
        fidelity_worth: what a task's fidelity of 1 is worth, in units of the time that the busiest
            QPU takes for a task on average when nothing but time counts.
        prices: what a second of each QPU is worth; they add up to 1.
        priced: how often prices were found.
        fidelity_s: what a fidelity of 1 is worth.
        busiest_s: time of the busiest QPU that a task takes on average.
        cases: of tasks that were seen since they last started.
    """

    fleet: Fleet
    fidelity_worth: float
    options: SplitOptions = field(init=False)
    capacity: IntArray = field(init=False)
    widest: int = field(init=False)
    prices: FloatArray = field(init=False)
    priced: int = 0
    fidelity_s: float = 0.0
    busiest_s: float = 0.0
    cases: dict[int, Case] = field(default_factory=dict)
    _recent: list[Case] = field(default_factory=list)
    _seen: int = 0

    def __post_init__(self) -> None:
        self.options = split_options(self.fleet)
        self.capacity = self.fleet.qubits
        self.widest = int(self.fleet.qubits.max())
        self.prices = np.full(len(self.fleet), 1.0 / len(self.fleet))

    def case(self, view: AllocationView) -> Case:
        """Return what is known of a task, and learn from one that is new."""
        case = self.cases.get(view.row)
        if case is None:
            case = self.cases[view.row] = self._case(view)
            self._learn(case)
        return case

    def weigh(self, case: Case) -> None:
        """Weigh the options of a task with the present prices, where that was not done."""
        if case.priced == self.priced:
            return
        case.worth_s = (case.load_s * self.prices).sum(axis=1)
        cost_s = case.worth_s + self.fidelity_s * case.infidelity
        case.cost_s = np.where(case.possible, cost_s, np.inf)
        case.best = int(case.cost_s.argmin())
        case.priced = self.priced

    def even_shares(self, qubits: int) -> FloatArray:
        """Return the share of each QPU that a task takes if its parts are even, by option."""
        options = self.options
        even: FloatArray = qubits / options.counts[:, np.newaxis] / self.capacity
        return np.where(options.uses, even, 0.0)

    def _case(self, view: AllocationView) -> Case:
        options, qubits, capacity = self.options, view.task_qubits, self.capacity
        duration_s = options.exec_s(view) + options.comm_s(qubits, capacity, view.time_per_qubit_s)
        if qubits > self.widest:
            # What such a task leaves of a QPU is seldom of use to another one.
            share = options.uses.astype(np.float64)
        else:
            share = self.even_shares(qubits)
        return Case(
            duration_s=duration_s,
            load_s=share * duration_s[:, np.newaxis],
            infidelity=1.0 - options.fidelity(view, capacity),
            possible=options.possible(qubits, capacity),
            worth_s=duration_s,
            cost_s=duration_s,
        )

    def _learn(self, case: Case) -> None:
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
        self.fidelity_s = self.fidelity_worth * fastest_s
        found = []
        for turn in range(min(TILTS, len(self.prices))):
            # Where two QPUs always work together, any division of their price is optimal; the mean
            # of several solutions gives each its part.
            tilted = load_s.copy()
            tilted[:, :, turn::TILTS] *= 1.0 + TILT
            found.append(bottleneck_prices(tilted, self.fidelity_s * infidelity))
        self.prices = np.mean([prices for prices, _ in found], axis=0)
        self.priced += 1
        self.busiest_s = float(np.mean([busiest_s for _, busiest_s in found]))


LEARNT = np.dtype([("seen", "i8"), ("fidelity_s", "f8"), ("busiest_s", "f8")], align=True)
"""Tasks seen; what a fidelity of 1 is worth; time of the busiest QPU that a task takes on average.
"""


class Pricing(NamedTuple):
    """The same for twins: parameters, what has been learnt, and working space.

    Attributes:
        widest: qubits of the largest QPU.
        qubits, exec_s: as in `KnownSplits`.
        infidelity: of each task on each set, shape (tasks, sets).
        samples: places in `recent` by the number of tasks there, -1 behind the last one, shape
            (`WINDOW` + 1, size of a sample).
        learnt: one row of `LEARNT`.
        prices: what a second of each QPU is worth, shape (QPUs,).
        known: whether a task was seen since it last started, shape (tasks,).
        recent: tasks seen, the latest `WINDOW`.
        load_s: time that each QPU is kept busy, shape (QPUs,).
        begin: see `bottleneck.solve`; `table` likewise.
        found: several solutions, shape (solutions, QPUs).
    """

    sets: Sets
    widest: int
    fidelity_worth: float
    qubits: IntArray
    exec_s: FloatArray
    infidelity: FloatArray
    samples: IntArray
    learnt: Any
    prices: FloatArray
    known: BoolArray
    recent: IntArray
    load_s: FloatArray
    begin: IntArray
    table: FloatArray
    found: FloatArray


def pricing_of(context: TwinContext, fidelity_worth: float) -> Pricing | None:
    """Return it for the tasks of a trial, with nothing learnt yet; None for the largest fleets."""
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
    return Pricing(
        sets=sets_of(options, splits.whole, splits.share_matters),
        widest=int(context.fleet.qubits.max()),
        fidelity_worth=float(fidelity_worth),
        qubits=splits.qubits,
        exec_s=splits.exec_s,
        infidelity=1.0 - splits.fidelity(options),
        samples=samples,
        learnt=np.zeros(1, dtype=LEARNT),
        prices=np.full(qpus, 1.0 / qpus),
        known=np.zeros(tasks, dtype=np.bool_),
        recent=np.zeros(WINDOW, dtype=np.int64),
        load_s=np.zeros(qpus),
        begin=np.zeros((size, 2), dtype=np.int64),
        table=np.zeros((qpus + size + 1, size * sets + qpus + 2)),
        found=np.zeros((min(TILTS, qpus), qpus)),
    )


def see(told: Pricing, view: Splitting) -> None:
    """Learn from the task that is looked at, where it is new."""
    if not told.known[view.row]:
        told.known[view.row] = True
        learn(told, view, view.row)


def duration_s(told: Pricing, view: Splitting, task: int, option: int) -> float:
    """Return communication and execution of a task on a set of idle QPUs [s]."""
    return longest_s(told.sets, option, told.exec_s[task]) + comm_s(
        told.sets, option, told.qubits[task], view.capacity, view.time_per_qubit_s
    )


def spread_load(told: Pricing, view: Splitting, task: int, option: int) -> float:
    """Write the time for which a set keeps each QPU busy; return how long it takes [s]."""
    sets, load_s, capacity = told.sets, told.load_s, view.capacity
    qubits = told.qubits[task]
    takes_s = duration_s(told, view, task, option)
    for qpu in range(len(load_s)):
        load_s[qpu] = 0.0
    count = sets.counts[option]
    for place in range(sets.first[option], sets.first[option] + count):
        qpu = sets.qpu[place]
        share = 1.0 if qubits > told.widest else qubits / count / capacity[qpu]
        load_s[qpu] = share * takes_s
    return takes_s


def learn(told: Pricing, view: Splitting, task: int) -> None:
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
    told: Pricing,
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

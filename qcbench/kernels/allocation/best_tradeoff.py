"""The compiled twin of the allocation policy `best_tradeoff`."""

from math import inf
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from qcbench.arrays import BoolArray, FloatArray, IntArray
from qcbench.cloud.splits import Splits
from qcbench.kernels.allocation.arrays import Row, Rows, Settings, State, Worlds
from qcbench.kernels.allocation.bottleneck import solve
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
from qcbench.kernels.sums import numpy_sum
from qcbench.policies.allocation.best_tradeoff import TILT, TILTS, WINDOW, sample_of, sample_size
from qcbench.policies.split_options import split_options
from qcbench.policies.view import AllocationView

LEARNT = np.dtype([("seen", "i8"), ("fidelity_s", "f8"), ("busiest_s", "f8")], align=True)
"""Tasks seen; what a fidelity of 1 is worth; time of the busiest QPU that a task takes on average.
"""


class Tradeoff(NamedTuple):
    """The policy as numbers, what it has learnt, and working space.

    Attributes:
        widest: qubits of the largest QPU.
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
    infidelity: FloatArray
    samples: IntArray
    learnt: Rows
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


def tradeoff_of(
    splits: Splits, view: AllocationView, *, fidelity_worth: float, slack: float
) -> Tradeoff:
    """Return the policy for the tasks of a trial, which has learnt nothing yet."""
    options = split_options(splits.fleet)
    tasks, qpus, sets = len(splits.tasks), len(splits.fleet), len(options.counts)
    size = sample_size(sets)
    samples: npt.NDArray[np.int64] = np.full((WINDOW + 1, size), -1)
    for count in range(1, WINDOW + 1):
        chosen = sample_of(count, sets)
        samples[count, : len(chosen)] = chosen
    return Tradeoff(
        sets=sets_of(options, splits),
        widest=int(splits.fleet.qubits.max()),
        fidelity_worth=float(fidelity_worth),
        slack=float(slack),
        infidelity=1.0 - success_of(options, splits, view),
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


@kernel
def decide(told: Tradeoff, settings: Settings, worlds: Worlds, state: State, e: int) -> int:
    """Take the split that is worth most or one that is nearly as good; return its parts."""
    cloud, learnt, sets = state.clouds[e], told.learnt[0], told.sets
    world, task = cloud.world, cloud.task
    qubits = worlds.tasks[world, task].qubits
    free, fits, cost_s = state.free[e], told.fits, told.cost_s
    if not told.known[task]:
        told.known[task] = True
        learn(told, settings, worlds, world, task)
    best = weigh(told, settings, worlds, world, task)
    for option in range(len(fits)):
        fits[option] = holds(sets, option, qubits, free)
    limit_s = least_s(told, settings, worlds, cloud, free, best) + told.slack * told.worth_s[best]
    chosen = -1
    for option in range(len(fits)):
        offered = fits[option] and cost_s[option] <= limit_s
        if offered and (chosen < 0 or told.duration_s[option] < told.duration_s[chosen]):
            chosen = option
    # A slow split must not last longer than the best one and all that waits.
    backlog_s = told.duration_s[best] + cloud.waiting * learnt.busiest_s
    if chosen >= 0 and told.duration_s[chosen] > backlog_s:
        chosen = -1
    if chosen < 0 and not cloud.running:
        # Nothing will be released, so something must do, say while a QPU is down.
        for option in range(len(fits)):
            if fits[option] and (chosen < 0 or cost_s[option] < cost_s[chosen]):
                chosen = option
    if chosen < 0:
        return 0
    told.known[task] = False
    end_s = cloud.now_s + told.duration_s[chosen]
    for place in range(sets.first[chosen], sets.first[chosen] + sets.counts[chosen]):
        qpu = sets.qpu[place]
        told.free_at_s[qpu] = max(told.free_at_s[qpu], end_s)
    return chain(sets, state, e, task, qubits, chosen)


@inlined
def least_s(
    told: Tradeoff, settings: Settings, worlds: Worlds, cloud: Row, free: IntArray, best: int
) -> float:
    """Return the least cost of a set, waiting included where nobody may overtake."""
    if settings.depth > 0:
        return float(told.cost_s[best])
    sets, idle = told.sets, 0
    for qpu in range(len(free)):
        if free[qpu] == worlds.capacity[cloud.world, qpu]:
            told.load_s[idle] = told.prices[qpu]
            idle += 1
    idle_worth = numpy_sum(told.load_s[:idle])
    least = inf
    for option in range(len(told.cost_s)):
        wait_s = 0.0
        if not told.fits[option]:
            for place in range(sets.first[option], sets.first[option] + sets.counts[option]):
                wait_s = max(wait_s, told.free_at_s[sets.qpu[place]] - cloud.now_s)
        least = min(least, told.cost_s[option] + idle_worth * wait_s)
    return least


@inlined
def spread_load(
    told: Tradeoff, settings: Settings, worlds: Worlds, world: int, task: int, option: int
) -> float:
    """Write the time for which a set keeps each QPU busy; return how long it takes [s]."""
    sets, load_s, capacity = told.sets, told.load_s, worlds.capacity[world]
    qubits = worlds.tasks[world, task].qubits
    duration_s = longest_s(sets, option, worlds.exec_s[world, task]) + comm_s(
        sets, option, qubits, capacity, settings.time_per_qubit_s
    )
    for qpu in range(len(load_s)):
        load_s[qpu] = 0.0
    count = sets.counts[option]
    for place in range(sets.first[option], sets.first[option] + count):
        qpu = sets.qpu[place]
        share = 1.0 if qubits > told.widest else qubits / count / capacity[qpu]
        load_s[qpu] = share * duration_s
    return duration_s


@inlined
def weigh(told: Tradeoff, settings: Settings, worlds: Worlds, world: int, task: int) -> int:
    """Weigh the sets with the present prices; return the one that costs least."""
    qubits = worlds.tasks[world, task].qubits
    best = 0
    for option in range(len(told.cost_s)):
        told.duration_s[option] = spread_load(told, settings, worlds, world, task, option)
        for qpu in range(len(told.prices)):
            told.load_s[qpu] *= told.prices[qpu]
        told.worth_s[option] = numpy_sum(told.load_s)
        told.cost_s[option] = inf
        if holds(told.sets, option, qubits, worlds.capacity[world]):
            lost_s = told.learnt[0].fidelity_s * told.infidelity[task, option]
            told.cost_s[option] = told.worth_s[option] + lost_s
        if told.cost_s[option] < told.cost_s[best]:
            best = option
    return best


@kernel
def learn(told: Tradeoff, settings: Settings, worlds: Worlds, world: int, task: int) -> None:
    """Add a task to those seen, and now and then find the prices anew."""
    learnt = told.learnt[0]
    told.recent[learnt.seen % WINDOW] = task
    learnt.seen += 1
    often = learnt.seen < WINDOW and learnt.seen & (learnt.seen - 1) == 0
    if not often and learnt.seen % WINDOW != 0:
        return
    no_tilt = -1
    fastest_s = price_qpus(told, settings, worlds, world, no_tilt, 0.0, told.prices)
    learnt.fidelity_s = told.fidelity_worth * fastest_s
    turns = len(told.found)
    busiest_s = 0.0
    for turn in range(turns):
        busiest_s += price_qpus(
            told, settings, worlds, world, turn, learnt.fidelity_s, told.found[turn]
        )
    learnt.busiest_s = busiest_s / turns
    for qpu in range(len(told.prices)):
        total = 0.0
        for turn in range(turns):
            total += told.found[turn, qpu]
        told.prices[qpu] = total / turns


@kernel
def price_qpus(
    told: Tradeoff,
    settings: Settings,
    worlds: Worlds,
    world: int,
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
        qubits = worlds.tasks[world, task].qubits
        least_load_s = inf
        for option in range(len(sets.counts)):
            if not holds(sets, option, qubits, worlds.capacity[world]):
                continue
            spread_load(told, settings, worlds, world, task, option)
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

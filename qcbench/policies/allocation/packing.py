"""`best_tradeoff` for tasks that share QPUs: what a split leaves over is of use to the next one.

A task that is wider than every QPU takes one whole and a part of another, and what it leaves there
is enough for a part of the next task. So here a wide task pays for what it leaves only in part
(`waste`), and a split that fills what others have left is the cheaper for it; the QPUs whose time
is worth least are filled first, so that what is left is where it is worth most. Standing still has
its price where nobody may overtake (`idle`), and some of it where others may (`overtaken`), until
the earliest time at which as many qubits are free as a split needs, by what was started and is
estimated. The usual values are those of the packaged champion, found by
`qcbench train agent=tuned_allocation mix=allocation`; prices are learnt on the way
(`qcbench.policies.split_prices`).
"""

from bisect import bisect_right
from typing import NamedTuple

import numpy as np

from qcbench.arrays import BoolArray, FloatArray, IntArray
from qcbench.configs import NotNegative, Share
from qcbench.fleet.profile import Fleet
from qcbench.policies.numpy_sums import numpy_sum
from qcbench.policies.protocol import Allocation, PolicyContext
from qcbench.policies.split_options import holds, write_chain
from qcbench.policies.split_prices import Pricing, SplitPrices, duration_s, pricing_of, see
from qcbench.policies.splitting import chain
from qcbench.policies.twins import Splitting, TwinContext
from qcbench.policies.view import AllocationView


def policy(
    context: PolicyContext,
    *,
    fidelity_worth: NotNegative = 10.0,
    slack: NotNegative = 0.0218,
    waste: Share = 0.528,
    idle: NotNegative = 1.63,
    overtaken: NotNegative = 0.196,
) -> Allocation:
    """Build the policy.

    Args:
        context: the fleet.
        fidelity_worth: what a task's fidelity of 1 is worth, in units of the time that the busiest
            QPU takes for a task on average when nothing but time counts. 0 is the fastest end of
            the front; with some thousands every task takes its most faithful split.
        slack: how much worse than waiting a split may be that is free now, as a share of the QPU
            time that what is waited for is worth.
        waste: how much of what a wide task leaves of its QPUs it pays for: 0 nothing, 1 all.
        idle: what QPUs are worth that stand still while a task waits that nobody may overtake, in
            units of their price.
        overtaken: the same where others may overtake.
    """
    return _Packing(context.fleet, fidelity_worth, slack, waste, idle, overtaken).decide


class _Packing:
    """The state of the policy: prices, and when which qubits will be free."""

    def __init__(
        self,
        fleet: Fleet,
        fidelity_worth: float,
        slack: float,
        waste: float,
        idle: float,
        overtaken: float,
    ) -> None:
        self._told = SplitPrices(fleet, fidelity_worth)
        self._slack, self._waste, self._idle, self._overtaken = slack, waste, idle, overtaken
        self._most = int(fleet.qubits.sum())
        self._ends_s: list[float] = []
        self._ending: list[tuple[int, int]] = []

    def decide(self, view: AllocationView) -> dict[int, int] | None:
        """Return the split of a task, or None to wait."""
        told, free, qubits = self._told, view.free_qubits, view.task_qubits
        case = told.case(view)
        gone = bisect_right(self._ends_s, view.now_s)
        del self._ends_s[:gone], self._ending[:gone]
        fits = told.options.possible(qubits, free)
        if not fits.any():
            return None
        share = told.even_shares(qubits)
        if qubits > told.widest:
            offered = np.where(fits[:, np.newaxis], free, told.capacity) / told.capacity
            share = np.where(told.options.uses, share + self._waste * (offered - share), 0.0)
        worth_s = (share * told.prices).sum(axis=1) * case.duration_s
        cost_s = np.where(case.possible, worth_s + told.fidelity_s * case.infidelity, np.inf)
        chosen = int(np.where(fits, cost_s, np.inf).argmin())
        if view.running:
            later_s = cost_s + self._idle_worth(view) * self._wait_s(view, case.possible, fits)
            best = int(later_s.argmin())
            if cost_s[chosen] > later_s[best] + self._slack * worth_s[best]:
                return None
            # A slow split must not last longer than the best one and all that waits.
            backlog_s = case.duration_s[best] + view.waiting * told.busiest_s
            if case.duration_s[chosen] > backlog_s:
                return None
        return self._start(view, chosen, float(view.now_s + case.duration_s[chosen]))

    def _idle_worth(self, view: AllocationView) -> float:
        """Return what is lost in a second in which what is free now is not used."""
        told, weight = self._told, self._overtaken if view.may_overtake else self._idle
        share = (1.0 - self._waste) * (view.free_qubits / told.capacity)
        share += np.where(view.free_qubits == told.capacity, self._waste, 0.0)
        return weight * float((told.prices * share).sum())

    def _wait_s(self, view: AllocationView, possible: BoolArray, fits: BoolArray) -> FloatArray:
        """Return how long it takes until each option has its qubits [s]."""
        wait_s = np.zeros(len(fits))
        room, left = view.free_qubits.copy(), possible & ~fits
        for end_s, (qpu, qubits) in zip(self._ends_s, self._ending, strict=True):
            if not left.any():
                break
            room[qpu] += qubits
            ready = left & self._told.options.possible(view.task_qubits, room)
            wait_s[ready] = end_s - view.now_s
            left &= ~ready
        return wait_s

    def _start(self, view: AllocationView, option: int, end_s: float) -> dict[int, int]:
        told = self._told
        del told.cases[view.row]
        split = told.options.parts(option, view, view.free_qubits, -told.prices)
        for part in split.items():
            if len(self._ends_s) < self._most:
                place = bisect_right(self._ends_s, end_s)
                self._ends_s.insert(place, end_s)
                self._ending.insert(place, part)
        return split


class Packing(NamedTuple):
    """The policy as numbers, what it has learnt, and working space.

    Attributes:
        pricing: prices, and what they are of.
        slack, waste, idle, overtaken: the parameters.
        cost_s: of each set for the task that is looked at, shape (sets,).
        preferred: QPUs that are filled first have the largest, shape (QPUs,).
        room: qubits that will be free, shape (QPUs,).
        running: how many of the next three are in use.
        end_s, end_qpu, end_qubits: parts that were started, in the order in which they end.
    """

    pricing: Pricing
    slack: float
    waste: float
    idle: float
    overtaken: float
    cost_s: FloatArray
    preferred: FloatArray
    room: IntArray
    running: IntArray
    end_s: FloatArray
    end_qpu: IntArray
    end_qubits: IntArray


def remember(
    context: TwinContext,
    *,
    fidelity_worth: float,
    slack: float,
    waste: float,
    idle: float,
    overtaken: float,
) -> Packing | None:
    """Return the policy for the tasks of a trial, which has learnt nothing yet."""
    pricing = pricing_of(context, fidelity_worth)
    if pricing is None:
        return None
    qpus, most = len(context.fleet), int(context.fleet.qubits.sum())
    return Packing(
        pricing=pricing,
        slack=float(slack),
        waste=float(waste),
        idle=float(idle),
        overtaken=float(overtaken),
        cost_s=np.zeros(len(pricing.sets.counts)),
        preferred=np.zeros(qpus),
        room=np.zeros(qpus, dtype=np.int64),
        running=np.zeros(1, dtype=np.int64),
        end_s=np.zeros(most),
        end_qpu=np.zeros(most, dtype=np.int64),
        end_qubits=np.zeros(most, dtype=np.int64),
    )


def twin(view: Splitting, told: Packing) -> int:
    """Decide as `policy` does."""
    pricing, task, qubits, cost_s = told.pricing, view.row, view.task_qubits, told.cost_s
    sets, learnt = pricing.sets, pricing.learnt[0]
    see(pricing, view)
    forget(told, view.now_s)
    idle_worth = worth_of_idle(told, view)
    chosen = best = -1
    least_s = best_worth_s = 0.0
    for option in range(len(cost_s)):
        if not holds(sets, option, qubits, view.capacity):
            continue
        fits = holds(sets, option, qubits, view.free)
        worth_s = share_worth(told, view, option, fits) * duration_s(pricing, view, task, option)
        cost_s[option] = worth_s + learnt.fidelity_s * pricing.infidelity[task, option]
        later_s = cost_s[option]
        if fits:
            if chosen < 0 or cost_s[option] < cost_s[chosen]:
                chosen = option
        elif view.running:
            later_s += idle_worth * wait_s(told, view, option)
        if best < 0 or later_s < least_s:
            best = option
            least_s = later_s
            best_worth_s = worth_s
    if chosen < 0:
        return 0
    takes_s = duration_s(pricing, view, task, chosen)
    if view.running:
        if cost_s[chosen] > least_s + told.slack * best_worth_s:
            return 0
        # A slow split must not last longer than the best one and all that waits.
        backlog_s = duration_s(pricing, view, task, best) + view.waiting * learnt.busiest_s
        if takes_s > backlog_s:
            return 0
    pricing.known[task] = False
    count = write_parts(told, view, chosen)
    for place in range(count):
        note_end(told, view.now_s + takes_s, view.chain_qpu[place], view.chain_qubits[place])
    return count


def share_worth(told: Packing, view: Splitting, option: int, fits: bool) -> float:
    """Return what a second of a set is worth: what the task takes, and some of what it leaves."""
    pricing, qubits = told.pricing, view.task_qubits
    sets, load_s, capacity = pricing.sets, pricing.load_s, view.capacity
    for qpu in range(len(load_s)):
        load_s[qpu] = 0.0
    count = sets.counts[option]
    for place in range(sets.first[option], sets.first[option] + count):
        qpu = sets.qpu[place]
        share = qubits / count / capacity[qpu]
        if qubits > pricing.widest:
            offered = (view.free[qpu] if fits else capacity[qpu]) / capacity[qpu]
            share += told.waste * (offered - share)
        load_s[qpu] = share * pricing.prices[qpu]
    return numpy_sum(load_s)


def worth_of_idle(told: Packing, view: Splitting) -> float:
    """Return what is lost in a second in which what is free now is not used."""
    load_s, free, capacity = told.pricing.load_s, view.free, view.capacity
    for qpu in range(len(load_s)):
        share = (1.0 - told.waste) * (free[qpu] / capacity[qpu])
        if free[qpu] == capacity[qpu]:
            share += told.waste
        load_s[qpu] = told.pricing.prices[qpu] * share
    return (told.overtaken if view.may_overtake else told.idle) * numpy_sum(load_s)


def wait_s(told: Packing, view: Splitting, option: int) -> float:
    """Return how long it takes until a set has the qubits of the task [s]."""
    room = told.room
    for qpu in range(len(room)):
        room[qpu] = view.free[qpu]
    for place in range(told.running[0]):
        room[told.end_qpu[place]] += told.end_qubits[place]
        if holds(told.pricing.sets, option, view.task_qubits, room):
            return float(told.end_s[place] - view.now_s)
    return 0.0


def write_parts(told: Packing, view: Splitting, option: int) -> int:
    """Write the parts of a set, the QPUs whose time is worth least filled first."""
    sets, preferred = told.pricing.sets, told.preferred
    if len(sets.whole) > 0:
        return chain(view, sets, option)
    for qpu in range(len(preferred)):
        preferred[qpu] = -told.pricing.prices[qpu]
    write_chain(
        view.task_qubits,
        sets.counts[option],
        sets.qpu,
        sets.first[option],
        view.free,
        preferred,
        view.order,
        view.chain_qpu,
        view.chain_qubits,
    )
    return int(sets.counts[option])


def forget(told: Packing, now_s: float) -> None:
    """Forget the parts that have ended."""
    running, gone = told.running[0], 0
    while gone < running and told.end_s[gone] <= now_s:
        gone += 1
    if gone == 0:
        return
    for place in range(gone, running):
        move(told, place, place - gone)
    told.running[0] = running - gone


def note_end(told: Packing, end_s: float, qpu: int, qubits: int) -> None:
    """Remember a part that is started, behind those that end no later."""
    place = told.running[0]
    if place == len(told.end_s):
        return
    while place > 0 and told.end_s[place - 1] > end_s:
        move(told, place - 1, place)
        place -= 1
    told.end_s[place] = end_s
    told.end_qpu[place] = qpu
    told.end_qubits[place] = qubits
    told.running[0] += 1


def move(told: Packing, place: int, to: int) -> None:
    """Copy what is known of a part that was started to another place."""
    told.end_s[to] = told.end_s[place]
    told.end_qpu[to] = told.end_qpu[place]
    told.end_qubits[to] = told.end_qubits[place]

"""The published simulator's "FIFO", which is none: its list takes the newest to its head.

It removes the first entry of its list and moves the last one to the front (a swap-remove), so that
the task that came last is the next to be taken, and others starve: most jobs are done early, a few
very late. The published curves were made with it; `fifo` is the true one. On QPUs of unequal width,
which the original has not, the first entry that fits is taken, and tasks join the list when they
are first seen.
"""

from bisect import bisect_left

from qcbench.policies.protocol import PolicyContext, Queueing
from qcbench.policies.twins import Choosing, Memory, TwinContext, job_at, memory
from qcbench.policies.view import QueueView, listed


def policy(context: PolicyContext) -> Queueing:
    """Build the policy."""
    order: list[int] = []
    """Tickets of the waiting tasks in the order of the original's list."""
    known: list[int] = []
    """The same tickets in the order of the queue."""
    all_fit = len(set(context.fleet.qubits.tolist())) == 1
    """Whether every QPU is shown the whole queue."""

    def take(place: int) -> int:
        ticket, last = order[place], order.pop()
        if place < len(order):
            order[place] = last
        return ticket

    def decide(view: QueueView) -> int:
        waiting, count = listed(view.waiting), len(known)
        # The queue is in order of tickets: if the last known task has kept its position, nobody
        # before it has left.
        if count and (count > len(waiting) or waiting[count - 1].ticket != known[-1]):
            return catch_up(view)
        for task in waiting[count:]:
            order.append(task.ticket)
            known.append(task.ticket)
        position = bisect_left(known, take(0))
        del known[position]
        return position

    def catch_up(view: QueueView) -> int:
        """Decide where tasks have left the queue that this policy did not choose."""
        position = decide_among_those_that_fit(view)
        known[:] = [task.ticket for at, task in enumerate(view.waiting) if at != position]
        here = set(known)
        order[:] = [ticket for ticket in order if ticket in here]
        return position

    def decide_among_those_that_fit(view: QueueView) -> int:
        here = [task.ticket for task in view.waiting]
        met = set(order)
        order.extend(ticket for ticket in here if ticket not in met)
        shown = set(here)
        place = next(i for i, ticket in enumerate(order) if ticket in shown)
        return here.index(take(place))

    return decide if all_fit else decide_among_those_that_fit


def remember(context: TwinContext) -> Memory:
    """Return how many jobs are listed; room for all of them in the list; and who is in it."""
    return memory(whole=1 + 2 * context.jobs)


def twin(view: Choosing, memory: Memory) -> int:
    """Decide as `policy` does; the list is of jobs, none of which has two waiting tasks."""
    whole, progress = memory.whole, view.progress
    first, is_listed = 0, 1 + len(whole) // 2
    if view.alike:  # those who are new to the list are at the end of the queue
        first = view.choices
        while first and not whole[is_listed + job_at(view, first - 1)]:
            first -= 1
    for position in range(first, view.choices):
        job = job_at(view, position)
        if not whole[is_listed + job]:
            whole[is_listed + job] = 1
            whole[0] += 1
            whole[whole[0]] = job
    capacity = view.qpus[view.qpu].qubits
    place = 1
    while progress[whole[place]].qubits > capacity:
        place += 1
    chosen = whole[place]
    whole[is_listed + chosen] = 0
    whole[place] = whole[whole[0]]
    whole[0] -= 1
    return position_of(view, progress[chosen].ticket)


def position_of(view: Choosing, ticket: int) -> int:
    """Return the position of the task with this ticket; tickets grow along the queue."""
    low, high = 0, view.choices
    while low < high:
        middle = (low + high) >> 1
        if view.progress[job_at(view, middle)].ticket < ticket:
            low = middle + 1
        else:
            high = middle
    return low

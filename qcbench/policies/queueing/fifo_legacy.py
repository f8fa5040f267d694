"""The published simulator's "FIFO", which is none: its list takes the newest to its head.

It removes the first entry of its list and moves the last one to the front (a swap-remove), so that
the task that came last is the next to be taken, and others starve: most jobs are done early, a few
very late. The published curves were made with it; `fifo` is the true one. On QPUs of unequal width,
which the original has not, the first entry that fits is taken, and tasks join the list when they
are first seen.
"""

from bisect import bisect_left

from qcbench.policies.protocol import PolicyContext, Queueing
from qcbench.policies.view import QueueView


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
        waiting, count = view.waiting, len(known)
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

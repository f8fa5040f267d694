"""The published simulator's "FIFO", which is none: its list takes the newest to its head.

It removes the first entry of its list and moves the last one to the front (a swap-remove), so that
the task that came last is the next to be taken, and others starve: most jobs are done early, a few
very late. The published curves were made with it; `fifo` is the true one. On QPUs of unequal width,
which the original has not, the first entry that fits is taken, and tasks join the list when they
are first seen.
"""

from bisect import bisect_left
from operator import attrgetter

from qcbench.policies.protocol import PolicyContext, Queueing
from qcbench.policies.view import QueueView

TICKET = attrgetter("ticket")


def policy(_context: PolicyContext) -> Queueing:
    """Build the policy."""
    order: list[int] = []
    """Tickets of the waiting tasks in the order of the original's list."""
    newest = -1
    alike: bool | None = None

    def decide(view: QueueView) -> int:
        nonlocal newest, alike
        waiting = view.waiting
        if alike is None:
            alike = len(set(view.fleet.qubits.tolist())) == 1
        if alike:
            # Tickets grow with time, so those that this policy has not met are at the end.
            first_new = len(waiting)
            while first_new and waiting[first_new - 1].ticket > newest:
                first_new -= 1
            for position in range(first_new, len(waiting)):
                order.append(waiting[position].ticket)
            newest = max(newest, waiting[len(waiting) - 1].ticket)
            place = 0
        else:
            known, here = set(order), [task.ticket for task in waiting]
            order.extend(ticket for ticket in here if ticket not in known)
            fitting = set(here)
            place = next(i for i, ticket in enumerate(order) if ticket in fitting)
        chosen = order[place]
        last = order.pop()
        if place < len(order):
            order[place] = last
        return bisect_left(waiting, chosen, key=TICKET)

    return decide

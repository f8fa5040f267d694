"""The waiting task of the least figure, without a look at every task at every decision."""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from heapq import heappop, heappush, heappushpop

from qcbench.policies.protocol import PolicyContext, Queueing
from qcbench.policies.view import QueueView, WaitingTask, listed


def least(
    context: PolicyContext, figure: Callable[[WaitingTask], float], *, grows: bool = True
) -> Queueing:
    """Return the policy that takes the task of the least figure, of equals the first.

    Args:
        context: the fleet.
        figure: of a task; while the task waits it may grow, but never fall.
        grows: whether it may grow; if not, it is computed once, when the task joins.
    """
    alike = len(set(context.fleet.qubits.tolist())) == 1

    def look_at_all(view: QueueView) -> int:
        figures = [figure(task) for task in view.waiting]
        return figures.index(min(figures))

    # QPUs of unequal width are shown different parts of the queue.
    return ranking(figure, grows) if alike else look_at_all


def ranking(figure: Callable[[WaitingTask], float], grows: bool) -> Queueing:
    """Keep the whole queue in order of a figure: a decision costs O(log n) for n waiting tasks.

    A queue is in order of tickets, no ticket is given twice, and what is chosen leaves. So if the
    last of the other tasks that are ranked has the position that this gives it, all of them are
    still there, and whoever follows has joined since. If it has not, the queue has changed in
    another way, and all are ranked anew.
    """
    tickets: list[int] = []
    """Of the tasks that are ranked, in order of the queue."""
    heap: list[tuple[float, int, WaitingTask]] = []
    """Figure when it was last computed, ticket and task."""
    seen: Sequence[WaitingTask] = ()
    waiting: Sequence[WaitingTask] = seen
    """What the view has shown last, and the list behind it: it is the same all the time."""

    def take(view: QueueView) -> int:
        """Return the position of the task of the least figure; it is taken out of the ranking."""
        nonlocal seen, waiting
        if view.waiting is not seen:
            seen = view.waiting
            waiting = listed(seen)
        ranked, last = len(tickets), len(waiting) - 1
        if ranked and (ranked > last + 1 or waiting[ranked - 1].ticket != tickets[-1]):
            tickets.clear()
            heap.clear()
            ranked = 0
        if ranked < last:
            for task in waiting[ranked:last]:
                tickets.append(task.ticket)
                heappush(heap, (figure(task), task.ticket, task))
        if ranked <= last:  # as a rule one has joined since the last decision
            task = waiting[last]
            ticket = task.ticket
            tickets.append(ticket)
            known, ticket, task = heappushpop(heap, (figure(task), ticket, task))
        else:
            known, ticket, task = heappop(heap)
        if grows:
            while known != (now := figure(task)):  # it has grown: others may be less
                known, ticket, task = heappushpop(heap, (now, ticket, task))
        position = bisect_left(tickets, ticket)
        del tickets[position]
        return position

    return take

"""Figures of the waiting tasks as arrays that follow the queue from decision to decision.

To ask every task of a long queue for its figures takes most of the time of a policy that weighs
them all.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence

import numpy as np

from qcbench.arrays import FloatArray
from qcbench.policies.view import QueueView, WaitingTask, listed

ROOM = 64
"""Tasks that there is room for at first."""


class QueueColumns:
    """The figures of the tasks that QPUs of one width are shown, which change for none that waits.

    A queue is in order of tickets and no ticket is given twice. So if the last task that is known
    has the place that it should have, all before it are those that are known, as long as whatever
    is chosen, on any QPU, is taken out here.
    """

    def __init__(
        self, rows: int, figures: Callable[[QueueView, WaitingTask], Sequence[float]]
    ) -> None:
        """Know nothing yet.

        Args:
            rows: figures of a task.
            figures: gives them.
        """
        self._figures_of = figures
        self._tickets: list[int] = []
        self._figures = np.empty((rows, ROOM))

    def of(self, view: QueueView) -> FloatArray:
        """Return the figures of the waiting tasks, shape (rows, tasks); to be read only."""
        waiting, tickets = listed(view.waiting), self._tickets
        known, count = len(tickets), len(waiting)
        if known and (known > count or waiting[known - 1].ticket != tickets[-1]):
            tickets.clear()
            known = 0
        while count > self._figures.shape[1]:
            self._figures = np.concatenate([self._figures, np.empty_like(self._figures)], axis=1)
        if known < count:
            new = waiting[known:]
            tickets += [task.ticket for task in new]
            self._figures[:, known:count] = np.transpose([self._figures_of(view, t) for t in new])
        return self._figures[:, :count]

    def take(self, ticket: int) -> None:
        """Let go of a task that is chosen, where it is known."""
        tickets = self._tickets
        position = bisect_left(tickets, ticket)
        if position == len(tickets) or tickets[position] != ticket:
            return
        del tickets[position]
        left = len(tickets)
        self._figures[:, position:left] = self._figures[:, position + 1 : left + 1]

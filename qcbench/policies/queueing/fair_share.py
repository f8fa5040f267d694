"""The user who has been given the least for the weight of their jobs: weighted fair queueing.

Every user has a virtual time that grows by execution time over priority; the user with the least
one is next, with the task that has waited longest. Who comes back after a pause goes on from the
virtual time of those who are there, so that nobody saves up claims (after start-time fair queueing,
Goyal et al. 1996). Where the workload has no users, every job counts as one.
"""

from qcbench.policies.protocol import PolicyContext, Queueing
from qcbench.policies.view import QueueView


def policy(_context: PolicyContext) -> Queueing:
    """Build the policy."""
    spent: dict[str | int, float] = {}
    level = 0.0
    """Virtual time at which the latest task was taken."""

    def decide(view: QueueView) -> int:
        nonlocal level
        waiting = view.waiting
        best, least = 0, float("inf")
        for position, task in enumerate(waiting):
            virtual_s = spent.get(task.user or task.job, 0.0)
            if virtual_s < least:
                best, least = position, virtual_s
        task = waiting[best]
        level = max(level, least)
        exec_s = view.exec_s_of(task)
        spent[task.user or task.job] = level + exec_s / task.priority
        return best

    return decide

"""The highest priority, which grows while a task waits, so that nobody starves."""

from qcbench.errors import InputError
from qcbench.policies.protocol import PolicyContext, Queueing
from qcbench.policies.view import QueueView


def policy(_context: PolicyContext, *, per_hour: float = 1.0) -> Queueing:
    """Build the policy.

    Args:
        per_hour: what an hour in the queue adds to a task's priority.
    """
    if per_hour < 0:
        raise InputError(f"policy priority_ageing: per_hour is {per_hour:g}; must not be negative")
    per_s = per_hour / 3600.0

    def decide(view: QueueView) -> int:
        # Age counts from the same moment for all, so now_s cancels out.
        values = [task.priority - per_s * task.arrival_s for task in view.waiting]
        return values.index(max(values))

    return decide

"""The highest priority, which grows with the age of the job, so that nobody starves."""

from qcbench.errors import InputError
from qcbench.policies.protocol import PolicyContext, Queueing
from qcbench.policies.ranking import least


def policy(context: PolicyContext, *, per_hour: float = 1.0) -> Queueing:
    """Build the policy.

    Args:
        context: the fleet.
        per_hour: what an hour adds to the priority of a job. It counts from the arrival of the job:
            the tasks of a hybrid job join the queue again and again.
    """
    if per_hour < 0:
        raise InputError(f"policy priority_ageing: per_hour is {per_hour:g}; must not be negative")
    per_s = per_hour / 3600.0

    # Age counts from the same moment for all, so now_s cancels out.
    return least(context, lambda task: per_s * task.job_arrival_s - task.priority)

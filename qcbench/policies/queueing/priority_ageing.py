"""The highest priority, which grows with the age of the job, so that nobody starves."""

from qcbench.configs import NotNegative
from qcbench.policies.protocol import PolicyContext, Queueing
from qcbench.policies.ranking import least
from qcbench.policies.twins import Memory, TwinContext, Waiting, memory
from qcbench.policies.view import WaitingTask


def policy(context: PolicyContext, *, per_hour: NotNegative = 1.0) -> Queueing:
    """Build the policy.

    Args:
        context: the fleet.
        per_hour: what an hour adds to the priority of a job. It counts from the arrival of the job:
            the tasks of a hybrid job join the queue again and again.
    """
    per_s = per_hour / 3600.0
    return least(context, lambda task: aged(task, per_s), grows=False)


def aged(task: WaitingTask | Waiting, per_s: float) -> float:
    """Return what the least of is taken: age counts from one moment for all, so now cancels out."""
    return per_s * task.job_arrival_s - task.priority


def remember(_context: TwinContext, *, per_hour: float = 1.0) -> Memory:
    """Return what a second adds."""
    found = memory(real=1)
    found.real[0] = per_hour / 3600.0
    return found


def figure(task: Waiting, memory: Memory) -> float:
    """Return what the least of is taken."""
    return aged(task, memory.real[0])

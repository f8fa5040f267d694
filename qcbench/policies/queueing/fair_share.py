"""The user who has been given the least for the weight of their jobs: weighted fair queueing.

Every user has a virtual time that grows by execution time over priority; the user with the least
one is next, with the task that has waited longest. Who comes back after a pause goes on from the
virtual time of those who are there, so that nobody saves up claims (after start-time fair queueing,
Goyal et al. 1996). Where the workload has no users, every job counts as one.
"""

from qcbench.policies.protocol import PolicyContext, Queueing
from qcbench.policies.ranking import least
from qcbench.policies.twins import Memory, TwinContext, Waiting, memory, offset
from qcbench.policies.view import QueueView, WaitingTask, listed


def policy(context: PolicyContext) -> Queueing:
    """Build the policy."""
    spent: dict[str | int, float] = {}
    level = 0.0
    """Virtual time at which the latest task was taken."""

    def virtual_s(task: WaitingTask) -> float:
        return spent.get(task.user or task.job, 0.0)

    choose = least(context, virtual_s)

    def decide(view: QueueView) -> int:
        nonlocal level
        choice = choose(view)
        task = listed(view.waiting)[choice]
        account = task.user or task.job
        own = spent.get(account, 0.0)
        level = max(level, own)
        spent[account] = charged(level, view.exec_s_of(task), task.priority)
        return choice

    return decide


def charged(level: float, exec_s: float, priority: float) -> float:
    """Return the virtual time of a user who is given an execution."""
    return level + exec_s / priority


def remember(context: TwinContext) -> Memory:
    """Return the level, and the virtual time of every account."""
    return memory(real=1 + context.accounts)


def figure(task: Waiting, memory: Memory) -> float:
    """Return the virtual time of a task's user."""
    return float(memory.real[offset(1 + task.account)])


def taken(task: Waiting, memory: Memory, exec_s: float) -> None:
    """Let the virtual time of the user grow whose task was taken."""
    real, own = memory.real, offset(1 + task.account)
    real[0] = max(real[0], real[own])
    real[own] = charged(real[0], exec_s, task.priority)

"""A waiting task with a probability proportional to the priority of its job."""

from qcbench.policies.draws import uniforms
from qcbench.policies.protocol import PolicyContext, Queueing
from qcbench.policies.view import QueueView


def policy(context: PolicyContext) -> Queueing:
    """Build the policy."""
    draws = uniforms(context.rng)

    def decide(view: QueueView) -> int:
        # Rejection: any task, kept with its priority over the highest one. It takes no sum over
        # the queue, and a few tries as long as priorities are of one order of magnitude.
        waiting, highest = view.waiting, view.highest_priority
        count = len(waiting)
        while True:
            choice = int(next(draws) * count)
            if next(draws) * highest < waiting[choice].priority:
                return choice

    return decide

"""A waiting task with a probability proportional to the priority of its job."""

from qcbench.policies.draws import uniforms
from qcbench.policies.protocol import PolicyContext, Queueing
from qcbench.policies.twins import NO_DECISION, Choosing, Drawn, Memory, job_at, offset
from qcbench.policies.view import QueueView, listed


def policy(context: PolicyContext) -> Queueing:
    """Build the policy."""
    draws = uniforms(context.rng)

    def decide(view: QueueView) -> int:
        # Rejection: any task, kept with its priority over the highest one. It takes no sum over
        # the queue, and a few tries as long as priorities are of one order of magnitude.
        waiting, highest = listed(view.waiting), view.highest_priority
        count = len(waiting)
        while True:
            choice = int(next(draws) * count)
            if next(draws) * highest < waiting[choice].priority:
                return choice

    return decide


TRIES = 4
"""Tasks that the twin looks at at once: which of them is kept cannot be predicted."""


def twin(view: Choosing, _memory: Memory, drawn: Drawn) -> int:
    """Decide as `policy` does."""
    numbers, count, highest = drawn.numbers, view.choices, view.highest_priority
    begin = drawn.used[0]
    while begin + 2 * TRIES <= len(numbers):
        chosen, used = NO_DECISION, 2 * TRIES
        for back in range(1, TRIES + 1):
            at = offset(begin + 2 * (TRIES - back))
            choice = int(numbers[at] * count)
            priority = view.jobs[offset(job_at(view, choice))].priority
            kept = numbers[at + 1] * highest < priority
            chosen = choice if kept else chosen
            used = 2 * (TRIES + 1 - back) if kept else used
        begin += used
        drawn.used[0] = begin
        if chosen != NO_DECISION:
            return chosen
    return NO_DECISION

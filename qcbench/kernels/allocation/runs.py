"""A trial in compiled calls: one for all of it, or one a decision where a policy has no twin."""

from qcbench.kernels.allocation import best_tradeoff, policies, weighted
from qcbench.kernels.allocation.arrays import Outcomes, Settings, State, Worlds
from qcbench.kernels.allocation.events import ASK, advance
from qcbench.kernels.allocation.executions import start
from qcbench.kernels.allocation.waiting import pass_over
from qcbench.kernels.compiling import inlined, kernel

WAITS, ORDERS = -1, -2
"""Why a run stops besides the reasons of `events`: it would wait for ever, since nothing runs and
the policy lets a task wait; or more random orders must be drawn."""
GO_ON, ASKED = -1, -2
"""Instead of the parts of an answer: nothing is asked yet; the question is still to be decided."""


@inlined
def follow(
    settings: Settings, worlds: Worlds, state: State, outcomes: Outcomes, e: int, parts: int
) -> bool:
    """Do what was decided on the task that is looked at; False where it would wait for ever."""
    if parts:
        start(settings, worlds, state, outcomes, e, parts)
        return True
    cloud = state.clouds[e]
    if cloud.running == 0 and cloud.down == 0:
        return False
    pass_over(state, e)
    return True


@kernel
def run(
    settings: Settings,
    worlds: Worlds,
    state: State,
    outcomes: Outcomes,
    e: int,
    twin: policies.Twin,
    answer: int,
) -> int:
    """Go on until the policy must be asked in Python or something else stops the trial; say what.

    Args:
        answer: parts of the chain in the state, 0 to wait, or `GO_ON` or `ASKED`.
    """
    while True:
        if answer == GO_ON:
            reason = advance(settings, worlds, state, outcomes, e)
            if reason != ASK or twin.kind == policies.IN_PYTHON:
                return reason
            answer = ASKED
        if answer == ASKED:
            if twin.kind == policies.RANDOM and state.clouds[e].decisions > len(twin.orders):
                return ORDERS
            answer = policies.decide(twin, worlds, state, e)
        if not follow(settings, worlds, state, outcomes, e, answer):
            return WAITS
        answer = GO_ON


@kernel
def go_on(
    settings: Settings, worlds: Worlds, state: State, outcomes: Outcomes, e: int, answer: int
) -> int:
    """Do what was decided, and go on to the next question; say what stops the trial."""
    if answer != GO_ON and not follow(settings, worlds, state, outcomes, e, answer):
        return WAITS
    return advance(settings, worlds, state, outcomes, e)


@kernel
def run_weighted(
    settings: Settings,
    worlds: Worlds,
    state: State,
    outcomes: Outcomes,
    e: int,
    twin: weighted.Weighing,
    answer: int,
) -> int:
    """Go on as `run`, by the policy `weighted`."""
    while True:
        reason = go_on(settings, worlds, state, outcomes, e, answer)
        if reason != ASK:
            return reason
        answer = weighted.decide(twin, settings, worlds, state, e)


@kernel
def run_best_tradeoff(
    settings: Settings,
    worlds: Worlds,
    state: State,
    outcomes: Outcomes,
    e: int,
    twin: best_tradeoff.Tradeoff,
    answer: int,
) -> int:
    """Go on as `run`, by the policy `best_tradeoff`."""
    while True:
        reason = go_on(settings, worlds, state, outcomes, e, answer)
        if reason != ASK:
            return reason
        answer = best_tradeoff.decide(twin, settings, worlds, state, e)

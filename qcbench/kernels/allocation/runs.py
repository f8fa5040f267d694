"""A whole trial in one compiled call."""

import numpy as np

from qcbench.kernels.allocation import policies
from qcbench.kernels.allocation.arrays import Outcomes, Settings, State, Worlds
from qcbench.kernels.allocation.events import ASK, advance, pass_over, start
from qcbench.kernels.compiling import drawing, inlined, kernel

WAITS = -1
"""A trial ends so that would wait for ever: nothing runs, and the policy lets a task wait."""


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
) -> int:
    """Go on until something else than a question stops the trial, and say what."""
    while True:
        reason = advance(settings, worlds, state, outcomes, e)
        if reason != ASK:
            return reason
        parts = policies.decide(twin, worlds, state, e)
        if not follow(settings, worlds, state, outcomes, e, parts):
            return WAITS


@drawing
def run_random(
    settings: Settings,
    worlds: Worlds,
    state: State,
    outcomes: Outcomes,
    e: int,
    rng: np.random.Generator,
) -> int:
    """Go on as `run` does, with the policy that draws an order of the QPUs."""
    while True:
        reason = advance(settings, worlds, state, outcomes, e)
        if reason != ASK:
            return reason
        parts = policies.random(worlds, state, e, rng)
        if not follow(settings, worlds, state, outcomes, e, parts):
            return WAITS

"""A trial in compiled calls: one for all of it, or one a decision where a policy has no twin."""

from qcbench.kernels.allocation.arrays import Outcomes, Settings, State, Worlds
from qcbench.kernels.allocation.events import ASK, advance
from qcbench.kernels.allocation.executions import start
from qcbench.kernels.allocation.waiting import pass_over
from qcbench.kernels.compiling import inlined, kernel
from qcbench.kernels.twins import Twin, asker
from qcbench.policies.twins import NO_DECISION, Splitting

choose = asker("allocation")

WAITS, NEED_DRAWS = -1, -2
"""Why a run stops besides the reasons of `events`: it would wait for ever, since nothing runs and
the policy lets a task wait; or more numbers must be drawn for it."""
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
def go_on(
    settings: Settings, worlds: Worlds, state: State, outcomes: Outcomes, e: int, answer: int
) -> int:
    """Do what was decided, and go on to the next question; say what stops the trial.

    Args:
        answer: parts of the chain in the state, 0 to wait, or `GO_ON`.
    """
    if answer != GO_ON and not follow(settings, worlds, state, outcomes, e, answer):
        return WAITS
    return advance(settings, worlds, state, outcomes, e)


@inlined
def ask(settings: Settings, worlds: Worlds, state: State, e: int, twin: Twin) -> int:
    """Return what a twin decides on the task that is looked at."""
    cloud = state.clouds[e]
    view = Splitting(
        cloud.task,
        worlds.tasks[cloud.world, cloud.task].qubits,
        cloud.now_s,
        cloud.waiting,
        cloud.running,
        settings.depth > 0,
        settings.time_per_qubit_s,
        state.free[e],
        cloud.free,
        worlds.capacity[cloud.world],
        worlds.exec_s[cloud.world, cloud.task],
        state.chain_qpu[e],
        state.chain_qubits[e],
        state.ranking[e],
        state.share[e],
        worlds.tasks[cloud.world, cloud.task].due_s,
    )
    return choose(twin.rule, view, twin.memory, twin.drawn)


@kernel
def run(
    settings: Settings,
    worlds: Worlds,
    state: State,
    outcomes: Outcomes,
    e: int,
    twin: Twin,
    answer: int,
) -> int:
    """Go on under a twin until the trial is over or something else stops it; say what.

    Args:
        answer: `GO_ON`, or `ASKED`.
    """
    while True:
        if answer == GO_ON:
            reason = advance(settings, worlds, state, outcomes, e)
            if reason != ASK:
                return reason
        answer = ask(settings, worlds, state, e, twin)
        if answer == NO_DECISION:
            return NEED_DRAWS
        if not follow(settings, worlds, state, outcomes, e, answer):
            return WAITS
        answer = GO_ON


@kernel
def run_long(
    settings: Settings,
    worlds: Worlds,
    state: State,
    outcomes: Outcomes,
    e: int,
    twin: Twin,
    answer: int,
) -> int:
    """Go on as `run`, under one that has a memory of its own and takes longer than a call.

    What happens between decisions is not compiled anew for it, which takes longest.
    """
    while True:
        reason = ASK
        if answer != ASKED:
            reason = go_on(settings, worlds, state, outcomes, e, answer)
        if reason != ASK:
            return reason
        answer = ask(settings, worlds, state, e, twin)
        if answer == NO_DECISION:
            return NEED_DRAWS

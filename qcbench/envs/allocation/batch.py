"""The compiled part of the vector environments: one decision in each of many clouds."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba.extending import register_jitable

from qcbench.arrays import BoolArray, FloatArray, IntArray
from qcbench.envs.steps import (
    BY_HORIZON,
    BY_ITSELF,
    BY_LIMIT,
    RUNNING,
    SAME_STEP,
    Output,
    Table,
)
from qcbench.envs.worlds import drawn_index
from qcbench.kernels.allocation.arrays import Outcomes, Row, Settings, State, Worlds
from qcbench.kernels.allocation.begin import begin
from qcbench.kernels.allocation.events import ASK, DRAW, advance
from qcbench.kernels.allocation.executions import start
from qcbench.kernels.allocation.quality import Quality, split_fidelity
from qcbench.kernels.allocation.waiting import pass_over
from qcbench.kernels.compiling import inlined, kernel, offset
from qcbench.policies.features import allocation as features
from qcbench.policies.features import allocation_action as actions_formula
from qcbench.policies.features.rewards import cost_reward

register_jitable(actions_formula._chain)
observe = inlined(features.observe)
split_from_weights = inlined(actions_formula.split_from_weights)
split_over_set = inlined(actions_formula.split_over_set)
split_over_emptiest = inlined(actions_formula.split_over_emptiest)
set_holds = inlined(actions_formula.set_holds)
drawn = inlined(drawn_index)
cost = inlined(cost_reward)

WAIT = actions_formula.WAIT
LEAST_WEIGHT, MOST_WEIGHT = actions_formula.LEAST_WEIGHT, actions_formula.MOST_WEIGHT

EPISODE = np.dtype(
    [
        ("first_s", "f8"),
        ("before_s", "f8"),
        ("seed", "i8"),
        ("number", "i8"),
        ("violations", "i4"),
        ("ended", "i4"),
        ("stage", "i4"),
        ("passed", "i4"),
    ],
    align=True,
)
"""Of an environment: when the first decision of its episode and the one before were; its seed and
the number of the episode; violations; how it ended; where in a step it is; worlds without a
decision that were passed over."""

READY, BEGINNING, GOING = range(3)
"""Stages: nothing is under way; an episode is begun; a decision was taken."""

FINISHED, ENDED, EMPTY = -1, -2, -3
"""What a step of all ends with, other than the environment for which failures must be drawn: all
is done, all is done and an episode has ended, or an environment found no world that asks for a
decision."""
EMPTY_WORLDS = 100


class Told(NamedTuple):
    """What an environment was told, as numbers.

    Attributes:
        per_second, per_elapsed, per_infidelity, per_price, violation, failure, drop: what the
            reward counts.
        autoreset: `NEXT_STEP`, `SAME_STEP` or `DISABLED`.
        max_decisions: after which an episode is truncated; the kernel knows no limit.
        discrete: actions choose a set of the menu; otherwise they are weights.
        against_best: fidelity counts as what it lacks to that of the best QPU alone.
    """

    per_second: float
    per_elapsed: float
    per_infidelity: float
    per_price: float
    violation: float
    failure: float
    drop: float
    autoreset: int
    max_decisions: int
    discrete: bool
    against_best: bool


class Actions(NamedTuple):
    """Actions of E environments; the array of the kind that is not taken is empty.

    Attributes:
        weights: shape (E, QPUs).
        choices: shape (E,).
    """

    weights: npt.NDArray[np.float32]
    choices: IntArray


class Parts(NamedTuple):
    """The arrays of E clouds and their episodes; `price` is that of a part on each QPU."""

    settings: Settings
    worlds: Worlds
    quality: Quality
    price: FloatArray
    state: State
    outcomes: Outcomes
    menu: BoolArray
    episodes: Table
    results: Table


@kernel
def all_finite(weights: npt.NDArray[np.float32]) -> bool:
    """Whether all weights are finite, shape (E, QPUs)."""
    for e in range(weights.shape[0]):
        for qpu in range(weights.shape[1]):
            if not np.isfinite(weights[e, qpu]):
                return False
    return True


@inlined
def see(arrays: Parts, told: Told, e: int, out: Output) -> None:
    """Write the observation and the mask of the decision that is due."""
    state, worlds, menu = arrays.state, arrays.worlds, arrays.menu
    cloud, episode = state.clouds[e], arrays.episodes[e]
    world, place = offset(cloud.world), offset(cloud.task)
    task = worlds.tasks[world, place]
    qpus = state.free.shape[1]
    free = state.free[e]
    if told.discrete:
        at = offset(e * (1 + len(menu)))
        out.mask[at] = 1 if cloud.running > 0 else 0
        for choice in range(len(menu)):
            out.mask[at + 1 + choice] = 1 if set_holds(menu[choice], free, task.qubits) else 0
    else:
        for qpu in range(qpus):
            out.mask[offset(e * qpus) + qpu] = 1 if free[qpu] > 0 else 0
    observe(
        qpus,
        cloud.now_s - episode.first_s,
        cloud.now_s - episode.before_s,
        cloud.decisions - 1,
        cloud.waiting,
        cloud.running,
        task.qubits,
        task.depth,
        task.two_qubit_gates,
        arrays.settings.time_per_qubit_s,
        free,
        0,
        worlds.exec_s[world, place],
        arrays.quality.fidelity[world, place],
        arrays.price[world, place],
        0,
        worlds.capacity[world],
        0,
        out.observation,
        offset(e * (len(out.observation) // len(arrays.episodes))),
    )


@inlined
def see_nothing(arrays: Parts, e: int, out: Output) -> None:
    """Write what is seen where no decision is left."""
    count = len(arrays.episodes)
    size, masks = len(out.observation) // count, len(out.mask) // count
    out.observation[e * size : (e + 1) * size] = 0.0
    out.mask[e * masks : (e + 1) * masks] = 1


@inlined
def choose(arrays: Parts, told: Told, actions: Actions, e: int, out: Output) -> int:
    """Make a chain of an action, and return its length; say whether it was a violation."""
    state = arrays.state
    cloud = state.clouds[e]
    qubits = arrays.worlds.tasks[cloud.world, cloud.task].qubits
    free, chain_qpu, chain_qubits = state.free[e], state.chain_qpu[e], state.chain_qubits[e]
    may_wait = cloud.running > 0
    if not told.discrete:
        for qpu in range(len(free)):
            weight = actions.weights[e, qpu]
            actions.weights[e, qpu] = min(max(weight, LEAST_WEIGHT), MOST_WEIGHT)
        return split_from_weights(
            actions.weights[e], free, qubits, may_wait, chain_qpu, chain_qubits, state.share[e]
        )
    choice = actions.choices[e]
    allowed = may_wait
    if choice != WAIT:
        allowed = set_holds(arrays.menu[choice - 1], free, qubits)
    if not allowed:
        out.violated[e] = True
        if may_wait:
            return 0
        return split_over_emptiest(free, qubits, chain_qpu, chain_qubits)
    if choice == WAIT:
        return 0
    return split_over_set(arrays.menu[choice - 1], free, qubits, chain_qpu, chain_qubits)


@inlined
def follow(arrays: Parts, told: Told, e: int, parts: int) -> float:
    """Do what was chosen; return what is due at once."""
    settings, worlds, state = arrays.settings, arrays.worlds, arrays.state
    cloud = state.clouds[e]
    task = cloud.task
    if parts == 0:
        pass_over(state, e)
        return 0.0
    exec_s = 0.0
    comm_s = 0.0
    per_s = 0.0
    for place in range(parts):
        qpu = state.chain_qpu[e, place]
        exec_s = max(exec_s, worlds.exec_s[cloud.world, task, qpu])
        per_s += arrays.quality.price_per_s[qpu]
        if place > 0:
            sides = state.chain_qubits[e, place - 1] + state.chain_qubits[e, place]
            comm_s += settings.time_per_qubit_s * sides
    fidelity = 1.0
    if told.per_infidelity != 0.0:
        fidelity = split_fidelity(
            worlds,
            arrays.quality,
            cloud.world,
            task,
            state.chain_qpu[e],
            state.chain_qubits[e],
            parts,
        )
        if told.against_best:
            best = 0.0
            for whole in arrays.quality.fidelity[cloud.world, task]:
                best = max(best, whole)
            fidelity += 1.0 - best
    time_s = cloud.now_s - worlds.tasks[cloud.world, task].arrival_s + comm_s + exec_s
    if settings.charge:
        state.paid_s[e, task] += time_s
    start(settings, worlds, state, arrays.outcomes, e, parts)
    return cost(
        time_s,
        fidelity,
        exec_s * per_s,
        told.per_second,
        told.per_infidelity,
        told.per_price,
    )


@inlined
def settle(told: Told, cloud: Row) -> float:
    """Return what has come due since the last call: other ends than expected, drops."""
    owed = told.drop * cloud.dropped + told.per_second * cloud.late_s + told.failure * cloud.failed
    cloud.dropped = 0
    cloud.failed = 0
    cloud.late_s = 0.0
    return float(-owed)


@inlined
def go_to(arrays: Parts, e: int, chosen: int) -> None:
    """Put an environment at the beginning of a world, the next in turn where negative."""
    episode = arrays.episodes[e]
    episode.number += 1
    world = drawn(episode.seed, episode.number, len(arrays.worlds.jobs))
    arrays.state.clouds[e].world = world if chosen < 0 else chosen
    begin(arrays.settings, arrays.worlds, arrays.state, arrays.outcomes, e)
    episode.stage = BEGINNING


@inlined
def conclude(arrays: Parts, told: Told, e: int, over: bool, out: Output) -> None:
    """Write down whether an episode is over, how it ended and what came of it."""
    cloud, episode, result = arrays.state.clouds[e], arrays.episodes[e], arrays.results[e]
    decisions = cloud.decisions
    if over:
        out.terminated[e] = True
        horizon_s = arrays.settings.limits.horizon_s
        episode.ended = BY_HORIZON if cloud.now_s >= horizon_s else BY_ITSELF
        see_nothing(arrays, e, out)
    else:
        decisions -= 1  # one is due
        if decisions < told.max_decisions:
            return
        out.truncated[e] = True
        episode.ended = BY_LIMIT
    result.completion_s = cloud.completion_s / cloud.done if cloud.done > 0 else np.nan
    result.world = cloud.world
    result.decisions = decisions
    result.violations = episode.violations
    result.jobs = cloud.arrived
    result.done = cloud.done
    result.ended = episode.ended


@inlined
def keep_final(arrays: Parts, e: int, out: Output) -> None:
    """Copy what is seen of an episode that ended, before another one begins."""
    count = len(arrays.episodes)
    size, masks = len(out.observation) // count, len(out.mask) // count
    for at in range(e * size, (e + 1) * size):
        out.final_observation[at] = out.observation[at]
    for at in range(e * masks, (e + 1) * masks):
        out.final_mask[at] = out.mask[at]


@inlined
def act(arrays: Parts, told: Told, actions: Actions, e: int, out: Output) -> None:
    """Take the decision that is due."""
    parts = choose(arrays, told, actions, e, out)
    out.reward[e] = follow(arrays, told, e, parts)
    if out.violated[e]:
        out.reward[e] -= told.violation
        arrays.episodes[e].violations += 1


@kernel
def go_on(  # noqa: PLR0912, PLR0915
    arrays: Parts,
    told: Told,
    which: BoolArray,
    chosen: IntArray,
    actions: Actions,
    out: Output,
    first: int,
) -> int:
    """Begin episodes, or take a decision in every environment, from the first one on.

    Args:
        which: environments that begin an episode; where it is empty, all take a decision.
        chosen: the worlds that they begin in, the next in turn where negative.

    Returns:
        `FINISHED`, or `ENDED` where an episode ended; the environment for which failures must be
        drawn; or `EMPTY` minus the one that found no world that asks for a decision.
    """
    beginning = len(which) > 0
    ended = False
    for e in range(first, len(arrays.episodes)):
        cloud, episode = arrays.state.clouds[e], arrays.episodes[e]
        world = chosen[e] if beginning else -1
        anew = False
        if episode.stage == READY:
            if beginning:
                if not which[e]:
                    continue
                anew = True
            else:
                out.reward[e] = 0.0
                out.terminated[e] = False
                out.truncated[e] = False
                out.violated[e] = False
                if episode.ended == RUNNING:
                    act(arrays, told, actions, e, out)
                    episode.stage = GOING
                else:
                    anew = True
        while True:
            if anew:
                anew = False
                go_to(arrays, e, world)
            reason = advance(arrays.settings, arrays.worlds, arrays.state, arrays.outcomes, e)
            if reason == DRAW:
                return e
            going = episode.stage == GOING
            episode.stage = READY
            due = settle(told, cloud)
            if going:
                due -= told.per_elapsed * (cloud.now_s - episode.before_s)
            if reason == ASK:
                if not going:
                    episode.passed = 0
                    episode.violations = 0
                    episode.first_s = cloud.now_s
                    episode.before_s = cloud.now_s
                    episode.ended = RUNNING
                see(arrays, told, e, out)
                episode.before_s = cloud.now_s
            if going:
                out.reward[e] += due
                conclude(arrays, told, e, reason != ASK, out)
                if episode.ended == RUNNING:
                    break
                ended = True
                if told.autoreset != SAME_STEP:
                    break
                keep_final(arrays, e, out)
            elif reason == ASK:
                break
            else:
                episode.passed += 1
                if world >= 0 or episode.passed >= EMPTY_WORLDS:
                    return EMPTY - e
            anew = True
    return ENDED if ended else FINISHED

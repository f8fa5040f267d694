"""The compiled part of the vector environment: one decision in each of many clouds.

For worlds where nothing fails and execution times are as estimated; `uncertain` has the others.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

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
from qcbench.kernels.compiling import inlined, kernel, offset
from qcbench.kernels.placement import step
from qcbench.kernels.placement.step import OVER, Record, State
from qcbench.kernels.placement.worlds import Worlds
from qcbench.kernels.rules import Limits
from qcbench.policies.features import placement as features
from qcbench.policies.features.hindsight import remaining_s
from qcbench.policies.features.rewards import LEGACY_VIOLATION, cost_reward, legacy_reward

observe: Any = inlined(features.observe)
observe_legacy: Any = inlined(features.observe_legacy)
drawn: Any = inlined(drawn_index)
cost: Any = inlined(cost_reward)
legacy: Any = inlined(legacy_reward)
remaining: Any = inlined(remaining_s)

EPISODE = np.dtype(
    [
        ("first_s", "f8"),
        ("before_s", "f8"),
        ("remaining_s", "f8"),
        ("seed", "i8"),
        ("number", "i8"),
        ("violations", "i4"),
        ("ended", "i4"),
        ("stage", "i4"),
    ],
    align=True,
)
"""Of an environment: when the first decision of its episode and the one before were; what is
still to come by earliest completion, for rewards by hindsight; its seed and the number of the
episode; violations; how it ended, a position in `ENDED`; where in a step it is,
see `uncertain`."""


class Told(NamedTuple):
    """What an environment was told, as numbers.

    Attributes:
        per_second, per_infidelity, per_price, violation, failure, drop: what the reward counts.
        hindsight_reward: see `qcbench.policies.features.hindsight`.
        legacy_reward, legacy_observation: QSimPy's.
        autoreset: `NEXT_STEP`, `SAME_STEP` or `DISABLED`.
        max_decisions: after which an episode is truncated; the kernel knows no limit.
    """

    per_second: float
    per_infidelity: float
    per_price: float
    violation: float
    failure: float
    drop: float
    hindsight_reward: bool
    legacy_reward: bool
    legacy_observation: bool
    autoreset: int
    max_decisions: int


@inlined
def next_world(worlds: Worlds, horizon_s: float, episode: Record) -> int:
    """Draw the world of the next episode; those that ask for no decision are passed over."""
    while True:
        episode.number += 1
        world = drawn(episode.seed, episode.number, len(worlds.tasks))
        if worlds.tasks[world] > 0 and worlds.arrival_s[world * worlds.width] < horizon_s:
            return world


@inlined
def see(
    worlds: Worlds,
    told: Told,
    cloud: Record,
    episode: Record,
    free_at_s: FloatArray,
    queue_length: npt.NDArray[Any],
    up: BoolArray,
    state_at: int,
    violations: int,
    observation: npt.NDArray[np.float32],
    at: int,
    mask: npt.NDArray[np.int8],
) -> None:
    """Write the observation and the mask of the decision that is due.

    Args:
        state_at: where the QPUs of this cloud begin.
        violations: of the task.
        at: where the observation begins.
    """
    qpus, now_s = len(worlds.qpu_qubits), cloud.now_s
    task = offset(cloud.world * worlds.width + cloud.task)
    state_at, at = offset(state_at), offset(at)
    for q in range(qpus):
        mask[state_at + q] = 1 if worlds.exec_s[task * worlds.stride + q] < np.inf else 0
    if told.legacy_observation:
        observe_legacy(
            qpus,
            now_s,
            violations,
            worlds.qubits[task],
            worlds.depth[task],
            free_at_s,
            state_at,
            worlds.qpu_qubits,
            worlds.clops,
            0,
            observation,
            at,
        )
        return
    observe(
        qpus,
        now_s,
        now_s - episode.first_s,
        now_s - episode.before_s,
        cloud.decisions,
        violations,
        worlds.qubits[task],
        free_at_s,
        queue_length,
        up,
        state_at,
        worlds.exec_s,
        worlds.fidelity,
        worlds.price,
        task * worlds.stride,
        worlds.qpu_qubits,
        0,
        observation,
        at,
    )


@inlined
def see_nothing(
    observation: npt.NDArray[np.float32],
    at: int,
    size: int,
    mask: npt.NDArray[np.int8],
    state_at: int,
    qpus: int,
) -> None:
    """Write what is seen where no decision is left."""
    observation[at : at + size] = 0.0
    mask[state_at : state_at + qpus] = 1


@inlined
def due_now(
    worlds: Worlds,
    limits: Limits,
    told: Told,
    cloud: Record,
    choice: int,
    free_s: float,
) -> tuple[float, bool]:
    """Return what is due at once for a decision, and whether it is a violation."""
    at = (cloud.world * worlds.width + cloud.task) * worlds.stride + choice
    exec_s = worlds.exec_s[at]
    if exec_s == np.inf:
        if told.legacy_reward:
            return LEGACY_VIOLATION, True
        return -(told.per_second * limits.delay_s + told.violation), True
    wait_s = free_s - cloud.now_s if free_s > cloud.now_s else 0.0
    if told.legacy_reward:
        arrival_s = worlds.arrival_s[cloud.world * worlds.width + cloud.task]
        return legacy(cloud.now_s - arrival_s, wait_s, exec_s), False
    reward = cost(
        wait_s + exec_s,
        worlds.fidelity[at],
        worlds.price[at],
        told.per_second,
        told.per_infidelity,
        told.per_price,
    )
    return reward, False


@inlined
def keep_final(out: Output, e: int, size: int, qpus: int) -> None:
    """Copy what is seen of an episode that ended, before another one begins."""
    for at in range(e * size, (e + 1) * size):
        out.final_observation[at] = out.observation[at]
    for at in range(e * qpus, (e + 1) * qpus):
        out.final_mask[at] = out.mask[at]


@inlined
def conclude(result: Record, episode: Record, cloud: Record, total_s: float) -> None:
    """Write down what came of an episode; ``total_s`` is the sum of completion times."""
    result.completion_s = total_s / result.done if result.done > 0 else np.nan
    result.world = cloud.world
    result.decisions = cloud.decisions
    result.violations = episode.violations
    result.ended = episode.ended


@kernel
def _to_come_s(worlds: Worlds, state: State, e: int, first: int) -> float:
    """Return the time that tasks from ``first`` on take by earliest completion."""
    qpus, world = len(worlds.qpu_qubits), state.clouds[e].world
    of_world = world * worlds.width
    return remaining(
        first,
        worlds.tasks[world],
        qpus,
        worlds.arrival_s,
        of_world,
        worlds.exec_s,
        of_world * worlds.stride,
        worlds.stride,
        state.free_at_s,
        e * qpus,
        state.work,
    )


@inlined
def begin_exact(
    worlds: Worlds,
    limits: Limits,
    told: Told,
    state: State,
    episodes: Table,
    e: int,
    chosen: int,
) -> None:
    """Begin an episode in the chosen world, in the next one in turn where negative."""
    episode = episodes[e]
    world = next_world(worlds, limits.horizon_s, episode)
    step.begin(worlds, state, e, world if chosen < 0 else chosen)
    episode.first_s = episode.before_s = state.clouds[e].now_s
    episode.violations = 0
    episode.ended = RUNNING
    if told.hindsight_reward:
        episode.remaining_s = _to_come_s(worlds, state, e, 0)


@inlined
def _show(worlds: Worlds, told: Told, state: State, episodes: Table, e: int, out: Output) -> None:
    """Show the decision that is due in an environment."""
    qpus = len(worlds.qpu_qubits)
    step.count_queues(worlds, state, e)
    see(
        worlds,
        told,
        state.clouds[e],
        episodes[e],
        state.free_at_s,
        state.queue_length,
        state.up,
        e * qpus,
        state.clouds[e].violations,
        out.observation,
        e * (len(out.observation) // len(episodes)),
        out.mask,
    )


@kernel
def _show_again(
    worlds: Worlds, told: Told, state: State, episodes: Table, e: int, out: Output
) -> None:
    """As `_show`, not compiled into its caller, for what is rare: it is much to compile."""
    _show(worlds, told, state, episodes, e, out)


@kernel
def begin_all_exact(
    worlds: Worlds,
    limits: Limits,
    told: Told,
    state: State,
    episodes: Table,
    which: BoolArray,
    chosen: IntArray,
    out: Output,
) -> None:
    """Begin an episode in each of the environments told, and show its first decision."""
    for e in range(len(which)):
        if which[e]:
            begin_exact(worlds, limits, told, state, episodes, e, chosen[e])
            _show_again(worlds, told, state, episodes, e, out)


@inlined
def conclude_exact(
    worlds: Worlds, limits: Limits, state: State, episode: Record, result: Record, e: int
) -> None:
    """Count what was done when an episode ended."""
    cloud, tasks = state.clouds[e], worlds.tasks[state.clouds[e].world]
    of_task, of_world = e * worlds.width, cloud.world * worlds.width
    end_s = min(cloud.now_s, limits.horizon_s)
    if cloud.task == OVER:
        for task in range(tasks):
            end_s = max(end_s, state.placed[of_task + task].finish_s)
        if end_s >= limits.horizon_s:
            end_s = limits.horizon_s
            episode.ended = BY_HORIZON
    total_s = 0.0
    result.done = result.jobs = 0
    for task in range(cloud.next_arrival):
        arrival_s = worlds.arrival_s[of_world + task]
        result.jobs += 1 if arrival_s < limits.horizon_s else 0
        if state.placed[of_task + task].finish_s <= end_s:
            result.done += 1
            total_s += state.placed[of_task + task].finish_s - arrival_s
    conclude(result, episode, cloud, total_s)


BLOCK = 8
"""Environments that are stepped before they are looked at: what the one fetches from memory, the
other finds in the cache, and a processor waits for the memory of several at a time."""


@kernel
def step_exact(
    worlds: Worlds,
    limits: Limits,
    told: Told,
    state: State,
    episodes: Table,
    results: Table,
    actions: IntArray,
    out: Output,
) -> bool:
    """Take a decision in every environment; return whether an episode ended."""
    clouds, qpus = len(actions), len(worlds.qpu_qubits)
    size = len(out.observation) // clouds
    any_ended = False
    for first in range(0, clouds, BLOCK):
        after = min(first + BLOCK, clouds)
        for e in range(first, after):
            _step_one(worlds, limits, told, state, episodes, e, actions[e], out)
        for e in range(first, after):
            if out.terminated[e]:
                see_nothing(out.observation, e * size, size, out.mask, e * qpus, qpus)
            else:
                _show(worlds, told, state, episodes, e, out)
            if episodes[e].ended != RUNNING:
                any_ended = True
                conclude_exact(worlds, limits, state, episodes[e], results[e], e)
                if told.autoreset == SAME_STEP:
                    keep_final(out, e, size, qpus)
                    begin_exact(worlds, limits, told, state, episodes, e, -1)
                    _show_again(worlds, told, state, episodes, e, out)
    return any_ended


@inlined
def _step_one(
    worlds: Worlds,
    limits: Limits,
    told: Told,
    state: State,
    episodes: Table,
    e: int,
    choice: int,
    out: Output,
) -> None:
    """Take a decision in one environment, or begin the next episode where one is over."""
    cloud, episode, qpus = state.clouds[e], episodes[e], len(worlds.qpu_qubits)
    out.terminated[e] = out.truncated[e] = out.violated[e] = False
    if episode.ended != RUNNING:
        out.reward[e] = 0.0
        begin_exact(worlds, limits, told, state, episodes, e, -1)
        return
    free_s = state.free_at_s[e * qpus + choice]
    reward, violated = due_now(worlds, limits, told, cloud, choice, free_s)
    out.violated[e] = violated
    episode.violations += 1 if violated else 0
    episode.before_s = cloud.now_s
    task = cloud.task
    step.place(worlds, state, e, choice, limits.delay_s)
    if told.hindsight_reward:
        after_s = _to_come_s(worlds, state, e, task + 1)
        reward -= told.per_second * (after_s - episode.remaining_s)
        episode.remaining_s = after_s
    out.reward[e] = reward
    step.advance(worlds, state, e)
    if cloud.task == OVER or cloud.now_s >= limits.horizon_s:
        out.terminated[e] = True
        episode.ended = BY_ITSELF if cloud.task == OVER else BY_HORIZON
    elif cloud.decisions >= told.max_decisions:
        out.truncated[e] = True
        episode.ended = BY_LIMIT

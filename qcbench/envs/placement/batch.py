"""The compiled part of the vector environment: one decision in each of many clouds.

For worlds where nothing fails and execution times are as estimated, where the clocks of QPUs need
no events: a step by events, as in `uncertain`, takes 1.7 times as long
(`python -m tests.perf.plain`).
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from qcbench.arrays import BoolArray, FloatArray, IntArray
from qcbench.envs.dues import cost_of
from qcbench.envs.steps import DUE, OVER, Config, Output, Row, forget, stepping
from qcbench.kernels.compiling import called, inlined, offset
from qcbench.kernels.placement import step as clouds
from qcbench.kernels.placement.step import State
from qcbench.kernels.placement.worlds import Worlds
from qcbench.policies.features import placement as features
from qcbench.policies.features import placement_relative, relative, survey
from qcbench.policies.features.hindsight import remaining_s
from qcbench.policies.features.rewards import LEGACY_VIOLATION, cost_reward, legacy_reward

observe_due: Any = inlined(features.observe_due)
observe_legacy: Any = inlined(features.observe_legacy)
cost: Any = inlined(cost_reward)
legacy: Any = inlined(legacy_reward)
remaining: Any = inlined(remaining_s)
for formula in (*survey.FORMULAS, *relative.FORMULAS, *placement_relative.FORMULAS):
    called(formula)
observe: Any = inlined(features.observe)
observe_relative: Any = inlined(placement_relative.observe)


class Arrays(NamedTuple):
    """What the kernel works on; the rules that it knows are the delay and the horizon.

    `memory` is what the observation remembers, see `Layout.memory`, shape (E * numbers,).
    """

    worlds: Worlds
    state: State
    delay_s: float
    horizon_s: float
    memory: FloatArray


@inlined
def see(
    worlds: Worlds,
    config: Config,
    cloud: Row,
    episode: Row,
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
    if config.legacy_observation:
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
        config.shared,
        config.each,
    )
    if config.due:
        observe_due(
            qpus,
            now_s,
            worlds.due_s[task],
            worlds.value[task],
            free_at_s,
            state_at,
            worlds.exec_s,
            task * worlds.stride,
            observation,
            at,
        )
    episode.before_s = now_s


@inlined
def see_relative(
    worlds: Worlds,
    config: Config,
    cloud: Row,
    free_at_s: FloatArray,
    queue_length: npt.NDArray[Any],
    up: BoolArray,
    violations: int,
    memory: FloatArray,
    out: Output,
    e: int,
) -> None:
    """Write the observation in figures of the workload itself, and the mask.

    Args:
        violations: of the task.
    """
    qpus = len(worlds.qpu_qubits)
    task = offset(cloud.world * worlds.width + cloud.task)
    state_at = offset(e * qpus)
    for q in range(qpus):
        out.mask[state_at + q] = 1 if worlds.exec_s[task * worlds.stride + q] < np.inf else 0
    observe_relative(
        qpus,
        cloud.now_s,
        violations,
        worlds.qubits[task],
        worlds.tasks[cloud.world] - cloud.next_arrival,
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
        memory,
        offset(e * (placement_relative.MEMORY + qpus * placement_relative.EACH_MEMORY)),
        out.observation,
        offset(e * config.size),
    )


@inlined
def promised(worlds: Worlds, config: Config, cloud: Row, choice: int, free_s: float) -> float:
    """Return what the due time of a task costs on a QPU that it fits, by the estimates."""
    task = cloud.world * worlds.width + cloud.task
    wait_s = free_s - cloud.now_s if free_s > cloud.now_s else 0.0
    finish_s = cloud.now_s + (wait_s + worlds.exec_s[task * worlds.stride + choice])
    return cost_of(config, finish_s, worlds.due_s[task], worlds.value[task])


@inlined
def due_now(
    worlds: Worlds,
    config: Config,
    cloud: Row,
    choice: int,
    free_s: float,
    delay_s: float,
) -> tuple[float, bool]:
    """Return what is due at once for a decision, and whether it is a violation."""
    at = (cloud.world * worlds.width + cloud.task) * worlds.stride + choice
    exec_s = worlds.exec_s[at]
    if exec_s == np.inf:
        if config.legacy_reward:
            return LEGACY_VIOLATION, True
        return -(config.per_second * delay_s + config.violation), True
    wait_s = free_s - cloud.now_s if free_s > cloud.now_s else 0.0
    if config.legacy_reward:
        arrival_s = worlds.arrival_s[cloud.world * worlds.width + cloud.task]
        return legacy(cloud.now_s - arrival_s, wait_s, exec_s), False
    reward = cost(
        wait_s + exec_s,
        worlds.fidelity[at],
        worlds.price[at],
        config.per_second,
        config.per_infidelity,
        config.per_price,
    )
    if config.counts_due:
        reward -= promised(worlds, config, cloud, choice, free_s)
    return reward, False


@called
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
def _open_world(arrays: Arrays, _config: Config, world: int, e: int) -> None:
    """See `qcbench.envs.steps.stepping`, as for what follows."""
    clouds.begin(arrays.worlds, arrays.state, e, world)


@inlined
def _advance(arrays: Arrays, _config: Config, _episode: Row, e: int) -> int:
    cloud = arrays.state.clouds[e]
    return OVER if cloud.task == clouds.OVER or cloud.now_s >= arrays.horizon_s else DUE


@inlined
def _begin(arrays: Arrays, config: Config, episode: Row, e: int) -> None:
    episode.first_s = episode.before_s = arrays.state.clouds[e].now_s
    if config.hindsight:
        episode.remaining_s = _to_come_s(arrays.worlds, arrays.state, e, 0)


@inlined
def _begin_relative(arrays: Arrays, config: Config, episode: Row, e: int) -> None:
    _begin(arrays, config, episode, e)
    forget(arrays.memory, e, len(arrays.state.clouds))


@inlined
def _act(
    arrays: Arrays, config: Config, episode: Row, actions: IntArray, e: int, out: Output
) -> None:
    worlds, state = arrays.worlds, arrays.state
    cloud, choice = state.clouds[e], actions[e]
    free_s = state.free_at_s[e * len(worlds.qpu_qubits) + choice]
    reward, violated = due_now(worlds, config, cloud, choice, free_s, arrays.delay_s)
    out.violated[e] = violated
    task = cloud.task
    clouds.place(worlds, state, e, choice, arrays.delay_s)
    if config.hindsight:
        after_s = _to_come_s(worlds, state, e, task + 1)
        reward -= config.per_second * (after_s - episode.remaining_s)
        episode.remaining_s = after_s
    out.reward[e] = reward
    clouds.advance(worlds, state, e)


@inlined
def _come_due(_arrays: Arrays, _config: Config, _episode: Row, _e: int) -> float:
    return 0.0


@inlined
def _see(arrays: Arrays, config: Config, episode: Row, e: int, out: Output) -> None:
    worlds, state = arrays.worlds, arrays.state
    qpus, cloud = len(worlds.qpu_qubits), state.clouds[e]
    clouds.count_queues(worlds, state, e)
    see(
        worlds,
        config,
        cloud,
        episode,
        state.free_at_s,
        state.queue_length,
        state.up,
        e * qpus,
        cloud.violations,
        out.observation,
        e * config.size,
        out.mask,
    )


@inlined
def _see_relative(arrays: Arrays, config: Config, _episode: Row, e: int, out: Output) -> None:
    state = arrays.state
    cloud = state.clouds[e]
    clouds.count_queues(arrays.worlds, state, e)
    see_relative(
        arrays.worlds,
        config,
        cloud,
        state.free_at_s,
        state.queue_length,
        state.up,
        cloud.violations,
        arrays.memory,
        out,
        e,
    )


@inlined
def conclude(arrays: Arrays, result: Row, e: int) -> bool:
    """Count what was done when an episode ended; return whether the horizon was reached."""
    worlds, state, horizon_s = arrays.worlds, arrays.state, arrays.horizon_s
    cloud = state.clouds[e]
    of_task, of_world = e * worlds.width, cloud.world * worlds.width
    end_s = min(cloud.now_s, horizon_s)
    if cloud.task == clouds.OVER:
        for task in range(worlds.tasks[cloud.world]):
            end_s = max(end_s, state.placed[of_task + task].finish_s)
        end_s = min(end_s, horizon_s)
    total_s = 0.0
    result.world = cloud.world
    result.done = result.jobs = 0
    for task in range(cloud.next_arrival):
        arrival_s = worlds.arrival_s[of_world + task]
        result.jobs += 1 if arrival_s < horizon_s else 0
        if state.placed[of_task + task].finish_s <= end_s:
            result.done += 1
            total_s += state.placed[of_task + task].finish_s - arrival_s
    result.completion_s = total_s / result.done if result.done > 0 else np.nan
    return bool(end_s >= horizon_s)


step = stepping(
    __name__,
    open_world=_open_world,
    advance=_advance,
    begin=_begin,
    act=_act,
    come_due=_come_due,
    see=_see,
    conclude=conclude,
)

step_relative = stepping(
    __name__,
    "step_relative",
    open_world=_open_world,
    advance=_advance,
    begin=_begin_relative,
    act=_act,
    come_due=_come_due,
    see=_see_relative,
    conclude=conclude,
)

"""The compiled part of the vector environment where QPUs fail or execution times are uncertain.

As `batch`, but each cloud goes on event by event, and what was not expected of a decision comes due
when it happens.
"""

from typing import NamedTuple

import numpy as np

from qcbench.arrays import FloatArray, IntArray
from qcbench.cloud.execution import DONE
from qcbench.envs.dues import settled
from qcbench.envs.placement.batch import due_now, promised, see, see_relative
from qcbench.envs.steps import DUE, MORE, OVER, Config, Output, Row, Table, forget, stepping
from qcbench.kernels.compiling import inlined
from qcbench.kernels.placement import event_state, events
from qcbench.kernels.placement.chances import Chances
from qcbench.kernels.placement.event_state import EventState
from qcbench.kernels.placement.worlds import Worlds
from qcbench.kernels.rules import Limits


class Arrays(NamedTuple):
    """What the kernel works on; rows are records `qcbench.kernels.placement.outcome.ROW`.

    `paid` is as `qcbench.envs.dues.make_paid` gives it, `memory` as in `batch.Arrays`.
    """

    worlds: Worlds
    limits: Limits
    chances: Chances
    state: EventState
    rows: Table
    paid: FloatArray
    memory: FloatArray


@inlined
def _open_world(arrays: Arrays, _config: Config, world: int, e: int) -> None:
    """See `qcbench.envs.steps.stepping`, as for what follows."""
    event_state.begin(
        arrays.worlds, arrays.limits, arrays.chances, arrays.state, arrays.rows, e, world
    )


@inlined
def _advance(arrays: Arrays, _config: Config, _episode: Row, e: int) -> int:
    why = events.run_to_decision(
        arrays.worlds, arrays.limits, arrays.chances, arrays.state, arrays.rows, e
    )
    if why == events.MORE_CHANGES:
        return MORE
    return OVER if why == events.ENDED else DUE


@inlined
def _dues(arrays: Arrays, config: Config, e: int) -> float:
    """Return what has come due of the due times of jobs that have ended."""
    worlds, cloud, owed = arrays.worlds, arrays.state.clouds[e], 0.0
    for task in range(cloud.next_arrival):
        row, at = arrays.rows[e * worlds.width + task], cloud.world * worlds.width + task
        owed += settled(
            config,
            arrays.paid[e],
            task,
            row.status,
            row.finish_s,
            worlds.due_s[at],
            worlds.value[at],
            arrays.limits.exact,
        )
    return owed


@inlined
def _begin(arrays: Arrays, config: Config, episode: Row, e: int) -> None:
    cloud = arrays.state.clouds[e]
    episode.first_s = episode.before_s = cloud.now_s
    cloud.late_s = 0.0
    cloud.given_up = cloud.dropped = 0
    if config.counts_due:
        arrays.paid[e] = 0.0
        _dues(arrays, config, e)


@inlined
def _begin_relative(arrays: Arrays, config: Config, episode: Row, e: int) -> None:
    _begin(arrays, config, episode, e)
    forget(arrays.memory, e, len(arrays.state.clouds))


@inlined
def _act(
    arrays: Arrays, config: Config, _episode: Row, actions: IntArray, e: int, out: Output
) -> None:
    worlds, limits, state, choice = arrays.worlds, arrays.limits, arrays.state, actions[e]
    free_s = state.free_at_s[e * len(worlds.qpu_qubits) + choice]
    due = due_now(worlds, config, state.clouds[e], choice, free_s, limits.delay_s)
    out.reward[e], out.violated[e] = due
    if config.counts_due and not out.violated[e]:
        task = state.clouds[e].task
        arrays.paid[e, task] += promised(worlds, config, state.clouds[e], choice, free_s)
    events.decide(worlds, limits, arrays.chances, state, arrays.rows, e, choice)


@inlined
def _come_due(arrays: Arrays, config: Config, _episode: Row, e: int) -> float:
    cloud, owed = arrays.state.clouds[e], 0.0
    if not config.legacy_reward:
        late_s = 0.0 if arrays.limits.exact else cloud.late_s
        owed = (
            config.per_second * late_s
            + config.failure * cloud.given_up
            + config.drop * cloud.dropped
        )
    cloud.late_s = 0.0
    cloud.given_up = cloud.dropped = 0
    if config.counts_due:
        owed += _dues(arrays, config, e)
    return -owed


@inlined
def _see(arrays: Arrays, config: Config, episode: Row, e: int, out: Output) -> None:
    worlds, state = arrays.worlds, arrays.state
    cloud = state.clouds[e]
    see(
        worlds,
        config,
        cloud,
        episode,
        state.free_at_s,
        state.queue_length,
        state.up,
        e * len(worlds.qpu_qubits),
        arrays.rows[e * worlds.width + cloud.task].violations,
        out.observation,
        e * config.size,
        out.mask,
    )


@inlined
def _see_relative(arrays: Arrays, config: Config, _episode: Row, e: int, out: Output) -> None:
    worlds, state = arrays.worlds, arrays.state
    cloud = state.clouds[e]
    see_relative(
        worlds,
        config,
        cloud,
        state.free_at_s,
        state.queue_length,
        state.up,
        arrays.rows[e * worlds.width + cloud.task].violations,
        arrays.memory,
        out,
        e,
    )


@inlined
def _conclude(arrays: Arrays, result: Row, e: int) -> bool:
    worlds, cloud = arrays.worlds, arrays.state.clouds[e]
    total_s = 0.0
    result.world = cloud.world
    result.done, result.jobs = 0, cloud.next_arrival
    for task in range(cloud.next_arrival):
        row = arrays.rows[e * worlds.width + task]
        if row.status == DONE:
            result.done += 1
            total_s += row.finish_s - worlds.arrival_s[cloud.world * worlds.width + task]
    result.completion_s = total_s / result.done if result.done > 0 else np.nan
    return bool(cloud.now_s >= arrays.limits.horizon_s)


step = stepping(
    __name__,
    open_world=_open_world,
    advance=_advance,
    begin=_begin,
    act=_act,
    come_due=_come_due,
    see=_see,
    conclude=_conclude,
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
    conclude=_conclude,
)

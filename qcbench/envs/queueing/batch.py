"""The compiled part of the vector environment: one decision in each of many clouds."""

from typing import Any, NamedTuple

import numpy as np

from qcbench.arrays import FloatArray, IntArray
from qcbench.cloud.execution import DONE
from qcbench.envs.dues import settled
from qcbench.envs.queueing import observation
from qcbench.envs.steps import BEGINNING, DUE, MORE, OVER, Config, Output, Row, forget, stepping
from qcbench.envs.worlds import BEGINNINGS, drawn_index
from qcbench.kernels.compiling import inlined, offset
from qcbench.kernels.levels import present_area_s
from qcbench.kernels.queueing import broker, clock, start
from qcbench.kernels.queueing.layout import DECIDE, NEED_GAPS, Cloud, Clouds, World, Worlds
from qcbench.kernels.queueing.run import cloud_of, world_of
from qcbench.policies.features import hindsight, queueing_relative, rewards

drawn: Any = inlined(drawn_index)
goes_before: Any = inlined(hindsight.goes_before)
cost_reward: Any = inlined(rewards.cost_reward)
ages_s: Any = inlined(queueing_relative.patience_s)


class Arrays(NamedTuple):
    """What the kernel works on.

    `paid` is as `qcbench.envs.dues.make_paid` gives it, `memory` what the observation, or the
    reward, remembers (`Layout.memory`), shape (E * numbers,).
    """

    worlds: Worlds
    clouds: Clouds
    paid: FloatArray
    memory: FloatArray


@inlined
def opened(arrays: Arrays, e: int) -> tuple[World, Cloud]:
    """Return a cloud and its world."""
    worlds, clouds = arrays.worlds, arrays.clouds
    return world_of(worlds, clouds.state[e].world), cloud_of(clouds, e, clouds.qpus.shape[1])


@inlined
def delayed_s(world: World, cloud: Cloud, place: int, patience_s: float) -> float:
    """Return what a choice delays the jobs that should go first, see `features.hindsight`."""
    now_s, qpu = cloud.state[0].now_s, cloud.state[0].deciding
    job = broker.candidate(cloud, place)
    chosen = cloud.progress[job]
    age_s = now_s - world.jobs[job].arrival_s
    before = 0
    for choice in range(broker.choices(cloud)):
        candidate = broker.candidate(cloud, choice)
        before += goes_before(
            now_s - world.jobs[candidate].arrival_s,
            cloud.progress[candidate].remaining_s,
            age_s,
            chosen.remaining_s,
            patience_s,
        )
    return world.estimate_s[chosen.task, qpu] * before / world.rules[0].qpus


@inlined
def beginning_s(config: Config, episode: Row) -> float:
    """Draw the time at which an episode begins."""
    if config.begin_s == 0.0:
        return 0.0
    return config.begin_s * (drawn(episode.seed, -1 - episode.number, BEGINNINGS) / BEGINNINGS)


@inlined
def _open_world(arrays: Arrays, _config: Config, world: int, e: int) -> None:
    """See `qcbench.envs.steps.stepping`, as for what follows."""
    clouds = arrays.clouds
    start.clear(world_of(arrays.worlds, world), cloud_of(clouds, e, clouds.qpus.shape[1]), world)


@inlined
def _open_world_relative(arrays: Arrays, config: Config, world: int, e: int) -> None:
    _open_world(arrays, config, world, e)
    forget(arrays.memory, e, len(arrays.clouds.state))


@inlined
def _go_on(arrays: Arrays, config: Config, episode: Row, e: int, remembers: bool) -> int:
    """Go on to the next decision of the agent; say whether observations remember the others."""
    world, cloud = opened(arrays, e)
    s = cloud.state[0]
    while True:
        why = clock.advance(world, cloud)
        if why == NEED_GAPS:
            return MORE
        if why != DECIDE:
            return OVER
        if episode.stage != BEGINNING:
            return DUE
        if s.decisions == 1:  # times count from the first decision, whoever takes it
            episode.first_s = s.now_s
            episode.before_s = s.now_s
        if s.now_s >= beginning_s(config, episode):
            return DUE
        if remembers:
            observation.pass_by(world, cloud, arrays.memory, e)
        broker.choose(world, cloud, broker.choices(cloud) - 1)


@inlined
def _advance(arrays: Arrays, config: Config, episode: Row, e: int) -> int:
    return _go_on(arrays, config, episode, e, False)


@inlined
def _advance_relative(arrays: Arrays, config: Config, episode: Row, e: int) -> int:
    return _go_on(arrays, config, episode, e, True)


@inlined
def _dues(arrays: Arrays, config: Config, e: int) -> float:
    """Return what has come due of the due times of jobs that have ended."""
    world, cloud = opened(arrays, e)
    owed = 0.0
    for job in range(cloud.state[0].arrived):
        fixed, own = world.jobs[job], cloud.progress[job]
        owed += settled(
            config,
            arrays.paid[e],
            job,
            own.status,
            own.finish_s,
            fixed.due_s,
            fixed.value,
            False,
        )
    return owed


@inlined
def _begin(arrays: Arrays, config: Config, episode: Row, e: int) -> None:
    s = arrays.clouds.state[e]
    if config.counts_due:
        arrays.paid[e] = 0.0
        _dues(arrays, config, e)
    # Nothing is due for decisions that were not the agent's.
    episode.area = present_area_s(s) if s.decisions > 1 else 0.0
    episode.dropped = s.dropped


@inlined
def _acted(
    arrays: Arrays, config: Config, actions: IntArray, e: int, out: Output, patience_s: float
) -> None:
    world, cloud = opened(arrays, e)
    violation = actions[e] >= broker.choices(cloud)
    place = 0 if violation else actions[e]
    task, qpu = cloud.progress[broker.candidate(cloud, place)].task, cloud.state[0].deciding
    fidelity = world.fidelity[task, qpu] if config.per_infidelity > 0.0 else 1.0
    reward = cost_reward(
        delayed_s(world, cloud, place, patience_s) if config.hindsight else 0.0,
        fidelity,
        world.estimate_s[task, qpu] * world.devices[qpu].price_per_s,
        config.per_second,
        config.per_infidelity,
        config.per_price,
    )
    out.violated[e] = violation
    started = broker.choose(world, cloud, place)
    # What is dropped in the place of being started is not executed, so it has no price.
    out.reward[e] = (reward if started else 0.0) - (config.violation if violation else 0.0)


@inlined
def _act(
    arrays: Arrays, config: Config, _episode: Row, actions: IntArray, e: int, out: Output
) -> None:
    _acted(arrays, config, actions, e, out, config.patience_s)


@inlined
def _act_relative(
    arrays: Arrays, config: Config, _episode: Row, actions: IntArray, e: int, out: Output
) -> None:
    """Take a decision where the ages of jobs are known."""
    patience_s = config.patience_s
    if config.patience_ages > 0.0:
        at = offset(e * queueing_relative.MEMORY)
        patience_s = ages_s(config.patience_ages, arrays.memory, at)
    _acted(arrays, config, actions, e, out, patience_s)


@inlined
def _come_due(arrays: Arrays, config: Config, episode: Row, e: int) -> float:
    s, due = arrays.clouds.state[e], 0.0
    area = present_area_s(s)
    if not config.hindsight:
        drops = -(config.drop * (s.dropped - episode.dropped))
        due = drops + -(config.per_second * (area - episode.area))
    episode.area = area
    episode.dropped = s.dropped
    if config.counts_due:
        due -= _dues(arrays, config, e)
    return due


@inlined
def _see(arrays: Arrays, config: Config, episode: Row, e: int, out: Output) -> None:
    world, cloud = opened(arrays, e)
    observation.see(world, cloud, config, episode, e, out)


@inlined
def _see_relative(arrays: Arrays, config: Config, _episode: Row, e: int, out: Output) -> None:
    world, cloud = opened(arrays, e)
    observation.see_relative(world, cloud, config, arrays.memory, e, out)


@inlined
def _see_ages(arrays: Arrays, config: Config, episode: Row, e: int, out: Output) -> None:
    """See what is usual, and remember what a patience in ages is counted in."""
    world, cloud = opened(arrays, e)
    observation.pass_by(world, cloud, arrays.memory, e)
    observation.see(world, cloud, config, episode, e, out)


@inlined
def _conclude(arrays: Arrays, result: Row, e: int) -> bool:
    world, cloud = opened(arrays, e)
    s = cloud.state[0]
    total_s, done = 0.0, 0
    for job in range(s.arrived):
        if cloud.progress[job].status == DONE:
            total_s += cloud.progress[job].finish_s - world.jobs[job].arrival_s
            done += 1
    result.completion_s = total_s / done if done else np.nan
    result.world = s.world
    result.jobs = s.arrived
    result.done = done
    return bool(s.now_s >= world.limits.horizon_s)


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
    open_world=_open_world_relative,
    advance=_advance_relative,
    begin=_begin,
    act=_act_relative,
    come_due=_come_due,
    see=_see_relative,
    conclude=_conclude,
)

step_ages = stepping(
    __name__,
    "step_ages",
    open_world=_open_world_relative,
    advance=_advance_relative,
    begin=_begin,
    act=_act_relative,
    come_due=_come_due,
    see=_see_ages,
    conclude=_conclude,
)

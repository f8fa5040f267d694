"""The compiled part of the vector environment: one decision in each of many clouds.

A step stops where a cloud has used up the failures that were drawn in advance, and goes on there
when more are known: ``episode.stage`` says where in a step an environment is.
"""

from typing import Any

from qcbench.arrays import BoolArray, IntArray
from qcbench.envs.queueing.episodes import (
    BEGINNING,
    DECIDED,
    READY,
    Row,
    Told,
    begin,
    beginning_s,
    conclude,
    next_world,
    settle,
)
from qcbench.envs.queueing.observation import keep_final, see, see_nothing
from qcbench.envs.steps import (
    BY_HORIZON,
    BY_ITSELF,
    BY_LIMIT,
    RUNNING,
    SAME_STEP,
    Output,
    Table,
)
from qcbench.kernels.compiling import inlined, kernel
from qcbench.kernels.levels import present_area_s
from qcbench.kernels.queueing import broker, clock, start
from qcbench.kernels.queueing.layout import DECIDE, NEED_GAPS, Cloud, Clouds, World, Worlds
from qcbench.kernels.queueing.run import cloud_of, world_of
from qcbench.policies.features import hindsight, rewards

goes_before: Any = inlined(hindsight.goes_before)
cost_reward: Any = inlined(rewards.cost_reward)

FINISHED, NO_DECISION, ENDED = -1, -2, -3
"""What a call returns that has come to its end, or to worlds in which nothing is to decide, or to
its end while an episode has ended; else the environment for which more failures must be known."""

MOST_EMPTY = 100
"""Worlds without a decision that are passed over in a row before that is an error."""


@inlined
def decide(
    world: World, cloud: Cloud, told: Told, episode: Row, action: int, e: int, out: Output
) -> None:
    """Take the decision that is due; what is due at once for it is the reward so far."""
    violation = action >= broker.choices(cloud)
    place = 0 if violation else action
    task, qpu = cloud.progress[broker.candidate(cloud, place)].task, cloud.state[0].deciding
    fidelity = world.fidelity[task, qpu] if told.per_infidelity > 0.0 else 1.0
    reward = cost_reward(
        delayed_s(world, cloud, told, place) if told.hindsight else 0.0,
        fidelity,
        world.estimate_s[task, qpu] * world.devices[qpu].price_per_s,
        told.per_second,
        told.per_infidelity,
        told.per_price,
    )
    out.reward[e] = reward - (told.violation if violation else 0.0)
    out.violated[e] = violation
    episode.decisions += 1
    episode.violations += violation
    episode.stage = DECIDED
    broker.choose(world, cloud, place)


@inlined
def delayed_s(world: World, cloud: Cloud, told: Told, place: int) -> float:
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
            told.patience_s,
        )
    return world.estimate_s[chosen.task, qpu] * before / world.rules[0].qpus


@inlined
def come_due(cloud: Cloud, told: Told, episode: Row, e: int, out: Output) -> None:
    """Charge the time since the last decision for every job that was present, and drops."""
    s = cloud.state[0]
    area = present_area_s(s)
    if not told.hindsight:
        drops = -(told.drop * (s.dropped - episode.dropped))
        out.reward[e] += drops + -(told.per_second * (area - episode.area))
    episode.area = area
    episode.dropped = s.dropped


@inlined
def open_world(worlds: Worlds, clouds: Clouds, episode: Row, e: int, chosen: int) -> None:
    """Put an environment before the first event of a world."""
    qpus = clouds.qpus.shape[1]
    start.clear(world_of(worlds, chosen), cloud_of(clouds, e, qpus), chosen)
    episode.stage = BEGINNING


@inlined
def begun(world: World, cloud: Cloud, told: Told, episode: Row) -> bool:
    """Return whether this decision is the agent's first; take it where that is still to come."""
    chosen = cloud.state[0].placed > 0
    if not chosen:
        begin(cloud, episode)
    if cloud.state[0].now_s < beginning_s(told, episode):
        broker.choose(world, cloud, broker.choices(cloud) - 1)
        return False
    if chosen:
        settle(cloud, episode)
    episode.stage = READY
    return True


@inlined
def end(world: World, cloud: Cloud, told: Told, episode: Row, e: int, out: Output) -> None:
    """End an episode in which no decision is left."""
    out.terminated[e] = True
    late = cloud.state[0].now_s >= world.limits.horizon_s
    episode.ended = BY_HORIZON if late else BY_ITSELF
    see_nothing(told, e, out)


@inlined
def go_on(
    worlds: Worlds,
    clouds: Clouds,
    told: Told,
    episodes: Table,
    results: Table,
    e: int,
    out: Output,
) -> int:
    """Go on to the next decision of an environment, through the end of its episode."""
    episode = episodes[e]
    while True:
        world = world_of(worlds, clouds.state[e].world)
        cloud = cloud_of(clouds, e, clouds.qpus.shape[1])
        why = clock.advance(world, cloud)
        if why == NEED_GAPS:
            return e
        if episode.stage == BEGINNING:
            if why == DECIDE:
                if not begun(world, cloud, told, episode):
                    continue
                see(world, cloud, told, episode, e, out)
                return FINISHED
            episode.passed_over += 1
            if episode.passed_over >= MOST_EMPTY:
                return NO_DECISION
            open_world(worlds, clouds, episode, e, next_world(episode, told))
            continue
        come_due(cloud, told, episode, e, out)
        episode.stage = READY
        if why != DECIDE:
            end(world, cloud, told, episode, e, out)
        else:
            if episode.decisions == told.max_decisions:
                out.truncated[e] = True
                episode.ended = BY_LIMIT
            see(world, cloud, told, episode, e, out)
        if episode.ended == RUNNING:
            return FINISHED
        conclude(world, cloud, episode, results[e])
        if told.autoreset != SAME_STEP:
            return FINISHED
        keep_final(told, e, out)
        open_world(worlds, clouds, episode, e, next_world(episode, told))


@kernel
def open_worlds(
    worlds: Worlds,
    clouds: Clouds,
    told: Told,
    episodes: Table,
    which: BoolArray,
    chosen: IntArray,
) -> None:
    """Put some environments before the first event of the worlds chosen, or of the next."""
    for e in range(len(episodes)):
        if which[e]:
            episode = episodes[e]
            world = next_world(episode, told)
            episode.passed_over = 0
            if chosen[e] >= 0:
                world = chosen[e]
                episode.passed_over = MOST_EMPTY - 1
            open_world(worlds, clouds, episode, e, world)


@kernel
def step(
    worlds: Worlds,
    clouds: Clouds,
    told: Told,
    episodes: Table,
    results: Table,
    actions: IntArray,
    acting: bool,
    out: Output,
    first: int,
) -> int:
    """Take a decision in every environment, or else bring those that begin to their first."""
    ended = False
    for e in range(first, len(episodes)):
        episode = episodes[e]
        if episode.stage == READY:
            if not acting:
                continue
            out.terminated[e] = out.truncated[e] = out.violated[e] = False
            out.reward[e] = 0.0
            if episode.ended != RUNNING:
                episode.passed_over = 0
                open_world(worlds, clouds, episode, e, next_world(episode, told))
            else:
                world = world_of(worlds, clouds.state[e].world)
                cloud = cloud_of(clouds, e, clouds.qpus.shape[1])
                decide(world, cloud, told, episode, actions[e], e, out)
        why = go_on(worlds, clouds, told, episodes, results, e, out)
        if why != FINISHED:
            return why
        ended = ended or out.terminated[e] or out.truncated[e]
    return ENDED if ended else FINISHED

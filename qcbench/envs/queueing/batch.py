"""The compiled part of the vector environment: one decision in each of many clouds.

A step stops where a cloud has used up the failures that were drawn in advance, and goes on there
when more are known: ``episode.stage`` says where in a step an environment is.
"""

from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from qcbench.arrays import BoolArray, IntArray
from qcbench.envs import worlds as splits
from qcbench.envs.steps import (
    BY_HORIZON,
    BY_ITSELF,
    BY_LIMIT,
    RUNNING,
    SAME_STEP,
    Output,
    Table,
)
from qcbench.kernels.queueing import broker, clock, jobs, start
from qcbench.kernels.queueing.inlined import entry, hash_of, inlined
from qcbench.kernels.queueing.layout import DECIDE, NEED_TIMERS, NONE, Cloud, Clouds, World, Worlds
from qcbench.kernels.queueing.run import cloud_of, world_of
from qcbench.policies.features import hindsight, rewards
from qcbench.policies.features import queueing as features

observe_shared: Any = inlined(features.observe_shared)
observe_task: Any = inlined(features.observe_task)
observe_empty: Any = inlined(features.observe_empty)
drawn_index: Any = inlined(splits.drawn_index)
goes_before: Any = inlined(hindsight.goes_before)
cost_reward: Any = inlined(rewards.cost_reward)

Row: TypeAlias = Any
"""One row of a `Table`."""

SHARED, EACH = features.SHARED, features.EACH

BEGINNINGS = splits.BEGINNINGS
READY, DECIDED, BEGINNING = range(3)
"""Stages: a decision is due; it was taken; an episode has no decision yet."""

FINISHED, NO_DECISION, ENDED = -1, -2, -3
"""What a call returns that has come to its end, or to worlds in which nothing is to decide, or to
its end while an episode has ended; else the environment for which more failures must be known."""

MOST_EMPTY = 100
"""Worlds without a decision that are passed over in a row before that is an error."""

EPISODE = np.dtype(
    [
        ("first_s", "f8"),
        ("before_s", "f8"),
        ("area", "f8"),
        ("seed", "i8"),
        ("number", "i8"),
        ("dropped", "i4"),
        ("decisions", "i4"),
        ("violations", "i4"),
        ("passed_over", "i4"),
        ("ended", "i4"),
        ("stage", "i4"),
    ],
    align=True,
)
"""Of an environment: when the first decision of its episode and the one before were; what has been
charged of the jobs that were present [job s] and of drops; its seed and the number of the episode;
decisions and violations; worlds without a decision just now; how it ended; where in a step it is.
"""


class Told(NamedTuple):
    """What an environment was told, as numbers.

    Attributes:
        slots: waiting tasks that are seen.
        worlds: how many are drawn from.
        largest: qubits of the largest QPU.
        max_decisions: after which an episode is truncated.
        begin_s: below which episodes begin, see `qcbench.envs.options.Options`.
        autoreset: a position in `qcbench.envs.vector.MODES`.
        hindsight: a decision costs what it delays the jobs that should have gone first, see
            `qcbench.policies.features.hindsight`, and nothing later.
    """

    slots: int
    worlds: int
    largest: int
    per_second: float
    per_infidelity: float
    per_price: float
    violation: float
    drop: float
    max_decisions: int
    autoreset: int
    hindsight: bool
    patience_s: float
    begin_s: float


@inlined
def see(world: World, cloud: Cloud, told: Told, episode: Row, e: int, out: Output) -> None:
    """Write the observation and the mask of the decision that is due."""
    s, slots = cloud.state[0], told.slots
    now_s, qpu, observation = s.now_s, s.deciding, out.observation
    count = broker.choices(cloud)
    seen = min(count, slots)
    shortest_s, fresh = np.inf, 0
    for place in range(seen):
        own = cloud.progress[broker.candidate(cloud, place)]
        shortest_s = min(shortest_s, world.estimate_s[own.task, qpu])
        fresh += own.attained_s == 0.0
    at = e * (SHARED + slots * EACH)
    qubits = world.devices[qpu].qubits
    observe_shared(
        count,
        seen,
        now_s - cloud.progress[broker.candidate(cloud, 0)].joined_s,
        shortest_s,
        fresh,
        qubits,
        told.largest,
        now_s - episode.before_s,
        now_s - episode.first_s,
        observation,
        at,
    )
    episode.before_s = now_s
    newest_s = now_s - cloud.progress[broker.candidate(cloud, seen - 1)].joined_s
    at += SHARED
    for place in range(seen):
        job = broker.candidate(cloud, place)
        own = cloud.progress[job]
        observe_task(
            now_s - own.joined_s,
            now_s - world.jobs[job].arrival_s,
            newest_s,
            world.jobs[job].priority,
            world.rules[0].highest_priority,
            world.estimate_s[own.task, qpu],
            shortest_s,
            own.attained_s,
            own.qubits,
            qubits,
            observation,
            at,
        )
        out.mask[e * slots + place] = 1
        at += EACH
    for place in range(seen, slots):
        observe_empty(observation, at)
        out.mask[e * slots + place] = 0
        at += EACH


@inlined
def see_nothing(told: Told, e: int, out: Output) -> None:
    """Write what is seen where no decision is left."""
    size = SHARED + told.slots * EACH
    for at in range(e * size, (e + 1) * size):
        out.observation[at] = 0.0
    for at in range(e * told.slots, (e + 1) * told.slots):
        out.mask[at] = 1


@inlined
def keep_final(told: Told, e: int, out: Output) -> None:
    """Copy what is seen of an episode that ended, before another one begins."""
    size = SHARED + told.slots * EACH
    for at in range(e * size, (e + 1) * size):
        out.final_observation[at] = out.observation[at]
    for at in range(e * told.slots, (e + 1) * told.slots):
        out.final_mask[at] = out.mask[at]


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
    area = jobs.present_area(cloud)
    if not told.hindsight:
        drops = -(told.drop * (s.dropped - episode.dropped))
        out.reward[e] += drops + -(told.per_second * (area - episode.area))
    episode.area = area
    episode.dropped = s.dropped


@inlined
def conclude(world: World, cloud: Cloud, episode: Row, result: Row) -> None:
    """Write down what came of an episode."""
    s = cloud.state[0]
    total_s, done = 0.0, 0
    for job in range(s.arrived):
        if cloud.progress[job].status == broker.DONE:
            total_s += cloud.progress[job].finish_s - world.jobs[job].arrival_s
            done += 1
    result.completion_s = total_s / done if done else np.nan
    result.world = s.world
    result.decisions = episode.decisions
    result.violations = episode.violations
    result.jobs = s.arrived
    result.done = done
    result.ended = episode.ended


@inlined
def open_world(worlds: Worlds, clouds: Clouds, episode: Row, e: int, chosen: int) -> None:
    """Put an environment before the first event of a world."""
    qpus = clouds.qpus.shape[1]
    clouds.state[e].policy = NONE
    start.clear(world_of(worlds, chosen), cloud_of(clouds, e, qpus), chosen)
    episode.stage = BEGINNING


@inlined
def next_world(episode: Row, told: Told) -> int:
    """Draw the world of the next episode."""
    episode.number += 1
    return drawn_index(episode.seed, episode.number, told.worlds)


@inlined
def begin(cloud: Cloud, episode: Row) -> None:
    """Set an episode to the first decision of its world."""
    s = cloud.state[0]
    episode.first_s = s.now_s
    episode.before_s = s.now_s
    episode.area = 0.0
    episode.dropped = s.dropped
    episode.decisions = 0
    episode.violations = 0
    episode.passed_over = 0
    episode.ended = RUNNING


@inlined
def beginning_s(told: Told, episode: Row) -> float:
    """Draw the time at which an episode begins."""
    if told.begin_s == 0.0:
        return 0.0
    return told.begin_s * (drawn_index(episode.seed, -1 - episode.number, BEGINNINGS) / BEGINNINGS)


@inlined
def settle(cloud: Cloud, episode: Row) -> None:
    """Begin after decisions that were not the agent's: nothing is due for them."""
    episode.area = jobs.present_area(cloud)
    episode.dropped = cloud.state[0].dropped


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
    late = cloud.state[0].now_s >= world.rules[0].horizon_s
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
        if why == NEED_TIMERS:
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


def _compile(sources: str) -> tuple[Any, Any]:
    @entry
    def open_worlds(
        worlds: Worlds,
        clouds: Clouds,
        told: Told,
        episodes: Table,
        which: BoolArray,
        chosen: IntArray,
    ) -> None:
        """Put some environments before the first event of the worlds chosen, or of the next."""
        sources  # noqa: B018
        for e in range(len(episodes)):
            if which[e]:
                episode = episodes[e]
                world = next_world(episode, told)
                episode.passed_over = 0
                if chosen[e] >= 0:
                    world = chosen[e]
                    episode.passed_over = MOST_EMPTY - 1
                open_world(worlds, clouds, episode, e, world)

    @entry
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
        sources  # noqa: B018
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

    return open_worlds, step


open_worlds, step = _compile(
    hash_of(
        *(Path(str(room.__file__)) for room in (features, hindsight, rewards, splits)),
        Path(__file__),
    )
)

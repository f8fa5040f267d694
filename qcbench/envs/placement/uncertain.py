"""The compiled part of the vector environment where QPUs fail or execution times are uncertain.

As `batch`, but each cloud goes on event by event, and what was not expected of a decision comes due
when it happens. A step stops where a cloud has used up the failures that were drawn in advance, and
goes on there when more are known: `Episode.stage` says where.
"""

from qcbench.arrays import BoolArray, IntArray
from qcbench.cloud.execution import DONE
from qcbench.envs.placement.batch import (
    Told,
    conclude,
    due_now,
    keep_final,
    next_world,
    see,
    see_nothing,
)
from qcbench.envs.steps import (
    BY_HORIZON,
    BY_ITSELF,
    BY_LIMIT,
    RUNNING,
    SAME_STEP,
    Output,
    Table,
)
from qcbench.kernels.compiling import kernel
from qcbench.kernels.placement import event_state, events
from qcbench.kernels.placement.chances import Chances
from qcbench.kernels.placement.event_state import EventState
from qcbench.kernels.placement.events import ENDED, MORE_CHANGES
from qcbench.kernels.placement.step import Record
from qcbench.kernels.placement.worlds import Worlds
from qcbench.kernels.rules import Limits

READY, DECIDED, BEGINNING = range(3)
"""Stages of a step: a decision is due; it was taken; an episode has no decision yet."""

FINISHED = -1


@kernel
def begin_uncertain(
    worlds: Worlds,
    limits: Limits,
    chances: Chances,
    state: EventState,
    rows: Table,
    episodes: Table,
    e: int,
    chosen: int,
) -> None:
    """Put an environment before the first event of the chosen world, the next where negative."""
    world = next_world(worlds, limits.horizon_s, episodes[e])
    world = world if chosen < 0 else chosen
    event_state.begin(worlds, limits, chances, state, rows, e, world)
    episodes[e].stage = BEGINNING


@kernel
def go_on(
    worlds: Worlds,
    limits: Limits,
    chances: Chances,
    told: Told,
    state: EventState,
    rows: Table,
    episodes: Table,
    results: Table,
    e: int,
    out: Output,
) -> bool:
    """Go on to the next decision of an environment; False where more failures must be known."""
    cloud, episode, qpus = state.clouds[e], episodes[e], len(worlds.qpu_qubits)
    size = len(out.observation) // len(episodes)
    while True:
        why = events.run_to_decision(worlds, limits, chances, state, rows, e)
        if why == MORE_CHANGES:
            return False
        if episode.stage == BEGINNING:
            if why == ENDED:  # nothing to decide in that world
                begin_uncertain(worlds, limits, chances, state, rows, episodes, e, -1)
                continue
            episode.first_s = episode.before_s = cloud.now_s
            episode.violations = 0
            episode.ended = RUNNING
        else:
            if not told.legacy_reward:
                late_s = 0.0 if limits.exact else cloud.late_s
                out.reward[e] -= (
                    told.per_second * late_s
                    + told.failure * cloud.given_up
                    + told.drop * cloud.dropped
                )
            if why == ENDED:
                out.terminated[e] = True
                episode.ended = BY_HORIZON if cloud.now_s >= limits.horizon_s else BY_ITSELF
            elif cloud.decisions >= told.max_decisions:
                out.truncated[e] = True
                episode.ended = BY_LIMIT
        cloud.late_s = 0.0
        cloud.given_up = cloud.dropped = 0
        if why == ENDED:
            see_nothing(out.observation, e * size, size, out.mask, e * qpus, qpus)
        else:
            see(
                worlds,
                told,
                cloud,
                episode,
                state.free_at_s,
                state.queue_length,
                state.up,
                e * qpus,
                rows[e * worlds.width + cloud.task].violations,
                out.observation,
                e * size,
                out.mask,
            )
        if episode.ended != RUNNING:
            _conclude_uncertain(worlds, state, rows, episode, results[e], e)
            if told.autoreset == SAME_STEP:
                keep_final(out, e, size, qpus)
                begin_uncertain(worlds, limits, chances, state, rows, episodes, e, -1)
                continue
        episode.stage = READY
        return True


@kernel
def _conclude_uncertain(
    worlds: Worlds, state: EventState, rows: Table, episode: Record, result: Record, e: int
) -> None:
    """Count what was done when an episode ended."""
    cloud = state.clouds[e]
    total_s = 0.0
    result.done, result.jobs = 0, cloud.next_arrival
    for task in range(cloud.next_arrival):
        row = rows[e * worlds.width + task]
        if row.status == DONE:
            result.done += 1
            total_s += row.finish_s - worlds.arrival_s[cloud.world * worlds.width + task]
    conclude(result, episode, cloud, total_s)


@kernel
def begin_all_uncertain(
    worlds: Worlds,
    limits: Limits,
    chances: Chances,
    told: Told,
    state: EventState,
    rows: Table,
    episodes: Table,
    results: Table,
    which: BoolArray,
    chosen: IntArray,
    out: Output,
    first: int,
) -> int:
    """Begin an episode in each of the environments told, from ``first`` on.

    Returns:
        The environment that must know more failures, to be called with again, or `FINISHED`.
    """
    for e in range(first, len(which)):
        if not which[e]:
            continue
        if episodes[e].stage == READY:
            begin_uncertain(worlds, limits, chances, state, rows, episodes, e, chosen[e])
        if not go_on(worlds, limits, chances, told, state, rows, episodes, results, e, out):
            return e
    return FINISHED


@kernel
def step_uncertain(
    worlds: Worlds,
    limits: Limits,
    chances: Chances,
    told: Told,
    state: EventState,
    rows: Table,
    episodes: Table,
    results: Table,
    actions: IntArray,
    out: Output,
    first: int,
) -> int:
    """Take a decision in every environment from ``first`` on; returns as `begin_all_uncertain`."""
    qpus = len(worlds.qpu_qubits)
    for e in range(first, len(actions)):
        cloud, episode, choice = state.clouds[e], episodes[e], actions[e]
        if episode.stage == READY:
            out.terminated[e] = out.truncated[e] = out.violated[e] = False
            out.reward[e] = 0.0
            if episode.ended != RUNNING:
                begin_uncertain(worlds, limits, chances, state, rows, episodes, e, -1)
            else:
                reward, violated = due_now(
                    worlds,
                    limits,
                    told,
                    cloud,
                    choice,
                    state.free_at_s[e * qpus + choice],
                )
                out.reward[e] = reward
                out.violated[e] = violated
                episode.violations += 1 if violated else 0
                episode.before_s = cloud.now_s
                events.decide(worlds, limits, chances, state, rows, e, choice)
                episode.stage = DECIDED
        if not go_on(worlds, limits, chances, told, state, rows, episodes, results, e, out):
            return e
    return FINISHED

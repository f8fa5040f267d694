"""The episodes of many compiled clouds: what is noted of each, how they begin, how they end."""

from typing import Any, NamedTuple, TypeAlias

import numpy as np

from qcbench.cloud.execution import DONE
from qcbench.envs import worlds as splits
from qcbench.envs.steps import RUNNING
from qcbench.kernels.compiling import inlined
from qcbench.kernels.levels import present_area_s
from qcbench.kernels.queueing.layout import Cloud, World

drawn_index: Any = inlined(splits.drawn_index)

Row: TypeAlias = Any
"""One row of a `Table`."""

BEGINNINGS = splits.BEGINNINGS
READY, DECIDED, BEGINNING = range(3)
"""Stages: a decision is due; it was taken; an episode has no decision yet."""

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
def next_world(episode: Row, told: Told) -> int:
    """Draw the world of the next episode."""
    episode.number += 1
    return drawn_index(episode.seed, episode.number, told.worlds)


@inlined
def beginning_s(told: Told, episode: Row) -> float:
    """Draw the time at which an episode begins."""
    if told.begin_s == 0.0:
        return 0.0
    return told.begin_s * (drawn_index(episode.seed, -1 - episode.number, BEGINNINGS) / BEGINNINGS)


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
def settle(cloud: Cloud, episode: Row) -> None:
    """Begin after decisions that were not the agent's: nothing is due for them."""
    episode.area = present_area_s(cloud.state[0])
    episode.dropped = cloud.state[0].dropped


@inlined
def conclude(world: World, cloud: Cloud, episode: Row, result: Row) -> None:
    """Write down what came of an episode."""
    s = cloud.state[0]
    total_s, done = 0.0, 0
    for job in range(s.arrived):
        if cloud.progress[job].status == DONE:
            total_s += cloud.progress[job].finish_s - world.jobs[job].arrival_s
            done += 1
    result.completion_s = total_s / done if done else np.nan
    result.world = s.world
    result.decisions = episode.decisions
    result.violations = episode.violations
    result.jobs = s.arrived
    result.done = done
    result.ended = episode.ended

"""The compiled steps of all tracks' vector environments: episodes begin, are stepped, and end.

A step stops where a cloud has used up the failures that were drawn in advance, and goes on there
when more are known: the stage of an episode says where in a step an environment is.
"""

from collections.abc import Callable
from types import FunctionType
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from qcbench.arrays import BoolArray, FloatArray, IntArray
from qcbench.envs.options import Options
from qcbench.envs.worlds import EMPTY_WORLDS, drawn_index
from qcbench.kernels.compiling import inlined, kernel

Table: TypeAlias = npt.NDArray[np.void]
"""An array of rows with named columns."""
Row: TypeAlias = Any
"""One row of a `Table`; NumPy's types know no fields."""

EPISODE = np.dtype(
    [
        ("first_s", "f8"),
        ("before_s", "f8"),
        ("remaining_s", "f8"),
        ("area", "f8"),
        ("seed", "i8"),
        ("number", "i8"),
        ("decisions", "i8"),
        ("chosen", "i4"),
        ("dropped", "i4"),
        ("violations", "i4"),
        ("passed", "i4"),
        ("ended", "i4"),
        ("stage", "i4"),
    ],
    align=True,
)
"""Of an environment: when the first decision of its episode and the one before were; what is still
to come by earliest completion, for rewards by hindsight; what has been charged of the jobs that
were present [job s], and below of drops; its seed and the number of the episode; decisions; the
world that it begins in, the next in turn where negative; violations; worlds without a decision
just now; how it ended, a position in `ENDED`; where in a step it is."""

READY, OPENING, BEGINNING, DECIDED = range(4)
"""Stages: a decision is due, or the episode is over; another one is to be opened; it has no
decision yet; the decision was taken."""

RESULT = np.dtype(
    [
        ("completion_s", "f8"),
        ("world", "i4"),
        ("decisions", "i4"),
        ("violations", "i4"),
        ("jobs", "i4"),
        ("done", "i4"),
        ("ended", "i4"),
    ],
    align=True,
)
"""Of an environment's last episode that ended: mean completion time of tasks done, and counts."""

ENDED = ("", "done", "horizon", "max_decisions")
"""How an episode ended, by the codes that follow; the last: none has begun."""
RUNNING, BY_ITSELF, BY_HORIZON, BY_LIMIT, NOT_BEGUN = range(5)

NEXT_STEP, SAME_STEP, DISABLED = range(3)

DUE, OVER, MORE = range(3)
"""Where a cloud stops: a decision is due; none is left; more failures must be known."""

FINISHED, ANY_ENDED, EMPTY = -1, -2, -3
"""What a step of all returns, other than the environment for which more failures must be known: all
is done; all is done and an episode has ended; this minus an environment that found no world in
which anything is to decide."""

BLOCK = 8
"""Environments that are stepped before they are looked at: what the one fetches from memory, the
other finds in the cache, and a processor waits for the memory of several at a time."""


class Config(NamedTuple):
    """The options of an environment as numbers.

    Attributes:
        per_second, per_elapsed, per_infidelity, per_price, violation, failure, drop: what the
            reward counts.
        counts_due, fades_s, per_late_second, missed, per_value: see
            `qcbench.policies.features.rewards.late_cost`.
        patience_s, patience_ages, hindsight: see `qcbench.policies.features.hindsight`; the one
            patience is 0 where the other was told.
        against_best: fidelity counts as what it lacks to that of the best QPU alone.
        legacy_reward, legacy_observation: QSimPy's.
        due: the observation holds due times and values.
        worlds: how many are drawn from.
        size, shared, each: numbers of an observation, and of the situation and each item in it.
        slots: waiting tasks that are seen.
        largest: qubits of the largest QPU.
        begin_s: below which episodes begin, see `qcbench.envs.options.Options`.
        max_decisions: after which an episode is truncated; the kernel knows no limit.
        autoreset: `NEXT_STEP`, `SAME_STEP` or `DISABLED`.
    """

    per_second: float
    per_elapsed: float
    per_infidelity: float
    per_price: float
    violation: float
    failure: float
    drop: float
    counts_due: bool
    fades_s: float
    per_late_second: float
    missed: float
    per_value: float
    patience_s: float
    patience_ages: float
    hindsight: bool
    against_best: bool
    legacy_reward: bool
    legacy_observation: bool
    due: bool
    worlds: int
    size: int
    shared: int
    each: int
    slots: int
    largest: int
    begin_s: float
    max_decisions: int
    autoreset: int


def config_of(
    options: Options, size: int, autoreset: int, max_decisions: int | None, fades_s: float
) -> Config:
    """Return options as numbers.

    Args:
        max_decisions: of the options or of the rules.
        fades_s: time over which the values of late jobs fall, of all worlds.
    """
    reward, layout = options.reward, options.layout
    return Config(
        per_second=reward.per_second,
        per_elapsed=reward.per_elapsed,
        per_infidelity=reward.fidelity,
        per_price=reward.price,
        violation=reward.violation,
        failure=reward.failure,
        drop=reward.drop,
        counts_due=reward.counts_due,
        fades_s=fades_s,
        per_late_second=reward.per_late_second,
        missed=reward.missed,
        per_value=reward.value,
        patience_s=reward.patience_s or 0.0,
        patience_ages=reward.patience_ages or 0.0,
        hindsight=reward.kind == "hindsight",
        against_best=reward.kind == "makespan",
        legacy_reward=reward.kind == "legacy",
        legacy_observation=options.observation == "legacy",
        due=options.observation == "deadlines",
        worlds=options.worlds,
        size=size,
        shared=len(layout.shared),
        each=len(layout.each),
        slots=options.slots,
        largest=int(options.source.fleet.qubits.max()),
        begin_s=options.begin_s,
        max_decisions=np.iinfo(np.int64).max if max_decisions is None else max_decisions,
        autoreset=autoreset,
    )


class Output(NamedTuple):
    """What a step gives for E environments; flat arrays.

    Attributes:
        observation: shape (E * features,).
        mask: 1 for every action that is no violation, shape (E * actions,).
        reward, terminated, truncated: shape (E,).
        violated: whether the action was a violation.
        final_observation, final_mask: of episodes that ended in a step that began another one;
            empty unless `SAME_STEP`.
    """

    observation: npt.NDArray[np.float32]
    mask: npt.NDArray[np.int8]
    reward: FloatArray
    terminated: BoolArray
    truncated: BoolArray
    violated: BoolArray
    final_observation: npt.NDArray[np.float32]
    final_mask: npt.NDArray[np.int8]


@kernel
def wrong_action(actions: IntArray, count: int) -> int:
    """Return the first environment whose action is none of so many, -1 where all are."""
    for e in range(len(actions)):
        if actions[e] < 0 or actions[e] >= count:
            return e
    return -1


@kernel
def masked_action(actions: IntArray, mask: npt.NDArray[np.int8], episodes: Table) -> int:
    """Return the first environment whose action the mask forbids, -1 where none does."""
    count = len(mask) // len(actions)
    for e in range(len(actions)):
        if episodes[e].ended == RUNNING and mask[e * count + actions[e]] == 0:
            return e
    return -1


def make_memory(options: Options, environments: int, items: int) -> FloatArray:
    """Return what observations remember in so many clouds, shape (environments * numbers,)."""
    return np.zeros(environments * options.layout.memory(items))


@inlined
def forget(memory: FloatArray, e: int, clouds: int) -> None:
    """Let what observations remember of one of so many clouds begin anew, see `Layout.memory`."""
    each = len(memory) // clouds
    memory[e * each : (e + 1) * each] = 0.0


_drawn: Any = inlined(drawn_index)


@inlined
def next_world(config: Config, episode: Row) -> int:
    """Draw the world of the next episode."""
    episode.number += 1
    return _drawn(episode.seed, episode.number, config.worlds)


@inlined
def see_nothing(config: Config, out: Output, e: int, count: int) -> None:
    """Write what is seen where no decision is left; ``count`` environments share the output."""
    size, masks = config.size, len(out.mask) // count
    out.observation[e * size : (e + 1) * size] = 0.0
    out.mask[e * masks : (e + 1) * masks] = 1


@inlined
def keep_final(config: Config, out: Output, e: int, count: int) -> None:
    """Copy what is seen of an episode that ended, before another one begins."""
    size, masks = config.size, len(out.mask) // count
    for at in range(e * size, (e + 1) * size):
        out.final_observation[at] = out.observation[at]
    for at in range(e * masks, (e + 1) * masks):
        out.final_mask[at] = out.mask[at]


def stepping(module: str, name: str = "step", **parts: Callable[..., Any]) -> Callable[..., int]:
    """Return the kernel that steps all environments of a track: `_step` with the track's parts.

    They take the places of the names below, as globals, so that the kernel is compiled in one piece
    and cached under the name of its module.

    Args:
        module: that of the parts.
        name: of this kernel in it.
        parts: compiled functions. Their first arguments are the track's arrays and, but for
            `conclude`, the config:

            - `open_world` puts a cloud ``e`` before the first event of a world;
            - `advance` lets an episode's cloud ``e`` go on; returns `DUE`, `OVER` or `MORE`;
            - `begin` notes in an episode that its first decision is due in cloud ``e``;
            - `act` takes an episode's decision, one of the actions, in cloud ``e``; writes what is
              due at once, and whether it was a violation;
            - `come_due` returns the reward that has come due in an episode and cloud ``e`` since;
            - `see` writes the observation and the mask of the decision that is due;
            - `conclude` fills in the `RESULT` of cloud ``e``, but for what the episode has; returns
              whether the horizon was reached.
    """
    own = FunctionType(_step.__code__, {**_step.__globals__, **parts}, _step.__name__)
    own.__module__ = module
    own.__qualname__ = f"{module}.{name}"
    own.__annotations__, own.__doc__ = _step.__annotations__, _step.__doc__
    return kernel(own)


open_world: Any = None
advance: Any = None
begin: Any = None
act: Any = None
come_due: Any = None
see: Any = None
conclude: Any = None


def _step(  # noqa: PLR0912, PLR0915 - the whole way of an episode
    arrays: Any,
    config: Config,
    episodes: Table,
    results: Table,
    actions: Any,
    acting: bool,
    out: Output,
    first: int,
) -> int:
    """Take a decision in every environment, or open the episodes that are to be opened.

    Args:
        first: the environment to go on with.

    Returns:
        The environment to go on with when more failures are known, `FINISHED`, `ANY_ENDED`, or
        `EMPTY` minus an environment.
    """
    count, any_ended = len(episodes), False
    first = max(first, 0)
    for block in range(first, count, BLOCK):
        after = min(block + BLOCK, count)
        for e in range(block, after):
            episode = episodes[e]
            if not acting or episode.stage != READY:
                continue
            out.reward[e] = 0.0
            out.terminated[e] = out.truncated[e] = out.violated[e] = False
            if episode.ended != RUNNING:
                episode.stage = OPENING
                continue
            act(arrays, config, episode, actions, e, out)
            episode.decisions += 1
            episode.violations += 1 if out.violated[e] else 0
            episode.stage = DECIDED
        for e in range(block, after):
            episode = episodes[e]
            while episode.stage != READY:
                if episode.stage == OPENING:
                    world = next_world(config, episode)
                    world = world if episode.chosen < 0 else episode.chosen
                    open_world(arrays, config, world, e)
                    episode.ended = NOT_BEGUN
                    episode.stage = BEGINNING
                why = advance(arrays, config, episode, e)
                if why == MORE:
                    return e
                if episode.stage == BEGINNING:
                    if why == OVER:
                        episode.passed += 1
                        if episode.chosen >= 0 or episode.passed >= EMPTY_WORLDS:
                            return EMPTY - e
                        episode.stage = OPENING
                        continue
                    begin(arrays, config, episode, e)
                    episode.chosen = -1
                    episode.passed = 0
                    episode.decisions = 0
                    episode.violations = 0
                    episode.ended = RUNNING
                else:
                    out.reward[e] += come_due(arrays, config, episode, e)
                    if why == OVER:
                        out.terminated[e] = True
                        episode.ended = BY_ITSELF
                    elif episode.decisions >= config.max_decisions:
                        out.truncated[e] = True
                        episode.ended = BY_LIMIT
                episode.stage = READY
                if why == OVER:
                    see_nothing(config, out, e, count)
                else:
                    see(arrays, config, episode, e, out)
                if episode.ended == RUNNING:
                    continue
                any_ended = True
                result = results[e]
                if conclude(arrays, result, e) and why == OVER:
                    episode.ended = BY_HORIZON
                result.decisions = episode.decisions
                result.violations = episode.violations
                result.ended = episode.ended
                if config.autoreset == SAME_STEP:
                    keep_final(config, out, e, count)
                    episode.stage = OPENING
    return ANY_ENDED if any_ended else FINISHED

"""The options that single and vector environments of all tracks have alike."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, cast, get_args

from qcbench.cloud.rules import Rules
from qcbench.envs import values
from qcbench.envs.defaults import default_worlds
from qcbench.envs.worlds import SPLITS, Split, Splits, WorldSource
from qcbench.errors import InputError, nearest
from qcbench.policies.features.layout import FEATURES, Layout, Observation, layout_named
from qcbench.policies.features.observer import check_observation
from qcbench.policies.features.queueing import SLOTS
from qcbench.policies.features.rewards import Reward
from qcbench.tracks import TRACKS, LearnedTrack, Track, module_of

MOST_SLOTS = 100_000
"""Waiting tasks that an environment can be asked to show."""
MOST_WORLDS = 1024
"""How many worlds of a split are drawn from unless an option says another number."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """Options of an environment, checked.

    Attributes:
        source: where the worlds come from.
        split: which of them.
        worlds: how many are drawn from, the first of the split.
        reward: what decisions cost.
        max_decisions: after which an episode is truncated; never where None.
        masked: what an action under a false mask is: a `violation`, which costs the penalty of the
            reward, or an `error`.
        observation: `usual`; `relative`, without units of its own; `deadlines`, which has due times
            and values besides; or `legacy`, which is QSimPy's, for placement only.
        slots: waiting tasks that are seen, for queueing only.
        begin_s: an episode begins at a time below this, drawn evenly; until then the newest of the
            waiting tasks are chosen. For queueing only.
    """

    source: WorldSource
    split: Split
    worlds: int
    reward: Reward
    max_decisions: int | None
    masked: Literal["violation", "error"]
    observation: Observation
    slots: int
    begin_s: float

    @property
    def layout(self) -> Layout:
        """What the observation holds."""
        return layout_named(cast(LearnedTrack, self.source.track), self.observation)

    @property
    def remembers(self) -> bool:
        """Whether it holds figures of what was seen before in the episode."""
        return any(self.layout.remembers)

    @property
    def knows_ages(self) -> bool:
        """Whether the reward needs what the relative observation of queueing remembers."""
        return self.reward.patience_ages is not None


def make_options(
    track: Track,
    *,
    source: WorldSource | None = None,
    split: Split = "train",
    worlds: int | None = None,
    reward: Reward | Mapping[str, Any] | None = None,
    max_decisions: int | None = None,
    masked: Literal["violation", "error"] = "violation",
    observation: Observation = "usual",
    slots: int = SLOTS,
    begin_s: float = 0.0,
    **unknown: Any,
) -> Options:
    """Check options and fill in what was left out.

    Args:
        source: the worlds of one published study where None, see `envs.defaults`.
        worlds: 1024, or all that the split has, where None.
        reward: weights by name, or the track's usual one where None.
        max_decisions: as the rules of the worlds say where None.
        unknown: there is no other option.

    Raises:
        InputError: an option that cannot be; names it and says what would be right.
    """
    known = [field.name for field in fields(Options)]
    values.keys(f"environment of track {track}", unknown, known)
    source = default_worlds(track) if source is None else source
    if not all(hasattr(source, name) for name in ("track", "fleet", "splits", "name")):
        raise InputError(
            f"source: {values.shown(source)}; must be worlds, such as `world_source` gives"
        )
    if not isinstance(split, str):
        raise InputError(f"split: {values.shown(split)}; must be {' or '.join(SPLITS)}")
    if source.track != track:
        raise InputError(
            f"scenario {source.name}: is of track {source.track}; this environment is for {track}"
        )
    most = _worlds_of(source.name, source.splits, split)
    if worlds is not None:
        wanted = f"split {split} of {source.name} has 1..{most}"
        worlds = values.whole("worlds", worlds, 1, wanted)
        if worlds > most:
            raise InputError(f"worlds: {worlds}; {wanted}")
    if max_decisions is not None:
        wanted = "must be positive, or None for no limit"
        max_decisions = values.whole("max_decisions", max_decisions, 1, wanted)
    values.one_of("masked", masked, ("violation", "error"))
    values.one_of("observation", observation, get_args(Observation))
    check_observation(observation, track)
    slots = values.whole("slots", slots, 1, f"must be positive, at most {MOST_SLOTS}")
    if slots > MOST_SLOTS:
        raise InputError(f"slots: {slots}; must be positive, at most {MOST_SLOTS}")
    wanted = "must be 0, or a positive time for track queueing"
    begin_s = values.number("begin_s", begin_s, wanted)
    if begin_s and TRACKS[track].choice != "waiting":
        raise InputError(f"begin_s: {begin_s}; {wanted}")
    chosen = _reward(track, reward)
    if chosen.price:
        source.fleet.known("price_per_s", "a reward with a weight of price", "set reward.price=0")
    check_track(chosen, track)
    if chosen.kind == "hindsight" and masked != "error":
        raise InputError(
            "reward.kind: hindsight knows no violations; set masked to error, and act by the mask"
        )
    return Options(
        source=source,
        split=split,
        worlds=min(MOST_WORLDS, most) if worlds is None else worlds,
        reward=chosen,
        max_decisions=max_decisions,
        masked=masked,
        observation=observation,
        slots=slots,
        begin_s=begin_s,
    )


def _worlds_of(name: str, splits: Splits, split: Split) -> int:
    count = splits.count(split)
    if count < 1:
        why = f" ({splits.reason})" if splits.reason else ""
        raise InputError(
            f"split {split}: {name} has only {splits.worlds} worlds{why}, all for testing; take "
            "split test, or more worlds"
        )
    return count


def _reward(track: Track, reward: Reward | Mapping[str, Any] | None) -> Reward:
    if isinstance(reward, Reward):
        return reward
    usual: Reward = module_of(FEATURES, track).USUAL_REWARD
    if reward is None:
        return usual
    known = [field.name for field in fields(Reward)]
    if not isinstance(reward, Mapping):
        raise InputError(f"reward: {values.shown(reward)}; must be weights by name")
    for key in reward:
        if key not in known:
            raise InputError(f"reward: key {key!r} is unknown{nearest(str(key), known)}")
    filled = {name: getattr(usual, name) for name in known}
    if reward.get("patience_ages") is not None:
        filled["patience_s"] = None  # the usual one is not meant then
    return Reward(**{**filled, **reward})


def check_reward(reward: Reward, track: Track, rules: Rules) -> None:
    """Check, before any world is drawn, that a reward can be had in the worlds of a scenario.

    Raises:
        InputError: it is of another track, or needs a future that is as estimated.
    """
    check_track(reward, track)
    if reward.kind == "hindsight" and TRACKS[track].choice == "qpu":
        check_hindsight(rules)


def check_track(reward: Reward, track: Track) -> None:
    """Check that a track has a kind of reward, and what it counts.

    Raises:
        InputError: it has not.
    """
    of = [name for name, info in TRACKS.items() if reward.kind in info.rewards]
    if track not in of:
        raise InputError(f"reward.kind: {reward.kind} is of track {' and '.join(of)}, not {track}")
    if reward.patience_ages is not None and TRACKS[track].choice != "waiting":
        raise InputError(
            f"reward.patience_ages: {reward.patience_ages}; is of track queueing, not {track}"
        )


def check_hindsight(rules: Rules) -> None:
    """Check that the future is as estimated.

    Raises:
        InputError: QPUs fail, times are uncertain, or a horizon cuts tasks off.
    """
    for key, there in {
        "failures": rules.failures is not None,
        "execution_sigma": rules.execution_sigma > 0,
        "horizon_s": rules.horizon_s is not None,
    }.items():
        if there:
            raise InputError(
                f"reward.kind: hindsight needs a future that is as estimated, but rules.{key} is "
                "set; take cost"
            )

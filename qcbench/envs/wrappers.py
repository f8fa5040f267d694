"""Episode statistics that tell a good agent from a collapsed one.

A reward curve that settles and episodes of the right length do not: an agent that sends everything
to one QPU shows both. So every episode is compared with a rule on the very same world, and the
shares of the actions are reported.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import log
from typing import Any

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv, VectorWrapper

from qcbench.arrays import FloatArray
from qcbench.cloud.cloud import Cloud
from qcbench.cloud.execution import DONE
from qcbench.envs.options import Options
from qcbench.envs.worlds import Split, checked_world
from qcbench.errors import InputError
from qcbench.policies import registry
from qcbench.policies.config import PolicyConfig
from qcbench.policies.protocol import PolicyContext
from qcbench.sums import added
from qcbench.tracks import TRACKS


def action_entropy(counts: FloatArray) -> float:
    """Return the entropy of counted actions over that of even ones: 0 is one action, 1 all alike.

    It is 0 where there is only one action, and NaN where none was counted.
    """
    total = float(counts.sum())
    if total <= 0:
        return float("nan")
    shares = counts[counts > 0] / total
    return (
        abs(float((shares * np.log(shares)).sum())) / log(len(counts)) if len(counts) > 1 else 0.0
    )


@dataclass(frozen=True)
class Episode:
    """What came of one episode.

    Attributes:
        length: decisions.
        total: sum of the rewards.
        completion_s: mean completion time of the jobs that are done [s]; NaN where none is.
        gap: that over the baseline's on the same world, less 1; NaN where the episode was
            truncated or there is no baseline.
        violations: decisions that the mask forbade.
        counts: of each action; of continuous ones the sum of positive weights of each QPU.
    """

    world: int
    length: int
    total: float
    completion_s: float
    gap: float
    violations: int
    counts: FloatArray = field(repr=False)

    def as_info(self) -> dict[str, Any]:
        """Return it as entries of an `info`."""
        return {
            "length": self.length,
            "return": self.total,
            "completion_s": self.completion_s,
            "gap": self.gap,
            "violations": self.violations,
            "share": self.counts / max(float(self.counts.sum()), 1e-300),
            "entropy": action_entropy(self.counts),
        }


@dataclass(frozen=True)
class Summary:
    """The latest episodes together.

    Attributes:
        episodes: how many they are.
        completion_s, total, length, violations: means over them.
        gap: mean completion over the baseline's mean, less 1.
        share: of each action in all of them.
        entropy: of those shares, see `action_entropy`. A collapsed agent has about 0.
    """

    episodes: int
    completion_s: float
    total: float
    length: float
    violations: float
    gap: float
    share: FloatArray
    entropy: float


class Baseline:
    """The mean completion time of a rule on each world, simulated when first asked for.

    Raises:
        InputError: an unknown rule.
    """

    def __init__(self, options: Options, policy: str) -> None:
        self._options = options
        self._config = PolicyConfig(name=policy)
        registry.check_parameters(options.source.track, self._config)
        self._found: dict[tuple[Split, int], float] = {}

    def completion_s(self, world: int, split: Split | None = None) -> float:
        """Return it for a world of a split, the environment's own where None [s]."""
        key = (split or self._options.split, world)
        if key not in self._found:
            scenario, streams = checked_world(self._options.source, *key)
            context = PolicyContext(scenario.fleet, np.random.default_rng(0))
            decide = registry.make(scenario.track, self._config, context)
            records = Cloud(scenario, decide, streams).run()
            done = records.job_status == DONE
            arrival_s = records.workload.arrival_s[: len(done)]
            times_s = (records.job_finish_s - arrival_s)[done]
            self._found[key] = float(times_s.mean()) if len(times_s) else float("nan")
        return self._found[key]


class _Collector:
    """Counts actions and rewards of several environments and keeps their latest episodes."""

    def __init__(
        self, options: Options, envs: int, actions: int, window: int, baseline: Any
    ) -> None:
        if window < 1:
            raise InputError(f"window: {window}; must be positive")
        name = TRACKS[options.source.track].baseline if baseline == "usual" else baseline
        self.baseline = None if name is None else Baseline(options, name)
        self.episodes: deque[Episode] = deque(maxlen=window)
        self.counts = np.zeros((envs, actions))
        self.total = np.zeros(envs)
        self.length = np.zeros(envs, dtype=np.int64)

    def clear(self, chosen: Any = slice(None)) -> None:
        self.counts[chosen] = 0.0
        self.total[chosen] = 0.0
        self.length[chosen] = 0

    def end(self, env: int, info: Mapping[str, Any]) -> Episode:
        """Close the episode of an environment; `info` is of its last step."""
        world, completion_s = int(info["world"]), float(info["completion_s"])
        gap = float("nan")
        if self.baseline is not None and info["ended"] != "max_decisions":
            theirs_s = self.baseline.completion_s(world, info.get("split"))
            gap = completion_s / theirs_s - 1.0
        episode = Episode(
            world=world,
            length=int(self.length[env]),
            total=float(self.total[env]),
            completion_s=completion_s,
            gap=gap,
            violations=int(info["violations"]),
            counts=self.counts[env].copy(),
        )
        self.episodes.append(episode)
        self.clear(env)
        return episode

    def summary(self) -> Summary:
        episodes = list(self.episodes)
        if not episodes:
            raise InputError("statistics: no episode has ended yet")
        counts = np.sum([e.counts for e in episodes], axis=0)
        compared = [e for e in episodes if not np.isnan(e.gap)]
        ours = added(e.completion_s for e in compared)
        theirs = added(e.completion_s / (1.0 + e.gap) for e in compared)
        return Summary(
            episodes=len(episodes),
            completion_s=float(np.mean([e.completion_s for e in episodes])),
            total=float(np.mean([e.total for e in episodes])),
            length=float(np.mean([e.length for e in episodes])),
            violations=float(np.mean([e.violations for e in episodes])),
            gap=ours / theirs - 1.0 if compared else float("nan"),
            share=counts / max(float(counts.sum()), 1e-300),
            entropy=action_entropy(counts),
        )


def _actions(space: gymnasium.Space[Any]) -> int:
    """Return how many different actions there are."""
    return int(space.n) if isinstance(space, gymnasium.spaces.Discrete) else int(space.shape[-1])


class EpisodeStatistics(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Adds `episode_statistics` to the last `info` of every episode.

    Args:
        env: a single environment of this package.
        window: how many episodes `summary` looks back.
        baseline: a rule to compare with; `usual` is that of the track, see `qcbench.tracks`; None
            compares with none.
    """

    def __init__(
        self, env: gymnasium.Env[Any, Any], window: int = 100, baseline: str | None = "usual"
    ) -> None:
        super().__init__(env)
        options: Options = env.unwrapped.options
        self._statistics = _Collector(options, 1, _actions(env.action_space), window, baseline)

    def reset(self, **options: Any) -> tuple[Any, dict[str, Any]]:
        """Begin an episode; one that was not at its end does not count."""
        self._statistics.clear()
        return self.env.reset(**options)

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Go on, and count."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        statistics = self._statistics
        statistics.counts[0] += _weights(
            np.asarray(action)[np.newaxis], statistics.counts.shape[1]
        )[0]
        statistics.total[0] += float(reward)
        statistics.length[0] += 1
        if terminated or truncated:
            info = {**info, "episode_statistics": statistics.end(0, info).as_info()}
        return observation, reward, terminated, truncated, info

    def summary(self) -> Summary:
        """Return the latest episodes together.

        Raises:
            InputError: none has ended yet.
        """
        return self._statistics.summary()


class VectorEpisodeStatistics(VectorWrapper):
    """The same for vector environments; arguments as of `EpisodeStatistics`.

    `episode_statistics` in `infos` is a list with one entry for each environment, None where no
    episode has ended in this step.
    """

    def __init__(
        self, env: VectorEnv[Any, Any, Any], window: int = 1000, baseline: str | None = "usual"
    ) -> None:
        super().__init__(env)
        self._statistics = _Collector(
            _options(env), env.num_envs, _actions(env.single_action_space), window, baseline
        )
        self._resets_later = env.metadata.get("autoreset_mode") == AutoresetMode.NEXT_STEP
        self._ended = np.zeros(env.num_envs, dtype=np.bool_)

    def reset(self, **options: Any) -> tuple[Any, dict[str, Any]]:
        """Begin new episodes."""
        self._statistics.clear()
        self._ended[:] = False
        return self.env.reset(**options)

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        """Go on, and count; steps that only reset do not count."""
        observations, rewards, terminated, truncated, infos = self.env.step(actions)
        statistics = self._statistics
        counted = ~self._ended
        weights = _weights(np.asarray(actions), statistics.counts.shape[1])
        statistics.counts += weights * counted[:, np.newaxis]
        statistics.total += np.where(counted, rewards, 0.0)
        statistics.length += counted
        ended = (terminated | truncated) & counted
        if ended.any():
            found: list[dict[str, Any] | None] = [None] * self.num_envs
            last = infos.get("final_info", infos)
            for env in np.flatnonzero(ended).tolist():
                info = {k: last[k][env] for k in ("world", "completion_s", "ended", "violations")}
                found[env] = statistics.end(env, info).as_info()
            infos = {**infos, "episode_statistics": found, "_episode_statistics": ended}
        if self._resets_later:
            self._ended = ended
        return observations, rewards, terminated, truncated, infos

    def summary(self) -> Summary:
        """Return the latest episodes together.

        Raises:
            InputError: none has ended yet.
        """
        return self._statistics.summary()


def _options(env: VectorEnv[Any, Any, Any]) -> Options:
    base: Any = env.unwrapped
    options: Options = base.options if hasattr(base, "options") else base.envs[0].unwrapped.options
    return options


def _weights(actions: Any, count: int) -> FloatArray:
    """Return what each action counts: one for a discrete one, positive weights of QPUs."""
    if actions.ndim == 1:
        whole: FloatArray = (actions[:, np.newaxis] == np.arange(count)).astype(np.float64)
        return whole
    return np.maximum(actions, 0.0).astype(np.float64)

"""What env runners of PPO and A2C collect, as arrays, on their way to the learners.

RLlib keeps each decision in a Python object of its episode, and its connectors take those apart
again; between actors the objects travel twice. Here a runner writes arrays, and they stay arrays.
The draws, the order of the decisions and so what is learned are RLlib's, to the last bit.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from ray.rllib.core.columns import Columns
from ray.rllib.core.learner.training_data import TrainingData

from qcbench.agents.rllib.runners import EnvRunner

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Rollout:
    """Decisions in pieces: of one episode each, one after the other, and one row more at the end.

    That row has the situation after the last decision, whose value is needed; the rest of it
    repeats that decision, and no loss counts it.

    Attributes:
        columns: by RLlib's names, observations by theirs with a slash; as many rows each.
        lengths: rows of each piece.
    """

    columns: Mapping[str, Array]
    lengths: npt.NDArray[np.int64]

    @property
    def rows(self) -> int:
        """Rows of all pieces."""
        return int(self.lengths.sum())


class RolloutRunner(EnvRunner):
    """RLlib's env runner, without an object for each decision.

    There are no callbacks on episodes and no connectors: whoever wants those takes RLlib's own.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._seen: dict[str, Array] = {}
        self._over = np.zeros(self.num_envs, dtype=np.bool_)
        self._finished: list[tuple[int, float]] = []
        self._ended = self._reported = 0

    def _sample(self, *, num_timesteps: int, explore: bool, **_: Any) -> list[Rollout]:
        """Decide in all environments side by side, until there are so many decisions.

        A step after an episode's end begins the next one; what was decided for it is no decision.
        """
        if not self._seen:
            self._begin()
        before = self._over.copy()
        steps: list[tuple[Array, ...]] = []
        seen = [self._seen]
        taken = 0
        while taken < num_timesteps:
            inputs, actions, chances = self._decide(explore)
            self._seen, reward, terminated, truncated, _ = self._plain.step(actions)
            seen.append(self._seen)
            steps.append((inputs, actions, chances, reward, terminated, truncated))
            taken += self.num_envs - int(self._over.sum())
            self._count(reward, terminated | truncated)
        self._log_env_steps(metric=self._metrics_num_env_steps_sampled, num_steps=taken)
        done = self._ended - self._reported
        self._increase_sampled_metrics(taken, done)
        self._reported = self._ended
        return [pieces(seen, [np.stack(each) for each in zip(*steps, strict=True)], before)]

    def get_metrics(self) -> Any:
        """Return the figures since they were asked for last."""
        for length, total in self._finished:
            self._log_episode_metrics(length, total, 0.0)
        self._finished.clear()
        return self.metrics.reduce()

    def _begin(self) -> None:
        """Begin an episode in every environment."""
        # Below the wrapper that makes an object of what is told of each environment.
        self._plain = self.env.env
        self._seen, _ = self._plain.reset(seed=self._seed)
        self._lengths = np.zeros(self.num_envs, dtype=np.int64)
        self._returns = np.zeros(self.num_envs)

    def _decide(self, explore: bool) -> tuple[Array, Array, Array]:
        """Return inputs of the distributions, what was drawn from them, and its logarithms."""
        batch = {name: torch.from_numpy(part) for name, part in self._seen.items()}
        with torch.inference_mode():
            # Below what tells every layer, each time, that nobody learns now: ours do not mind.
            found = self.module._forward_exploration({Columns.OBS: batch})
            inputs = found[Columns.ACTION_DIST_INPUTS]
            drawn_from = self.module.get_exploration_action_dist_cls().from_logits(inputs)
            if not explore:
                drawn_from = drawn_from.to_deterministic()
            actions = drawn_from.sample()
            chances = drawn_from.logp(actions)
        return inputs.numpy(), actions.numpy(), chances.numpy()

    def _count(self, reward: Array, over: Array) -> None:
        """Add a step to the episodes, and begin to count anew after their ends."""
        going = ~self._over
        self._lengths += going
        self._returns += reward * going
        over = over & going
        for at in np.flatnonzero(over).tolist():
            self._finished.append((int(self._lengths[at]), float(self._returns[at])))
        self._lengths[over], self._returns[over] = 0, 0.0
        self._ended += int(over.sum())
        self._over = over


def pieces(
    seen: Sequence[Mapping[str, Array]], steps: Sequence[Array], over_before: Array
) -> Rollout:
    """Put what happened, step by step in all environments, into the order of RLlib's episodes.

    Those that ended come first, in the order of their ends, and then what goes on.

    Args:
        seen: the situations before each step and after the last.
        steps: inputs, actions, logarithms of chances, rewards, and whether episodes were terminated
            and truncated, (steps, environments, ...).
        over_before: in which environments the first step begins an episode.
    """
    inputs, actions, chances, rewards, terminated, truncated = steps
    count, environments = rewards.shape
    first = over_before.astype(np.int64)
    found = []
    for step, place in np.argwhere(terminated | truncated).tolist():
        found.append((first[place], step, place))
        first[place] = step + 2
    found += [(first[n], count - 1, n) for n in range(environments) if first[n] < count]
    begins, ends, places = np.array(found, dtype=np.int64).reshape(-1, 3).T
    lengths = ends - begins + 2
    extra = np.cumsum(lengths) - 1
    places = np.repeat(places, lengths)
    situations = np.arange(len(places)) - np.repeat(extra, lengths) + np.repeat(ends + 1, lengths)
    decisions = situations.copy()
    decisions[extra] -= 1

    def none(dtype: Any) -> Array:
        return np.zeros(len(places), dtype=dtype)

    counts, gone, cut = ~none(np.bool_), none(np.bool_), none(np.bool_)
    counts[extra] = False
    last = extra - 1
    gone[last] = terminated[ends, places[last]]
    # What goes on is cut for now.
    cut[last] = truncated[ends, places[last]] | ~gone[last]
    paid = rewards[decisions, places].astype(np.float32)
    paid[extra] = 0.0
    observed = {
        f"{Columns.OBS}/{name}": np.stack([each[name] for each in seen])[situations, places]
        for name in seen[0]
    }
    return Rollout(
        {
            **observed,
            Columns.LOSS_MASK: counts,
            Columns.TERMINATEDS: gone,
            Columns.TRUNCATEDS: cut,
            Columns.REWARDS: paid,
            Columns.ACTIONS: actions[decisions, places],
            Columns.ACTION_DIST_INPUTS: inputs[decisions, places],
            Columns.ACTION_LOGP: chances[decisions, places],
        },
        lengths,
    )


def joined(rollouts: Sequence[Rollout]) -> Rollout:
    """Return all pieces as one rollout."""
    if len(rollouts) == 1:
        return rollouts[0]
    names = rollouts[0].columns
    return Rollout(
        {name: np.concatenate([each.columns[name] for each in rollouts]) for name in names},
        np.concatenate([each.lengths for each in rollouts]),
    )


def shares(rollout: Rollout, count: int) -> list[Rollout]:
    """Return whole pieces in so many parts that are about as long."""
    starts = np.cumsum(rollout.lengths) - rollout.lengths
    filled = [0] * count
    chosen: list[list[int]] = [[] for _ in range(count)]
    for piece in np.argsort(-rollout.lengths, kind="stable").tolist():
        part = filled.index(min(filled))
        chosen[part].append(piece)
        filled[part] += int(rollout.lengths[piece])
    found = []
    for share in chosen:
        lengths = rollout.lengths[share]
        ends = np.cumsum(lengths)
        rows = np.arange(lengths.sum()) + np.repeat(starts[share] - ends + lengths, lengths)
        columns = {name: column[rows] for name, column in rollout.columns.items()}
        found.append(Rollout(columns, lengths))
    return found


class Rollouts(TrainingData):
    """Rollouts on their way to RLlib's learners."""

    def shard(self, num_shards: int, **options: Any) -> list[tuple[TrainingData, dict[str, Any]]]:
        """Return the part of each learner, and how many gradient steps all of them take.

        There are as many as one learner alone would take.
        """
        whole, told = joined(self.episodes), {}
        if options.get("minibatch_size"):
            size = options["minibatch_size"] * num_shards
            steps = math.ceil(options.get("num_epochs", 1) * whole.rows / size)
            told = {"num_total_minibatches": steps}
        return [(TrainingData(episodes=[part]), told) for part in shares(whole, num_shards)]

"""What env runners of PPO and A2C collect, as arrays, and what learners make of it.

RLlib keeps each decision in a Python object of its episode, and its connectors take those apart
again; between actors the objects travel twice. Here a runner writes arrays, and they stay arrays.
The draws, the order of the decisions and so what is learned are RLlib's, to the last bit.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from ray.rllib.core.columns import Columns
from ray.rllib.core.learner.training_data import TrainingData
from ray.rllib.env.single_agent_env_runner import SingleAgentEnvRunner
from ray.rllib.evaluation.postprocessing import Postprocessing
from ray.rllib.policy.sample_batch import MultiAgentBatch, SampleBatch

Array = npt.NDArray[Any]

MODULE = "default_policy"
"""Under which RLlib has the only module."""


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


class RolloutRunner(SingleAgentEnvRunner):
    """RLlib's env runner, without an object for each decision.

    There are no callbacks on episodes and no connectors: whoever wants those takes RLlib's own.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._finished: list[tuple[int, float]] = []
        self._ended = self._reported = 0

    def _sample(self, *, num_timesteps: int, explore: bool, **_: Any) -> list[Rollout]:
        """Decide in all environments side by side, until there are so many decisions.

        A step after an episode's end begins the next one; what was decided for it is no decision.
        """
        if self._needs_initial_reset:
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
        self._over = np.zeros(self.num_envs, dtype=np.bool_)
        self._lengths = np.zeros(self.num_envs, dtype=np.int64)
        self._returns = np.zeros(self.num_envs)
        self._needs_initial_reset = False

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
    for part in chosen:
        lengths = rollout.lengths[part]
        ends = np.cumsum(lengths)
        rows = np.arange(lengths.sum()) + np.repeat(starts[part] - ends + lengths, lengths)
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


def learned_from(rollouts: Sequence[Rollout], module: Any, config: Any) -> MultiAgentBatch:
    """Return a batch with advantages and targets of the value, as RLlib's connectors make it.

    Args:
        rollouts: of this learner.
        module: its network.
        config: of the algorithm.
    """
    whole = joined(rollouts)
    columns = whole.columns
    observed = {
        name.partition("/")[2]: torch.from_numpy(column)
        for name, column in columns.items()
        if name.startswith(f"{Columns.OBS}/")
    }
    with torch.no_grad():
        values = module.compute_values({Columns.OBS: observed}).numpy()
    targets = value_targets(
        values,
        columns[Columns.REWARDS],
        columns[Columns.TERMINATEDS],
        columns[Columns.TRUNCATEDS],
        config.gamma,
        config.lambda_,
    )
    advantages = targets - values
    mean, spread = _moments(advantages, config.num_learners)
    advantages = (advantages - mean) / max(1e-4, spread)
    kept = (
        Columns.LOSS_MASK,
        Columns.ACTIONS,
        Columns.ACTION_DIST_INPUTS,
        Columns.ACTION_LOGP,
    )
    batch = SampleBatch(
        {
            Columns.OBS: observed,
            **{name: torch.from_numpy(columns[name]) for name in kept},
            Postprocessing.ADVANTAGES: torch.from_numpy(advantages),
            Postprocessing.VALUE_TARGETS: torch.from_numpy(targets),
        }
    )
    return MultiAgentBatch({MODULE: batch}, env_steps=whole.rows)


def value_targets(
    values: Array, rewards: Array, terminated: Array, cut: Array, discount: float, trace: float
) -> Array:
    """Return generalised advantages plus values, by the same operations as RLlib's.

    Rows at the ends of pieces, which no loss counts, carry what comes after them, as there.
    """
    goes_on = 1.0 - terminated
    keeps = (discount * trace * (goes_on * (1.0 - cut))).tolist()
    errors = (rewards + discount * goes_on * np.append(values[1:], 0.0) - values).tolist()
    running = 0.0
    # Numbers of Python: those of NumPy are ten times slower, one at a time.
    for row in range(len(errors) - 1, -1, -1):
        running = errors[row] + keeps[row] * running
        errors[row] = running
    return (np.array(errors).astype(np.float32) + values).astype(np.float32)


def _moments(numbers: Array, learners: int) -> tuple[Any, Any]:
    """Return mean and standard deviation, over all learners where there are several."""
    if learners < 2:
        return numbers.mean(), numbers.std()
    wide = numbers.astype(np.float64)
    sums = torch.tensor([len(wide), wide.sum(), np.square(wide).sum()], dtype=torch.float64)
    torch.distributed.all_reduce(sums)
    count, total, squares = sums.tolist()
    mean = total / count
    return np.float32(mean), np.float32(math.sqrt(max(0.0, squares / count - mean * mean)))


class Minibatches:
    """The rows of a batch in RLlib's order, epoch after epoch, gathered once each.

    Args:
        batch: what `learned_from` makes.
        size: rows of a minibatch.
        epochs: how often each row comes.
        shuffle: whether the order is drawn anew after each epoch.
        count: of the minibatches, where all learners need as many; otherwise as epochs say.
    """

    def __init__(
        self, batch: MultiAgentBatch, *, size: int, epochs: int, shuffle: bool, count: int
    ) -> None:
        columns = batch.policy_batches[MODULE]
        self._columns = {name: column for name, column in columns.items() if name != Columns.OBS}
        self._observed = columns[Columns.OBS]
        self._rows, self._steps = len(columns), batch.env_steps()
        self._size, self._epochs, self._shuffle, self._count = size, epochs, shuffle, count

    def __iter__(self) -> Iterator[MultiAgentBatch]:
        """Yield the minibatches."""
        order, start, covered, given = np.arange(self._rows), 0, 0, 0
        while given < self._count if self._count else covered < self._epochs:
            missing, parts = self._size, []
            while start + missing >= self._rows:
                parts.append(order[start:])
                missing -= self._rows - start
                start, covered = 0, covered + 1
                if self._shuffle:
                    order = order[np.random.permutation(self._rows)]  # noqa: NPY002 - RLlib's
            parts.append(order[start : start + missing])
            start += missing
            given += 1
            yield self._gathered(torch.from_numpy(np.concatenate(parts)))

    def _gathered(self, rows: torch.Tensor) -> MultiAgentBatch:
        found = {name: column[rows] for name, column in self._columns.items()}
        found[Columns.OBS] = {name: column[rows] for name, column in self._observed.items()}
        return MultiAgentBatch({MODULE: SampleBatch(found)}, env_steps=self._steps)

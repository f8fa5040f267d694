"""What learners of PPO and A2C make of rollouts: advantages, minibatches, one gradient for all.

By the operations and draws of RLlib's connectors and iterators, so that the same is learned.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from ray.rllib.core.columns import Columns
from ray.rllib.evaluation.postprocessing import Postprocessing
from ray.rllib.policy.sample_batch import MultiAgentBatch, SampleBatch
from torch import Tensor

from qcbench.agents.rllib.learner import MODULE
from qcbench.agents.rllib.rollouts import Array, Rollout, joined


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
        name.partition("/")[2]: _tensor(column)
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
            **{name: _tensor(columns[name]) for name in kept},
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


def _tensor(column: Array) -> Tensor:
    """Return a column that came from an actor, where it may not be written, or was made here."""
    return torch.from_numpy(np.require(column, requirements="W"))


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

    def _gathered(self, rows: Tensor) -> MultiAgentBatch:
        found = {name: column[rows] for name, column in self._columns.items()}
        found[Columns.OBS] = {name: column[rows] for name, column in self._observed.items()}
        return MultiAgentBatch({MODULE: SampleBatch(found)}, env_steps=self._steps)


def averaged(gradients: Iterable[Tensor], learners: int) -> None:
    """Replace gradients by their means over all learners, all of them in one message."""
    parts = list(gradients)
    flat = torch.cat([each.ravel() for each in parts])
    torch.distributed.all_reduce(flat)
    flat /= learners
    for each, mean in zip(parts, flat.split([each.numel() for each in parts]), strict=True):
        each.copy_(mean.view_as(each))

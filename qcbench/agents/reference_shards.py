"""The environments of the reference trainer: what is decided in them, and gradients of that.

Actions under a false mask have probability 0.
"""

from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.distributions import Categorical, Distribution, Normal

from qcbench.agents.networks import masked_scores
from qcbench.agents.reference_ppo import Experience, Gradient, Ppo, Step, TorchNetwork, weighted

LEAST_LOG_STD, MOST_LOG_STD = -4.0, 0.5


@dataclass(frozen=True)
class Collected:
    """Decisions between two updates; shapes (horizon, environments, ...), or one axis for both.

    `advantage` and `target` follow from rewards and values.
    """

    observation: Tensor
    mask: Tensor
    action: Tensor
    log_probability: Tensor
    value: Tensor
    reward: Tensor
    advantage: Tensor
    target: Tensor

    @cached_property
    def variance(self) -> Tensor:
        """Of the targets; the same for every minibatch."""
        return self.target.var()


@dataclass
class Shard:
    """Some of the environments, and what was collected in them.

    Attributes:
        rows: of the environments.
        generator: of all that is drawn for them.
        observation, mask: of the decisions that are due.
        collected: with one axis.
        orders: in which each epoch goes through it.
    """

    rows: slice
    generator: torch.Generator = field(default_factory=torch.Generator)
    observation: Tensor = field(init=False)
    mask: Tensor = field(init=False)
    collected: Collected = field(init=False)
    orders: list[Tensor] = field(init=False)


class LocalShards:
    """Neighbouring shards in this process; see `qcbench.agents.reference_ppo.Shards`.

    Their environments are one vector, so that they share worlds and are stepped together. All else
    is computed for each shard by itself, as if there were no others.

    Args:
        envs: of gymnasium, resetting within the step that ends an episode, with a dictionary of
            `observation` and `action_mask` as observation, and a discrete action over the items or
            a box with a number for each of them.
        network: of the trainer; a copy is kept.
        settings: how to train.
        numbers: of the shards; all of them where None.
        source: whose environments they are, of those that are learned on together.
    """

    def __init__(
        self,
        envs: gymnasium.vector.VectorEnv[Any, Any, Any],
        network: TorchNetwork,
        settings: Ppo,
        numbers: range | None = None,
        source: int = 0,
    ) -> None:
        if envs.metadata.get("autoreset_mode") != gymnasium.vector.AutoresetMode.SAME_STEP:
            raise ValueError("the environments must reset within the step that ends an episode")
        numbers = range(settings.shards) if numbers is None else numbers
        each = envs.num_envs // len(numbers)
        self.envs = envs
        self.notes: list[str] = []
        self.network = deepcopy(network)
        self.settings = settings
        self.source = source
        self.continuous = isinstance(envs.single_action_space, gymnasium.spaces.Box)
        self._first = numbers.start * each
        self._shards = [
            Shard(slice(place * each, (place + 1) * each)) for place in range(len(numbers))
        ]
        self._pool = ThreadPoolExecutor(settings.threads)

    @property
    def count(self) -> int:
        """How many shards these are."""
        return len(self._shards)

    def begin(self, seed: int) -> None:
        """Begin episodes; the seed is that of the first environment of all shards."""
        self._see(self.envs.reset(seed=seed + self._first)[0])

    def repeat(self, actions: npt.NDArray[Any]) -> None:
        """Take decisions again that were taken before.

        Args:
            actions: of these shards, shape (decisions of each environment, environments, ...).
        """
        for action in actions:
            self._see(self.envs.step(self._asked(action))[0])

    @torch.no_grad()
    def collect(
        self, weights: list[Tensor], generators: list[Tensor], seed: int | None
    ) -> list[Experience]:
        """See `Shards`."""
        self._load(weights)
        for shard, state in zip(self._shards, generators, strict=True):
            shard.generator.set_state(state)
        if seed is not None:
            self.begin(seed)
        seen: list[list[tuple[Tensor, ...]]] = [[] for _ in self._shards]
        for _ in range(self.settings.horizon):
            decided = [self._decide(shard) for shard in self._shards]
            asked = torch.cat([action for action, _, _ in decided])
            observation, reward, terminated, truncated, _ = self.envs.step(
                self._asked(asked.numpy())
            )
            # A truncated episode counts as ended: that happens to agents that do nothing else.
            paid = torch.from_numpy(np.array(reward, dtype=np.float32))
            ended = torch.from_numpy(np.asarray(terminated) | np.asarray(truncated))
            for shard, steps, found in zip(self._shards, seen, decided, strict=True):
                due = (shard.observation, shard.mask)
                steps.append((*due, *found, paid[shard.rows], ended[shard.rows]))
            self._see(observation)
        return [
            self._told(shard, *map(torch.stack, zip(*steps, strict=True)))
            for shard, steps in zip(self._shards, seen, strict=True)
        ]

    def gradients(self, weights: list[Tensor], step: Step) -> list[Gradient]:
        """See `Shards`."""
        self._load(weights)
        return [self._mean_gradient(shard, step) for shard in self._shards]

    def close(self) -> None:
        """Let go of the environments."""
        self.envs.close()
        self._pool.shutdown()

    def _load(self, weights: list[Tensor]) -> None:
        with torch.no_grad():
            for own, given in zip(self.network.parameters(), weights, strict=True):
                own.copy_(given)

    def _see(self, observation: dict[str, Any]) -> None:
        for shard in self._shards:
            seen = np.array(observation["observation"][shard.rows], dtype=np.float32)
            shard.observation = torch.from_numpy(seen)
            shard.mask = torch.from_numpy(np.asarray(observation["action_mask"][shard.rows]) != 0)

    def _decide(self, shard: Shard) -> tuple[Tensor, Tensor, Tensor]:
        """Return actions, the logarithms of their probabilities, and values of the situations."""
        outputs, value = self._evaluated(shard.observation, shard.mask)
        action = self._draw(outputs, shard.mask, shard.generator)
        drawn = self._distribution(outputs, shard.mask)
        return action, self._log_probability(drawn, action), value

    def _told(
        self,
        shard: Shard,
        observation: Tensor,
        mask: Tensor,
        action: Tensor,
        log_probability: Tensor,
        value: Tensor,
        reward: Tensor,
        ended: Tensor,
    ) -> Experience:
        """Keep what was collected in a shard, and draw the orders of its epochs."""
        _, after = self._evaluated(shard.observation, shard.mask)
        advantage = self._advantages(reward, value, ended, after)
        collected = Collected(
            observation=observation,
            mask=mask,
            action=action,
            log_probability=log_probability,
            value=value,
            reward=reward,
            advantage=advantage,
            target=advantage + value,
        )
        flat = Collected(**{name: of.flatten(0, 1) for name, of in vars(collected).items()})
        shard.collected = flat
        count, epochs = len(flat.reward), range(self.settings.epochs)
        shard.orders = [torch.randperm(count, generator=shard.generator) for _ in epochs]
        return Experience(
            reward=flat.reward,
            value=flat.value,
            advantage=flat.advantage,
            target=flat.target,
            actions=action.numpy().astype(self._smallest_type()),
            generator=shard.generator.get_state(),
        )

    def _distribution(self, outputs: Tensor, mask: Tensor) -> Distribution:
        """Return what actions are drawn from: an item, or a number for each item."""
        if not self.continuous:
            return Categorical(logits=masked_scores(outputs, mask), validate_args=False)
        log_std = outputs[..., 1].clamp(LEAST_LOG_STD, MOST_LOG_STD)
        return Normal(outputs[..., 0], log_std.exp(), validate_args=False)

    def _log_probability(self, drawn: Distribution, action: Tensor) -> Tensor:
        found: Tensor = drawn.log_prob(action)
        return found.sum(-1) if self.continuous else found

    def _draw(self, outputs: Tensor, mask: Tensor, generator: torch.Generator) -> Tensor:
        """Draw actions."""
        if self.continuous:
            log_std = outputs[..., 1].clamp(LEAST_LOG_STD, MOST_LOG_STD)
            noise = torch.randn(outputs.shape[:-1], generator=generator)
            return outputs[..., 0] + log_std.exp() * noise
        # The largest of scores with Gumbel noise has the softmax's distribution.
        scores = masked_scores(outputs, mask)
        uniform = torch.rand(scores.shape, generator=generator).clamp_min(1e-12)
        return (scores - (-uniform.log()).log()).argmax(-1)

    def _evaluated(self, observation: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return the network's outputs and values, without gradients."""

        def part(rows: slice) -> tuple[Tensor, Tensor]:
            with torch.no_grad():
                found: tuple[Tensor, Tensor] = self.network(
                    observation[rows], self._items(mask[rows])
                )
                return found

        size = -(-len(mask) // self.settings.threads)
        parts = [slice(begin, begin + size) for begin in range(0, len(mask), size)]
        outputs, values = zip(*self._pool.map(part, parts), strict=True)
        return torch.cat(outputs), torch.cat(values)

    def _items(self, mask: Tensor) -> Tensor:
        """Return which items are part of a pooled context where only allowed ones are."""
        if not self.continuous:
            return mask
        return torch.ones(mask.shape[0], self._width(), dtype=torch.bool)

    def _width(self) -> int:
        space = self.envs.single_action_space
        return int(space.shape[0]) if space.shape else 1

    def _asked(self, action: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return actions as the environments take them."""
        space = self.envs.single_action_space
        if isinstance(space, gymnasium.spaces.Box):
            return np.clip(action, space.low, space.high).astype(space.dtype)
        return action.astype(np.int64)

    def _smallest_type(self) -> npt.DTypeLike:
        """Return the type that keeps actions in the least memory."""
        space = self.envs.single_action_space
        if isinstance(space, gymnasium.spaces.Discrete):
            return np.min_scalar_type(int(space.n))
        return np.float32

    def _advantages(self, reward: Tensor, value: Tensor, ended: Tensor, after: Tensor) -> Tensor:
        """Return how much better each decision turned out than its value, by traces."""
        settings = self.settings
        advantage = torch.zeros_like(reward)
        following, trace = after, torch.zeros_like(after)
        for step in reversed(range(len(reward))):
            goes_on = 1.0 - ended[step].float()
            error = reward[step] + settings.discount * following * goes_on - value[step]
            trace = error + settings.discount * settings.trace * goes_on * trace
            advantage[step] = trace
            following = value[step]
        return advantage

    def _mean_gradient(self, shard: Shard, step: Step) -> Gradient:
        """Return the gradient of a shard's part of a minibatch, by threads and then their sum."""
        rows = shard.orders[step.epoch].chunk(self.settings.minibatches)[step.minibatch]
        cut = rows.chunk(self.settings.threads)
        found = list(self._pool.map(lambda part: self._gradient(shard, part, step), cut))
        shares = [len(part) / len(rows) for part in cut]
        return Gradient(
            decisions=len(rows),
            gradients=[
                weighted(shares, list(of)) for of in zip(*[g for g, _ in found], strict=True)
            ],
            figures=weighted(shares, [figures for _, figures in found]),
        )

    def _gradient(
        self, shard: Shard, rows: Tensor, step: Step
    ) -> tuple[tuple[Tensor, ...], Tensor]:
        """Return the gradients of the mean loss of some decisions, and its figures."""
        settings, flat = self.settings, shard.collected
        mask = flat.mask[rows]
        outputs, value = self.network(flat.observation[rows], self._items(mask))
        drawn = self._distribution(outputs, mask)
        policy_loss, divergence = self._policy_loss(shard, rows, drawn, step)
        value_loss = (value - flat.target[rows]).square().mean()
        if len(step.spread) > 1:  # sources whose rewards are of different sizes count alike
            value_loss = value_loss / (flat.variance + 1e-8)
        entropy = self._entropy(drawn).mean()
        loss = policy_loss + settings.value * value_loss - settings.entropy * step.left * entropy
        gradients = torch.autograd.grad(loss, list(self.network.parameters()))
        with torch.no_grad():
            figures = torch.stack([entropy, value_loss, divergence])
            # Not finite where the loss is not, whatever part of it is.
            return gradients, figures + 0.0 * loss

    def _policy_loss(
        self, shard: Shard, rows: Tensor, drawn: Distribution, step: Step
    ) -> tuple[Tensor, Tensor]:
        """Return the policy's loss on some decisions, and its divergence from what it was."""
        flat, clip = shard.collected, self.settings.clip
        gain = flat.advantage[rows] - step.mean[self.source]
        gain = gain / (step.spread[self.source] + 1e-8)
        changed = self._log_probability(drawn, flat.action[rows]) - flat.log_probability[rows]
        ratio = changed.exp()
        kept = ratio.clamp(1.0 - clip, 1.0 + clip)
        loss = -torch.min(ratio * gain, kept * gain).mean()
        return loss, (ratio - 1.0 - changed).mean()

    def _entropy(self, drawn: Distribution) -> Tensor:
        if self.continuous:
            found: Tensor = drawn.entropy()
            return found.sum(-1)
        log = drawn.logits
        # Forbidden actions have probability 0 and a huge negative logarithm: 0 x that is 0.
        return -(log.exp() * log.clamp_min(-50.0)).sum(-1)

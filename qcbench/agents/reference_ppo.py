"""Proximal policy optimisation in one file, on a vector of environments.

For readers and for speed: everything that happens between two updates can be seen here. Source:
Schulman et al., Proximal Policy Optimization Algorithms (2017); generalised advantages as in
Schulman et al. (2016). Actions under a false mask have probability 0.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any, ClassVar

import gymnasium
import numpy as np
import torch
from torch import Tensor, nn
from torch.distributions import Categorical, Distribution, Normal

from qcbench.agents.agent import DivergedError
from qcbench.agents.networks import TorchPerItem, masked_scores
from qcbench.agents.rllib.networks import TorchPlain
from qcbench.configs import Count, NotNegative, Positive, Share, config
from qcbench.errors import InputError

LEAST_LOG_STD, MOST_LOG_STD = -4.0, 0.5


@config
class Ppo:
    """Settings of the reference trainer.

    Attributes:
        steps: decisions over all environments, after which training ends.
        environments: that run side by side.
        horizon: decisions of each environment between two updates.
        learning_rate: at the beginning; it falls in proportion to what is left, down to 3 %.
        epochs: passes over what was collected.
        minibatches: parts of a pass.
        discount: of later rewards, for each decision.
        trace: lambda of the generalised advantages.
        clip: range of the ratio of probabilities in which an advantage still counts.
        entropy: weight of the policy's entropy, which falls like the learning rate.
        value: weight of the squared error of the value.
        gradient_norm: at which gradients are cut.
        threads: that share the decisions of an update.
    """

    WHERE: ClassVar[str] = "agent.ppo"
    steps: Count = 20_000_000
    environments: Count = 1024
    horizon: Count = 25
    learning_rate: Positive = 1e-3
    epochs: Count = 2
    minibatches: Count = 4
    discount: Share = 1.0
    trace: Share = 0.9
    clip: Positive = 0.2
    entropy: NotNegative = 0.003
    value: NotNegative = 0.5
    gradient_norm: Positive = 0.5
    threads: Count = 1

    def __post_init__(self) -> None:
        if self.minibatches > self.environments * self.horizon:
            raise InputError(
                f"agent.ppo.minibatches: {self.minibatches}; an update has only "
                f"{self.environments * self.horizon} decisions"
            )


@dataclass(frozen=True)
class PpoUpdate:
    """Where training is, after an update.

    Attributes:
        update: updates up to now.
        steps: decisions up to now.
        rate_per_s: decisions a second of the last update, learning included.
        reward: mean reward of a decision.
        entropy: mean entropy of the policy, in nats.
        value_loss: mean squared error of the value before the update.
        explained: share of the returns' variance that the value explains.
        divergence: estimate of the divergence from the policy before the update.
    """

    update: int
    steps: int
    rate_per_s: float
    reward: float
    entropy: float
    value_loss: float
    explained: float
    divergence: float


@dataclass(frozen=True)
class Collected:
    """Decisions between two updates; shapes (horizon, environments, ...).

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


class Trainer:
    """Trains a network on a vector of environments.

    Args:
        envs: of gymnasium, resetting within the step that ends an episode, with a dictionary of
            `observation` and `action_mask` as observation, and a discrete action over the items or
            a box with a number for each of them.
        network: scores the items, or whatever the actions are; trained in place.
        settings: how.
        seed: of the environments' worlds and of what the policy draws.
    """

    def __init__(
        self,
        envs: gymnasium.vector.VectorEnv[Any, Any, Any],
        network: TorchPerItem | TorchPlain,
        settings: Ppo,
        seed: int,
    ) -> None:
        if envs.metadata.get("autoreset_mode") != gymnasium.vector.AutoresetMode.SAME_STEP:
            raise ValueError("the environments must reset within the step that ends an episode")
        self.envs = envs
        self.network = network
        self.settings = settings
        self.optimizer = torch.optim.Adam(network.parameters(), settings.learning_rate, eps=1e-5)
        self.generator = torch.Generator().manual_seed(seed)
        self.continuous = isinstance(envs.single_action_space, gymnasium.spaces.Box)
        self.update = 0
        self.steps = 0
        self._pool = ThreadPoolExecutor(settings.threads)
        self._seed = seed
        self._observation: Tensor | None = None
        self._mask: Tensor | None = None

    def state(self) -> dict[str, Any]:
        """Return what a later `restore` needs to go on from here."""
        return {
            "update": self.update,
            "steps": self.steps,
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "generator": self.generator.get_state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state; the environments begin new episodes."""
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.generator.set_state(state["generator"])
        self.update, self.steps = state["update"], state["steps"]
        self._observation = None

    def run(self, should_stop: Callable[[], bool] = lambda: False) -> Iterator[PpoUpdate]:
        """Train to the end, or until told to stop; yields after each update.

        Raises:
            DivergedError: a loss is not finite.
        """
        # Whole parts of a batch side by side wait for each other far less than torch's own threads,
        # which meet after every operation.
        torch.set_num_threads(1)
        while self.steps < self.settings.steps and not should_stop():
            began = perf_counter()
            left = max(0.03, 1.0 - self.steps / self.settings.steps)
            collected = self._collect()
            losses = self._learn(collected, left)
            self.update += 1
            decisions = collected.action.shape[0] * collected.action.shape[1]
            self.steps += decisions
            spread = float(collected.target.var())
            yield PpoUpdate(
                update=self.update,
                steps=self.steps,
                rate_per_s=decisions / (perf_counter() - began),
                reward=float(collected.reward.mean()),
                explained=1.0 - float((collected.target - collected.value).var()) / (spread + 1e-9),
                **losses,
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

    def _draw(self, outputs: Tensor, mask: Tensor) -> Tensor:
        """Draw actions with the trainer's own generator."""
        if self.continuous:
            log_std = outputs[..., 1].clamp(LEAST_LOG_STD, MOST_LOG_STD)
            noise = torch.randn(outputs.shape[:-1], generator=self.generator)
            return outputs[..., 0] + log_std.exp() * noise
        # The largest of scores with Gumbel noise has the softmax's distribution.
        scores = masked_scores(outputs, mask)
        uniform = torch.rand(scores.shape, generator=self.generator).clamp_min(1e-12)
        return (scores - (-uniform.log()).log()).argmax(-1)

    def _see(self, observation: dict[str, Any]) -> tuple[Tensor, Tensor]:
        seen = torch.from_numpy(np.array(observation["observation"], dtype=np.float32))
        mask = torch.from_numpy(np.asarray(observation["action_mask"]) != 0)
        return seen, mask

    @torch.no_grad()
    def _collect(self) -> Collected:
        """Let the policy decide for `horizon` steps in every environment."""
        settings = self.settings
        if self._observation is None or self._mask is None:
            observation, _ = self.envs.reset(seed=self._seed + 7919 * self.update)
            self._observation, self._mask = self._see(observation)
        seen, masks, actions, log_probabilities, values, rewards, ends = ([] for _ in range(7))
        for _ in range(settings.horizon):
            outputs, value = self._evaluated(self._observation, self._mask)
            action = self._draw(outputs, self._mask)
            drawn = self._distribution(outputs, self._mask)
            seen.append(self._observation)
            masks.append(self._mask)
            actions.append(action)
            log_probabilities.append(self._log_probability(drawn, action))
            values.append(value)
            observation, reward, terminated, truncated, _ = self.envs.step(self._asked(action))
            # A truncated episode counts as ended: that happens to agents that do nothing else.
            rewards.append(torch.from_numpy(np.array(reward, dtype=np.float32)))
            ends.append(torch.from_numpy(np.asarray(terminated) | np.asarray(truncated)))
            self._observation, self._mask = self._see(observation)
        _, after = self._evaluated(self._observation, self._mask)
        value, reward, ended = torch.stack(values), torch.stack(rewards), torch.stack(ends)
        advantage = self._advantages(reward, value, ended, after)
        return Collected(
            observation=torch.stack(seen),
            mask=torch.stack(masks),
            action=torch.stack(actions),
            log_probability=torch.stack(log_probabilities),
            value=value,
            reward=reward,
            advantage=advantage,
            target=advantage + value,
        )

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

    def _asked(self, action: Tensor) -> Any:
        """Return actions as the environments take them."""
        space = self.envs.single_action_space
        if isinstance(space, gymnasium.spaces.Box):
            return np.clip(action.numpy(), space.low, space.high).astype(space.dtype)
        return action.numpy()

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

    def _learn(self, collected: Collected, left: float) -> dict[str, float]:
        """Improve policy and value on what was collected; return mean losses."""
        settings, flat = self.settings, _flattened(collected)
        for group in self.optimizer.param_groups:
            group["lr"] = settings.learning_rate * left
        count = len(flat.reward)
        advantage = (flat.advantage - flat.advantage.mean()) / (flat.advantage.std() + 1e-8)
        flat = replace(flat, advantage=advantage)
        sums = torch.zeros(3)
        for _ in range(settings.epochs):
            order = torch.randperm(count, generator=self.generator)
            for rows in order.chunk(settings.minibatches):
                parts = rows.chunk(settings.threads)
                found = list(self._pool.map(lambda part: self._gradient(flat, part, left), parts))
                shares = [len(part) / len(rows) for part in parts]
                for place, parameter in enumerate(self.network.parameters()):
                    parameter.grad = _weighted(shares, [gradients[place] for gradients, _ in found])
                losses = _weighted(shares, [figures for _, figures in found])
                if not torch.isfinite(losses).all():
                    raise DivergedError(
                        f"update {self.update + 1}: the loss is not finite; a smaller "
                        "agent.ppo.learning_rate may help"
                    )
                nn.utils.clip_grad_norm_(self.network.parameters(), settings.gradient_norm)
                self.optimizer.step()
                sums += losses
        mean = (sums / (settings.epochs * len(order.chunk(settings.minibatches)))).tolist()
        return {"entropy": mean[0], "value_loss": mean[1], "divergence": mean[2]}

    def _gradient(
        self, flat: Collected, rows: Tensor, left: float
    ) -> tuple[tuple[Tensor, ...], Tensor]:
        """Return the gradients of the mean loss of some decisions, and its figures."""
        settings = self.settings
        mask, gain = flat.mask[rows], flat.advantage[rows]
        outputs, value = self.network(flat.observation[rows], self._items(mask))
        drawn = self._distribution(outputs, mask)
        changed = self._log_probability(drawn, flat.action[rows]) - flat.log_probability[rows]
        ratio = changed.exp()
        kept = ratio.clamp(1.0 - settings.clip, 1.0 + settings.clip)
        policy_loss = -torch.min(ratio * gain, kept * gain).mean()
        value_loss = (value - flat.target[rows]).square().mean()
        entropy = self._entropy(drawn).mean()
        loss = policy_loss + settings.value * value_loss - settings.entropy * left * entropy
        gradients = torch.autograd.grad(loss, list(self.network.parameters()))
        with torch.no_grad():
            figures = torch.stack([entropy, value_loss, (ratio - 1.0 - changed).mean()])
            # Not finite where the loss is not, whatever part of it is.
            return gradients, figures + 0.0 * loss

    def _entropy(self, drawn: Distribution) -> Tensor:
        if self.continuous:
            found: Tensor = drawn.entropy()
            return found.sum(-1)
        log = drawn.logits
        # Forbidden actions have probability 0 and a huge negative logarithm: 0 x that is 0.
        return -(log.exp() * log.clamp_min(-50.0)).sum(-1)


def _weighted(shares: Sequence[float], values: Sequence[Tensor]) -> Tensor:
    """Return the weighted sum of tensors, in their order."""
    total = shares[0] * values[0]
    for share, value in zip(shares[1:], values[1:], strict=True):
        total = total + share * value
    return total


def _flattened(collected: Collected) -> Collected:
    """Return the same decisions with one axis for horizon and environments."""
    return Collected(**{name: value.flatten(0, 1) for name, value in vars(collected).items()})

"""Proximal policy optimisation on a vector of environments: the settings, and what is learned.

For readers and for speed: everything that happens between two updates can be seen here and in
`reference_shards`, which has the environments. Source: Schulman et al., Proximal Policy
Optimization Algorithms (2017); generalised advantages as in Schulman et al. (2016).

What is collected and every gradient are made of shards, each of which is computed by itself; their
sums are taken in the order of the shards. So who computes a shard, and where, changes nothing.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any, ClassVar, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from qcbench.agents.agent import DivergedError
from qcbench.agents.networks import TorchPerItem
from qcbench.agents.rllib.networks import TorchPlain
from qcbench.configs import Count, NotNegative, Positive, Share, config
from qcbench.errors import InputError

TorchNetwork = TorchPerItem | TorchPlain


@config
class Ppo:
    """Settings of the reference trainer.

    Attributes:
        steps: decisions over all environments, after which training ends.
        environments: that run side by side.
        shards: that environments and gradients are made of, each with draws of its own. On a
            cluster they are shared out to actors; the same number gives the same policy, however
            many actors there are.
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
        threads: that share the decisions of a shard.
    """

    WHERE: ClassVar[str] = "agent.ppo"
    steps: Count = 20_000_000
    environments: Count = 1024
    shards: Count = 1
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
        if self.environments % self.shards:
            raise InputError(
                f"agent.ppo.shards: {self.shards}; agent.ppo.environments, which is "
                f"{self.environments}, must be a multiple of it"
            )
        self.check_sources(1)

    def environments_of(self, sources: int) -> int:
        """Return the environments of each shard where so many scenarios share them, rounded up."""
        return -(-self.environments // (self.shards * sources))

    def check_sources(self, sources: int) -> None:
        """Check that so many scenarios can be learned on together.

        Raises:
            InputError: the decisions of a shard are fewer than its minibatches.
        """
        decisions = self.environments_of(sources) * self.horizon
        if self.minibatches > decisions:
            which = "an update" if self.shards == 1 else "an update of a shard"
            each = f", of each of {sources} scenarios," if sources > 1 else ""
            raise InputError(
                f"agent.ppo.minibatches: {self.minibatches}; {which}{each} has only {decisions} "
                "decisions"
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
class Experience:
    """What a shard tells of the decisions between two updates.

    Attributes:
        reward, value, advantage, target: of each decision, shape (horizon x environments,).
        actions: shape (horizon, environments, ...), in the smallest type that holds them.
        generator: state of its generator after all that it drew.
    """

    reward: Tensor
    value: Tensor
    advantage: Tensor
    target: Tensor
    actions: npt.NDArray[Any]
    generator: Tensor


@dataclass(frozen=True)
class Step:
    """Which gradient is wanted.

    Attributes:
        epoch, minibatch: of the decisions collected last.
        mean, spread: of the advantages of each source, by which they are normalised.
        left: share of the entropy's weight that is left.
    """

    epoch: int
    minibatch: int
    mean: Sequence[Tensor]
    spread: Sequence[Tensor]
    left: float


@dataclass(frozen=True)
class Gradient:
    """What a shard adds to a gradient step.

    Attributes:
        decisions: that it is the mean of.
        gradients: of the loss, one for each parameter.
        figures: entropy, loss of the value, divergence.
    """

    decisions: int
    gradients: list[Tensor]
    figures: Tensor


class Shards(Protocol):
    """All shards of a training, in whatever processes; answers are in their order.

    Attributes:
        notes: what a person should know, a line each; who shows them takes them away.
    """

    notes: list[str]

    def collect(
        self, weights: list[Tensor], generators: list[Tensor], seed: int | None
    ) -> list[Experience]:
        """Let the policy decide for `horizon` steps in every environment.

        Args:
            weights: of the policy.
            generators: state of each shard's.
            seed: of the first environment's episodes, which begin anew; they go on where None.

        Raises:
            LostError: the processes that had them have died.
        """

    def gradients(self, weights: list[Tensor], step: Step) -> list[Gradient]:
        """Return the gradients of the mean loss of a minibatch.

        Raises:
            LostError: the processes that had them have died.
        """

    def close(self) -> None:
        """Let go of environments and processes."""


def generator_of(seed: int, shard: int) -> Tensor:
    """Return the state of a shard's generator at the beginning; that of the first is the seed's."""
    drawn = int(np.random.SeedSequence([seed, shard]).generate_state(1, np.uint64)[0])
    return torch.Generator().manual_seed(drawn % 2**63 if shard else seed).get_state()


class Trainer:
    """Trains a network on the environments of its shards.

    Args:
        shards: as many as the settings say, for each source.
        network: scores the items, or whatever the actions are; trained in place.
        settings: how.
        seed: of the environments' worlds and of what the policy draws.
        sources: scenarios that are learned on; their shards follow each other.
    """

    def __init__(
        self, shards: Shards, network: TorchNetwork, settings: Ppo, seed: int, sources: int = 1
    ) -> None:
        self.shards = shards
        self.network = network
        self.settings = settings
        self.optimizer = torch.optim.Adam(network.parameters(), settings.learning_rate, eps=1e-5)
        self.update = 0
        self.steps = 0
        self._count = settings.shards * sources
        self._generators = [generator_of(seed, shard) for shard in range(self._count)]
        self._seed = seed
        self._begun = False

    def state(self) -> dict[str, Any]:
        """Return what a later `restore` needs to go on from here."""
        return {
            "update": self.update,
            "steps": self.steps,
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "generator": torch.cat(self._generators),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state; the environments begin new episodes."""
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        states = state["generator"].split(len(torch.Generator().get_state()))
        if len(states) != self._count:  # torch takes a part of one and crashes
            raise ValueError(f"it has {len(states)} shards")
        self._generators = [each.clone() for each in states]
        update, steps = state["update"], state["steps"]
        if type(update) is not int or type(steps) is not int:
            raise TypeError("its numbers of updates and steps are none")
        self.update, self.steps = update, steps
        self._begun = False

    def run(self, should_stop: Callable[[], bool] = lambda: False) -> Iterator[PpoUpdate]:
        """Train to the end, or until told to stop; yields after each update.

        Raises:
            DivergedError: a loss is not finite.
            LostError: the processes that had the shards have died.
        """
        # Whole parts of a batch side by side wait for each other far less than torch's own threads,
        # which meet after every operation.
        torch.set_num_threads(1)
        while self.steps < self.settings.steps and not should_stop():
            began = perf_counter()
            left = max(0.03, 1.0 - self.steps / self.settings.steps)
            told = self._collect()
            reward, value, advantage, target = (
                torch.cat([getattr(each, name) for each in told])
                for name in ("reward", "value", "advantage", "target")
            )
            of_source = advantage.split(len(advantage) // self._count * self.settings.shards)
            losses = self._learn(of_source, left)
            self.update += 1
            self.steps += len(reward)
            yield PpoUpdate(
                update=self.update,
                steps=self.steps,
                rate_per_s=len(reward) / (perf_counter() - began),
                reward=float(reward.mean()),
                explained=1.0 - float((target - value).var()) / (float(target.var()) + 1e-9),
                **losses,
            )

    def _weights(self) -> list[Tensor]:
        return [parameter.detach() for parameter in self.network.parameters()]

    def _collect(self) -> list[Experience]:
        seed = None if self._begun else self._seed + 7919 * self.update
        told = self.shards.collect(self._weights(), self._generators, seed)
        self._generators = [each.generator for each in told]
        self._begun = True
        return told

    def _learn(self, advantages: Sequence[Tensor], left: float) -> dict[str, float]:
        """Improve policy and value on what was collected; return mean losses.

        Args:
            advantages: of the decisions in each source.
        """
        settings = self.settings
        for group in self.optimizer.param_groups:
            group["lr"] = settings.learning_rate * left
        mean, spread = [each.mean() for each in advantages], [each.std() for each in advantages]
        of_shard = sum(map(len, advantages)) // self._count
        sums, steps = torch.zeros(3), 0
        for epoch in range(settings.epochs):
            for minibatch in range(parts(of_shard, settings.minibatches)):
                step = Step(epoch, minibatch, mean, spread, left)
                found = self.shards.gradients(self._weights(), step)
                decisions = sum(each.decisions for each in found)
                shares = [each.decisions / decisions for each in found]
                for place, parameter in enumerate(self.network.parameters()):
                    parameter.grad = weighted(shares, [each.gradients[place] for each in found])
                losses = weighted(shares, [each.figures for each in found])
                if not torch.isfinite(losses).all():
                    raise DivergedError(
                        f"update {self.update + 1}: the loss is not finite; a smaller "
                        "agent.ppo.learning_rate may help"
                    )
                nn.utils.clip_grad_norm_(self.network.parameters(), settings.gradient_norm)
                self.optimizer.step()
                sums += losses
                steps += 1
        figures = (sums / steps).tolist()
        return {"entropy": figures[0], "value_loss": figures[1], "divergence": figures[2]}


def parts(count: int, most: int) -> int:
    """Return in how many parts of one size, but for the last, so many decisions are cut."""
    return -(-count // -(-count // most))


def weighted(shares: Sequence[float], values: Sequence[Tensor]) -> Tensor:
    """Return the weighted sum of tensors, in their order."""
    total = shares[0] * values[0]
    for share, value in zip(shares[1:], values[1:], strict=True):
        total = total + share * value
    return total

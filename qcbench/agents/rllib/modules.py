"""RLlib's modules around our networks: an actor with a critic, and values of actions.

What the mask forbids has probability 0 and the value -inf, so it is never taken, neither by chance
nor as the best action of a next situation.
"""

from typing import Any

import torch
from ray.rllib.algorithms.dqn.default_dqn_rl_module import (
    ATOMS,
    QF_LOGITS,
    QF_NEXT_PREDS,
    QF_PREDS,
    QF_PROBS,
    QF_TARGET_NEXT_PREDS,
    QF_TARGET_NEXT_PROBS,
)
from ray.rllib.core.columns import Columns
from ray.rllib.core.learner.utils import make_target_network
from ray.rllib.core.rl_module.apis import QNetAPI, TargetNetworkAPI, ValueFunctionAPI
from ray.rllib.core.rl_module.torch.torch_rl_module import TorchRLModule
from torch import Tensor

from qcbench.agents.networks import FORBIDDEN
from qcbench.agents.rllib.networks import LEAST_LOG_STD, MOST_LOG_STD, Design, make_network
from qcbench.policies.exported.card import Plain

Batch = dict[str, Any]


class _Module(TorchRLModule):
    """A network of ours in RLlib; `model_config` holds its design."""

    def setup(self) -> None:
        """Build the network."""
        self.design: Design = self.model_config["design"]
        space, action = self.observation_space["observation"], self.action_space
        choices = int(action.shape[0]) if self.design.continuous else int(action.n)
        self.network = make_network(self.design, int(space.shape[0]), choices)

    def seen(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return observations and what is allowed in them, true where it is."""
        observed = batch[Columns.OBS]
        return observed["observation"].float(), observed["action_mask"] != 0


class ActorCritic(_Module, ValueFunctionAPI):
    """A policy and the value of the situation, for PPO and A2C."""

    def _forward(self, batch: Batch, **_: Any) -> Batch:
        observation, mask = self.seen(batch)
        outputs, _ = self.network(observation, mask)
        return {Columns.ACTION_DIST_INPUTS: self._inputs(outputs, mask)}

    def _forward_train(self, batch: Batch, **_: Any) -> Batch:
        observation, mask = self.seen(batch)
        outputs, value = self.network(observation, mask)
        # Losses hand these on to `compute_values`, so that the network is asked once and not twice.
        return {Columns.ACTION_DIST_INPUTS: self._inputs(outputs, mask), Columns.EMBEDDINGS: value}

    def compute_values(self, batch: Batch, embeddings: Tensor | None = None) -> Tensor:
        """Return the value of each situation: what the network said of it, or says now."""
        if embeddings is not None:
            return embeddings
        observation, mask = self.seen(batch)
        value: Tensor = self.network(observation, mask)[1]
        return value

    def _inputs(self, outputs: Tensor, mask: Tensor) -> Tensor:
        """Return what RLlib's distributions are made of."""
        if self.design.continuous:
            spread = outputs[..., 1].clamp(LEAST_LOG_STD, MOST_LOG_STD)
            return torch.cat([outputs[..., 0], spread], -1)
        if not self.design.masked:
            return outputs[..., 0]
        return outputs[..., 0].masked_fill(~mask, FORBIDDEN)


class ActionValues(_Module, QNetAPI, TargetNetworkAPI):
    """Values of actions, for Q-learning: with dueling streams and atoms where the design says."""

    def setup(self) -> None:
        """Build the network."""
        super().setup()
        description = self.design.card.network
        atoms = description.atoms if isinstance(description, Plain) else None
        self.num_atoms = atoms.count if atoms else 1
        support = torch.linspace(atoms.least, atoms.most, atoms.count) if atoms else torch.zeros(1)
        self.register_buffer("support", support, persistent=False)

    def make_target_networks(self) -> None:
        """Copy the network."""
        self.target = make_target_network(self.network)

    def get_target_network_pairs(self) -> list[tuple[Any, Any]]:
        """Return what is copied when the target is renewed."""
        return [(self.network, self.target)]

    def compute_q_values(self, batch: Batch) -> dict[str, Tensor]:
        """Return the value of every action, -inf for what the mask forbids."""
        return self._values(self.network, batch)

    def forward_target(self, batch: Batch) -> dict[str, Tensor]:
        """Return the values of the target network."""
        return self._values(self.target, batch)

    def _values(self, network: Any, batch: Batch) -> dict[str, Tensor]:
        observation, mask = self.seen(batch)
        outputs, value = network(observation, mask)
        found: dict[str, Tensor] = {}
        if self.num_atoms > 1:
            logits = outputs + value[:, None]
            shares = logits.softmax(-1)
            found |= {ATOMS: self.support, QF_LOGITS: logits, QF_PROBS: shares}
            values = (shares * self.support).sum(-1)
        else:
            values = self._expected(outputs[..., 0], value, mask)
        if self.design.masked:
            values = values.masked_fill(~mask, float("-inf"))
        return {**found, QF_PREDS: values}

    def _expected(self, scores: Tensor, value: Tensor, mask: Tensor) -> Tensor:
        """Return the values where they are numbers."""
        if isinstance(self.design.card.network, Plain):
            return scores + value
        if not self.design.dueling:
            return scores
        # Scores of items against their mean, on top of the value of the whole. Which action is best
        # depends on the scores alone, and those are exported.
        there = mask.float()
        mean = (scores * there).sum(-1, keepdim=True) / there.sum(-1, keepdim=True)
        return scores - mean + value[:, None]

    def _forward_inference(self, batch: Batch, **_: Any) -> Batch:
        return {Columns.ACTIONS: self.compute_q_values(batch)[QF_PREDS].argmax(-1)}

    def _forward_exploration(self, batch: Batch, t: int = 0, **_: Any) -> Batch:
        best = self.compute_q_values(batch)[QF_PREDS].argmax(-1)
        mask = self.seen(batch)[1]
        # By the mask and not by the values: one that happens to be 0 is an action like any other.
        weights = mask.float() if self.design.masked else torch.ones(mask.shape)
        drawn = torch.multinomial(weights, 1)[:, 0]
        chance = torch.rand(len(best)) < self.random_share(t)
        return {Columns.ACTIONS: torch.where(chance, drawn, best)}

    def random_share(self, steps: int) -> float:
        """Return the share of random actions after so many decisions."""
        first, last, until = self.design.exploration
        return first + (last - first) * min(1.0, steps / until)

    def _forward_train(self, batch: Batch, **_: Any) -> Batch:
        now, following = batch[Columns.OBS], batch[Columns.NEXT_OBS]
        count = len(now["action_mask"])
        if self.design.double:
            both = {name: torch.cat([now[name], following[name]]) for name in now}
            found = self.compute_q_values({Columns.OBS: both})
        else:
            found = self.compute_q_values({Columns.OBS: now})
        with torch.no_grad():
            target = self.forward_target({Columns.OBS: following})
        output = {
            QF_PREDS: found[QF_PREDS][:count],
            QF_TARGET_NEXT_PREDS: target[QF_PREDS],
        }
        if self.design.double:
            output[QF_NEXT_PREDS] = found[QF_PREDS][count:]
        if self.num_atoms > 1:
            output |= {
                ATOMS: self.support,
                QF_LOGITS: found[QF_LOGITS][:count],
                QF_PROBS: found[QF_PROBS][:count],
                QF_TARGET_NEXT_PROBS: target[QF_PROBS],
            }
        return output

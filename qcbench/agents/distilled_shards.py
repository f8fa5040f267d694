"""Shards that imitate a teacher: at every decision it says what each QPU would cost.

States are those that the student comes to, and in some environments those of the teacher, as in
Ross, Gordon and Bagnell, A Reduction of Imitation Learning and Structured Prediction to No-Regret
Online Learning (2011); but each update learns from its own decisions alone, of which there are as
many as one likes.
"""

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution

from qcbench.agents.reference_ppo import Experience, Ppo, Step, TorchNetwork
from qcbench.agents.reference_shards import LocalShards, Shard
from qcbench.agents.teacher import Teacher
from qcbench.envs.placement.costs import futures


class DistilledShards(LocalShards):
    """See `LocalShards`.

    Args:
        teacher: who is imitated.
        seed: of its futures.
    """

    def __init__(
        self,
        envs: Any,
        network: TorchNetwork,
        settings: Ppo,
        numbers: range,
        source: int,
        *,
        teacher: Teacher,
        seed: int,
    ) -> None:
        super().__init__(envs, network, settings, numbers, source)
        self._cloud_envs = envs.unwrapped
        self._teacher = teacher
        worlds = self._cloud_envs.bank.worlds
        self._futures = futures(teacher.horizon, teacher.samples, teacher.tail, seed, worlds)
        self._seen: dict[int, list[Tensor]] = {shard.rows.start: [] for shard in self._shards}
        self._regret: dict[int, Tensor] = {}
        self._lost: dict[int, Tensor] = {}

    def _decide(self, shard: Shard) -> tuple[Tensor, Tensor, Tensor]:
        """As the student decides, in some of the environments as the teacher does."""
        action, log_probability, value = super()._decide(shard)
        rows = shard.rows
        cost = torch.from_numpy(
            self._cloud_envs.rollout_costs(rows.start, rows.stop, self._futures)
        )
        regret = (cost - cost.amin(1, keepdim=True)).float().masked_fill(~shard.mask, 0.0)
        lost = torch.from_numpy(self._cloud_envs.lost_fidelity(rows.start, rows.stop)).float()
        self._seen[rows.start].append(torch.stack((regret, lost), -1))
        shown = round(self._teacher.share * len(action))
        action[:shown] = cost[:shown].argmin(1)
        return action, log_probability, value

    def _told(self, shard: Shard, *collected: Tensor) -> Experience:
        """Tell what was collected; the advantages are how much is at stake."""
        told = super()._told(shard, *collected)
        place = shard.rows.start
        regret, self._lost[place] = torch.stack(self._seen[place]).flatten(0, 1).unbind(-1)
        self._regret[place] = regret
        self._seen[place] = []
        stake = regret.sum(1) / shard.collected.mask.sum(1)
        return replace(told, advantage=stake)

    def _policy_loss(
        self, shard: Shard, rows: Tensor, drawn: Distribution, step: Step
    ) -> tuple[Tensor, Tensor]:
        """Return the student's loss, and its divergence from the teacher.

        Costs become probabilities, softly: a regret of `temperature` times the usual one of the
        source is e times less likely. What is at stake at a decision is its weight. Lost fidelity
        is a regret of its own, in that unit: it decides between QPUs that cost nearly the same.
        """
        usual, place = step.mean[self.source] + 1e-9, shard.rows.start
        regret = self._regret[place][rows] / usual
        regret = regret + self._teacher.fidelity * self._lost[place][rows]
        mask = shard.collected.mask[rows]
        log_wanted = torch.log_softmax(
            (-regret / self._teacher.temperature).masked_fill(~mask, -1e9), -1
        )
        log = drawn.logits.clamp_min(-50.0)
        wanted = log_wanted.exp()
        apart = (wanted * (log_wanted.clamp_min(-50.0) - log)).sum(-1)
        expected = (log.exp() * regret).sum(-1)
        loss = expected + self._teacher.imitation * apart
        return loss.mean(), apart.mean()

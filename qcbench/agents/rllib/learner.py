"""An RLlib algorithm as a learner of `qcbench train`: iterations, checkpoints, export."""

import math
import os
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from qcbench.agents.agent import DivergedError, Update
from qcbench.agents.checkpoints import read_torch, write_torch
from qcbench.agents.rllib.networks import Design
from qcbench.errors import InputError
from qcbench.policies.exported.card import Card
from qcbench.policies.exported.weights import Tensors

STATE = "algorithm.pt"
MODULE = "default_policy"

Build = Callable[[int], Any]
"""Builds the algorithm; takes the seed of its environments and draws."""


class RllibLearner:
    """Trains an RLlib algorithm whose module holds one of our networks.

    Args:
        build: makes the algorithm from a seed.
        design: of its network.
        total: decisions after which training ends.
        seed: of everything that is drawn.
    """

    def __init__(self, build: Build, design: Design, total: int, seed: int) -> None:
        self._build, self._design, self._seed = build, design, seed
        self.total = total
        self._before = 0
        self._algorithm = _built(build, seed)

    @property
    def algorithm(self) -> Any:
        """The algorithm of RLlib."""
        return self._algorithm

    @property
    def module(self) -> Any:
        """The module that learns."""
        return self._rllib_learner.module[MODULE].unwrapped()

    @property
    def steps(self) -> int:
        """Decisions up to now."""
        return self._before + self._sampled()

    def run(self, should_stop: Callable[[], bool]) -> Iterator[Update]:
        """Train to the end, or until told to stop; yields after each iteration of RLlib."""
        while self.steps < self.total and not should_stop():
            before, began = self.steps, time.perf_counter()
            try:
                result = self._algorithm.train()
            except (RuntimeError, ValueError) as error:
                if "nan" not in str(error):
                    raise
                # Torch refuses to draw; weights that are merely huge make logits that are not.
                raise DivergedError(
                    f"{self.steps:,} steps: the policy's probabilities are NaN; {ADVICE}"
                ) from error
            figures = _figures(result)
            self._check_finite(figures)
            rate = (self.steps - before) / (time.perf_counter() - began)
            yield Update(self.steps, {**figures, "rate_per_s": rate})

    def save(self, folder: Path) -> None:
        """Write networks and optimiser; a replay memory begins anew."""
        learner = self._rllib_learner
        names = sorted(learner._named_optimizers)
        write_torch(
            folder / STATE,
            {
                "steps": self.steps,
                "module": self.module.state_dict(),
                "optimizers": [learner._named_optimizers[n].state_dict() for n in names],
                "draws": torch.get_rng_state(),
            },
        )

    def restore(self, folder: Path) -> None:
        """Go on from a checkpoint; the environments begin new episodes, in other worlds."""
        file = folder / STATE
        state = read_torch(file)
        try:
            steps = int(state["steps"])
            self._algorithm.stop()
            self._algorithm = _built(self._build, self._seed + 7919 * steps)
            self._before = steps
            learner = self._rllib_learner
            self.module.load_state_dict(state["module"])
            names = sorted(learner._named_optimizers)
            for name, saved in zip(names, state["optimizers"], strict=True):
                optimizer = learner._named_optimizers[name]
                rates = [group["lr"] for group in optimizer.param_groups]
                optimizer.load_state_dict(saved)
                # Those of the settings: a sweep takes over networks and not learning rates.
                for group, rate in zip(optimizer.param_groups, rates, strict=True):
                    group["lr"] = rate
            torch.set_rng_state(state["draws"])
        except (KeyError, RuntimeError, ValueError, TypeError) as error:
            reason = str(error).splitlines()[0]
            raise InputError(f"{file}: is not of this agent ({reason})") from error
        group = self._algorithm.env_runner_group
        group.sync_weights(from_worker_or_learner_group=self._algorithm.learner_group)
        # The share of random actions goes by this count.
        self._algorithm.env_runner.num_env_steps_sampled_lifetime = steps

    def policy(self) -> tuple[Card, Tensors]:
        """Return what would be exported now."""
        return self._design.card, self.module.network.tensors()

    def close(self) -> None:
        """Stop the algorithm; Ray itself is left to whoever started it."""
        self._algorithm.stop()

    @property
    def _rllib_learner(self) -> Any:
        return self._algorithm.learner_group._learner

    def _sampled(self) -> int:
        found = self._algorithm.metrics.peek(
            ("env_runners", "num_env_steps_sampled_lifetime"), default=0
        )
        return int(found)

    def _check_finite(self, figures: Mapping[str, float]) -> None:
        """Check that what was learned is finite.

        Raises:
            DivergedError: it is not.
        """
        losses = {name: value for name, value in figures.items() if "loss" in name}
        for name, value in losses.items():
            if not math.isfinite(value):
                raise DivergedError(f"{self.steps:,} steps: {name} is {value}; {ADVICE}")
        for name, weights in self.module.network.named_parameters():
            if not torch.isfinite(weights).all():
                raise DivergedError(
                    f"{self.steps:,} steps: weights {name} are not finite; {ADVICE}"
                )


ADVICE = "a smaller agent.learning_rate may help"

LEARNED = {
    "entropy": "entropy",
    "policy_loss": "policy_loss",
    "vf_loss": "value_loss",
    "vf_loss_unclipped": "value_loss_uncut",
    "vf_explained_var": "explained",
    "mean_kl_loss": "divergence",
    "qf_loss": "value_loss",
    "qf_mean": "value_mean",
    "td_error_mean": "error",
    "gradients_default_optimizer_global_norm": "gradient_norm",
}
"""What RLlib's learners report, and what it is called in our curves."""


def _figures(result: Mapping[str, Any]) -> dict[str, float]:
    """Return the figures of an iteration."""
    sampled = result.get("env_runners", {})
    length, total = sampled.get("episode_len_mean"), sampled.get("episode_return_mean")
    figures: dict[str, float] = {}
    if length and total is not None:
        figures |= {
            "reward": float(total) / float(length),
            "episode_length": float(length),
            "episode_return": float(total),
        }
    learned = result.get("learners", {}).get(MODULE, {})
    for name, own in LEARNED.items():
        if name in learned:
            figures[own] = float(np.asarray(learned[name]).mean())
    return figures


def _built(build: Build, seed: int) -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    return build(seed)

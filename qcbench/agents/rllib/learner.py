"""An RLlib algorithm as a learner of `qcbench train`: iterations, checkpoints, export."""

import math
import os
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ray.exceptions import RayActorError

from qcbench.agents.agent import DivergedError, LostError, Update
from qcbench.agents.checkpoints import (
    NOT_OF_AN_AGENT,
    not_of_this_agent,
    read_torch,
    write_torch,
)
from qcbench.agents.rllib.callbacks import check_failures, logged
from qcbench.agents.rllib.networks import Design
from qcbench.plugins import PluginError
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
    def steps(self) -> int:
        """Decisions up to now."""
        return self._before + self._sampled()

    def run(self, should_stop: Callable[[], bool]) -> Iterator[Update]:
        """Train to the end, or until told to stop; yields after each iteration of RLlib."""
        # As in actors. Torch's threads meet after every small operation: where other processes want
        # the cores too they make it many times slower, and their number changes the last bits.
        torch.set_num_threads(1)
        while self.steps < self.total and not should_stop():
            before, began, restarts = self.steps, time.perf_counter(), self._restarts()
            try:
                result = self._algorithm.train()
            except RayActorError as error:
                raise self._lost(before) from error
            except PluginError:
                raise
            except (RuntimeError, ValueError) as error:
                if "nan" not in str(error):
                    raise
                # Torch refuses to draw; weights that are merely huge make logits that are not.
                raise DivergedError(
                    f"{self.steps:,} steps: the policy's probabilities are NaN; {ADVICE}"
                ) from error
            check_failures(self._algorithm)
            figures = {**_figures(result), **logged(result)}
            self._check_finite(figures)
            rate = (self.steps - before) / (time.perf_counter() - began)
            again = self._restarts() - restarts
            notes = [f"{again} env runners that had died were started again"] if again > 0 else []
            yield Update(self.steps, {**figures, "rate_per_s": rate}, notes)

    def save(self, folder: Path) -> None:
        """Write networks and optimiser; a replay memory begins anew."""
        state = {"steps": self.steps, **self._at_learners(_state), "draws": torch.get_rng_state()}
        write_torch(folder / STATE, state)

    def restore(self, folder: Path) -> None:
        """Go on from a checkpoint; the environments begin new episodes, in other worlds."""
        file = folder / STATE
        state = read_torch(file)
        try:
            steps = int(state["steps"])
            self._algorithm.stop()
            self._algorithm = _built(self._build, self._seed + 7919 * steps)
            self._before = steps
            self._at_learners(partial(_take_state, state["module"], state["optimizers"]))
            torch.set_rng_state(state["draws"])
        except (LostError, PluginError):
            raise
        except RayActorError as error:
            raise self._lost(self._before) from error
        except NOT_OF_AN_AGENT as error:
            raise not_of_this_agent(file, error) from error
        group = self._algorithm.env_runner_group
        group.sync_weights(from_worker_or_learner_group=self._algorithm.learner_group)
        group.foreach_env_runner(partial(_count_from, steps))

    def policy(self) -> tuple[Card, Tensors]:
        """Return what would be exported now."""
        return self._design.card, self._at_learners(_tensors)

    def close(self) -> None:
        """Stop the algorithm; Ray itself is left to whoever started it."""
        self._algorithm.stop()

    def _at_learners(self, function: Callable[[Any], Any]) -> Any:
        """Do something with each learner, here or in their actors; return what the first one says.

        They have the same networks and optimisers.

        Raises:
            LostError: none of them answers.
        """
        try:
            found = self._algorithm.learner_group.foreach_learner(function)
        except RayActorError as error:
            raise self._lost(self.steps) from error
        for result in found:
            if not result.ok:
                reason = result.get()
                if isinstance(reason, RayActorError):
                    raise self._lost(self.steps) from reason
                raise getattr(reason, "cause", None) or reason
        if not found.result_or_errors:
            raise self._lost(self.steps)
        return next(iter(found)).get()

    def _lost(self, steps: int) -> LostError:
        return LostError(f"{steps:,} steps: an actor that learns has died")

    def _restarts(self) -> int:
        return int(self._algorithm.env_runner_group.num_remote_worker_restarts())

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
        losses = {name: value for name, value in figures.items() if name in LOSSES}
        for name, value in losses.items():
            if not math.isfinite(value):
                raise DivergedError(f"{self.steps:,} steps: {name} is {value}; {ADVICE}")
        for name in self._at_learners(_not_finite):
            raise DivergedError(f"{self.steps:,} steps: weights {name} are not finite; {ADVICE}")


def module_of(learner: Any) -> Any:
    """Return the module that one of RLlib's learners has."""
    return learner.module[MODULE].unwrapped()


def _state(learner: Any, **_: Any) -> dict[str, Any]:
    names = sorted(learner._named_optimizers)
    return {
        "module": module_of(learner).state_dict(),
        "optimizers": [learner._named_optimizers[name].state_dict() for name in names],
    }


def _take_state(module: Any, optimizers: list[Any], learner: Any, **_: Any) -> None:
    module_of(learner).load_state_dict(module)
    names = sorted(learner._named_optimizers)
    for name, saved in zip(names, optimizers, strict=True):
        optimizer = learner._named_optimizers[name]
        rates = [group["lr"] for group in optimizer.param_groups]
        optimizer.load_state_dict(saved)
        # Those of the settings: a sweep takes over networks and not learning rates.
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate


def _tensors(learner: Any, **_: Any) -> Tensors:
    return dict(module_of(learner).network.tensors())


def _not_finite(learner: Any, **_: Any) -> list[str]:
    """Return the names of weights that are not finite."""
    named = module_of(learner).network.named_parameters()
    return [name for name, weights in named if not torch.isfinite(weights).all()]


def _count_from(steps: int, runner: Any) -> None:
    """Let the share of random actions, which goes by this count, be that after so many steps."""
    runner.num_env_steps_sampled_lifetime = steps


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

LOSSES = frozenset(name for name in LEARNED.values() if "loss" in name)
"""Figures that end a training where they are not finite."""


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
    """Build the algorithm.

    Raises:
        PluginError: a callback cannot be made, or failed at once.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    algorithm = build(seed)
    try:
        check_failures(algorithm)
    except PluginError:
        algorithm.stop()
        raise
    return algorithm

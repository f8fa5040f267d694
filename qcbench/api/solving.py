"""One batch solved by one policy of track partition: its config, and the plan."""

from collections.abc import Sequence
from dataclasses import field, replace
from pathlib import Path

import numpy as np

from qcbench.arrays import IntArray
from qcbench.bench.compose import compose, known_policies, of_track, to_plain
from qcbench.bench.typed import plain, typed
from qcbench.cloud.partition import decided, fleet_of
from qcbench.configs import Seed, config
from qcbench.errors import InputError
from qcbench.policies import registry
from qcbench.policies.batch.games import Game
from qcbench.policies.batch.problem import Batch
from qcbench.policies.config import PolicyConfig
from qcbench.policies.protocol import PolicyContext, PolicyError
from qcbench.tracking.config import TrackingConfig
from qcbench.tracking.references import resolve_policy


@config
class SolveConfig:
    """The config of `qcbench partition solve`, besides its file: `conf/solve.yaml`.

    Attributes:
        policy: decides on the batch.
        tracking: where a policy that is named `models:/...` is registered.
        seed: of what the policy draws.
        game: that `is_equilibrium` is about.
        runs_dir: folder of all runs, beside which the default registry lies.
    """

    policy: PolicyConfig
    tracking: TrackingConfig = field(default_factory=TrackingConfig)
    seed: Seed = 0
    game: Game = "G1"
    runs_dir: str = "runs"


def compose_solve(overrides: Sequence[str] = (), config_dirs: Sequence[Path] = ()) -> SolveConfig:
    """Compose the config of `qcbench partition solve` from Hydra overrides.

    Raises:
        InputError: a name, key or value that does not exist or does not fit.
    """
    complete = known_policies(overrides, config_dirs, "partition")
    config = typed(SolveConfig, to_plain(compose("solve", complete, config_dirs)), "")
    policy = typed(PolicyConfig, of_track(plain(config.policy), "partition", config_dirs), "policy")
    return replace(
        config, policy=resolve_policy(policy, "partition", config.tracking, config.runs_dir)
    )


def solve(batch: Batch, config: SolveConfig) -> tuple[list[IntArray], IntArray]:
    """Return the node of every qubit of every circuit, and the allocation that follows.

    Raises:
        InputError: the policy's parameters do not fit, or it returned what is no partition.
    """
    context = PolicyContext(fleet_of(batch), np.random.default_rng(config.seed))
    decide = registry.make("partition", config.policy, context)
    try:
        return decided(batch, decide)  # type: ignore[arg-type]  # the track's own kind
    except PolicyError as error:
        raise InputError(f"policy {config.policy.label or config.policy.name}: {error}") from None

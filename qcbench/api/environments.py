"""Scenarios as Gymnasium environments."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qcbench.api.arguments import checks_arguments
from qcbench.bench import environments
from qcbench.bench.config import ScenarioConfig
from qcbench.envs.worlds import Split
from qcbench.extras import door

if TYPE_CHECKING:
    import gymnasium
    from gymnasium.vector import VectorEnv


@door()
@checks_arguments
def environment(
    scenario: str | ScenarioConfig = "placement/qce5",
    *,
    overrides: Sequence[str] = (),
    split: Split = "train",
    suite: str = "simulate",
    discrete: bool = False,
    config_dirs: Sequence[Path] = (),
    **options: Any,
) -> "gymnasium.Env[Any, Any]":
    """Return a Gymnasium environment whose episodes are worlds of a scenario, on the SimPy cloud.

    Args:
        scenario: name below `conf/scenario`, or a config.
        overrides: Hydra overrides relative to the scenario, such as `workload.tasks=200`.
        split: train, validation or test; they share no world. Test has those of `simulate` or,
            with `suite`, of that suite.
        discrete: of track allocation, the variant that chooses sets of QPUs.
        options: see `docs/environments.md`.

    Raises:
        InputError: a name, key or value that does not exist or does not fit.
    """
    source = environments.world_source(
        scenario, overrides=overrides, suite=suite, config_dirs=config_dirs
    )
    return environments.environment(source, split=split, discrete=discrete, **options)


@door()
@checks_arguments
def vector_environment(
    scenario: str | ScenarioConfig = "placement/qce5",
    num_envs: int = 64,
    *,
    overrides: Sequence[str] = (),
    split: Split = "train",
    suite: str = "simulate",
    discrete: bool = False,
    config_dirs: Sequence[Path] = (),
    **options: Any,
) -> "VectorEnv[Any, Any, Any]":
    """Return many environments of a scenario on the kernel; arguments as of `environment`."""
    source = environments.world_source(
        scenario, overrides=overrides, suite=suite, config_dirs=config_dirs
    )
    return environments.vector_environment(
        source, num_envs, split=split, discrete=discrete, **options
    )

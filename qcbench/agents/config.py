"""The config of `qcbench train`, and the YAML group `agent`."""

from collections.abc import Sequence
from dataclasses import field
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from qcbench.agents.reference_agent import ReferencePpo
from qcbench.agents.rllib.settings import RllibA2c, RllibDqn, RllibPpo
from qcbench.bench.compose import compose, to_plain
from qcbench.bench.config import ScenarioConfig
from qcbench.bench.metrics.names import is_metric
from qcbench.bench.overrides import nested
from qcbench.bench.typed import typed
from qcbench.configs import Count, Positive, Seed, config
from qcbench.envs.options import check_reward
from qcbench.errors import InputError
from qcbench.tracking.config import TrackingConfig

AgentConfig: TypeAlias = ReferencePpo | RllibPpo | RllibA2c | RllibDqn
"""Every kind of agent, told apart by `kind`."""
Config = TypeVar("Config")


@config
class ValidationConfig:
    """How training is judged while it goes on: on worlds of split `validation`.

    Attributes:
        worlds: how many, the first of the split; as many as the track usually takes where None.
        every_steps: decisions between two evaluations.
        baseline: policy to compare with, on the same worlds; of the track where None.
        metric: column of the result table that chooses the best; of the track where None.
    """

    worlds: Count | None = None
    every_steps: Count = 1_000_000
    baseline: str | None = None
    metric: str | None = None


@config
class CheckpointsConfig:
    """What is kept for going on after a crash.

    Attributes:
        every_s: time between two checkpoints; there is one at every evaluation as well [s].
        keep: how many of the latest; that of the best policy is kept besides.
    """

    every_s: Positive = 60.0
    keep: Count = 2


@config
class TrainConfig:
    """The config of `qcbench train`: `conf/train.yaml`.

    Attributes:
        name: of the run; the agent's where None.
        seed: of worlds, weights and what the agent draws.
        runs_dir: folder of all runs.
    """

    scenario: ScenarioConfig
    agent: AgentConfig
    tracking: TrackingConfig
    validation: ValidationConfig = field(default_factory=ValidationConfig)
    checkpoints: CheckpointsConfig = field(default_factory=CheckpointsConfig)
    name: str | None = None
    seed: Seed = 0
    runs_dir: str = "runs"


def total_steps(settings: TrainConfig) -> int:
    """Return the decisions after which a training ends."""
    agent = settings.agent
    return agent.ppo.steps if isinstance(agent, ReferencePpo) else agent.steps


def compose_train(overrides: Sequence[str] = (), config_dirs: Sequence[Path] = ()) -> TrainConfig:
    """Compose the config of a training from Hydra overrides.

    Raises:
        InputError: a group, key or value that does not exist or does not fit.
    """
    data = to_plain(compose("train", nested(overrides), config_dirs))
    settings = typed(TrainConfig, data, "")
    check(settings)
    return settings


def read_typed(cls: type[Config], file: Path, what: str) -> Config:
    """Return what is written in the YAML file of something that was begun.

    Args:
        what: it is, such as a training, for messages.

    Raises:
        InputError: the file cannot be read, or this version does not understand it.
    """
    from omegaconf import OmegaConf  # noqa: PLC0415
    from yaml import YAMLError  # noqa: PLC0415

    try:
        data: Any = OmegaConf.to_container(OmegaConf.load(file))
    except (OSError, YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{file}: cannot be read ({reason})") from None
    if not isinstance(data, dict):
        raise InputError(f"{file}: is no config of a {what}")
    return typed(cls, data, "")


def check(settings: TrainConfig) -> None:
    """Check that the parts go together.

    Raises:
        InputError: they do not.
    """
    track = settings.scenario.track
    if settings.agent.track != track:
        raise InputError(
            f"agent {settings.agent.name}: is for track {settings.agent.track}; scenario "
            f"{settings.scenario.name} is of track {track}"
        )
    check_reward(settings.agent.reward, track, settings.scenario.rules)
    metric = settings.validation.metric
    if metric is not None and not is_metric(track, metric):
        raise InputError(f"validation.metric: {metric!r} is no metric of track {track}")

"""The config of `qcbench train`, and the YAML group `agent`."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import field
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from qcbench.agents.distilled_agent import Distilled
from qcbench.agents.front import compared_with
from qcbench.agents.mix import mix_config, scenarios_of, shared_of
from qcbench.agents.reference_agent import ReferencePpo, ReferenceSettings
from qcbench.agents.rllib.settings import Common, RllibA2c, RllibDqn, RllibPpo
from qcbench.agents.tuned_agent import Tuned
from qcbench.bench.compose import compose, to_plain, with_shares
from qcbench.bench.config import ClusterConfig, ScenarioConfig
from qcbench.bench.metrics.names import check_metric, plugged_among
from qcbench.bench.overrides import nested, of_mix
from qcbench.bench.plugged import plugins_used
from qcbench.bench.typed import plain, typed
from qcbench.configs import Count, Positive, Seed, config
from qcbench.envs.options import check_reward, check_track
from qcbench.errors import InputError
from qcbench.plugins import CALLBACKS, identity_of
from qcbench.policies.config import PolicyConfig
from qcbench.policies.features.rewards import Reward
from qcbench.tracking.config import TrackingConfig

AgentConfig: TypeAlias = ReferencePpo | Distilled | Tuned | RllibPpo | RllibA2c | RllibDqn
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
        scenario: that is learned on.
        further: that are learned on together with it.
        name: of the run; the agent's where None.
        seed: of worlds, weights and what the agent draws.
        runs_dir: folder of all runs.
        tensorboard: whether the curves are written for TensorBoard too, into the run's folder.
        cluster: where it runs, which is no part of what it is: the folder of a training does not
            have it, and who goes on with one says it anew.
    """

    scenario: ScenarioConfig
    agent: AgentConfig
    tracking: TrackingConfig
    validation: ValidationConfig = field(default_factory=ValidationConfig)
    checkpoints: CheckpointsConfig = field(default_factory=CheckpointsConfig)
    name: str | None = None
    seed: Seed = 0
    runs_dir: str = "runs"
    tensorboard: bool = False
    cluster: ClusterConfig = field(default_factory=ClusterConfig)
    further: list[ScenarioConfig] = field(default_factory=list)

    @property
    def scenarios(self) -> list[ScenarioConfig]:
        """All scenarios that are learned on."""
        return [self.scenario, *self.further]


def stored(settings: TrainConfig) -> dict[str, Any]:
    """Return what is kept of a config with what it began: all but where that runs.

    One of a single scenario has no key that says so, as one without event files has none.
    """
    where_there = {"further", "tensorboard"}
    return {
        key: value
        for key, value in plain(settings).items()
        if key != "cluster" and (value or key not in where_there)
    }


def meant(settings: TrainConfig) -> dict[str, Any]:
    """Return what makes two trainings, or sweeps, the same: all but where they run and appear."""
    places = ("tracking", "runs_dir", "tensorboard")
    return {key: value for key, value in stored(settings).items() if key not in places}


def code_of_others(settings: TrainConfig) -> dict[str, str]:
    """Return the identities of others' code that a training consists of.

    Raises:
        InputError: a package that has it is not installed.
    """
    metric, agent = settings.validation.metric, settings.agent
    judging = [] if metric is None else [metric]
    policies = [baseline_of(settings)]
    if isinstance(agent, Tuned):
        policies.append(agent.policy)
        judging += agent.guards
        judging += [goal.metric for goal in agent.front.goals] if agent.front else []
    named = plugged_among(settings.scenario.track, judging)
    found: dict[str, str] = {}
    for scenario in settings.scenarios:
        for policy in policies:
            found |= plugins_used(scenario, PolicyConfig(name=policy), named)
    return found | callbacks_used(agent)


def callbacks_used(agent: AgentConfig) -> dict[str, str]:
    """Return the identities of an agent's callbacks; nothing of them is imported."""
    names = agent.callback_names if isinstance(agent, Common) else ()
    return {f"{CALLBACKS}/{name}": identity_of(name) for name in names}


def total_steps(settings: TrainConfig) -> int:
    """Return the decisions after which a training ends."""
    return settings.agent.steps


def compose_train(overrides: Sequence[str] = (), config_dirs: Sequence[Path] = ()) -> TrainConfig:
    """Compose the config of a training from Hydra overrides.

    Raises:
        InputError: a group, key or value that does not exist or does not fit.
    """
    settings = typed(TrainConfig, training_data("train", overrides, config_dirs), "")
    check(settings)
    return settings


def training_data(
    name: str, overrides: Sequence[str], config_dirs: Sequence[Path]
) -> dict[str, Any]:
    """Return the data of a config with a training in it, the scenarios of a mix composed.

    Raises:
        InputError: as `compose_train`.
    """
    given = of_mix(nested(overrides))
    data = to_plain(compose(name, given, config_dirs))
    agent = data.get("agent")
    if isinstance(agent, dict) and "guards" in agent:
        agent["guards"] = with_shares(agent["guards"], agent["guards"] or ())
    mix = data.pop("mix", None)
    if mix is None:
        return data
    shared = shared_of(given)
    seed = data.get("seed")
    known = mix_config(mix)
    found = scenarios_of(known, seed if isinstance(seed, int) else 0, shared, config_dirs)
    data["scenario"], *data["further"] = map(plain, found)
    return data


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


def baseline_of(settings: TrainConfig) -> str:
    """Return the policy that a training is compared with."""
    front = settings.agent.front if isinstance(settings.agent, Tuned) else None
    return compared_with(settings.agent.track, settings.validation.baseline, front)


def check(settings: TrainConfig) -> None:
    """Check that the parts go together.

    Raises:
        InputError: they do not.
    """
    _check_mix(settings)
    track = settings.scenario.track
    if settings.agent.track != track:
        raise InputError(
            f"agent {settings.agent.name}: is for track {settings.agent.track}; scenario "
            f"{settings.scenario.name} is of track {track}"
        )
    if not isinstance(settings.agent, Tuned):  # which is judged by whole trials
        _check_reward(settings.agent.reward, settings)
    metric = settings.validation.metric
    if metric is not None:
        if isinstance(settings.agent, Tuned) and settings.agent.front is not None:
            raise InputError(
                f"validation.metric: agent {settings.agent.name} is judged by the hypervolume of "
                "agent.front; leave one out"
            )
        check_metric(track, metric, "validation.metric")


def _check_reward(reward: Reward, settings: TrainConfig) -> None:
    if settings.further:  # each has the reward that it can have
        check_track(reward, settings.scenario.track)
    else:
        check_reward(reward, settings.scenario.track, settings.scenario.rules)


def _check_mix(settings: TrainConfig) -> None:
    """Check that scenarios can be learned on together, by this agent.

    Raises:
        InputError: they cannot.
    """
    if not settings.further:
        return
    agent, track = settings.agent, settings.scenario.track
    for other in settings.further:
        if other.track != track:
            raise InputError(
                f"scenario {other.name}: is of track {other.track}, and {settings.scenario.name} "
                f"of track {track}; what is learned on together is of one track"
            )
    name, times = Counter(one.name for one in settings.scenarios).most_common(1)[0]
    if times > 1:
        raise InputError(f"mix.sources: {name} is there twice; give one of them a name")
    if isinstance(agent, Tuned):
        return
    if not isinstance(agent, ReferenceSettings):
        raise InputError(
            f"agent {agent.name}: learns on one scenario; reference_ppo, distilled and tuned learn "
            "on several"
        )
    agent.ppo.check_sources(len(settings.scenarios))
    if agent.sets:
        raise InputError(
            "agent.sets: sets are of one fleet, so there is one scenario; take agent.sets=false"
        )

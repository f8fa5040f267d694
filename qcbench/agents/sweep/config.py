"""The config of `qcbench sweep`, and the YAML group `sweep`."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from annotated_types import Ge, Interval, Le, MinLen

from qcbench.agents.config import TrainConfig, check, training_data
from qcbench.agents.space import Range, Value, range_of
from qcbench.agents.tuned_agent import Tuned
from qcbench.bench.typed import plain, typed
from qcbench.configs import Count, NotNegative, Positive, config
from qcbench.errors import InputError, nearest

MOST_TRIALS = 100_000
"""Each is a training of minutes."""

Fraction = Annotated[float, Interval(gt=0, lt=1)]


@config
class SweepConfig:
    """The YAML group `sweep`.

    Attributes:
        kind: who chooses. `asha`: settings are drawn at random, and the worse trials are stopped
            early. `pbt`: all trials go on, and the worse ones take over the networks of better
            ones and change their settings a little. `optuna`: each trial's settings are chosen by
            what came of those before.
        trials: how many.
        concurrent: of them at a time.
        cpus, gpus: that Ray keeps free on a node for each of them.
        space: what is drawn, by key of the agent: `learning_rate` means the only setting of this
            name, wherever it stands in the agent. See `range_of`.
        first_stop: share of the steps before which no trial is stopped, for asha.
        reduction: one of so many trials goes on, for asha.
        interval: share of the steps between two exchanges, for pbt.
        random_trials: trials before the first that is chosen, for optuna.
    """

    kind: Literal["asha", "pbt", "optuna"]
    trials: Annotated[Count, Le(MOST_TRIALS)] = 8
    concurrent: Count = 2
    cpus: Positive = 1.0
    gpus: NotNegative = 0.0
    space: Annotated[dict[str, list[Value]], MinLen(1)]
    first_stop: Fraction = 0.2
    reduction: Annotated[int, Ge(2)] = 2
    interval: Fraction = 0.2
    random_trials: Count = 4

    def __post_init__(self) -> None:
        for name, given in self.space.items():
            range_of(f"sweep.space.{name}", given)

    @property
    def ranges(self) -> dict[str, Range]:
        """What each setting is drawn from."""
        return {name: range_of(f"sweep.space.{name}", given) for name, given in self.space.items()}


@config
class SweepRunConfig(TrainConfig):
    """The config of `qcbench sweep`, `conf/sweep.yaml`: that of a training, and the sweep."""

    sweep: SweepConfig

    def training(self) -> TrainConfig:
        """Return the config of a training with unchanged settings."""
        values = {part.name: getattr(self, part.name) for part in fields(TrainConfig)}
        return TrainConfig(**{**values, "tracking": replace(self.tracking, enabled=False)})


def compose_sweep(
    overrides: Sequence[str] = (), config_dirs: Sequence[Path] = ()
) -> SweepRunConfig:
    """Compose the config of a sweep from Hydra overrides.

    Raises:
        InputError: a group, key or value that does not exist or does not fit.
    """
    data = training_data("sweep", overrides, config_dirs)
    sweep = data.get("sweep")
    if isinstance(sweep, dict) and isinstance(sweep.get("space"), Mapping):
        sweep["space"] = dict(_lists(sweep["space"]))
    settings = typed(SweepRunConfig, data, "")
    _check_kind(settings)
    settings = _one_range_each(settings)
    check_sweep(settings)
    return settings


def _lists(space: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Give what is drawn by whole names: a name with dots may stand as mappings in mappings.

    Raises:
        InputError: something else than a list stands for a setting.
    """
    for name, given in space.items():
        if isinstance(given, Mapping) and given:
            yield from _lists(given, f"{prefix}{name}.")
        elif isinstance(given, list):
            yield f"{prefix}{name}", given
        else:
            key = f"sweep.space.{prefix}{name}"
            raise InputError(
                f"{key}: {given!r}; must be a list, [choice, ...], [uniform, FROM, TO] or [log, "
                f"FROM, TO], such as {key}=[log,0.1,0.2]"
            )


def _one_range_each(settings: SweepRunConfig) -> SweepRunConfig:
    """Let the last name of a setting say what it is drawn from: an override is after the file's."""
    last = {key: name for name, key in settings_of(settings).items()}
    space = {name: given for name, given in settings.sweep.space.items() if name in last.values()}
    return replace(settings, sweep=replace(settings.sweep, space=space))


def _check_kind(settings: SweepRunConfig) -> None:
    if settings.sweep.kind == "pbt" and isinstance(settings.agent, Tuned):
        raise InputError(
            f"sweep.kind: pbt lets trials take over networks, and agent {settings.agent.name} has "
            "none; choose asha or optuna"
        )


def check_sweep(settings: SweepRunConfig) -> None:
    """Check that every setting of the space is one of the agent and can have its values.

    Raises:
        InputError: it is not, or cannot.
    """
    training = settings.training()
    check(training)
    _check_kind(settings)
    keys = settings_of(settings)
    for name, where in keys.items():
        for value in settings.sweep.ranges[name].values:
            changed(training, {where: value})


def settings_of(settings: SweepRunConfig) -> dict[str, str]:
    """Return the whole key of every setting of the space, such as `ppo.learning_rate`.

    Raises:
        InputError: the agent has none of a name, or several.
    """
    known = list(_leaves(plain(settings.agent)))
    found = {}
    for name in settings.sweep.space:
        wanted = name.removeprefix("agent.")
        matches = [key for key in known if key == wanted or key.endswith(f".{wanted}")]
        if not matches:
            hint = nearest(wanted, [key.rpartition(".")[2] for key in known])
            raise InputError(
                f"sweep.space.{name}: agent {settings.agent.name} has no such key{hint}"
            )
        if len(matches) > 1 and wanted not in matches:
            several = ", ".join(matches)
            raise InputError(f"sweep.space.{name}: could be {several}; say which")
        found[name] = wanted if wanted in matches else matches[0]
    return found


def changed(training: TrainConfig, settings: Mapping[str, Value]) -> TrainConfig:
    """Return a training with other settings of its agent.

    Args:
        settings: by their whole keys within the agent.

    Raises:
        InputError: a value that cannot be.
    """
    data = plain(training)
    for key, value in settings.items():
        *path, last = key.split(".")
        inside: Any = data["agent"]
        for part in path:
            inside = inside[part]
        inside[last] = value
    return typed(TrainConfig, data, "")


def _leaves(data: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for key, value in data.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}"

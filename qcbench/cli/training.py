"""What the verbs that train agents have in common: they begin, or go on with what was stopped."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Generic, Literal, TypeVar

from qcbench.bench.overrides import nested, of_mix
from qcbench.bench.run_names import Kind, find
from qcbench.cli.arguments import HydraArguments, named_run, parse, show
from qcbench.errors import InputError
from qcbench.storage.places import runs_folder

if TYPE_CHECKING:
    from qcbench.bench.config import ClusterConfig
    from qcbench.cli.where import Where

Config = TypeVar("Config")
Done = TypeVar("Done")

KINDS: Mapping[Literal["train", "sweep"], Kind] = {"train": "training", "sweep": "sweep"}
"""What each of the verbs makes."""


@dataclass(frozen=True)
class Training(Generic[Config, Done]):
    """What such a verb does, from the room of agents.

    Attributes:
        compose: the config, from overrides and config folders.
        begin: with the config, and by which command.
        go_on: with what lies in a folder, on a cluster.
    """

    compose: Callable[[Sequence[str], Sequence[Path]], Config]
    begin: Callable[[Config, str], Done]
    go_on: "Callable[[Path, ClusterConfig], Done]"


def run(
    verb: Literal["train", "sweep"],
    summary: str,
    arguments: Sequence[str],
    load: Callable[[], Training[Config, Done]],
    announce: Callable[[Done], int],
) -> int:
    """Run a verb that trains.

    Args:
        load: imports what it needs, which takes seconds.
        announce: says what came of it, and returns the exit code.
    """
    named, rest = named_run(arguments)
    options = parse(verb, summary, rest)
    if options.show:
        show_training(verb, options, options.runs[0])
        return 0
    # Threads that wait by spinning take the cores from those that work; read when torch is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    from qcbench.agents.told import command_of  # noqa: PLC0415 - after the help

    training = load()
    if named:
        where = _where(options.runs[0], options.config_dirs)
        folder = find(KINDS[verb], runs_folder(where.runs_dir), named)
        return announce(training.go_on(folder, where.cluster))
    configs = [training.compose(overrides, options.config_dirs) for overrides in options.runs]
    for config, overrides in zip(configs, options.runs, strict=True):
        command = command_of(verb, overrides, options.config_dirs)
        if code := announce(training.begin(config, command)):
            return code
    return 0


def show_training(name: str, options: HydraArguments, overrides: Sequence[str]) -> None:
    """Print the config of a training, with its mix where it has one."""
    from qcbench.agents.mix import shown  # noqa: PLC0415 - after the help

    show(name, options, of_mix(nested(overrides)), shown)


def _where(overrides: Sequence[str], config_dirs: Sequence[Path]) -> "Where":
    """Return where that lies that is gone on with, and where it is to run.

    Raises:
        InputError: anything else of it is to be changed.
    """
    from qcbench.cli.where import compose_where, key_of  # noqa: PLC0415 - after the help

    for text in overrides:
        if key_of(text).partition(".")[0] not in {"runs_dir", "cluster"}:
            raise InputError(
                f"{text}: it goes on as it was told; only runs_dir=... and cluster=... go here"
            )
    return compose_where(overrides, config_dirs)

"""What the verbs that train agents have in common: they begin, or go on with what was stopped."""

import os
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from qcbench.cli.arguments import named_run, parse, show
from qcbench.errors import InputError

Config = TypeVar("Config")
Done = TypeVar("Done")


@dataclass(frozen=True)
class Training(Generic[Config, Done]):
    """What such a verb does, from the room of agents.

    Attributes:
        compose: the config, from overrides and config folders.
        begin: with the config, and by which command.
        find: the folder of what was begun, from the folder of all runs and an id.
        go_on: with what lies in a folder.
    """

    compose: Callable[[Sequence[str], Sequence[Path]], Config]
    begin: Callable[[Config, str], Done]
    find: Callable[[Path, str], Path]
    go_on: Callable[[Path], Done]


def run(
    verb: str,
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
        show(verb, options, options.runs[0])
        return 0
    # Threads that wait by spinning take the cores from those that work; read when torch is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    training = load()
    if named:
        return announce(training.go_on(training.find(_runs_dir(options.runs[0]), named)))
    command = shlex.join(["qcbench", verb, *arguments])
    for config in [training.compose(overrides, options.config_dirs) for overrides in options.runs]:
        if code := announce(training.begin(config, command)):
            return code
    return 0


def _runs_dir(overrides: Sequence[str]) -> Path:
    """Return where that lies that is gone on with; nothing else of it can be changed."""
    found = "runs"
    for text in overrides:
        key, _, found = text.partition("=")
        if key != "runs_dir":
            raise InputError(f"{text}: it goes on as it was told; only runs_dir=... goes here")
    return Path(found)

"""The arguments of verbs that are composed by Hydra: overrides, `--cfg`, `-m`, `--config-dir`."""

import argparse
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import islice, product
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from qcbench.bench.overrides import unquoted
from qcbench.cli.examples import examples_of
from qcbench.commands import override
from qcbench.commands import word as shell_word
from qcbench.errors import InputError
from qcbench.files import quoted

if TYPE_CHECKING:
    from omegaconf import DictConfig

MOST_RUNS = 10_000
"""Of one command with `--multirun`."""


class Parser(argparse.ArgumentParser):
    """A parser whose refusals are an `InputError`: one line like every other, without the usage."""

    def error(self, message: str) -> NoReturn:
        """Refuse the arguments."""
        verb = self.prog.removeprefix("qcbench ")
        raise InputError(f"{verb}: {message}; see `{self.prog} --help`")

    def format_help(self) -> str:
        """Return the help, with commands that can be pasted."""
        return super().format_help() + examples_of(self.prog.removeprefix("qcbench "))


@dataclass(frozen=True)
class HydraArguments:
    """What was asked for.

    Attributes:
        runs: one list of overrides a run; several under `--multirun`.
        show: part of the config to print instead of running: `job`, `hydra` or `all`.
        package: the part of the config that `--cfg` is limited to.
        config_dirs: the user's own config folders.
    """

    runs: list[list[str]]
    show: str | None
    package: str | None
    config_dirs: list[Path]


def parse(verb: str, summary: str, arguments: Sequence[str]) -> HydraArguments:
    """Parse the arguments of a composed verb."""
    parser = Parser(
        prog=f"qcbench {verb}",
        description=summary,
        epilog="Overrides have Hydra's syntax: group=option, key.sub=value, +new=value, ~gone.",
    )
    parser.add_argument("overrides", nargs="*", help="what to change, such as suite=placement-v1")
    parser.add_argument(
        "--cfg", "-c", choices=("job", "hydra", "all"), help="print the composed config and stop"
    )
    parser.add_argument("--package", "-p", help="with --cfg: only this part, such as suite")
    parser.add_argument(
        "--multirun", "-m", action="store_true", help="run all combinations of a=1,2 b=x,y"
    )
    parser.add_argument(
        "--config-dir", action="append", default=[], type=Path, help="a folder of your own configs"
    )
    options = parser.parse_intermixed_args(arguments)
    given = options.overrides
    for text in given:
        if "=" not in text and not text.startswith("~"):
            told = _no_override(verb, text, options.config_dir)
            raise InputError(f"{verb}: {quoted(text)} {told}")
    runs = sweep(given, options.config_dir) if options.multirun else [given]
    return HydraArguments(runs, options.cfg, options.package, options.config_dir)


def _no_override(verb: str, word: str, config_dirs: Sequence[Path]) -> str:
    """Say of a bare word that it is no override, and which one may be meant."""
    from qcbench.bench.conf_files import by_name, options_of  # noqa: PLC0415 - for who has mistyped
    from qcbench.cli.groups import GROUPS, policy_names  # noqa: PLC0415
    from qcbench.policies.source import is_source  # noqa: PLC0415

    groups = GROUPS.get(verb, ())
    known = {f"{group}={name}": name for group in groups for name in options_of(group, config_dirs)}
    if "policy" in groups:
        known |= {f"policy={name}": name for name in policy_names()}
    meant = [choice for choice, name in known.items() if name == word]
    if is_source(word) and "policy" in groups:
        meant = [shell_word(override("policy", word))]
    elif is_source(word) and "suite" in groups:
        listed = override("", word).removeprefix("=")
        meant = [f"'suite.policies=[{listed},earliest_completion]'"]
    if not meant:
        there = [(group, by_name(group, word, config_dirs)) for group in groups if group in word]
        meant = [f"{group}={told}" for group, told in there if told]
    if not meant:
        close = get_close_matches(word, known.values(), n=3, cutoff=0.6)
        meant = [choice for choice, name in known.items() if name in close]
    hint = f"; did you mean {', '.join(meant[:3])}?" if meant else f"; see `qcbench {verb} --help`"
    return f"is no override, which is key=value{hint}"


def check_named(verb: str, name: str | None, config_dirs: Sequence[Path]) -> None:
    """Refuse the path of a config to a verb that shows one by its name, such as `suites`.

    Raises:
        InputError: it is one; says the command with the name.
    """
    from qcbench.bench.conf_files import by_name  # noqa: PLC0415 - where it is needed

    if name and (told := by_name(verb.removesuffix("s"), name, config_dirs)):
        raise InputError(
            f"{verb}: {quoted(name)} is a path, and configs are named; write qcbench {verb} {told}"
        )


def told_dirs(config_dirs: Sequence[Path]) -> str:
    """Return the end of a command that names the same config folders; empty without any."""
    return "".join(f" --config-dir {shell_word(path)}" for path in config_dirs)


def as_option(text: str) -> str:
    """Turn `to=FOLDER` into `--to=FOLDER`: options may be written like overrides, quotes included.

    Overrides need quotes round a text with spaces (`output="a b/x.csv"`), so they go round these.
    """
    key, equals, value = text.partition("=")
    if equals and re.fullmatch(r"[a-z][a-z_.\-]*", key):
        return f"--{re.sub('[_.]', '-', key)}={unquoted(value)}"
    return text


def named_run(arguments: Sequence[str]) -> tuple[str | None, list[str]]:
    """Separate a leading run id from the overrides and options that follow."""
    first = arguments[0] if arguments else "-"
    if first.startswith(("-", "+", "~")) or ("=" in first and not Path(first).is_dir()):
        return None, list(arguments)
    return first, list(arguments[1:])


def leading_name(arguments: Sequence[str]) -> tuple[str, list[str]]:
    """Separate a leading name, empty where there is none, from overrides and options."""
    if not arguments or arguments[0].startswith(("-", "+")) or "=" in arguments[0]:
        return "", list(arguments)
    return arguments[0], list(arguments[1:])


def sweep(overrides: Sequence[str], config_dirs: Sequence[Path] = ()) -> list[list[str]]:
    """Expand choices (`a=1,2`), ranges and globs into all combinations, in order."""
    from hydra.core.override_parser.overrides_parser import OverridesParser  # noqa: PLC0415
    from hydra.errors import OverrideParseException  # noqa: PLC0415

    from qcbench.bench.overrides import unreadable  # noqa: PLC0415

    try:
        parsed = OverridesParser.create().parse_overrides(list(overrides))
    except OverrideParseException as error:
        raise InputError(unreadable(error)) from None
    choices = [
        _choices(one, text, config_dirs) if one.is_sweep_override() else [text]
        for one, text in zip(parsed, overrides, strict=True)
    ]
    if (count := prod(map(len, choices))) > MOST_RUNS:
        raise InputError(f"--multirun: {count:,} combinations; at most {MOST_RUNS:,} are run")
    return [list(combination) for combination in product(*choices)]


def _choices(override: Any, text: str, config_dirs: Sequence[Path]) -> list[str]:
    """Return the values that an override stands for, each as an override."""
    from hydra.core.override_parser.types import Glob  # noqa: PLC0415

    from qcbench.bench.conf_files import options_of  # noqa: PLC0415

    key, found = override.get_key_element(), override.value()
    if isinstance(found, Glob):
        values = [str(each) for each in found.filter(options_of(key, config_dirs))]
    elif override.is_choice_sweep() or override.is_range_sweep():
        try:
            values = list(islice(override.sweep_string_iterator(), MOST_RUNS + 1))
        except (TypeError, ValueError) as error:  # of Python's `range`
            raise InputError(f"{text}: is no choice of values ({error})") from None
    else:
        raise InputError(f"{text}: has no end of values; name them with choice(a,b) or range(a,b)")
    if not 0 < len(values) <= MOST_RUNS:
        many = f"more than {MOST_RUNS:,}" if values else "no"
        raise InputError(f"{text}: {many} values; give 1 to {MOST_RUNS:,}")
    return [f"{key}={value}" for value in values]


def show(
    name: str,
    options: HydraArguments,
    overrides: Sequence[str],
    finish: "Callable[[DictConfig, Sequence[str]], None] | None" = None,
) -> None:
    """Print the composed config as YAML.

    Args:
        finish: changes what was composed of the overrides to what is done.
    """
    from omegaconf import DictConfig, OmegaConf  # noqa: PLC0415
    from omegaconf.errors import OmegaConfBaseException  # noqa: PLC0415

    from qcbench.bench.compose import compose  # noqa: PLC0415

    composed = compose(
        name, overrides, options.config_dirs, with_hydra=options.show in {"hydra", "all"}
    )
    if finish is not None:
        finish(composed, overrides)
    if options.show == "hydra":
        composed = DictConfig({"hydra": composed.hydra})
    if options.package:
        try:
            part = OmegaConf.select(composed, options.package)
        except OmegaConfBaseException:
            part = None
        if part is None:
            raise InputError(f"--package {options.package}: no such part of the config")
        composed = part
    print(OmegaConf.to_yaml(composed) if OmegaConf.is_config(composed) else composed, end="")

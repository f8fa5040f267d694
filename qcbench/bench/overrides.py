"""What users may write as Hydra overrides, made into what Hydra takes."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from qcbench.commands import command
from qcbench.errors import InputError

if TYPE_CHECKING:
    from hydra.errors import OverrideParseException
    from omegaconf import DictConfig

NESTED_GROUPS = ("fleet", "workload")
"""Groups that a scenario chooses; `fleet=heron5` means the fleet of the scenario."""

SCENARIO_PARTS = ("fleet", "workload", "rules", "physics")
"""Keys of a scenario that may be named without it: `workload.tasks=200`."""

TAGS = ("source", "process", "model", "kind", "law")
"""Keys whose value says which other keys stand beside them."""


def nested(overrides: Sequence[str]) -> list[str]:
    """Send `fleet=...`, `workload.tasks=...` and `file=...` to where a scenario holds them."""
    result = []
    for given in overrides:
        text = re.sub(r"^file=", "scenario.workload.circuits.path=", given)
        group = re.sub(rf"^({'|'.join(NESTED_GROUPS)})=", r"\1@scenario.\1=", text)
        result.append(re.sub(rf"^([+~]*)({'|'.join(SCENARIO_PARTS)})\.", r"\1scenario.\2.", group))
    return result


def unquoted(value: str) -> str:
    """Return a value without the one pair of quotes around all of it that Hydra would take off."""
    inside = value[1:-1]
    pair = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
    return inside if pair and value[0] not in inside else value


def value_of(overrides: Sequence[str], key: str, usual: str) -> str:
    """Return what overrides say of a key, before they are composed; the usual where nothing."""
    given = (text.partition("=") for text in overrides)
    return next((unquoted(value) for name, _, value in given if name == key), usual)


def of_mix(overrides: Sequence[str]) -> list[str]:
    """Let `scenario=[a, b]` stand for a mix of these scenarios."""
    return [re.sub(r"^scenario=(?=\[)", "mix.sources=", text) for text in overrides]


def below_scenario(override: str) -> str:
    """Make an override that is relative to a scenario absolute."""
    if "scenario." in override.partition("=")[0]:
        return override
    return re.sub(r"^([+~]*)", r"\1scenario.", override, count=1)


def rerun_command(overrides: Sequence[str], config_dirs: Sequence[Path] = ()) -> str:
    """Return the command that runs the same suite again, without where it was run and kept."""
    about = [text for text in overrides if re.match(r"[+~]*(suite\b|keep_records=)", text)]
    folders = [word for path in config_dirs for word in ("--config-dir", str(path))]
    return command("run", *about, *folders)


def split(overrides: Sequence[str], groups: set[str]) -> tuple[list[str], list[str]]:
    """Separate choices of group files (and Hydra's own forms) from plain values."""
    choices: list[str] = []
    values: list[str] = []
    for text in overrides:
        key, equals, _ = text.partition("=")
        plain = equals and re.fullmatch(r"[A-Za-z_][\w.]*", key) and key not in groups
        (values if plain else choices).append(text)
    return choices, values


def check_hydra(overrides: Sequence[str]) -> None:
    """Refuse settings of Hydra itself.

    Raises:
        InputError: there is one.
    """
    for text in overrides:
        key = text.partition("=")[0].lstrip("+~")
        if re.match(r"hydra[./@]", key):
            raise InputError(
                f"{key}: qcbench composes with Hydra but runs no job of it, so this would change "
                "nothing; leave it out"
            )


def forced(values: Sequence[str]) -> list[str]:
    """Let every override of a value add its key where no YAML mentions it.

    Hydra refuses keys that are absent from the YAML, also those with a default in their dataclass.
    The typed configs know better which keys there are, and which is meant by a mistyped one.
    """
    return [f"++{text}" for text in values]


def changes_kind(text: str) -> bool:
    """Whether a value may say that a part is of another kind: `arrivals.process=poisson`."""
    key, _, value = text.partition("=")
    return key.rpartition(".")[2] in TAGS or bool(_tag_inside(value))


def removals(values: Sequence[str], composed: "DictConfig") -> list[str]:
    """Return what must go before values that make a part another kind than it is in the YAML.

    The keys of the former kind mean nothing to the new one, and Hydra would keep them.

    Args:
        composed: the config before these values.
    """
    from omegaconf import OmegaConf  # noqa: PLC0415

    result = []
    for text in values:
        key, _, value = text.partition("=")
        part, _, tag = key.rpartition(".")
        inside = _tag_inside(value)
        if inside:
            part, (tag, value) = key, inside
        elif tag not in TAGS:
            continue
        now = OmegaConf.select(composed, f"{part}.{tag}")
        if now is not None and str(now) != value.strip("'\" "):
            result.append(f"~{part}")
    return list(dict.fromkeys(result))


def unreadable(error: "OverrideParseException") -> str:
    """Say of an override that it does not follow Hydra's grammar, and what would."""
    text = error.override.removeprefix("++")
    return (
        f"{text}: cannot be read as an override; it is key=value, lists are [a,b], mappings "
        '{a: 1}, and text with other signs than letters, digits and . - _ / stands in "quotes"'
    )


def _tag_inside(value: str) -> tuple[str, str] | None:
    """Return the tag of a mapping in Hydra's syntax: `{process: file}`."""
    found = re.match(rf"\{{.*?\b({'|'.join(TAGS)})\s*:\s*([\w'\"]+)", value)
    return (found[1], found[2]) if found else None

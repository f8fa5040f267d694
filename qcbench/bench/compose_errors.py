"""What is said where Hydra cannot compose a config: one line in words of the user."""

import re
from collections.abc import Sequence
from pathlib import Path

import yaml

from qcbench.bench.conf_files import check_clash, check_no_path, options_of, roots
from qcbench.errors import InputError, nearest, reason_of

NO_NAME = r"(?i)null|true|false|[+-]?(nan|inf|[\d_.]+(e[+-]?\d+)?)"
"""What Hydra reads as something other than a text."""

NEVER_EMPTY = ("suite", "scenario", "fleet", "workload")
"""Groups whose files need some key."""

QUOTES = "'\""

SAID = (
    (r"Recursive interpolation detected\s+full_key: (\S+)", "{0}: refers to itself"),
    (
        r"Interpolation to parent node detected\s+full_key: (\S+)",
        "{0}: refers to the part of the config that it lies in",
    ),
    (
        r"Environment variable '([^']+)' not found.*full_key: (\S+)",
        "{1}: refers to the environment variable {0}, which is not set",
    ),
    (
        r"Unsupported interpolation type (\S+)\s+full_key: (\S+)",
        "{1}: refers to ${{{0}:...}}, which is unknown; oc.env is known",
    ),
    (
        r"force-add of config groups is not supported: '\+*([^=']+)",
        "{0}: is a group; choose from it with {0}=NAME, without +",
    ),
    (r"Multiple values for (\S+?)\.", "{0}: is chosen twice; choose once"),
    (
        r"Ambiguous value for argument '\+*([^']+)'",
        "{0}: has several values; a list is [a,b], and text with a comma stands in quotes; "
        "--multirun runs one after the other",
    ),
)
"""What Hydra and OmegaConf say, and how the user is told."""


def check_choices(choices: Sequence[str], groups: set[str], config_dirs: Sequence[Path]) -> None:
    """Refuse choices that Hydra would not refuse in words of the user.

    Raises:
        InputError: no key; a number, or a file outside the group, as the name of an option.
    """
    for text in choices:
        key, equals, option = text.partition("=")
        group = key.lstrip("+~").partition("@")[0]
        if equals and not group:
            raise InputError(f"{text}: has no key before the =; an override is key=value")
        if equals and group in groups:
            check_no_path(group, option, config_dirs)
        outside = ".." in option.split("/")
        if equals and group in groups and (outside or re.fullmatch(NO_NAME, option)):
            known = options_of(group, config_dirs)
            if option in known:
                raise InputError(
                    f"{group}={option}: is no text for YAML; give {option}.yaml another name"
                )
            raise InputError(f"{group}={option}: no such {group}{nearest(option, known)}")
        if equals and group in groups:
            check_clash(group, option, config_dirs)
            check_content(group, option, config_dirs)


def check_content(group: str, option: str, config_dirs: Sequence[Path]) -> None:
    """Refuse a file that is no config of its group by its looks.

    Of an empty one it would be said that its first key is missing, and of a fleet, which has a file
    of its own, that the scenario's has no name.

    Raises:
        InputError: the user's file of this name is empty, no mapping, or a fleet without a name.
    """
    for folder in config_dirs if group in NEVER_EMPTY else ():
        path = folder / group / f"{option.strip(QUOTES).removesuffix('.yaml')}.yaml"
        try:
            data = path.read_bytes() if path.is_file() else b"{}"
            content = yaml.safe_load(data)
        except (OSError, ValueError, RecursionError, yaml.YAMLError):  # Hydra says where
            continue
        if not data.strip():
            raise InputError(f"{path}: is empty; a {group} has at least a name")
        if content is not None and not isinstance(content, dict):
            raise InputError(f"{path}: is no mapping of keys to values")
        if group == "fleet" and content and not {"name", "defaults"} & set(content):
            raise InputError(f"{path}: name is missing; a fleet has one")


def chosen_again(error: Exception, choices: Sequence[str]) -> str:
    """Return which group is added that is there already; Hydra may name a part of what it holds."""
    found = re.search(r"(\S+) appears more than once in the final defaults list", str(error))
    if not found:
        return ""
    added = [text.lstrip("+").partition("=")[0] for text in choices if text.startswith("+")]
    group = added[0] if added else found.group(1)
    return f"{group}: is chosen already; choose another with {group}=NAME, without +"


def unusable(error: Exception, choices: Sequence[str], config_dirs: Sequence[Path]) -> str:
    """Return which file of the user's cannot be composed, and as far as that is known why."""
    from omegaconf.errors import GrammarParseError, KeyValidationError  # noqa: PLC0415

    files = [
        path
        for text in choices
        for folder in roots(config_dirs)[1:]
        if (path := folder / text.partition("=")[0] / f"{text.partition('=')[2]}.yaml").is_file()
    ]
    where = ", ".join(map(str, files)) or ", ".join(map(str, choices)) or "the config"
    if isinstance(error, RecursionError):
        return f"{where}: refers to itself, or is nested too deeply"
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename or where}: cannot be read ({error.strerror})"
    if "defaults must be a list" in str(error):
        return f"{where}: defaults are no list of group: option"
    if "loaded object type" in str(error):
        return f"{where}: is no mapping of keys to values"
    if not str(error).strip() or isinstance(error, KeyValidationError | GrammarParseError):
        return f"{where}: has a key that is no text, or a ${{ without its }}"
    return f"{where}: cannot be composed ({reason_of(error)})"


def broken_yaml(error: Exception) -> str:
    """Return file, line and problem of a YAML file that cannot be read."""
    mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
    if mark is None:
        reason = " ".join(str(error).split())
        return f"{getattr(error, 'name', 'a config file')}: is not YAML ({reason})"
    return f"{mark.name}: line {mark.line + 1}: is not YAML ({problem})"


def no_text(config_dirs: Sequence[Path]) -> str:
    """Return which of the user's files is not text: the decoder does not say."""
    for path in sorted(path for root in roots(config_dirs)[1:] for path in root.rglob("*.yaml")):
        if path.is_file():
            try:
                path.read_text(encoding="utf-8")
            except UnicodeDecodeError:
                return f"{path}: is not text in UTF-8"
    return ""


def split_group(path: str) -> tuple[str, str]:
    """Return group and option of a path below `conf`."""
    group, _, option = path.partition("/")
    return group, option


def one_line(error: Exception) -> str:
    """Return the part of Hydra's message that says what is wrong."""
    text = str(error)
    unknown = re.search(r"Key '([^']+)' is not in struct\s+full_key: (\S+)", text)
    if unknown or (unknown := re.search(r"Could not override '([^']+)'()", text)):
        return f"{unknown[2] or unknown[1]}: no such key"
    missing = re.search(r"Missing mandatory value: \S+\s+full_key: (\S+)", text)
    if missing:
        return f"{missing[1]}: is missing; give {missing[1]}=..."
    if dangling := re.search(r"Interpolation key '([^']+)' not found\s+full_key: (\S+)", text):
        return f"{dangling[2]}: refers to ${{{dangling[1]}}}, which is no key"
    if unlike := re.search(r"Error merging override \+*([^=]+)=(.*)", text):
        return f"{unlike[1]}: {unlike[2]}; the config has a value of another kind there"
    for pattern, meaning in SAID:
        if found := re.search(pattern, text, re.DOTALL):
            return meaning.format(*found.groups())
    return " ".join(line.strip() for line in text.splitlines() if line.strip())[:300]

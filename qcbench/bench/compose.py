"""Hydra composition: from names and overrides to typed configs."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qcbench.bench.compose_errors import (
    NO_NAME,
    broken_yaml,
    check_choices,
    check_content,
    chosen_again,
    no_text,
    one_line,
    split_group,
    unusable,
)
from qcbench.bench.conf_files import (
    check_clash,
    check_dirs,
    check_no_path,
    conf_dir,
    options_of,
    roots,
)
from qcbench.bench.config import ScenarioConfig, ScenarioEntry, SuiteConfig
from qcbench.bench.overrides import (
    below_scenario,
    changes_kind,
    check_hydra,
    forced,
    nested,
    removals,
    split,
    unreadable,
)
from qcbench.bench.typed import typed
from qcbench.commands import quoted_value
from qcbench.errors import InputError, QcbenchError, nearest
from qcbench.policies import registry
from qcbench.policies.exported.reference import lies_elsewhere
from qcbench.policies.names import names as names_of
from qcbench.policies.names import names_by_track
from qcbench.tracks import TRACKS, Track

if TYPE_CHECKING:
    from omegaconf import DictConfig


COMPOSED = ("defaults", "${", "???", "@package")
"""What a file has where its content depends on more than itself."""


@contextmanager
def _hydra(config_dirs: Sequence[Path]) -> Iterator[list[str]]:
    """Initialise Hydra on the packaged configs; yield the overrides that add all other folders."""
    from hydra import initialize_config_dir  # noqa: PLC0415

    check_dirs(config_dirs)
    others = roots(config_dirs)[1:]
    paths = ",".join(quoted_value(f"file://{folder.resolve()}") for folder in others)
    with initialize_config_dir(version_base="1.3", config_dir=str(conf_dir())):
        yield [f"hydra.searchpath=[{paths}]"] if paths else []


def compose(
    name: str,
    overrides: Sequence[str] = (),
    config_dirs: Sequence[Path] = (),
    *,
    with_hydra: bool = False,
) -> "DictConfig":
    """Compose a config file with Hydra.

    Args:
        name: file below `conf`, such as `run`.
        overrides: in Hydra's syntax.
        config_dirs: folders of the user that are searched after the packaged ones.
        with_hydra: keep Hydra's own node, as `--cfg hydra` shows it.

    Raises:
        InputError: a group, option or key that does not exist, or a syntax error.
    """
    import hydra  # noqa: PLC0415
    from hydra.errors import (  # noqa: PLC0415
        HydraException,
        MissingConfigException,
        OverrideParseException,
    )
    from omegaconf.errors import OmegaConfBaseException  # noqa: PLC0415
    from yaml import YAMLError  # noqa: PLC0415

    with _hydra(config_dirs) as search:
        groups = _groups(config_dirs)
        if not with_hydra:
            check_hydra(overrides)
        choices, values = split(overrides, groups)
        check_choices(choices, groups, config_dirs)
        try:
            before: list[str] = []
            if any(changes_kind(value) for value in values):
                before = removals(values, hydra.compose(name, overrides=[*search, *choices]))
            composed: DictConfig = hydra.compose(
                name,
                overrides=[*search, *choices, *before, *forced(values)],
                return_hydra_config=with_hydra,
            )
        except MissingConfigException as error:
            missing = (error.missing_cfg_file or name).removesuffix(".yaml")
            group, option = split_group(str(missing))
            options = options_of(group, config_dirs)
            raise InputError(
                f"{group}={option}: no such {group}{nearest(option, options)}"
            ) from None
        except OverrideParseException as error:
            raise InputError(unreadable(error)) from None
        except (HydraException, OmegaConfBaseException) as error:
            said = chosen_again(error, choices) or one_line(error)
            raise InputError(said or unusable(error, choices, config_dirs)) from None
        except YAMLError as error:
            raise InputError(broken_yaml(error)) from None
        except UnicodeDecodeError as error:
            raise InputError(no_text(config_dirs) or f"a config file: {error}") from None
        except QcbenchError:
            raise
        # A file that is no mapping, refers to itself, or has defaults of its own that are none
        # makes Hydra and OmegaConf raise what they happen to meet.
        except Exception as error:
            raise InputError(unusable(error, choices, config_dirs)) from error
    return composed


def _groups(config_dirs: Sequence[Path]) -> set[str]:
    found = (path for root in roots(config_dirs) for path in root.iterdir())
    return {path.name for path in found if path.is_dir()}


def known_policies(
    overrides: Sequence[str], config_dirs: Sequence[Path], track: Track | None = None
) -> list[str]:
    """Let `policy=NAME` stand for every policy, also one without a YAML of its own.

    NAME may be that of a registered policy, or say where a policy lies, such as a folder.

    Args:
        track: whose policies are meant; any where None.
    """
    files = options_of("policy", config_dirs)
    by_track = names_by_track()
    names = {name for t in ([track] if track else by_track) for name in by_track[t]}
    result: list[str] = []
    for text in overrides:
        key, _, name = text.partition("=")
        if key == "policy":
            check_no_path("policy", name, config_dirs)
        if key == "policy" and name not in files and lies_elsewhere(name := name.strip("'\"")):
            quoted = name.replace("\\", r"\\").replace('"', r"\"")
            result += ["policy=default", f'policy.name="{quoted}"']
        elif key == "policy" and re.fullmatch(r"\w+", name) and name not in files:
            if name not in names:
                known = names if track else names | set(files)
                raise InputError(
                    f"policy {name}: no such {f'{track} ' if track else ''}policy"
                    f"{nearest(name, known)}"
                )
            result += ["policy=default", f"policy.name={name}"]
        else:
            result.append(text)
    return result


def to_plain(config: "DictConfig") -> dict[str, Any]:
    """Resolve interpolations and return plain data."""
    from omegaconf import OmegaConf  # noqa: PLC0415
    from omegaconf.errors import OmegaConfBaseException  # noqa: PLC0415

    try:
        data = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    except OmegaConfBaseException as error:
        raise InputError(one_line(error)) from None
    return {str(key): value for key, value in dict(data).items()}  # type: ignore[arg-type]


def compose_alone(group: str, name: str, config_dirs: Sequence[Path] = ()) -> dict[str, Any]:
    """Return an option of a group by itself, as plain data.

    Raises:
        InputError: there is none of this name, or it cannot be composed.
    """
    check_clash(group, name, config_dirs)
    check_content(group, name, config_dirs)
    read = None if re.fullmatch(NO_NAME, name) else _as_it_stands(group, name, config_dirs)
    if read is not None:
        return read
    composed = to_plain(compose(f"{group}-alone", [f"{group}={name}"], config_dirs))[group]
    return dict(composed)


def _as_it_stands(group: str, name: str, config_dirs: Sequence[Path]) -> dict[str, Any] | None:
    """Return what the file of an option holds where Hydra would add nothing; None elsewhere.

    Hydra takes 30 times as long. Whatever is wrong with the file it is left to say.
    """
    from omegaconf import OmegaConf  # noqa: PLC0415

    for root in roots(config_dirs):
        path = root / group / f"{name}.yaml"
        if path.is_file():
            break
    else:
        return None
    try:
        text = path.read_text(encoding="utf-8")
        if any(sign in text for sign in COMPOSED):
            return None
        data = OmegaConf.to_container(OmegaConf.load(path))
    except Exception:
        return None
    if not isinstance(data, dict):
        return None
    found = {key: value for key, value in data.items() if isinstance(key, str)}
    return found if len(found) == len(data) else None


def compose_scenario(
    base: str, overrides: Sequence[str] = (), config_dirs: Sequence[Path] = ()
) -> ScenarioConfig:
    """Compose a scenario by name; overrides are relative to it, such as `workload.tasks=200`."""
    inside = [below_scenario(text) for text in nested(overrides)]
    config = compose("scenario-alone", [f"scenario={base}", *inside], config_dirs)
    return typed(ScenarioConfig, to_plain(config)["scenario"], "scenario")


def compose_policy(entry: str | Mapping[str, Any], config_dirs: Sequence[Path] = ()) -> Any:
    """Return the plain config of a policy of a suite: a name, or a name with changes."""
    changes: Any = {"name": entry} if isinstance(entry, str) else entry
    name = changes.get("name") if isinstance(changes, Mapping) else None
    if not isinstance(name, str):
        raise InputError(f"suite.policies: {entry!r}; an entry is a name, or a mapping with `name`")
    given = changes.get("parameters", {})
    if not isinstance(given, Mapping):
        raise InputError(
            f"policy {name}: parameters are {given!r}; they are a mapping {{key: value}}"
        )
    check_no_path("policy", name, config_dirs, listed=True)
    if name not in options_of("policy", config_dirs):
        return dict(changes)
    base = compose_alone("policy", name, config_dirs)
    parameters = {**base.get("parameters", {}), **given}
    label = changes.get("label") or base.get("label") or name
    return {**base, **changes, "name": base["name"], "label": label, "parameters": parameters}


def of_track(
    policy: Mapping[str, Any], track: Track, config_dirs: Sequence[Path] = ()
) -> dict[str, Any]:
    """Drop what the file of an equally named policy of another track has set.

    `weighted` is a placement policy with parameters and a queueing policy without.
    """
    name, given = policy["name"], policy.get("parameters", {})
    if name not in options_of("policy", config_dirs) or name not in names_of(track):
        return dict(policy)
    known = registry.find(track, name).parameters
    if set(given) <= set(known):
        return dict(policy)
    file = compose_alone("policy", name, config_dirs)
    foreign = set(file.get("parameters", {})) - set(known)
    kept = {key: value for key, value in given.items() if key not in foreign}
    return {**policy, "parameters": kept}


def listed(entries: Any, key: str) -> list[Any]:
    """Return a list of a config that has at least one entry.

    Args:
        entries: what stands there.
        key: where that is.

    Raises:
        InputError: it is empty, or no list.
    """
    if not entries:
        raise InputError(f"{key}: is empty; name at least one")
    if not isinstance(entries, list):
        raise InputError(f"{key}: {entries!r}; it is a list such as [NAME, NAME]")
    return entries


def scenario_entries(entries: Any, key: str) -> list[Any]:
    """Return the scenarios that are listed, a name as the entry that changes nothing in it.

    Raises:
        InputError: there are none, or it is no list.
    """
    return [{"base": one} if isinstance(one, str) else one for one in listed(entries, key)]


def compose_entry(
    entry: ScenarioEntry, overrides: Sequence[str], config_dirs: Sequence[Path] = ()
) -> ScenarioConfig:
    """Compose the scenario of an entry without a grid.

    Args:
        overrides: of all that are listed with it, after its own.

    Raises:
        InputError: it cannot be composed.
    """
    scenario = compose_scenario(entry.base, [*entry.overrides, *overrides], config_dirs)
    return replace(scenario, name=entry.name or entry.base, axes=entry.axes)


def with_shares(data: Any, keys: Collection[str]) -> Any:
    """Return a mapping with shares as numbers where some keys have been written as `1%`."""
    if not isinstance(data, Mapping):
        return data

    def share(key: str, value: Any) -> Any:
        text = value if key in keys and isinstance(value, str) else ""
        number = re.fullmatch(r"([0-9]*\.?[0-9]+) ?%", text.strip())
        return float(number[1]) / 100.0 if number else value

    return {key: share(str(key), value) for key, value in data.items()}


def suite_config(data: Mapping[str, Any], config_dirs: Sequence[Path] = ()) -> SuiteConfig:
    """Return the typed suite, its policies completed from their own files."""
    if not isinstance(data, Mapping):
        raise InputError(f"suite: {data!r}; it is a mapping with name, scenarios, policies, ...")
    if not {"policies", "scenarios"} <= data.keys():
        typed(SuiteConfig, data, "suite")  # says which key is missing, or misspelt
    policies = listed(data["policies"], "suite.policies")
    complete = {
        **data,
        "policies": [
            of_track(compose_policy(entry, config_dirs), data["track"], config_dirs)
            if data.get("track") in TRACKS
            else compose_policy(entry, config_dirs)
            for entry in policies
        ],
        "scenarios": scenario_entries(data["scenarios"], "suite.scenarios"),
    }
    if "until" in complete:
        complete["until"] = with_shares(complete["until"], ("half_width",))
    suite = typed(SuiteConfig, complete, "suite")
    return replace(
        suite,
        policies=[p if p.label else replace(p, label=p.name) for p in suite.policies],
        scenarios=[crossing for entry in suite.scenarios for crossing in entry.crossings()],
    )

"""What differs between two runs besides their results: suites, scenarios, policies, software."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from qcbench.bench.manifest import Manifest
from qcbench.policies.source import brief
from qcbench.stats.comparison import Comparison

ABSENT = "absent"


@dataclass(frozen=True)
class Change:
    """A setting that is not the same in both.

    Attributes:
        where: of what, such as `suite`, `scenario placement/qce5`, `policy greedy`,
            `law of arrivals`, `plug-in`, `version`.
        key: the setting.
        first, second: its values; `absent` where one has none.
    """

    where: str
    key: str
    first: Any
    second: Any


@dataclass(frozen=True)
class RunComparison:
    """What differs between two runs.

    Attributes:
        first, second: ids of the runs.
        changes: in their configs and software.
        results: in their numbers.
        notes: what should be known of them, such as trials without a result; one line each.
    """

    first: str
    second: str
    changes: tuple[Change, ...]
    results: Comparison
    notes: tuple[str, ...]


def changes(first: Manifest, second: Manifest) -> list[Change]:
    """Return what differs, from the suite down to the software."""
    found = list(_between("suite", _without(first.suite), _without(second.suite)))
    for kind, name in (("scenario", "scenario_config"), ("policy", "policy_config")):
        one, other = _configs(first, kind, name), _configs(second, kind, name)
        for label in one:
            if label in other:
                found += _between(f"{kind} {label}", _shown(one[label]), _shown(other[label]))
    found += _between("corrected since", first.uncorrected, second.uncorrected)
    found += _between("plug-in", _code(first), _code(second))
    models = ({"model": manifest.model_version} for manifest in (first, second))
    found += _between("versions", *models)
    found += between_versions(first.provenance, second.provenance)
    before, after = (_mapping(one.provenance.get("machine")) for one in (first, second))
    return [*found, *_between("machine", before, after)]


def between_versions(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[Change]:
    """Return in which software two provenances differ."""
    found: list[Change] = []
    for where in ("versions", "git"):
        found += _between(where, _mapping(first.get(where)), _mapping(second.get(where)))
    return found


def from_its_file(suite: Mapping[str, Any], file: Mapping[str, Any]) -> list[Change]:
    """Return where a suite that was run (second) is otherwise than its file says now (first).

    Of scenarios and policies that only one of them has, the names.
    """
    found = list(_between("suite", _without(file), _without(suite)))
    for kind, label in (("scenarios", "name"), ("policies", "label")):
        one, other = ({str(each[label]): each for each in s.get(kind, ())} for s in (file, suite))
        for name in one:
            if name in other:
                found += _between(
                    "suite", *({f"{kind}.{name}": _shown(s[name])} for s in (one, other))
                )
        alone = [
            ", ".join(name for name in a if name not in b) for a, b in ((one, other), (other, one))
        ]
        if any(alone):
            found.append(Change("suite", kind, *(names or ABSENT for names in alone)))
    return found


def _shown(part: Mapping[str, Any]) -> dict[str, Any]:
    """Return a config with the text of a policy by its hash."""
    parameters = part.get("parameters")
    changed = {"parameters": brief(parameters)} if isinstance(parameters, Mapping) else {}
    return {**part, **changed}


def _mapping(part: Any) -> Mapping[str, Any]:
    """Return a part of a provenance by keys; one that is not known has the empty one."""
    return part if isinstance(part, Mapping) else {"": part}


def _without(suite: Mapping[str, Any]) -> dict[str, Any]:
    """Return a suite without its lists, of which the trials say what they mean."""
    return {key: value for key, value in suite.items() if key not in ("scenarios", "policies")}


def _configs(manifest: Manifest, kind: str, name: str) -> dict[str, Mapping[str, Any]]:
    return {getattr(trial, kind): getattr(trial, name) for trial in reversed(manifest.trials)}


def _code(manifest: Manifest) -> dict[str, str]:
    """Return the identities of others' code that trials of a run used."""
    return {key: told for trial in manifest.trials for key, told in trial.plugins.items()}


def _between(where: str, first: Mapping[str, Any], second: Mapping[str, Any]) -> Iterator[Change]:
    one, other = dict(_leaves(first)), dict(_leaves(second))
    for key in sorted({*one, *other}):
        values = one.get(key, ABSENT), other.get(key, ABSENT)
        if values[0] != values[1]:
            yield Change(where, key, *values)


def _leaves(data: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Give the settings of a config by their whole keys."""
    parts: Sequence[tuple[str, Any]] = ()
    if isinstance(data, Mapping):
        parts = [(str(key), value) for key, value in data.items()]
    elif isinstance(data, list) and any(isinstance(each, Mapping) for each in data):
        parts = [(str(place), value) for place, value in enumerate(data)]
    if not parts and (prefix or data):
        yield prefix, data
    for key, value in parts:
        yield from _leaves(value, f"{prefix}.{key}" if prefix else key)

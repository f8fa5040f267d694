"""Finding policies by name: in this package, and through the entry points `qcbench.policies`."""

import importlib
import importlib.metadata
import inspect
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, get_args

from qcbench.errors import InputError, nearest
from qcbench.policies.config import PolicyConfig
from qcbench.policies.protocol import Decide, PolicyContext, Track

ENTRY_POINTS = "qcbench.policies"
"""An entry point is named ``track.policy`` and refers to a factory."""


TRACKS: tuple[Track, ...] = ("placement", "allocation", "queueing")
"""Tracks that have policies."""


@dataclass(frozen=True)
class PolicyInfo:
    """One policy as it is listed: its track, name, first line of documentation, parameters."""

    track: Track
    name: str
    summary: str
    parameters: Mapping[str, inspect.Parameter]
    factory: Callable[..., Decide]


def _built_in(track: Track) -> dict[str, str]:
    package = importlib.import_module(f"qcbench.policies.{track}")
    return {m.name: f"{package.__name__}.{m.name}" for m in pkgutil.iter_modules(package.__path__)}


def _plugins(track: Track) -> dict[str, importlib.metadata.EntryPoint]:
    points = importlib.metadata.entry_points(group=ENTRY_POINTS)
    prefix = f"{track}."
    return {p.name.removeprefix(prefix): p for p in points if p.name.startswith(prefix)}


def names(track: Track) -> list[str]:
    """Return the names of all policies of a track."""
    return sorted(_built_in(track) | _plugins(track))


def find(track: Track, name: str) -> PolicyInfo:
    """Return a policy by name.

    Raises:
        InputError: unknown name, with the nearest ones.
    """
    modules = _built_in(track)
    if name in modules:
        module = importlib.import_module(modules[name])
        factory, documented = module.policy, module
    elif name in (plugins := _plugins(track)):
        factory = documented = plugins[name].load()
    else:
        raise InputError(f"policy {name}: no such {track} policy{nearest(name, names(track))}")
    summary = (inspect.getdoc(documented) or "").split("\n", 1)[0].rstrip(".")
    parameters = dict(list(inspect.signature(factory).parameters.items())[1:])
    return PolicyInfo(
        track=track, name=name, summary=summary, parameters=parameters, factory=factory
    )


def check_parameters(track: Track, config: PolicyConfig) -> PolicyInfo:
    """Find a policy and check the names and types of its parameters.

    Raises:
        InputError: an unknown policy or parameter, a missing one, or one of another type.
    """
    info = find(track, config.name)
    for key, value in config.parameters.items():
        if key not in info.parameters:
            raise InputError(
                f"policy {config.name}: no parameter {key}"
                + (nearest(key, info.parameters) if info.parameters else "; it has none")
            )
        _check_type(config.name, key, value, info.parameters[key].annotation)
    for key, parameter in info.parameters.items():
        if parameter.default is parameter.empty and key not in config.parameters:
            raise InputError(f"policy {config.name}: parameter {key} is missing")
    return info


def _check_type(policy: str, key: str, value: object, annotation: Any) -> None:
    accepted = get_args(annotation) or (annotation,)
    if isinstance(value, bool):
        fits = bool in accepted
    else:
        fits = isinstance(value, tuple(accepted)) or (float in accepted and isinstance(value, int))
    if not fits:
        wanted = " or ".join(getattr(a, "__name__", str(a)) for a in accepted)
        raise InputError(f"policy {policy}: parameter {key} is {value!r}; it must be {wanted}")


def make(track: Track, config: PolicyConfig, context: PolicyContext) -> Decide:
    """Build a policy for one trial."""
    info = check_parameters(track, config)
    return info.factory(context, **config.parameters)

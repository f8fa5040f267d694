"""From a fleet's config, and the user's own devices, to profiles."""

from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from qcbench.errors import InputError, nearest
from qcbench.files import at_home, quoted, read_json
from qcbench.fleet.catalogue import device
from qcbench.fleet.config import FleetConfig, QpuConfig
from qcbench.fleet.figures import D1CPS_PER_CLOPS, check_coupling
from qcbench.fleet.profile import Fleet, QpuProfile

SYNTHETIC_FAMILY = "synthetic"
"""Family of a QPU that states none; no workload has circuits compiled for it."""

_KEYS = tuple(entry.name for entry in fields(QpuConfig))
_OWN_FIGURES = tuple(
    entry.name for entry in fields(QpuProfile) if entry.name not in {"name", "coupling"}
)


def read_qpus(path: Path) -> list[QpuConfig]:
    """Read a JSON list of QPUs, each an object with the keys of `QpuConfig`.

    Raises:
        InputError: the file cannot be read or holds something else; names the entry and the key.
    """
    content = read_json(path)
    if not isinstance(content, list) or not content:
        raise InputError(f"{path}: must be a JSON list of at least one QPU, [{{...}}, {{...}}]")
    entries = []
    for position, entry in enumerate(content):
        where = f"{path}: entry {position}"
        if not isinstance(entry, dict):
            raise InputError(f"{where}: must be an object with keys such as device or qubits")
        for key in entry:
            if key not in _KEYS:
                raise InputError(
                    f"{where}: key {quoted(key)} is unknown{nearest(key[:100], _KEYS)}"
                )
        try:
            entries.append(QpuConfig(**entry))
        except InputError as error:
            raise InputError(f"{where}: {error}") from error
    return entries


def resolve_fleet(config: FleetConfig) -> FleetConfig:
    """Return the same fleet with its `file` read in.

    The result says everything by itself: it can be hashed into a trial's id and sent to a worker
    that does not have the file.
    """
    if config.file is None:
        return config
    try:
        own = read_qpus(at_home(config.file))
    except InputError as error:
        raise InputError(f"fleet {config.name}: {error}") from error
    return replace(config, qpus=[*config.qpus, *own], file=None)


def _changes(config: QpuConfig) -> dict[str, Any]:
    """Return the figures that an entry states, in the types of a profile."""
    stated = {name: getattr(config, name) for name in _OWN_FIGURES}
    changes = {name: value for name, value in stated.items() if value is not None}
    for name in ("basis_gates", "flags"):
        if name in changes:
            changes[name] = tuple(changes[name])
    if config.coupling is not None:
        links = sorted((min(link), max(link)) for link in config.coupling)
        changes["coupling"] = tuple(links)
    if config.clops_v is not None and config.d1cps is None:
        changes["d1cps"] = D1CPS_PER_CLOPS * config.clops_v
    return changes


def _profile(config: QpuConfig) -> QpuProfile:
    """Return the profile that an entry describes, before `count` multiplies it."""
    changes = _changes(config)
    if not config.device:
        return QpuProfile(**{"family": SYNTHETIC_FAMILY, "name": config.label, **changes})
    base = device(config.device)
    if changes.get("qubits", base.qubits) != base.qubits:
        changes.setdefault("coupling", ())
    elif config.coupling is not None:
        check_coupling(f"QPU {config.label}", config.coupling, base.qubits)
    figures: Mapping[str, Any] = {name: changes[name] for name in changes if name != "source"}
    if figures and config.source is None:
        changes["source"] = f"{base.source}; changed: {', '.join(figures)}"
    return replace(base, name=config.name or base.name, **changes)


def load_fleet(config: FleetConfig) -> Fleet:
    """Return the fleet that a config describes.

    Raises:
        InputError: an unknown device (with the nearest names), two QPUs of one name, or a file
            that cannot be used.
    """
    config = resolve_fleet(config)
    profiles: list[QpuProfile] = []
    for position, entry in enumerate(config.qpus):
        try:
            profile = _profile(entry)
        except InputError as error:
            raise InputError(f"fleet {config.name}: qpus[{position}]: {error}") from error
        if entry.count == 1:
            profiles.append(profile)
        else:
            names = (f"{profile.name}-{index}" for index in range(entry.count))
            profiles.extend(replace(profile, name=name) for name in names)
    names_seen: set[str] = set()
    for profile in profiles:
        if profile.name in names_seen:
            raise InputError(
                f"fleet {config.name}: two QPUs are called {profile.name}; give one another name, "
                "or use count for identical ones"
            )
        names_seen.add(profile.name)
    return Fleet(config.name, tuple(profiles))

"""The names of the policies, in this package and of the entry points; none of them is imported."""

import pkgutil
from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING

from qcbench.tracks import TRACKS, Track, module_of

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

ENTRY_POINTS = "qcbench.policies"
"""An entry point is named ``track.policy`` and refers to a factory."""


@cache
def modules_of(track: Track) -> dict[str, str]:
    """Return the module of each policy of this package for a track, by name."""
    if track not in TRACKS:
        return {}
    package = module_of("qcbench.policies", track)
    return {m.name: f"{package.__name__}.{m.name}" for m in pkgutil.iter_modules(package.__path__)}


def plugins_of(track: Track) -> dict[str, "EntryPoint"]:
    """Return the entry points of others' policies for a track, by name."""
    prefix = f"{track}."
    return {p.name.removeprefix(prefix): p for p in _plugins() if p.name.startswith(prefix)}


def _plugins() -> Iterable["EntryPoint"]:
    from importlib import metadata  # noqa: PLC0415 - to ask is a good part of what starting takes

    return metadata.entry_points(group=ENTRY_POINTS)


def built_in(track: Track) -> list[str]:
    """Return the names of the policies of this package for a track."""
    return sorted(modules_of(track))


def names(track: Track) -> list[str]:
    """Return the names of all policies of a track."""
    return sorted(modules_of(track) | plugins_of(track))


def names_by_track() -> dict[Track, list[str]]:
    """Return the names of all policies; the entry points are asked once."""
    others = [p.name.partition(".") for p in _plugins()]
    return {
        track: sorted({*modules_of(track), *(name for of, _, name in others if of == track)})
        for track in TRACKS
    }

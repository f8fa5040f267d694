"""The names of the policies, in this package and of the entry points; none of them is imported."""

import pkgutil
from functools import cache

from qcbench.plugins import Plugin, plugins
from qcbench.tracks import TRACKS, Track, module_of


@cache
def modules_of(track: Track) -> dict[str, str]:
    """Return the module of each policy of this package for a track, by name."""
    if track not in TRACKS:
        return {}
    package = module_of("qcbench.policies", track)
    return {m.name: f"{package.__name__}.{m.name}" for m in pkgutil.iter_modules(package.__path__)}


def plugins_of(track: Track) -> dict[str, Plugin]:
    """Return others' policies for a track by name; their entry points are `track.policy`."""
    prefix = f"{track}."
    found = plugins("policies")
    return {name.removeprefix(prefix): p for name, p in found.items() if name.startswith(prefix)}


def plugin_of(track: Track, name: str) -> Plugin | None:
    """Return the plug-in that a policy is; None of one of this package, which goes first."""
    return None if name in modules_of(track) else plugins_of(track).get(name)


def built_in(track: Track) -> list[str]:
    """Return the names of the policies of this package for a track."""
    return sorted(modules_of(track))


def names(track: Track) -> list[str]:
    """Return the names of all policies of a track."""
    return sorted(modules_of(track) | plugins_of(track))


def names_by_track() -> dict[Track, list[str]]:
    """Return the names of all policies; the entry points are asked once."""
    others = [name.partition(".") for name in plugins("policies")]
    return {
        track: sorted({*modules_of(track), *(name for of, _, name in others if of == track)})
        for track in TRACKS
    }

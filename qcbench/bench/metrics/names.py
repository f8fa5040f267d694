"""Which metrics trials of a track have, known before any trial has run, and which should be large.

The module of a track beside this one says it, in the same file that computes them.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, TypeAlias

from qcbench.arrays import FloatArray
from qcbench.bench.metrics import deadlines, fairness
from qcbench.bench.metrics.bounded import Bounded
from qcbench.bench.metrics.plugged import goal_told, load_metric, plugged_names
from qcbench.cloud.records import Records
from qcbench.cloud.scenario import Scenario
from qcbench.cloud.summary import Summaries
from qcbench.errors import InputError, nearest
from qcbench.fleet.profile import Fleet
from qcbench.plugins import RENAME
from qcbench.tracks import TRACKS, Track, module_of

METRICS = "qcbench.bench.metrics"
OF_SOME = (*deadlines.NAMES, *fairness.NAMES)
"""Metrics of trials of any track whose jobs have due times or users."""


Metrics: TypeAlias = Callable[[Records, float], dict[str, Any]]
"""Takes the records of a trial and its warm-up."""
BoundedOf: TypeAlias = Callable[[Scenario, FloatArray | None], Bounded | None]
"""Takes a world, and real over estimated execution time of each task where they differ."""


def metrics_of(track: Track) -> Metrics:
    """Return the function that gives the metrics of trials of a track."""
    found: Metrics = module_of(METRICS, track).metrics
    return found


def metrics_of_summaries(
    track: Track, of: Summaries, fleet: Fleet, before: Mapping[str, Sequence[Any]]
) -> list[dict[str, Any]]:
    """Return the metrics of trials of one scenario of a track whose metrics need nothing else.

    Args:
        of: the trials, after the warm-up.
        fleet: of their worlds, whose jobs have neither due times nor users.
        before: columns that stand before the metrics.
    """
    room = module_of(METRICS, track)
    found: list[dict[str, Any]] = room.metrics_of_summaries(of, fleet, before=before)
    return found


def bounded_of(track: Track) -> BoundedOf:
    """Return the function that gives what no policy can do better on a world of a track."""
    found: BoundedOf = module_of(METRICS, track).bounded
    return found


def names_of(track: Track) -> tuple[str, ...]:
    """Return the metrics that every trial of a track has."""
    names: tuple[str, ...] = module_of(METRICS, track).NAMES
    return names


def is_metric(track: Track, name: str) -> bool:
    """Whether trials of a track have, or may have, this metric, which is of this package."""
    known = (*names_of(track), *OF_SOME)
    return name in known or name.startswith(module_of(METRICS, track).PREFIXES)


def all_names() -> set[str]:
    """Return the metrics of this package, of any track, that are known by their whole name."""
    return {name for track in TRACKS for name in (*names_of(track), *OF_SOME)}


def reserved(name: str) -> str:
    """Return in one line why no plug-in can have a name; empty where one can."""
    if name in all_names():
        return f"metric {name}: qcbench has one of this name, which is used; {RENAME}"
    for track in TRACKS:
        for prefix in module_of(METRICS, track).PREFIXES:
            if name.startswith(prefix):
                return f"metric {name}: names that begin with {prefix} are qcbench's; {RENAME}"
    return ""


def check_metric(track: Track, name: str, key: str) -> None:
    """Check that trials of a track may have a metric, of qcbench's or of another package.

    Args:
        key: where it was named.

    Raises:
        InputError: they have not, or a package's cannot be used.
    """
    others = plugged_names()
    taken = reserved(name) if name in others else ""
    if is_metric(track, name) and (not taken or name in all_names()):
        return
    if taken:
        raise InputError(f"{key}: {taken}")
    if name not in others:
        known = nearest(name, [*names_of(track), *others])
        raise InputError(f"{key}: {name!r} is no metric of {track} trials{known}")
    goal_told(name, load_metric(name))


def plugged_among(track: Track, names: Iterable[str]) -> list[str]:
    """Return those metrics that trials of a track have from other packages, sorted."""
    return sorted({name for name in names if not is_metric(track, name)})


def goal_of(name: str) -> Literal["min", "max"]:
    """Return `max` for a metric of which more is better, `min` for every other.

    Of a metric of another package that cannot be loaded nobody knows more than its values.
    """
    if name in plugged_names() and not any(is_metric(track, name) for track in TRACKS):
        try:
            return goal_told(name, load_metric(name))
        except InputError:
            return "min"
    large = [module_of(METRICS, track).MORE_IS_BETTER for track in TRACKS]
    large += [deadlines.MORE_IS_BETTER, fairness.MORE_IS_BETTER]
    return "max" if any(name in names for names in large) else "min"

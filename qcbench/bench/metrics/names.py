"""Which metrics trials of a track have, known before any trial has run, and which should be large.

The module of a track beside this one says it, in the same file that computes them.
"""

from collections.abc import Callable
from typing import Any, Literal

from qcbench.bench.metrics import deadlines
from qcbench.cloud.records import Records
from qcbench.tracks import TRACKS, Track, module_of

METRICS = "qcbench.bench.metrics"


def metrics_of(track: Track) -> Callable[[Records, float], dict[str, Any]]:
    """Return the function that takes the records of a trial and its warm-up, and gives metrics."""
    found: Callable[[Records, float], dict[str, Any]] = module_of(METRICS, track).metrics
    return found


def names_of(track: Track) -> tuple[str, ...]:
    """Return the metrics that every trial of a track has."""
    names: tuple[str, ...] = module_of(METRICS, track).NAMES
    return names


def is_metric(track: Track, name: str) -> bool:
    """Whether trials of a track have, or may have, this metric."""
    known = (*names_of(track), *deadlines.NAMES)
    return name in known or name.startswith(module_of(METRICS, track).PREFIXES)


def goal_of(name: str) -> Literal["min", "max"]:
    """Return `max` for a metric of which more is better, `min` for every other."""
    large = [module_of(METRICS, track).MORE_IS_BETTER for track in TRACKS]
    return "max" if any(name in names for names in (*large, deadlines.MORE_IS_BETTER)) else "min"

"""Metrics of other packages: a function of a trial's records each.

An entry point of the group `qcbench.metrics` refers to a function of the records and the warm-up in
seconds that returns a number, or None where it is undefined. Of its values less is better, unless
the function has an attribute `goal` that is `max`.
"""

from collections.abc import Callable, Mapping
from math import isfinite
from numbers import Real
from typing import Literal, TypeAlias

from qcbench.cloud.records import Records
from qcbench.errors import InputError, shown
from qcbench.plugins import PluginError, called, find, plugins

PREFIX = "metrics/"
"""How the keys of metrics begin among the plug-ins of a trial."""

Metric: TypeAlias = Callable[[Records, float], float | None]


def load_metric(name: str) -> Metric:
    """Return the function of a metric.

    Raises:
        InputError: there is none, or it cannot be used.
    """
    return find("metrics", name, "metric").function()


def plugged_names() -> list[str]:
    """Return the names of the metrics of other packages; none of them is imported."""
    return list(plugins("metrics"))


def goal_told(name: str, function: Metric) -> Literal["min", "max"]:
    """Return what a metric's function says of whether more is better.

    Raises:
        InputError: it says something else.
    """
    goal = getattr(function, "goal", "min")
    if goal == "max":
        return "max"
    if goal == "min":
        return "min"
    raise InputError(f"metric {name}: its goal is {shown(goal)}; it must be 'min' or 'max'")


def has_metrics(used: Mapping[str, str]) -> bool:
    """Whether there are metrics among the plug-ins of a trial."""
    return any(key.startswith(PREFIX) for key in used)


def plugged_metrics(
    used: Mapping[str, str], records: Records, warm_up_s: float
) -> dict[str, float | None]:
    """Return the metrics among the plug-ins of a trial.

    Args:
        used: keys of plug-ins with their identities.
        records: of the trial.
        warm_up_s: time before which arrivals do not count [s].

    Raises:
        InputError: one is not installed.
        PluginError: one raises, or returns no number.
    """
    names = [key.removeprefix(PREFIX) for key in used if key.startswith(PREFIX)]
    return {name: measured(name, load_metric(name), records, warm_up_s) for name in names}


def measured(name: str, metric: Metric, records: Records, warm_up_s: float) -> float | None:
    """Return the value of a metric, checked.

    Raises:
        PluginError: it raises, or returns no number.
    """
    value = called(f"metric {name}", metric, records, warm_up_s)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, Real) or not isfinite(value):
        raise PluginError(
            f"metric {name}: returned {shown(value)}; it is a finite number, or None where it is "
            "undefined"
        )
    return float(value)

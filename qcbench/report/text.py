"""Numbers as people read them: units, digits, intervals, names."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import floor, isfinite, log10

MISSING = "–"
GOALS = {"min": "less is better", "max": "more is better"}


@dataclass(frozen=True)
class Scale:
    """How the values of one metric are written: over `factor`, in `unit`, with `decimals`."""

    unit: str
    factor: float
    decimals: int

    def value(self, number: float | None) -> str:
        """Write one value without its unit."""
        if number is None or not isfinite(number):
            return MISSING
        return f"{number / self.factor:,.{self.decimals}f}"

    def interval(self, low: float | None, high: float | None) -> str:
        """Write an interval, or nothing where there is none."""
        if low is None or high is None:
            return ""
        return f"[{self.value(low)}, {self.value(high)}]"


def scale_of(metric: str, values: Iterable[float | None]) -> Scale:
    """Choose unit and decimals for a column: seconds, minutes or hours, four digits.

    Args:
        metric: its name; `_s` at the end means seconds.
        values: what is to be written.
    """
    known = sorted(abs(value) for value in values if value is not None and isfinite(value))
    typical = known[len(known) // 2] if known else 0.0
    unit, factor = "", 1.0
    if metric.endswith("_s"):
        unit, factor = _time_unit(typical)
    elif metric.endswith("_percent"):
        unit = "%"
    shown = typical / factor
    digits = 3 - floor(log10(shown)) if shown > 0 else 1
    return Scale(unit, factor, min(max(digits, 0), 4))


def _time_unit(seconds: float) -> tuple[str, float]:
    for unit, factor, least in (("h", 3600.0, 36_000.0), ("min", 60.0, 3600.0)):
        if seconds >= least:
            return unit, factor
    if 0 < seconds < 0.1:
        return "ms", 1e-3
    return "s", 1.0


def title_of(metric: str) -> str:
    """Name of a metric without its unit: `total_completion_s` is `total completion`."""
    return metric.removesuffix("_s").removesuffix("_percent").replace("_", " ")


def label_of(metric: str, scale: Scale) -> str:
    """Name of a metric with the unit that is shown: `total completion [s]`."""
    return f"{title_of(metric)} [{scale.unit}]" if scale.unit else title_of(metric)


def percent(value: float | None, *, signed: bool = True) -> str:
    """Write a percentage with as many digits as are worth reading, without the sign %."""
    if value is None or not isfinite(value):
        return MISSING
    decimals = 0 if round(abs(value), 1) >= 100 else 1
    text = f"{value:+,.{decimals}f}" if signed else f"{value:,.{decimals}f}"
    return text.lstrip("+-") if float(text.replace(",", "")) == 0 else text


def percent_interval(low: float | None, high: float | None) -> str:
    """Write the interval of a percentage, or nothing where there is none."""
    if low is None or high is None:
        return ""
    return f"[{percent(low)}, {percent(high)}]"


def share(value: float | None) -> str:
    """Write a share of 0..1 in whole percent."""
    return MISSING if value is None else f"{100 * value:.0f} %"


def gap(row: Mapping[str, float | None]) -> str:
    """Write the distance to the optimum in percent: between which ends it lies, or its upper end.

    Args:
        row: with `gap_opt`, `gap_best` and `gap_lb`, or some of them.
    """

    def ends(value: float) -> str:
        return f"{100 * value:,.{1 if abs(value) < 0.0995 else 0}f}".replace("-0.0", "0.0")

    exact, low, high = (row.get(name) for name in ("gap_opt", "gap_best", "gap_lb"))
    if exact is not None:
        return ends(exact)
    if high is None:
        return MISSING
    if low is None:
        return f"≤ {ends(high)}"
    return ends(high) if ends(low) == ends(high) else f"{ends(low)}–{ends(high)}"


def rank(value: float | None, low: float | None = None, high: float | None = None) -> str:
    """Write a rank and, where it is not certain, the range it may have.

    Args:
        value: the rank.
        low: end of its interval.
        high: end of its interval.
    """
    if value is None:
        return MISSING
    written = [format(each, "g") for each in (value, low, high) if each is not None]
    if len(set(written)) == 1 or len(written) < 3:
        return written[0]
    return f"{written[0]} ({written[1]}–{written[2]})"


def plural(count: int, noun: str) -> str:
    """`1 trial`, `2 trials`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def duration(seconds: float) -> str:
    """Write a time in the unit that suits it: `41 s`, `3.5 min`, `2.0 h`."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"

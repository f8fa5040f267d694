"""Whether what was measured is what was claimed: one rule for all claims.

A claim is a region that a number lies in, such as a difference of at most 0 or of -12 to -5 %. It
holds where the interval of the number lies within the region, and does not where the interval lies
outside; where one end is within and the other is not it cannot be said. Of several numbers all have
to be within, and one that is outside is enough to refute it: the intervals are then such that all
of them hold together (Bonferroni).
"""

from collections.abc import Sequence
from math import inf
from typing import Literal

from qcbench.stats.claims import LEAST_WORLDS
from qcbench.stats.intervals import LEVEL, Estimate

Answer = Literal["holds", "does not hold", "cannot be said"]


def level_of_each(count: int, level: float = LEVEL) -> float:
    """Return the level of each of several intervals, so that all of them hold together."""
    return 1.0 - (1.0 - level) / count


def margin(found: Estimate, least: float | None, most: float | None) -> float:
    """Return how far an interval is within a region; below 0 where part of it is not."""
    below = inf if least is None else found.low - least
    above = inf if most is None else most - found.high
    return min(below, above)


def answer_of(
    found: Sequence[tuple[Estimate, int]], least: float | None, most: float | None
) -> Answer:
    """Return what follows from the findings.

    Args:
        found: each with the number of worlds that it is from, 0 where it is exact; of fewer than
            five nothing is claimed.
        least, most: ends of the region; None where it is open.
    """
    sound = [
        estimate if worlds == 0 or worlds >= LEAST_WORLDS else None for estimate, worlds in found
    ]
    if any(one is not None and _outside(one, least, most) for one in sound):
        return "does not hold"
    if all(one is not None and margin(one, least, most) >= 0 for one in sound):
        return "holds"
    return "cannot be said"


def _outside(found: Estimate, least: float | None, most: float | None) -> bool:
    return (least is not None and found.high < least) or (most is not None and found.low > most)

"""Whether a scenario has worlds enough: its comparisons are decided, or known narrowly enough."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from qcbench.arrays import FloatArray
from qcbench.stats.claims import ANYTIME, against_all, holm
from qcbench.stats.intervals import LEVEL
from qcbench.stats.paired import paired_distribution

DECIDED, NARROW = "decided", "narrow"


@dataclass(frozen=True)
class Growth:
    """How the worlds of a run that grew came to be as many as they are.

    Attributes:
        half_width: share of the baseline's mean that was narrow enough.
        why: what ended each scenario; nothing of one that still grows.
    """

    half_width: float
    why: Mapping[str, str] = field(default_factory=dict)


def settled(
    matrix: FloatArray, baseline: int, half_width: float, level: float = LEVEL
) -> list[str | None]:
    """Say of every policy whether it has been compared with the baseline well enough.

    Args:
        matrix: (worlds, policies) values; NaN where a policy did not finish a world.
        baseline: index of its column.
        half_width: of the interval of a relative difference, as a share.
        level: 1 less the probability of any false decision, however often one asks.

    Returns:
        `decided` where the difference is claimed; `narrow` where the interval is no wider than
        asked for; empty where neither is so; None where there is nothing to compare: the baseline,
        and a policy without a common world.
    """
    worlds, difference, se, *_ = against_all(matrix, baseline)
    relative_se = paired_distribution(matrix, baseline, np.ones((1, len(matrix)))).relative_se
    against = [place for place in np.flatnonzero(worlds).tolist() if place != baseline]

    def p_value(policy: int) -> float:
        n = int(worlds[policy])
        return ANYTIME.p_value(float(difference[policy]), float(se[policy]), n - 1, n)

    states: list[str | None] = [None] * matrix.shape[1]
    for policy, corrected in zip(against, holm([p_value(p) for p in against]), strict=True):
        half = ANYTIME.half_width(float(relative_se[policy]), worlds[policy] - 1, level)
        narrow = NARROW if half <= 100.0 * half_width else ""
        states[policy] = DECIDED if corrected <= 1.0 - level else narrow
    return states

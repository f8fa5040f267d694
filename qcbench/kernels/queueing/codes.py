"""Numbers for the built-in queueing policies that have a compiled twin."""

from collections.abc import Mapping

CODES: Mapping[str, int] = {
    name: code
    for code, name in enumerate(
        (
            "fifo",
            "lifo",
            "random",
            "weighted",
            "fifo_legacy",
            "shortest_remaining",
            "least_attained",
            "priority",
            "priority_ageing",
            "fair_share",
        )
    )
}
(
    FIFO,
    LIFO,
    RANDOM,
    WEIGHTED,
    FIFO_LEGACY,
    SHORTEST_REMAINING,
    LEAST_ATTAINED,
    PRIORITY,
    PRIORITY_AGEING,
    FAIR_SHARE,
) = range(10)

WITH_DRAWS = (RANDOM, WEIGHTED)
"""Policies that use random numbers."""

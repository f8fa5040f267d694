"""Numbers for the built-in queueing policies that have a compiled twin."""

from collections.abc import Mapping

CODES: Mapping[str, int] = {
    name: code
    for code, name in enumerate(
        (
            "fifo",
            "lifo",
            "random",
            "fifo_legacy",
            "weighted",
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
    FIFO_LEGACY,
    WEIGHTED,
    SHORTEST_REMAINING,
    LEAST_ATTAINED,
    PRIORITY,
    PRIORITY_AGEING,
    FAIR_SHARE,
) = range(10)

WITH_DRAWS = (RANDOM, WEIGHTED)
"""Policies that use random numbers."""

FIRST_SORTED = SHORTEST_REMAINING
"""From here on, policies take the least of numbers that tasks have when they join the queue: it is
kept in that order."""

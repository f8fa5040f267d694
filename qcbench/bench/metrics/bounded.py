"""What no policy can do better on a world, as the track of the world says it."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Bounded:
    """A metric of trials and how small it can be on a world.

    Attributes:
        metric: name of the metric; it is bounded in trials that have done all that came.
        bound: no value is below it.
        method: how it was found.
        best: the least value that is known to be possible, None where none was looked for.
        best_method: how that was found.
    """

    metric: str
    bound: float
    method: str
    best: float | None = None
    best_method: str | None = None

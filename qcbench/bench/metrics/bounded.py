"""What no policy can do better on a world, as the track of the world says it."""

from dataclasses import dataclass

from qcbench.arrays import BoolArray
from qcbench.cloud.scenario import Scenario


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


def counted(world: Scenario) -> BoolArray:
    """Return which jobs trials tell of: those that arrive after the warm-up and are observed.

    A trial that has done all that came may not have met those that come after the horizon.
    """
    arrival_s, rules = world.workload.arrival_s, world.rules
    seen: BoolArray = arrival_s >= rules.warm_up_s
    return seen if rules.horizon_s is None else seen & (arrival_s < rules.horizon_s)

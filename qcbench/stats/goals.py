"""The goals of a suite: what a policy should be good at, where that is more than one thing."""

from collections import Counter
from collections.abc import Sequence
from typing import Literal

from qcbench.configs import Positive, config
from qcbench.errors import InputError

MOST_GOALS = 3
"""More of them make every policy one that no other dominates."""


@config
class Goal:
    """Something that a policy should be good at.

    Attributes:
        metric: column of the result table.
        goal: whether less or more of it is better.
        reference: times the baseline's mean it is the reference point: what is worse than that
            counts for nothing. Above 1 where less is better, below 1 where more is.
    """

    metric: str
    goal: Literal["min", "max"]
    reference: Positive

    @property
    def sign(self) -> float:
        """By which values are multiplied, so that less is better."""
        return 1.0 if self.goal == "min" else -1.0


def check_goals(key: str, goals: Sequence[Goal], *, none: bool = False) -> None:
    """Check that goals can be a front.

    Args:
        key: where they stand.
        none: there may be none instead; who calls has looked.

    Raises:
        InputError: there are too few or too many, one is there twice, or the reference point is
            better than the baseline.
    """
    for place, each in enumerate(goals):
        if each.reference == 1 or (each.reference > 1) != (each.goal == "min"):
            side = "above 1" if each.goal == "min" else "below 1"
            raise InputError(
                f"{key}[{place}].reference: {each.reference:g}; must be {side} where the goal is "
                f"{each.goal}, as that of {each.metric} is"
            )
    right = "name two or three metrics" + (", or none" if none else "")
    twice = [name for name, times in Counter(g.metric for g in goals).items() if times > 1]
    if twice:
        raise InputError(f"{key}: {twice[0]} is there twice; {right}")
    if not 2 <= len(goals) <= MOST_GOALS:
        what = "one entry" if len(goals) == 1 else f"{len(goals)} entries"
        raise InputError(f"{key}: has {what}; {right}")

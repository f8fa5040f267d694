"""The goals of a suite: what a policy should be good at, where that is more than one thing."""

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

    def __post_init__(self) -> None:
        if self.reference == 1 or (self.reference > 1) != (self.goal == "min"):
            right = "above 1" if self.goal == "min" else "below 1"
            raise InputError(
                f"suite.goals: {self.metric}: reference {self.reference:g}; must be {right} where "
                f"the goal is {self.goal}"
            )

    @property
    def sign(self) -> float:
        """By which values are multiplied, so that less is better."""
        return 1.0 if self.goal == "min" else -1.0

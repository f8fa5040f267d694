"""The weights of policies that trade one thing against others."""

from collections.abc import Mapping
from typing import Annotated

from annotated_types import Interval

from qcbench.arrays import FloatArray
from qcbench.errors import InputError
from qcbench.fleet.profile import Fleet

Weight = Annotated[float, Interval(ge=-1e6, le=1e6)]
"""So large that one of them decides alone, and so small that all can be added up."""


def check_weights(policy: str, weights: Mapping[str, float]) -> None:
    """Check that one of several weights, none of which is negative, is positive.

    Raises:
        InputError: names the policy and the weights.
    """
    if not any(weights.values()):
        raise InputError(f"policy {policy}: one of {', '.join(weights)} must be positive")


def weighed_prices(fleet: Fleet, weight: float) -> FloatArray:
    """Return the prices that `weighted` weighs, NaN where one is unknown and has no weight.

    Raises:
        InputError: prices have a weight, and a QPU does not state its own.
    """
    if not weight:
        return fleet.prices()
    return fleet.known(
        "price_per_s", "the policy weighted", "set policy.parameters.price=0, so that none is used"
    )

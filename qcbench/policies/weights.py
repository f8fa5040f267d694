"""The weights of policies that trade time against fidelity and price."""

from collections.abc import Mapping

from qcbench.arrays import FloatArray
from qcbench.errors import InputError
from qcbench.fleet.profile import Fleet


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

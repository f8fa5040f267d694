"""The weights of policies that trade time against fidelity and price."""

from collections.abc import Mapping
from math import inf

from qcbench.errors import InputError


def check_weights(policy: str, weights: Mapping[str, float]) -> None:
    """Check that no weight is negative and one is positive.

    Raises:
        InputError: names the policy and the weight.
    """
    for key, weight in weights.items():
        if not 0 <= weight < inf:
            raise InputError(
                f"policy {policy}: parameter {key} is {weight:g}; it must be finite and >= 0"
            )
    if not any(weights.values()):
        raise InputError(f"policy {policy}: one of {', '.join(weights)} must be positive")

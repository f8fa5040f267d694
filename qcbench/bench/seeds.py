"""Random streams derived from the coordinates of a trial.

The policy is not part of a workload stream's key: all policies of a replicate face the same world
(common random numbers), and adding a policy changes no number of another.
"""

import numpy as np

from qcbench.cloud.seeds import WORLD_STREAMS, stream
from qcbench.errors import InputError

__all__ = ["WORLD_STREAMS", "check_seed", "policy_stream", "stream"]


def check_seed(key: str, seed: int) -> None:
    """Refuse a seed that the result table, a column of 64 bits, could not hold, or below 0."""
    if not 0 <= seed < 2**63:
        raise InputError(f"{key}: {seed}; must be 0 or more, and below 2^63")


def policy_stream(
    suite: str, scenario: str, replicate: int, policy: str, *, seed: int = 0
) -> np.random.Generator:
    """Return the generator that a policy may draw from; one per policy label."""
    return stream(suite, scenario, replicate, f"policy:{policy}", seed=seed)

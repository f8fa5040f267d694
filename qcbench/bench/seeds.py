"""Random streams derived from the coordinates of a trial.

The policy is not part of a workload stream's key: all policies of a replicate face the same world
(common random numbers), and adding a policy changes no number of another.
"""

import numpy as np

from qcbench.cloud.seeds import WORLD_STREAMS, stream

__all__ = ["WORLD_STREAMS", "policy_stream", "stream"]


def policy_stream(
    suite: str, scenario: str, replicate: int, policy: str, *, seed: int = 0
) -> np.random.Generator:
    """Return the generator that a policy may draw from; one per policy label."""
    return stream(suite, scenario, replicate, f"policy:{policy}", seed=seed)

"""Random streams derived from the coordinates of a trial.

The policy is not part of a workload stream's key: all policies of a replicate face the same world
(common random numbers), and adding a policy changes no number of another.
"""

from functools import partial

import numpy as np

from qcbench.cloud.cloud import Streams
from qcbench.cloud.seeds import WORLD_STREAMS, stream

__all__ = ["WORLD_STREAMS", "policy_stream", "stream", "streams_of"]


def streams_of(suite: str, scenario: str, replicate: int, *, seed: int = 0) -> Streams:
    """Return the generators of what the rules of a world leave to chance."""
    return Streams(partial(stream, suite, scenario, replicate, seed=seed))


def policy_stream(
    suite: str, scenario: str, replicate: int, policy: str, *, seed: int = 0
) -> np.random.Generator:
    """Return the generator that a policy may draw from; one per policy label."""
    return stream(suite, scenario, replicate, f"policy:{policy}", seed=seed)

"""Random streams derived from the coordinates of a trial.

The policy is not part of a workload stream's key: all policies of a replicate face the same world
(common random numbers), and adding a policy changes no number of another.
"""

import hashlib

import numpy as np

WORLD_STREAMS = ("fleet", "circuits", "arrivals", "failures", "drift", "execution")


def stream(
    suite: str, scenario: str, replicate: int, name: str, *, seed: int = 0
) -> np.random.Generator:
    """Return the generator of one named stream of one replicate.

    The key is hashed (SHA-256) into the 256 bits of a `SeedSequence`, so streams of different
    coordinates are independent and equal coordinates give equal numbers on every machine.
    """
    key = f"{seed}\x1f{suite}\x1f{scenario}\x1f{replicate}\x1f{name}"
    digest = hashlib.sha256(key.encode()).digest()
    words = np.frombuffer(digest, dtype=">u4").astype(np.uint32)
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(words.tolist())))


def policy_stream(
    suite: str, scenario: str, replicate: int, policy: str, *, seed: int = 0
) -> np.random.Generator:
    """Return the generator that a policy may draw from; one per policy label."""
    return stream(suite, scenario, replicate, f"policy:{policy}", seed=seed)

"""Random streams of a world, derived by hashing its coordinates."""

import hashlib

import numpy as np

WORLD_STREAMS = (
    *("fleet", "circuits", "arrivals", "failures", "drift", "execution"),
    "deadlines",
)


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
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(words)))

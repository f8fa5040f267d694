"""Random numbers one at a time, drawn many at a time: a call of a generator costs a microsecond."""

from collections.abc import Iterator
from itertools import chain, repeat

import numpy as np

from qcbench.arrays import FloatArray
from qcbench.fleet.profile import Fleet

BLOCK = 1024
AHEAD = 16 * BLOCK


def uniforms(rng: np.random.Generator) -> Iterator[float]:
    """Return numbers that are uniform in [0, 1), without end."""
    return chain.from_iterable(rng.random(BLOCK).tolist() for _ in repeat(None))


def uniform(rng: np.random.Generator, _fleet: Fleet) -> FloatArray:
    """Return the same numbers for a twin, as many as it is worth to draw at a time."""
    return rng.random(AHEAD)

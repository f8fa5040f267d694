"""Random numbers one at a time, drawn many at a time: a call of a generator costs a microsecond."""

from collections.abc import Iterator
from itertools import chain, repeat

import numpy as np

BLOCK = 1024


def uniforms(rng: np.random.Generator) -> Iterator[float]:
    """Return numbers that are uniform in [0, 1), without end."""
    return chain.from_iterable(rng.random(BLOCK).tolist() for _ in repeat(None))

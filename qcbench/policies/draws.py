"""Random numbers one at a time, drawn many at a time: a call of a generator costs a microsecond."""

from collections.abc import Iterator

import numpy as np

BLOCK = 1024


def uniforms(rng: np.random.Generator) -> Iterator[float]:
    """Yield numbers that are uniform in [0, 1), for ever."""
    while True:
        yield from rng.random(BLOCK).tolist()

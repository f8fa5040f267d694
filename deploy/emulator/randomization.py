"""The randomised parameters of twirled circuits."""

import math
from typing import Any

import numpy as np
from samplomatic.quantum_program import SamplexItem


def sample_parameters(
    item: SamplexItem, rng: np.random.Generator
) -> dict[str, np.ndarray[Any, Any]]:
    """Return the arrays that a samplex draws, each of the item's shape and its own.

    Axes along which the arguments vary are swept; along the others every element is a new draw.
    """
    shape = tuple(item.shape)
    arguments = item.samplex_arguments
    given = (1,) * (len(shape) - arguments.ndim) + tuple(arguments.shape)
    swept = [axis for axis, size in enumerate(given) if size > 1]
    drawn = [axis for axis, size in enumerate(given) if size <= 1]
    count = math.prod(shape[axis] for axis in drawn)
    found: dict[str, np.ndarray[Any, Any]] = {}
    for place in np.ndindex(*(shape[axis] for axis in swept)):
        at = dict(zip(swept, place, strict=True))
        offset = len(shape) - arguments.ndim
        argument = arguments[tuple(at.get(axis + offset, 0) for axis in range(arguments.ndim))]
        draw = item.samplex.sample(argument, num_randomizations=count, rng=rng)
        into = tuple(at.get(axis, slice(None)) for axis in range(len(shape)))
        for name, values in dict(draw).items():
            own = values.shape[1:]
            if name not in found:
                found[name] = np.empty((*shape, *own), dtype=values.dtype)
            found[name][into] = values.reshape(*(shape[axis] for axis in drawn), *own)
    return found

"""The NumPy side of a network: dense layers and activations, without allocation where it counts."""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias, TypeVar, cast

import numpy as np
import numpy.typing as npt

from qcbench.policies.exported.card import Activation, Normalisation
from qcbench.policies.exported.weights import Tensor, Tensors

Numbers: TypeAlias = npt.NDArray[np.floating[Any]]

Dense: TypeAlias = tuple[Tensor, Tensor]
"""Weight of shape (inputs, outputs), so that it stands on the right of a row, and bias."""

Weights = TypeVar("Weights", bound=Numbers)

InPlace: TypeAlias = Callable[[Numbers], object]


def dense(tensors: Tensors, name: str) -> list[Dense]:
    """Return the layers ``name.0``, ``name.1``, ... of a network."""
    found: list[Dense] = []
    while f"{name}.{len(found)}.weight" in tensors:
        layer = f"{name}.{len(found)}"
        weight = np.ascontiguousarray(tensors[f"{layer}.weight"].T)
        found.append((weight, tensors[f"{layer}.bias"].copy()))
    return found


def activation(name: Activation) -> InPlace:
    """Return the function that applies an activation to an array in place."""
    zero = np.float32(0.0)
    if name == "relu":
        return lambda x: np.maximum(x, zero, out=x)
    if name == "tanh":
        return lambda x: np.tanh(x, out=x)
    return _silu


def _silu(x: Numbers) -> None:
    # x / (1 + exp(-x)) by a tanh, which cannot overflow.
    x *= 0.5
    x *= 1.0 + np.tanh(x)


class Scaling:
    """What is done to features before a network sees them; nothing where there is no clip.

    Without a clip the normalisation goes into the first layer once, and costs nothing afterwards.
    """

    def __init__(self, given: Normalisation | None) -> None:
        self._given = given
        self.clips = given is not None and given.clip is not None

    def fold(
        self, weight: Weights, bias: Weights, columns: Sequence[int]
    ) -> tuple[Weights, Weights]:
        """Return the first layer with the normalisation in it.

        Args:
            weight: shape (inputs, outputs).
            bias: shape (outputs,).
            columns: which number of the normalisation goes with each input.
        """
        given = self._given
        if given is None or self.clips:
            return weight, bias
        mean = np.array(given.mean)[list(columns)]
        std = np.array(given.std)[list(columns)]
        scaled = weight.astype(np.float64) / std[:, np.newaxis]
        moved = bias - mean @ scaled
        folded = np.ascontiguousarray(scaled, dtype=weight.dtype)
        return cast(Weights, folded), cast(Weights, moved.astype(weight.dtype))

    def apply(self, features: Weights, columns: Sequence[int]) -> Weights:
        """Return normalised and clipped features; the last axis goes with `columns`."""
        given = self._given
        if given is None or given.clip is None:
            return features
        mean = np.array(given.mean, dtype=np.float32)[list(columns)]
        std = np.array(given.std, dtype=np.float32)[list(columns)]
        clipped: Weights = np.clip((features - mean) / std, -given.clip, given.clip)
        return clipped

"""From the scores of items to a decision: the best allowed one, or one that is drawn."""

from collections.abc import Callable, Sequence
from math import exp, inf
from typing import Literal, TypeAlias

import numpy as np

from qcbench.policies.draws import uniforms
from qcbench.sums import added

Mode: TypeAlias = Literal["greedy", "sample"]
Choose: TypeAlias = Callable[[Sequence[float], Sequence[bool]], int]
"""Takes the scores of items and which are allowed, at least one; returns an item."""


def chooser(mode: Mode, rng: np.random.Generator) -> Choose:
    """Return what takes the best item, or one that is drawn."""
    return Drawing(rng).draw if mode == "sample" else best


def best(scores: Sequence[float], allowed: Sequence[bool]) -> int:
    """Return the first of the allowed items with the highest score; at least one is allowed."""
    found, highest = -1, -inf
    for item, score in enumerate(scores):
        if allowed[item] and (score > highest or found < 0):
            found, highest = item, score
    return found


class Drawing:
    """Draws items with the probabilities of a softmax over the allowed ones."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._uniforms = uniforms(rng)

    def draw(self, scores: Sequence[float], allowed: Sequence[bool]) -> int:
        """Return an allowed item; at least one is allowed."""
        highest = scores[best(scores, allowed)]
        shares = [
            exp(score - highest) if allowed[item] else 0.0 for item, score in enumerate(scores)
        ]
        left = next(self._uniforms) * added(shares)
        last = -1
        for item, share in enumerate(shares):
            if share > 0.0:
                last = item
                left -= share
                if left < 0.0:
                    break
        return last

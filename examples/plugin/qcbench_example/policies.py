"""A policy: a factory that returns the function that decides."""

from collections.abc import Callable
from typing import Any

import numpy as np


def good_enough(context: Any, *, share: float = 0.9) -> Callable[[Any], int]:
    """Of the QPUs with a share of the best fidelity, the one that is done first."""
    del context

    def decide(view: Any) -> int:
        least = share * np.max(view.fidelity, where=view.feasible, initial=0.0)
        suitable = view.feasible & (view.fidelity >= least)
        done_s = np.maximum(view.free_at_s, view.now_s) + view.exec_s
        return int(np.where(suitable, done_s, np.inf).argmin())

    return decide

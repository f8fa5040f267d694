"""When QPUs fail and are repaired, drawn in advance: `qcbench.cloud.failures` for kernels."""

from collections.abc import Sequence

import numpy as np

from qcbench.arrays import FloatArray
from qcbench.cloud.cloud import Streams
from qcbench.cloud.rules import Failures

FIRST = 64
"""Failures and repairs of a QPU that are drawn at first; more when they run out."""


class FailureTimes:
    """Times between the failures and repairs of the QPUs of several worlds.

    They do not depend on what policies do. The generators are used as on the SimPy cloud, so that
    the numbers are the same; a standard exponential times its mean is what `exponential` returns.

    Attributes:
        gap_s: times until a QPU fails, is repaired, fails..., shape (worlds, QPUs, drawn); nothing
            is drawn where QPUs never fail.
    """

    def __init__(self, rules: Failures | None, streams: Sequence[Streams], qpus: int) -> None:
        self._rules = rules
        self._rngs = [[] if rules is None else each.failures.spawn(qpus) for each in streams]
        self.gap_s: FloatArray = np.zeros((len(streams), qpus, 0))
        if rules is not None:
            self.extend()

    def extend(self) -> None:
        """Draw as many failures and repairs again as there are, `FIRST` at first."""
        rules = self._rules
        if rules is None:
            raise RuntimeError("nothing fails, so no failure can be wanting")
        known = self.gap_s.shape[2]
        more = max(known, FIRST)
        mean_s = np.resize([rules.mean_up_s, rules.mean_down_s], more)
        drawn = np.array(
            [[rng.standard_exponential(more) * mean_s for rng in world] for world in self._rngs]
        )
        self.gap_s = np.concatenate([self.gap_s, drawn], axis=2)

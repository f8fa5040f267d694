"""When QPUs fail and are repaired, drawn in advance: `qcbench.cloud.failures` for kernels."""

from collections.abc import Sequence

import numpy as np

from qcbench.arrays import FloatArray
from qcbench.cloud.cloud import Streams
from qcbench.cloud.failures import most_failures, too_many
from qcbench.cloud.rules import Failures

FIRST = 64
"""Failures and repairs of a QPU that are drawn at first; more when they run out."""
MOST_DRAWN = 2e8
"""Failures and repairs of the QPUs of all worlds that are simulated at a time, where these are
several: 1.6 GB."""


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
        """Draw as many failures and repairs again as there are, `FIRST` at first.

        Raises:
            InputError: a QPU has failed so often that its trial is given up, see
                `qcbench.cloud.failures`.
        """
        rules = self._rules
        if rules is None:
            raise RuntimeError("nothing fails, so no failure can be wanting")
        worlds, qpus, known = self.gap_s.shape
        most = 2 * most_failures(qpus)
        if worlds > 1:
            most = min(most, max(FIRST, int(MOST_DRAWN / (worlds * qpus))))
        until = min(max(2 * known, FIRST), most)
        if until <= known:
            raise too_many(rules, known // 2)
        gap_s = np.empty((worlds, qpus, until))
        gap_s[:, :, :known] = self.gap_s
        for world, rngs in enumerate(self._rngs):
            for qpu, rng in enumerate(rngs):
                rng.standard_exponential(out=gap_s[world, qpu, known:])
        more = gap_s[:, :, known:]
        more[:, :, known % 2 :: 2] *= rules.mean_up_s
        more[:, :, 1 - known % 2 :: 2] *= rules.mean_down_s
        self.gap_s = gap_s

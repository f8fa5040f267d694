"""Calibration drift: how far the true errors are from the calibrated ones at a time.

Policies see calibrated figures only, so drift needs no event in the simulation: the path is drawn
afterwards, up to the last execution, from its own random stream. Longer trials extend the path of
shorter ones, so all policies of a replicate suffer the same drift.
"""

import numpy as np

from qcbench.arrays import FloatArray, IntArray
from qcbench.cloud.rules import Drift


class DriftPath:
    """How the errors of a fleet drift, drawn as far as somebody has asked for.

    Calibrations of the QPUs are spread evenly over the interval. The multiplier of an error is a
    geometric random walk with mean 1, set back to 1 at each calibration.

    Args:
        qpus: number of QPUs in the fleet.
        rng: the stream of calibration drift.
    """

    def __init__(self, rules: Drift, qpus: int, rng: np.random.Generator) -> None:
        self._rules, self._qpus, self._rng = rules, qpus, rng
        self._walk = np.zeros((2, qpus))  # before the first step, and at it

    def multiplier(self, qpu: IntArray, at_s: FloatArray) -> FloatArray:
        """Return the true over the calibrated error of QPU ``qpu[i]`` at ``at_s[i]``.

        Args:
            qpu, at_s: shape (executions,).
        """
        if len(at_s) == 0:
            return np.ones(0)
        rules, qpus = self._rules, self._qpus
        steps_per_cycle = max(1, round(rules.calibration_interval_s / rules.step_s))
        step = (at_s / rules.step_s).astype(np.int64)
        self._extend(int(step.max()) + 2)
        offset = np.arange(qpus) * steps_per_cycle // qpus
        since = (step + offset[qpu]) % steps_per_cycle
        calibrated = np.maximum(step - since, 0)
        walk = self._walk
        multiplier: FloatArray = np.exp(walk[step + 1, qpu] - walk[calibrated + 1, qpu])
        return multiplier

    def _extend(self, length: int) -> None:
        """Go on with the walk; what has been drawn stays as it is."""
        known, sigma, size = len(self._walk), self._rules.sigma, self._qpus
        if length <= known:
            return
        if known == 2:
            self._rng.normal(size=size)  # of the first step, which is none
        steps = self._rng.normal(-0.5 * sigma**2, sigma, size=(length - known, size))
        further = np.cumsum(np.vstack([self._walk[-1], steps]), axis=0)
        self._walk = np.vstack([self._walk, further[1:]])


def error_multiplier(
    rules: Drift, qpus: int, rng: np.random.Generator, qpu: IntArray, at_s: FloatArray
) -> FloatArray:
    """Return the true over the calibrated errors of one trial, see `DriftPath`."""
    return DriftPath(rules, qpus, rng).multiplier(qpu, at_s)

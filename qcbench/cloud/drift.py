"""Calibration drift: how far the true errors are from the calibrated ones at a time.

Policies see calibrated figures only, so drift needs no event in the simulation: the path is drawn
afterwards, up to the last execution, from its own random stream. Longer trials extend the path of
shorter ones, so all policies of a replicate suffer the same drift.
"""

import numpy as np

from qcbench.arrays import FloatArray, IntArray
from qcbench.cloud.rules import Drift


def error_multiplier(
    rules: Drift, qpus: int, rng: np.random.Generator, qpu: IntArray, at_s: FloatArray
) -> FloatArray:
    """Return the true over the calibrated error of QPU ``qpu[i]`` at ``at_s[i]``.

    Calibrations of the QPUs are spread evenly over the interval. The multiplier is a geometric
    random walk with mean 1, set back to 1 at each calibration.

    Args:
        qpus: number of QPUs in the fleet.
        qpu, at_s: shape (executions,).
    """
    if len(at_s) == 0:
        return np.ones(0)
    steps_per_cycle = max(1, round(rules.calibration_interval_s / rules.step_s))
    step = (at_s / rules.step_s).astype(np.int64)
    last = int(step.max())
    increments = rng.normal(-0.5 * rules.sigma**2, rules.sigma, size=(last + 1, qpus))
    increments[0] = 0.0
    walk = np.vstack([np.zeros(qpus), np.cumsum(increments, axis=0)])
    offset = np.arange(qpus) * steps_per_cycle // qpus
    since = (step + offset[qpu]) % steps_per_cycle
    calibrated = np.maximum(step - since, 0)
    multiplier: FloatArray = np.exp(walk[step + 1, qpu] - walk[calibrated + 1, qpu])
    return multiplier

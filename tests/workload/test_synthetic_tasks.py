"""Execution times follow the distribution that was asked for."""

import numpy as np
import pytest
from scipy import stats

from qcbench.workload.circuits.synthetic import durations, synthetic_tasks
from qcbench.workload.config import SyntheticCircuits

COUNT = 200_000
MEAN_S = 3.0


def balanced_h2(scv):
    """Two exponential branches, each with half of the work, by their first two moments."""
    p = 0.5 * (1 + np.sqrt((scv - 1) / (scv + 1)))
    rates = 2 * p / MEAN_S, 2 * (1 - p) / MEAN_S
    return lambda t: 1 - p * np.exp(-rates[0] * t) - (1 - p) * np.exp(-rates[1] * t)


LAWS = {
    ("exponential", 1.0): stats.expon(scale=MEAN_S).cdf,
    ("gamma", 0.25): stats.gamma(4.0, scale=MEAN_S / 4).cdf,
    ("gamma", 2.0): stats.gamma(0.5, scale=MEAN_S * 2).cdf,
    ("lognormal", 4.0): stats.lognorm(np.sqrt(np.log(5)), scale=MEAN_S / np.sqrt(5)).cdf,
    ("hyperexponential", 4.0): balanced_h2(4.0),
    ("hyperexponential", 1.0): stats.expon(scale=MEAN_S).cdf,
}


@pytest.mark.parametrize(("distribution", "scv"), LAWS)
def test_durations_follow_their_law(distribution, scv):
    circuits = SyntheticCircuits(distribution=distribution, mean_s=MEAN_S, scv=scv)
    drawn = durations(np.random.default_rng(7), COUNT, circuits)
    assert stats.kstest(drawn, LAWS[distribution, scv]).pvalue > 0.001
    assert abs(drawn.mean() - MEAN_S) < 4 * drawn.std() / np.sqrt(COUNT)
    assert drawn.var() / drawn.mean() ** 2 == pytest.approx(scv, rel=0.12)


def test_deterministic_times_are_all_the_mean():
    circuits = SyntheticCircuits(distribution="deterministic", mean_s=MEAN_S, qubits=3)
    tasks = synthetic_tasks(np.random.default_rng(7), 10, circuits)
    assert tasks.duration_s.tolist() == [MEAN_S] * 10
    assert tasks.qubits.tolist() == [3] * 10
    assert not tasks.compiled

"""What the due times of jobs cost in compiled clouds, see `qcbench.envs.accounts.Dues`."""

from typing import Any

import numpy as np

from qcbench.arrays import FloatArray
from qcbench.cloud.execution import CENSORED, DONE
from qcbench.envs.steps import Config
from qcbench.kernels.compiling import called, inlined
from qcbench.policies.features import deadlines, rewards

for formula in deadlines.FORMULAS:
    called(formula)  # by the observations of the tracks
_late_cost: Any = inlined(rewards.late_cost)


def make_paid(counts: bool, clouds: int, jobs: int) -> FloatArray:
    """Return what decisions were charged for each job, NaN once it is settled; none unless counted.

    Shape (clouds, jobs).
    """
    return np.zeros((clouds, jobs if counts else 0))


@inlined
def cost_of(config: Config, finish_s: float, due_s: float, value: float) -> float:
    """Return what the due time of a job costs that ends then."""
    return _late_cost(
        finish_s,
        due_s,
        value,
        config.fades_s,
        config.per_late_second,
        config.missed,
        config.per_value,
    )


@inlined
def settled(
    config: Config,
    paid: FloatArray,
    job: int,
    status: int,
    finish_s: float,
    due_s: float,
    value: float,
    kept: bool,
) -> float:
    """Return what has come due of a job, once it has ended.

    Args:
        paid: of this cloud.
        kept: a job that is done has ended as its decision promised.
    """
    before = paid[job]
    if status == CENSORED or np.isnan(before):
        return 0.0
    paid[job] = np.nan
    if status == DONE:
        return 0.0 if kept else cost_of(config, finish_s, due_s, value) - before
    return cost_of(config, np.inf, due_s, value) - before

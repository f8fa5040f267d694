"""Performance profiles (Dolan and Moré, 2002)."""

import numpy as np
import polars as pl

from qcbench.arrays import FloatArray
from qcbench.stats.table import names, world_matrix

POINTS = 200


def performance_ratios(
    trials: pl.DataFrame, *, metric: str, goal: str = "min"
) -> tuple[list[str], FloatArray]:
    """How many times worse than the best policy of its world every trial is.

    Returns:
        The policies and an array (worlds of all scenarios, policies): 1 where a policy is best,
        infinite where it did not finish. Worlds that no policy finished are left out.

    The ratio exists for values of one sign only: an empty array where some value is negative. A
    best value of 0 gives 1 for those who reach it and infinity for the others.
    """
    policies = names(trials, "policy")
    worlds = [
        world_matrix(trials, scenario, policies, metric) for scenario in names(trials, "scenario")
    ]
    values = np.concatenate(worlds)
    values = values[np.isfinite(values).any(axis=1)]
    if (values < 0).any():
        return policies, np.empty((0, len(policies)))
    best = np.nanmin(values, axis=1) if goal == "min" else np.nanmax(values, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = values / best[:, None] if goal == "min" else best[:, None] / values
    ratio = np.where(values == best[:, None], 1.0, ratio)
    return policies, np.where(np.isnan(ratio), np.inf, ratio)


def performance_profile(
    trials: pl.DataFrame, *, metric: str, goal: str = "min", points: int = POINTS
) -> pl.DataFrame:
    """Share of worlds in which each policy is within a factor tau of the best policy there.

    A failed trial is within no factor. The curve at tau = 1 is how often a policy is best, and the
    higher curve is the better policy.

    Args:
        trials: result table of a run.
        metric: column to compare; its values must not be negative.
        goal: `min` if less is better, else `max`.
        points: values of tau, spaced geometrically from 1 until nearly every curve is flat.

    Returns:
        Columns policy, tau, share; no row where a value is negative.
    """
    policies, ratio = performance_ratios(trials, metric=metric, goal=goal)
    schema = {"policy": pl.String, "tau": pl.Float64, "share": pl.Float64}
    finite = ratio[np.isfinite(ratio)]
    if ratio.shape[0] == 0:
        return pl.DataFrame(schema=schema)
    top = max(1.05, float(np.quantile(finite, 0.98))) if finite.size else 1.05
    tau = np.geomspace(1.0, top, points)
    share = (ratio[None, :, :] <= tau[:, None, None]).mean(axis=1)
    return pl.DataFrame(
        {
            "policy": np.repeat(policies, points),
            "tau": np.tile(tau, len(policies)),
            "share": share.T.ravel(),
        },
        schema=schema,
    )

"""Which true means a few noisy ones leave likely, and so which of them is the least.

Of several things measured with noise the one that looks best is so by luck in part, the more so
the less they differ; a draw around each measured mean does not know that and is too sure of it.
Here the true means differ by a spread of their own that is unknown (a hierarchical model): where
the measured ones are no further apart than noise alone puts them, they are drawn together, and
where they are far apart next to nothing happens to them.
"""

import numpy as np

from qcbench.arrays import FloatArray

SHARES = 200
"""Values of the share of noise that are gone through."""
SCALES = 400
"""Draws of how far the noise is from what was estimated of it."""
TIED = 1e-9
"""Relative to their mean: so close and closer two drawn means are the same but for rounding."""


def likely_means(
    means: FloatArray,
    covariance: FloatArray,
    degrees: float,
    draws: int,
    rng: np.random.Generator,
) -> FloatArray:
    """Draw what the true means may be, (draws, means); NaN where the noise is not known.

    The root of the share of noise in the variance of the measured means may be anything from 0 to 1
    beforehand; all units, and numbers of means, are alike to it. The noise is as far from what was
    estimated as Student's t says.

    Args:
        means: (means,) as measured.
        covariance: of their noise, (means, means).
        degrees: of freedom of the covariance.
        draws: how many.
        rng: draws them.
    """
    count = len(means)
    if not (np.isfinite(covariance).all() and degrees > 0):
        return np.full((draws, count), np.nan)
    middle = means.mean()
    apart = means - middle
    centre = np.eye(count) - 1.0 / count
    noise = centre @ covariance @ centre
    variance = float(np.trace(noise)) / max(count - 1, 1)
    if not variance > 0:
        return np.tile(means, (draws, 1))
    share = ((np.arange(SHARES) + 0.5) / SHARES)[np.newaxis, :] ** 2
    scale = (degrees / rng.chisquare(degrees, SCALES))[:, np.newaxis]
    # What was measured varies by the noise and by what true means differ: noise / share.
    log = 0.5 * (count - 1) * np.log(share / scale)
    log = log - 0.5 * float(apart @ apart) / variance * share / scale
    weight = np.exp(log - log.max()).ravel()
    picked = rng.choice(weight.size, draws, p=weight / weight.sum())
    drawn_scale = scale[picked // SHARES]
    left = 1.0 - share[0, picked % SHARES][:, np.newaxis]
    values, vectors = np.linalg.eigh(noise)
    root = (vectors * np.sqrt(np.maximum(values, 0.0))).T
    spread = rng.standard_normal((draws, count)) @ root
    return np.asarray(middle + left * apart + np.sqrt(left * drawn_scale) * spread)


def shares_of_least(draws: FloatArray) -> FloatArray:
    """Return how often each column is the least, ties halved; NaN where nothing was drawn."""
    if not np.isfinite(draws).all():
        return np.full(draws.shape[1], np.nan)
    tied = TIED * np.abs(draws).mean()
    least = draws <= draws.min(axis=1, keepdims=True) + tied
    return np.asarray((least / least.sum(axis=1, keepdims=True)).mean(axis=0))


def shortest_interval(draws: FloatArray, level: float) -> tuple[float, float]:
    """Return the ends of the shortest interval that holds a share of the draws."""
    ordered = np.sort(draws)
    within = int(np.ceil(level * len(ordered)))
    widths = ordered[within - 1 :] - ordered[: len(ordered) - within + 1]
    first = int(widths.argmin())
    return float(ordered[first]), float(ordered[first + within - 1])

"""Rollouts: try each QPU, play out a likely future, take the QPU with the least total time.

For every QPU that the task fits, the task is placed there and ``horizon`` further tasks follow,
each placed by `earliest_completion`; the sum of completion times, averaged over ``samples``
futures, is the score. The policy is not clairvoyant: futures are drawn, with replacement, from the
last tasks and gaps between arrivals that it has seen. All candidates face the same futures.
Source of the method: Bertsekas, Tsitsiklis and Wu, Rollout Algorithms for Combinatorial
Optimization (1997).
"""

from collections import deque

import numpy as np

from qcbench.arrays import FloatArray
from qcbench.errors import InputError
from qcbench.policies.protocol import Placement, PolicyContext
from qcbench.policies.view import PlacementView

REMEMBERED = 250
"""Tasks that futures are drawn from: recent ones, so that a changing workload is followed."""


def policy(context: PolicyContext, *, horizon: int = 6, samples: int = 16) -> Placement:
    """Build the policy.

    Args:
        horizon: tasks that follow in each future.
        samples: futures a decision.
    """
    for key, value in {"horizon": horizon, "samples": samples}.items():
        if value < 1:
            raise InputError(f"policy lookahead: parameter {key} is {value}; it must be at least 1")
    rng = context.rng
    seen: deque[FloatArray] = deque(maxlen=REMEMBERED)
    arrivals: deque[float] = deque(maxlen=REMEMBERED)

    def decide(view: PlacementView) -> int:
        seen.append(view.exec_s)
        arrivals.append(view.now_s)
        candidates = np.flatnonzero(view.feasible)
        if len(candidates) == 1 or len(seen) < 2:
            return int((view.start_s() + view.exec_s).argmin())
        tasks = rng.integers(len(seen), size=(horizon, samples))
        gaps = np.diff(arrivals)[rng.integers(len(arrivals) - 1, size=(horizon, samples))]
        exec_s = np.array([[seen[task] for task in step] for step in tasks.tolist()])
        arrival_s = view.now_s + np.cumsum(gaps, axis=0)
        scores = _play(view, candidates, exec_s, arrival_s)
        return int(candidates[scores.argmin()])

    return decide


def _play(
    view: PlacementView,
    candidates: "np.ndarray[tuple[int], np.dtype[np.intp]]",
    exec_s: FloatArray,
    arrival_s: FloatArray,
) -> FloatArray:
    """Return the total completion time of each candidate, averaged over the futures.

    Args:
        exec_s: shape (horizon, samples, QPUs).
        arrival_s: shape (horizon, samples).
    """
    horizon, samples, qpus = exec_s.shape
    options = len(candidates)
    first_s = view.completion_s()[candidates]
    free_s = np.broadcast_to(view.start_s(), (options, qpus)).copy()
    free_s[np.arange(options), candidates] = view.now_s + first_s
    free_s = np.repeat(free_s[:, np.newaxis], samples, axis=1).reshape(options * samples, qpus)
    rows = np.arange(options * samples)
    total = np.repeat(first_s, samples)
    for step in range(horizon):
        now_s = np.tile(arrival_s[step], options)
        finish_s = np.maximum(free_s, now_s[:, np.newaxis]) + np.tile(exec_s[step], (options, 1))
        best = finish_s.argmin(axis=1)
        ended_s = finish_s[rows, best]
        free_s[rows, best] = ended_s
        total += ended_s - now_s
    averaged: FloatArray = total.reshape(options, samples).mean(axis=1)
    return averaged

"""Rollouts: try each QPU, play out a likely future, take the QPU with the least total time.

For every QPU that the task fits, the task is placed there and ``horizon`` further tasks follow,
each placed by `earliest_completion`; the sum of completion times, averaged over ``samples``
futures, is the score. The policy is not clairvoyant: futures are drawn, with replacement, from the
last tasks and gaps between arrivals that it has seen. All candidates face the same futures.
Completion times that are far above the usual one, which is the mean of what this policy's decisions
were estimated to take, count more before that, see `qcbench.policies.tails`, which keeps the tail
short; plain ones let one wait for the sake of many.
How far to look is a matter of how long a decision is felt: until the QPUs have worked off what
they have, and no further than tasks are known to come. By itself the horizon follows that.
Source of the method: Bertsekas, Tsitsiklis and Wu, Rollout Algorithms for Combinatorial
Optimization (1997).
"""

from collections import deque
from collections.abc import Mapping
from typing import Final, Literal

import numpy as np

from qcbench.arrays import FloatArray
from qcbench.configs import Count
from qcbench.policies.futures import (
    ARRIVED,
    DRAWN,
    GAPS,
    HORIZON,
    IN_ORDER,
    REMEMBERED,
    ROWS,
    SAMPLES,
    SEEN,
    SEEN_GAPS,
    TAIL,
    TAIL_S,
    TAKEN_S,
    TOLD,
    completion_s,
    play,
    room_of,
    stride_of,
)
from qcbench.policies.numpy_sums import MOST_SUMMED, numpy_sum
from qcbench.policies.protocol import Placement, PolicyContext
from qcbench.policies.tails import Tail, counted, tail_of
from qcbench.policies.twins import Memory, PlacingInFull, TwinContext, memory, offset
from qcbench.policies.view import PlacementView

USUAL_HORIZON: Final = "auto"
USUAL_SAMPLES = 32
USUAL_TAIL = 4.0
"""What is usual; all are stated in every trial."""
LEAST, MOST = 4, 60
"""Tasks that a horizon by itself has: so many where nothing waits, and at most."""
SHORTEST_S = 1e-9
"""Added to what is divided, so that tasks that come all at once do no harm."""
BY_ITSELF = 0
"""The horizon `auto` as a number."""


def policy(
    context: PolicyContext,
    *,
    horizon: Count | Literal["auto"] = USUAL_HORIZON,
    samples: Count = USUAL_SAMPLES,
    tail: Tail = USUAL_TAIL,
) -> Placement:
    """Build the policy.

    Args:
        horizon: tasks that follow in each future; `auto` chooses, see `horizon_of`.
        samples: futures a decision.
        tail: from how many times the usual completion time on they count more; `any` for the
            least mean whatever the tail.
    """
    rng = context.rng
    told, tail_from = _number(horizon), tail_of(tail)
    taken_s, decided = 0.0, 0
    seen: deque[FloatArray] = deque(maxlen=REMEMBERED)
    arrivals: deque[float] = deque(maxlen=REMEMBERED)

    def decide(view: PlacementView) -> int:
        nonlocal taken_s, decided
        decided += 1
        choice = chosen(view)
        taken_s += float(view.completion_s()[choice])
        return choice

    def chosen(view: PlacementView) -> int:
        seen.append(view.exec_s)
        arrivals.append(view.now_s)
        candidates = np.flatnonzero(view.feasible)
        if len(candidates) == 1 or len(seen) < 2:
            return int((view.start_s() + view.exec_s).argmin())
        span_s = arrivals[-1] - arrivals[0]
        backlog_s = max(float(view.free_at_s.max()) - view.now_s, 0.0)
        horizon = horizon_of(told, len(seen) - 1, span_s, backlog_s, view.to_come)
        tasks = rng.integers(len(seen), size=(horizon, samples))
        gaps = np.diff(arrivals)[rng.integers(len(arrivals) - 1, size=(horizon, samples))]
        exec_s = np.array([seen[task] for task in tasks.ravel().tolist()])
        arrival_s = view.now_s + np.cumsum(gaps, axis=0)
        shape = (horizon, samples, len(context.fleet))
        least_s = float(view.completion_s()[candidates].min())
        tail_s = tail_from * ((taken_s + least_s) / decided + SHORTEST_S)
        scores = _play(view, candidates, exec_s.reshape(shape), arrival_s, tail_s)
        return int(candidates[scores.argmin()])

    return decide


def resolve_parameters(
    parameters: Mapping[str, bool | int | float | str],
) -> dict[str, bool | int | float | str]:
    """State what was left out: a trial is told by its parameters, and what is usual can change."""
    return {
        "horizon": USUAL_HORIZON,
        "samples": USUAL_SAMPLES,
        "tail": USUAL_TAIL,
        **parameters,
    }


def horizon_of(told: int, gaps: int, span_s: float, backlog_s: float, to_come: float) -> int:
    """Return how many tasks follow in each future.

    By itself that is `LEAST` and as many as come while the longest backlog is worked off, but not
    more than `MOST`, nor than are known to come.

    Args:
        told: what it is, or `BY_ITSELF`.
        gaps: between the arrivals that are remembered.
        span_s: of all these gaps.
        backlog_s: time until every QPU has done what it was given.
        to_come: as in `PlacementView`.
    """
    if told != BY_ITSELF:
        return told
    most = MOST if to_come > MOST else int(to_come)
    coming = LEAST + backlog_s * gaps / (span_s + SHORTEST_S)
    return most if coming > most else int(coming)


def _number(horizon: int | Literal["auto"]) -> int:
    return BY_ITSELF if horizon == "auto" else horizon


def _play(
    view: PlacementView,
    candidates: "np.ndarray[tuple[int], np.dtype[np.intp]]",
    exec_s: FloatArray,
    arrival_s: FloatArray,
    tail_s: float,
) -> FloatArray:
    """Return what the completion times of each candidate add up to, averaged over the futures.

    Args:
        exec_s: shape (horizon, samples, QPUs).
        arrival_s: shape (horizon, samples).
        tail_s: from where the tail begins.
    """
    horizon, samples, qpus = exec_s.shape
    options = len(candidates)
    first_s = view.completion_s()[candidates]
    start_s = np.broadcast_to(view.start_s(), (options, qpus)).copy()
    start_s[np.arange(options), candidates] = view.now_s + first_s
    free_s = np.repeat(start_s[:, np.newaxis], samples, axis=1)
    option, sample = np.arange(options)[:, np.newaxis], np.arange(samples)
    total = np.repeat(counted(first_s, tail_s)[:, np.newaxis], samples, axis=1)
    for step in range(horizon):
        now_s = arrival_s[step]
        finish_s = np.maximum(free_s, now_s[:, np.newaxis]) + exec_s[step]
        best = finish_s.argmin(axis=2)
        ended_s = finish_s[option, sample, best]
        free_s[option, sample, best] = ended_s
        total += counted(ended_s - now_s, tail_s)
    averaged: FloatArray = total.mean(axis=1)
    return averaged


def remember(
    context: TwinContext, *, horizon: Count | Literal["auto"], samples: Count, tail: Tail
) -> Memory | None:
    """Return a memory that has seen nothing, None where there are too many samples to add up."""
    if samples > MOST_SUMMED:
        return None
    told, qpus = _number(horizon), len(context.fleet)
    futures = (MOST if told == BY_ITSELF else told) * samples
    found = memory(whole=DRAWN + futures, real=GAPS + futures + room_of(qpus, samples))
    found.whole[TOLD], found.whole[SAMPLES], found.real[TAIL] = told, samples, tail_of(tail)
    return found


def twin(view: PlacingInFull, memory: Memory, rng: np.random.Generator) -> int:
    """Decide as `policy` does, by the same futures from the same random stream."""
    whole, real, qpus = memory.whole, memory.real, view.qpus
    samples = whole[SAMPLES]
    whole[ROWS + whole[SEEN] % REMEMBERED] = view.task_at
    real[ARRIVED + whole[SEEN] % REMEMBERED] = view.now_s
    whole[SEEN] += 1
    seen = min(whole[SEEN], REMEMBERED)
    oldest = whole[SEEN] - seen
    fitting, choice, least_s, backlog_s = 0, 0, np.inf, 0.0
    for q in range(qpus):
        free_s = view.free_at_s[view.state_at + q]
        finish_s = (free_s if free_s > view.now_s else view.now_s) + view.exec_s[view.task_at + q]
        backlog_s = max(backlog_s, free_s - view.now_s)
        fitting += 1 if view.exec_s[view.task_at + q] < np.inf else 0
        if finish_s < least_s:
            choice, least_s = q, finish_s
    if fitting == 1 or seen < 2:
        real[TAKEN_S] += completion_s(view, choice)
        return choice
    usual_s = (real[TAKEN_S] + completion_s(view, choice)) / whole[SEEN] + SHORTEST_S
    real[TAIL_S] = real[TAIL] * usual_s
    span_s = view.now_s - real[ARRIVED + oldest % REMEMBERED]
    horizon = horizon_of(whole[TOLD], seen - 1, span_s, backlog_s, view.to_come)
    whole[HORIZON] = horizon
    before = oldest % REMEMBERED
    whole[IN_ORDER] = whole[ROWS + before]
    for later in range(1, seen):  # here, not for each of a thousand futures
        at = before + 1 if before + 1 < REMEMBERED else 0
        whole[IN_ORDER + later] = whole[ROWS + at]
        real[SEEN_GAPS + later - 1] = real[ARRIVED + at] - real[ARRIVED + before]
        before = at
    # All at once: to draw one alone takes Numba six times as long as the number.
    tasks = rng.integers(0, seen, horizon * samples)
    arrivals = rng.integers(0, seen - 1, horizon * samples)
    for future in range(horizon * samples):
        whole[DRAWN + future] = whole[offset(IN_ORDER + tasks[future])]
        gap_s = real[offset(SEEN_GAPS + arrivals[future])]
        if future >= samples:
            gap_s = real[offset(GAPS + future - samples)] + gap_s
        real[GAPS + future] = gap_s
    play(view, memory)
    totals, stride = GAPS + horizon * samples, stride_of(qpus, samples)
    choice, least = -1, np.inf
    for candidate in range(qpus):
        if view.exec_s[view.task_at + candidate] == np.inf:
            continue
        first = totals + candidate * stride
        score = numpy_sum(real[first : first + samples]) / samples
        if choice < 0 or score < least:
            choice, least = candidate, score
    real[TAKEN_S] += completion_s(view, choice)
    return choice

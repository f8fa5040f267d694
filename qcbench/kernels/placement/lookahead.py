"""The compiled twin of the policy `lookahead`: the same futures from the same random stream."""

from typing import NamedTuple

import numpy as np

from qcbench.arrays import FloatArray, IntArray
from qcbench.kernels.compiling import drawing, kernel
from qcbench.policies.placement.lookahead import REMEMBERED

MOST_SAMPLES = 128
"""NumPy adds up more numbers than this by halves; policies with more samples have no twin."""


class Lookahead(NamedTuple):
    """What the policy remembers and works with.

    Attributes:
        horizon, samples: tasks that follow in each future, futures a decision.
        row, arrival_s: where the estimates of the tasks that were seen last begin, and when they
            were seen: a ring.
        seen: how many decisions there were.
        future, gap_s: drawn tasks, and gaps summed up, shape (horizon, samples).
        free_at_s: of one future, shape (QPUs,).
        total_s: of every future of one candidate, shape (samples,).
    """

    horizon: int
    samples: int
    row: IntArray
    arrival_s: FloatArray
    seen: IntArray
    future: IntArray
    gap_s: FloatArray
    free_at_s: FloatArray
    total_s: FloatArray


def make_lookahead(qpus: int, horizon: int, samples: int) -> Lookahead:
    """Return a policy that has seen nothing."""
    return Lookahead(
        horizon=horizon,
        samples=samples,
        row=np.zeros(REMEMBERED, dtype=np.int64),
        arrival_s=np.zeros(REMEMBERED),
        seen=np.zeros(1, dtype=np.int64),
        future=np.zeros((horizon, samples), dtype=np.int64),
        gap_s=np.zeros((horizon, samples)),
        free_at_s=np.zeros(qpus),
        total_s=np.zeros(samples),
    )


@kernel
def numpy_sum(values: FloatArray) -> float:
    """Add up to `MOST_SAMPLES` numbers in NumPy's order, so that no last bit differs."""
    count = len(values)
    if count < 8:
        total = -0.0
        for i in range(count):
            total += values[i]
        return total
    r0, r1, r2, r3 = values[0], values[1], values[2], values[3]
    r4, r5, r6, r7 = values[4], values[5], values[6], values[7]
    whole = count - count % 8
    for i in range(8, whole, 8):
        r0 += values[i]
        r1 += values[i + 1]
        r2 += values[i + 2]
        r3 += values[i + 3]
        r4 += values[i + 4]
        r5 += values[i + 5]
        r6 += values[i + 6]
        r7 += values[i + 7]
    total = ((r0 + r1) + (r2 + r3)) + ((r4 + r5) + (r6 + r7))
    for i in range(whole, count):
        total += values[i]
    return total


@drawing
def lookahead(
    policy: Lookahead,
    rng: np.random.Generator,
    qpus: int,
    now_s: float,
    free_at_s: FloatArray,
    state_at: int,
    exec_s: FloatArray,
    task_at: int,
) -> int:
    """Try each QPU, play out likely futures, choose the QPU with the least total time."""
    size = len(policy.row)
    policy.row[policy.seen[0] % size] = task_at
    policy.arrival_s[policy.seen[0] % size] = now_s
    policy.seen[0] += 1
    seen = min(policy.seen[0], size)
    oldest = policy.seen[0] - seen
    fitting, choice, least_s = 0, 0, np.inf
    for q in range(qpus):
        free_s = free_at_s[state_at + q]
        finish_s = (free_s if free_s > now_s else now_s) + exec_s[task_at + q]
        fitting += 1 if exec_s[task_at + q] < np.inf else 0
        if finish_s < least_s:
            choice, least_s = q, finish_s
    if fitting == 1 or seen < 2:
        return choice
    for step in range(policy.horizon):
        for sample in range(policy.samples):
            policy.future[step, sample] = policy.row[(oldest + rng.integers(0, seen)) % size]
    for step in range(policy.horizon):
        for sample in range(policy.samples):
            drawn = oldest + rng.integers(0, seen - 1)
            gap_s = policy.arrival_s[(drawn + 1) % size] - policy.arrival_s[drawn % size]
            policy.gap_s[step, sample] = (
                gap_s if step == 0 else policy.gap_s[step - 1, sample] + gap_s
            )
    choice, least_s = -1, np.inf
    for candidate in range(qpus):
        if exec_s[task_at + candidate] == np.inf:
            continue
        _play(policy, candidate, qpus, now_s, free_at_s, state_at, exec_s, task_at)
        score_s = numpy_sum(policy.total_s) / policy.samples
        if choice < 0 or score_s < least_s:
            choice, least_s = candidate, score_s
    return choice


@kernel
def _play(
    policy: Lookahead,
    candidate: int,
    qpus: int,
    now_s: float,
    free_at_s: FloatArray,
    state_at: int,
    exec_s: FloatArray,
    task_at: int,
) -> None:
    """Play out all futures of a candidate: `Lookahead.total_s`."""
    free_s = free_at_s[state_at + candidate]
    first_s = (free_s if free_s > now_s else now_s) - now_s + exec_s[task_at + candidate]
    for sample in range(policy.samples):
        for q in range(qpus):
            free_s = free_at_s[state_at + q]
            policy.free_at_s[q] = free_s if free_s > now_s else now_s
        policy.free_at_s[candidate] = now_s + first_s
        total_s = first_s
        for step in range(policy.horizon):
            then_s = now_s + policy.gap_s[step, sample]
            row = policy.future[step, sample]
            best, ended_s = 0, np.inf
            for q in range(qpus):
                free_s = policy.free_at_s[q]
                finish_s = (free_s if free_s > then_s else then_s) + exec_s[row + q]
                if finish_s < ended_s:
                    best, ended_s = q, finish_s
            policy.free_at_s[best] = ended_s
            total_s += ended_s - then_s
        policy.total_s[sample] = total_s

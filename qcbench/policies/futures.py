"""Likely futures of a placement, played out for every QPU that a task may be placed on: compiled.

In a future the task is placed on a candidate, and further tasks follow, each placed where it ends
first. All that is written lies in two arrays, whose layout is below; `lookahead` draws the futures.
"""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from qcbench.arrays import FloatArray
from qcbench.policies.tails import counted
from qcbench.policies.twins import Memory, PlacingInFull, by_itself, offset

REMEMBERED = 250
"""Tasks that futures are drawn from: recent ones, so that a changing workload is followed."""
SEEN, TOLD, HORIZON, SAMPLES = range(4)
"""What the whole numbers begin with: how many decisions there were; the horizon as it was told, and
as it is at this decision; the samples."""
ROWS = 4
"""Where the estimates of the tasks that were seen last begin: a ring. Then follow the same from the
oldest on, and the drawn tasks of the futures. The real numbers are, after those named below, when
the former arrived; the gaps in between from the oldest on; gaps of the futures, summed up; the
total of every future of every candidate; when the QPUs of each are free."""
IN_ORDER, DRAWN = ROWS + REMEMBERED, ROWS + 2 * REMEMBERED
"""Where the second and third of the whole numbers begin."""
TAIL, TAKEN_S, TAIL_S, ARRIVED = range(4)
"""From how many times the usual completion time on the tail begins; what all decisions up to now
were estimated to take; from where the tail begins at this one; where the arrivals do."""
SEEN_GAPS, GAPS = ARRIVED + REMEMBERED, ARRIVED + 2 * REMEMBERED
"""Where the gaps that were seen begin, and those of the futures."""
BLOCK = 32
"""Futures that lie side by side. Their number is known to the compiler, as is that of the QPUs, so
that four of them are played at a time."""
FEW, SOME = 6, 12
"""QPUs that blocks have room for; the rest of it stands for QPUs that no task fits."""


def width_of(qpus: int, samples: int) -> int:
    """Return how many QPUs a block has room for; 0 where futures are played one by one.

    That is for large fleets, and for so few futures that most of a block would be empty.
    """
    if 2 * samples <= BLOCK or qpus > SOME:
        return 0
    return FEW if qpus <= FEW else SOME


def stride_of(qpus: int, samples: int) -> int:
    """Return from where to where the totals of a candidate go: its futures, in whole blocks."""
    if width_of(qpus, samples) == 0:
        return samples
    return (samples + BLOCK - 1) // BLOCK * BLOCK


def room_of(qpus: int, samples: int) -> int:
    """Return how many real numbers there are after the gaps of the futures."""
    width, stride = width_of(qpus, samples), stride_of(qpus, samples)
    if width == 0:
        return (1 + qpus) * qpus * samples
    return qpus * stride * (1 + 2 * width) + (width + 1) * BLOCK


def completion_s(view: PlacingInFull, qpu: int) -> float:
    """Return the estimated time from now to completion on a QPU, as that of `PlacementView`."""
    free_s: float = view.free_at_s[view.state_at + qpu]
    exec_s: float = view.exec_s[view.task_at + qpu]
    return (free_s if free_s > view.now_s else view.now_s) - view.now_s + exec_s


def play(view: PlacingInFull, memory: Memory) -> None:
    """Play out all futures of all candidates, and write their totals into the memory."""
    width = width_of(view.qpus, memory.whole[SAMPLES])
    if width == 0:
        play_each(view, memory)
    else:
        play_blocks(view, memory, width)


def play_each(view: PlacingInFull, memory: Memory) -> None:
    """Play them out one by one."""
    whole, real, qpus, now_s = memory.whole, memory.real, view.qpus, view.now_s
    horizon, samples, tail_s = whole[HORIZON], whole[SAMPLES], real[TAIL_S]
    totals = GAPS + horizon * samples
    free = totals + qpus * samples
    for candidate in range(qpus):
        if view.exec_s[view.task_at + candidate] == np.inf:
            continue
        first_s = completion_s(view, candidate)
        for lane in range(candidate * samples, (candidate + 1) * samples):
            real[totals + lane] = counted(first_s, tail_s)
            for q in range(qpus):
                free_s = view.free_at_s[view.state_at + q]
                real[free + lane * qpus + q] = free_s if free_s > now_s else now_s
            real[free + lane * qpus + candidate] = now_s + first_s
    # Step by step: futures have nothing to do with each other, so that processors work on several.
    for step in range(horizon):
        for candidate in range(qpus):
            if view.exec_s[view.task_at + candidate] == np.inf:
                continue
            at = offset(free + candidate * samples * qpus)
            for sample in range(samples):
                then_s = now_s + real[offset(GAPS + step * samples + sample)]
                row = offset(whole[offset(DRAWN + step * samples + sample)])
                best, ended_s = 0, np.inf
                for q in range(qpus):
                    free_s = real[at + q]
                    finish_s = (free_s if free_s > then_s else then_s) + view.exec_s[row + q]
                    earlier = finish_s < ended_s
                    best = q if earlier else best
                    ended_s = finish_s if earlier else ended_s
                real[at + best] = ended_s
                real[offset(totals + candidate * samples + sample)] += counted(
                    ended_s - then_s, tail_s
                )
                at += qpus


def play_blocks(view: PlacingInFull, memory: Memory, width: int) -> None:
    """Play them out in blocks, in half of the time: the same floats, but side by side.

    Of a block each of ``width`` QPUs has a row. When they are free is written into a second block,
    and at the next step back into the first: to write where one has read takes as long as the rest.
    After these blocks are the executions of the tasks that come next, and when they come.
    """
    whole, real, qpus, now_s = memory.whole, memory.real, view.qpus, view.now_s
    horizon, samples, tail_s = whole[HORIZON], whole[SAMPLES], real[TAIL_S]
    stride, size = stride_of(qpus, samples), width * BLOCK
    totals = GAPS + horizon * samples
    free = totals + qpus * stride
    other = qpus * stride * width
    _begin_blocks(view, real, totals, stride, width, tail_s)
    execute = free + 2 * other
    exec_s, then_s = real[execute : execute + size], real[execute + size : execute + size + BLOCK]
    exec_s[:] = np.inf
    then_s[:] = now_s
    for step in range(horizon):
        for first in range(0, samples, BLOCK):
            drawn = step * samples + first
            for lane in range(min(BLOCK, samples - first)):
                then_s[lane] = now_s + real[offset(GAPS + drawn + lane)]
                row = offset(whole[offset(DRAWN + drawn + lane)])
                at = lane
                for q in range(qpus):
                    exec_s[offset(at)] = view.exec_s[row + q]
                    at += BLOCK
            for candidate in range(qpus):
                if view.exec_s[view.task_at + candidate] == np.inf:
                    continue
                begin = free + (candidate * stride + first) * width
                before = real[begin : begin + size]
                after = real[begin + other : begin + other + size]
                if step % 2 == 1:
                    before, after = after, before
                at = totals + candidate * stride + first
                total = real[at : at + BLOCK]
                if width == FEW:
                    _place_in_few(before, after, exec_s, then_s, total, tail_s)
                else:
                    _place_in_some(before, after, exec_s, then_s, total, tail_s)


def _begin_blocks(
    view: PlacingInFull, real: FloatArray, totals: int, stride: int, width: int, tail_s: float
) -> None:
    """Place the task itself on every candidate."""
    qpus, now_s = view.qpus, view.now_s
    block = totals + qpus * stride
    for candidate in range(qpus):
        first_s = completion_s(view, candidate)
        for at in range(totals + candidate * stride, totals + (candidate + 1) * stride):
            real[at] = counted(first_s, tail_s)
        for _ in range(0, stride, BLOCK):
            for q in range(width):
                free_s = now_s
                if q == candidate:
                    free_s = now_s + first_s
                elif q < qpus:
                    free_s = max(view.free_at_s[view.state_at + q], now_s)
                for lane in range(block, block + BLOCK):
                    real[lane] = free_s
                block += BLOCK


Place: TypeAlias = Callable[
    [FloatArray, FloatArray, FloatArray, FloatArray, FloatArray, float], None
]


def _placing(width: int) -> Place:
    @by_itself
    def place(
        before: FloatArray,
        after: FloatArray,
        exec_s: FloatArray,
        then_s: FloatArray,
        total: FloatArray,
        tail_s: float,
    ) -> None:
        """Place the next task of every future in a block.

        Args:
            before, after: when the QPUs are free.
            exec_s: of the task on each of them.
            then_s: when it comes.
            total: of the future.
            tail_s: from where the tail begins.
        """
        for lane in range(BLOCK):
            now_s = then_s[lane]
            best, ended_s = 0.0, np.inf
            for q in range(width):
                free_s = before[q * BLOCK + lane]
                finish_s = (free_s if free_s > now_s else now_s) + exec_s[q * BLOCK + lane]
                earlier = finish_s < ended_s
                best = float(q) if earlier else best
                ended_s = finish_s if earlier else ended_s
            for q in range(width):
                free_s = before[q * BLOCK + lane]
                after[q * BLOCK + lane] = ended_s if best == float(q) else free_s
            total[lane] += counted(ended_s - now_s, tail_s)

    return place


_place_in_few, _place_in_some = _placing(FEW), _placing(SOME)

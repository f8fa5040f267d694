"""The capacity-price bound on the total completion time of a placement, compiled.

Every QPU charges for its time: lambda_q(t) >= 0 a second. Against such prices each task chooses its
QPU and its start on its own: capacity is not enforced but paid for, so the total can only fall
(Lagrangian relaxation; of time-indexed programs Dyer and Wolsey, Discrete Applied Mathematics 26,
1990):

    sum_i min over q, s >= r_i of [s + p_iq - r_i + integral of lambda_q over s..s + p_iq]
        - sum_q integral of lambda_q

is at most the least total completion time, whatever the prices are and in continuous time. Here
they are constant on the cells of a grid and 0 beyond it. Then what a task pays is piecewise linear
in s, and its least value lies at r_i, at a border of a cell or p_iq before one. Prices climb by
subgradient steps of Polyak's length, on grids that get finer.
"""

from collections.abc import Sequence
from math import inf
from typing import Any

import numpy as np

from qcbench.arrays import FloatArray
from qcbench.kernels.compiling import called, kernel
from qcbench.stats.pooled_machine import Pooled

LEVELS = (128, 256, 512, 1024)
"""Cells of the grids, one after the other."""
STEPS = 150
"""Steps on a grid at most."""
LOOKS = 25_000
"""Starts of a task that are looked at on a grid, for each task of the world. The longer tasks wait
the more starts there are, and the fewer steps. Counted, and not timed: the bound is the same on
every machine."""
PATIENCE = 10
"""Steps without progress after which they are halved."""
PROGRESS = 1e-4
"""Share of the bound that counts as progress."""
LEAST_PACE = 0.1
"""What a finer grid begins with at least, as a share of Polyak's step."""
MET = 1.0 - 1e-7
"""Share of the total of a schedule at which a bound is as good as it can be."""
MEMORY = 0.7
"""Share of the last direction that is kept, which damps zigzagging."""
ROUNDING = 4.0 * 2.0**-53
"""Four times what one operation on floats may err, as a share of its result."""


def capacity_price_bound(
    exec_s: FloatArray, arrival_s: FloatArray, start: tuple[Pooled, Sequence[float]] | None
) -> float:
    """Return a lower bound on the sum of completion - arrival over all tasks [s].

    Every value on the way is a bound; the best is returned. What rounding may have added to a value
    is taken off it: an operation errs by 2**-53 of its result at most, no figure is made of more
    operations than there are cells and tasks, and none is larger than the last time and the price
    of all the time of a QPU together.

    Args:
        exec_s: (tasks, QPUs) execution times, positive, infinite where a task does not fit.
        arrival_s: (tasks,) arrivals.
        start: where prices begin: QPUs pooled, and by which share of the worth of their time each
            charges; at 0 where None.
    """
    exec_s = np.ascontiguousarray(exec_s)
    tasks, qpus = exec_s.shape
    origin_s = float(arrival_s.min())
    ready_s = arrival_s - origin_s
    total_s, end_s = _listed(exec_s, ready_s, np.zeros(qpus), np.zeros(tasks, dtype=np.bool_))
    scale_s = abs(origin_s) + end_s + float(exec_s.min(axis=1).max())
    found, pace = -inf, 1.0
    price = np.zeros((qpus, LEVELS[0]))
    if start is not None:
        pooled, shares = start
        worth = _on_grid(pooled, origin_s, end_s / LEVELS[0], LEVELS[0])
        price = np.outer(np.array(shares), worth)
    for cells in LEVELS:
        price = np.repeat(price, cells // price.shape[1], axis=1)
        best = price.copy()
        cumulated, used, direction = np.zeros((3, qpus, cells + 1))
        found, pace = _climbed(
            exec_s,
            ready_s,
            end_s / cells,
            scale_s,
            total_s,
            found,
            max(pace, LEAST_PACE),
            price,
            best,
            cumulated,
            used,
            direction,
        )
        price = best
    return found


def _on_grid(pooled: Pooled, origin_s: float, width_s: float, cells: int) -> FloatArray:
    """Return the mean worth of the pooled machine's time in each cell."""
    worth, length_s = pooled.worth(), pooled.end_s - pooled.start_s
    before = np.concatenate([[0.0], np.cumsum(length_s * worth.mean(axis=1))])
    border_s = origin_s + width_s * np.arange(cells + 1)
    piece = np.searchsorted(pooled.start_s, border_s, side="right") - 1
    begun = np.maximum(piece, 0)
    into_s = np.clip(border_s - pooled.start_s[begun], 0.0, length_s[begun])
    slope = -1.0 / pooled.duration_s[pooled.task[begun]]
    integral = before[begun] + into_s * (worth[begun, 0] + slope * into_s / 2.0)
    mean: FloatArray = np.maximum(np.diff(integral) / width_s, 0.0)
    return mean


@kernel
def _listed(exec_s: Any, ready_s: Any, free_s: Any, done: Any) -> Any:
    """Return total completion and end of a schedule that always takes what completes first."""
    tasks, qpus = exec_s.shape
    total_s, end_s = 0.0, 0.0
    for _ in range(tasks):
        least_s, which, where = inf, 0, 0
        for task in range(tasks):
            if done[task]:
                continue
            for qpu in range(qpus):
                finish_s = max(free_s[qpu], ready_s[task]) + exec_s[task, qpu]
                if finish_s < least_s:
                    least_s, which, where = finish_s, task, qpu
        done[which] = True
        free_s[where] = least_s
        total_s += least_s - ready_s[which]
        end_s = max(end_s, least_s)
    return total_s, end_s


@kernel
def _climbed(  # noqa: PLR0912 - one step, so that numba compiles it as it stands
    exec_s: Any,
    ready_s: Any,
    width_s: Any,
    scale_s: Any,
    goal_s: Any,
    found_s: Any,
    pace: Any,
    price: Any,
    best: Any,
    cumulated: Any,
    used: Any,
    direction: Any,
) -> Any:
    """Take steps on one grid; return the best bound and the pace at the end.

    `best` are the prices that gave the best bound on this grid. The arrays of cells have a last one
    that is beyond the grid: it costs nothing and is never full.
    """
    tasks, qpus = exec_s.shape
    cells = price.shape[1]
    looks = LOOKS * tasks
    peak_s, since = -inf, 0
    for _ in range(STEPS):
        if looks <= 0 or max(found_s, peak_s) >= goal_s * MET:
            break
        sold_s, dearest_s = 0.0, 0.0
        for qpu in range(qpus):
            cumulated[qpu, 0] = 0.0
            for cell in range(cells):
                cumulated[qpu, cell + 1] = cumulated[qpu, cell] + price[qpu, cell] * width_s
                used[qpu, cell] = 0.0
            sold_s += cumulated[qpu, cells]
            dearest_s = max(dearest_s, cumulated[qpu, cells])
        value_s, looked = _relaxed(exec_s, ready_s, width_s, price, cumulated, used)
        looks -= looked + qpus * cells
        size = tasks * (scale_s + dearest_s) + sold_s
        value_s -= sold_s + ROUNDING * (cells + tasks + 16) * size
        if value_s > peak_s:
            if value_s > peak_s + PROGRESS * abs(peak_s):
                since = 0
            peak_s = value_s
            for qpu in range(qpus):
                for cell in range(cells):
                    best[qpu, cell] = price[qpu, cell]
        since += 1
        if since >= PATIENCE:
            pace *= 0.5
            since = 0
        squares = 0.0
        for qpu in range(qpus):
            for cell in range(cells):
                slope = used[qpu, cell] - width_s
                if price[qpu, cell] <= 0.0 and slope < 0.0:
                    slope = 0.0
                along = slope + MEMORY * direction[qpu, cell]
                direction[qpu, cell] = along
                if price[qpu, cell] > 0.0 or along > 0.0:
                    squares += along * along
        if squares == 0.0:
            break
        step = pace * (goal_s - value_s) / squares
        for qpu in range(qpus):
            for cell in range(cells):
                price[qpu, cell] = max(price[qpu, cell] + step * direction[qpu, cell], 0.0)
    return max(found_s, peak_s), pace


@called
def _relaxed(  # noqa: PLR0912, PLR0915 - one branch a kind of start
    exec_s: Any, ready_s: Any, width_s: Any, price: Any, cumulated: Any, used: Any
) -> Any:
    """Let every task choose; return what they pay together and how many starts were looked at.

    `used` becomes the time that they want of each cell. A start is looked at only while completion
    alone is below what the task pays elsewhere.
    """
    tasks, qpus = exec_s.shape
    cells = price.shape[1]
    paid_s, looked = 0.0, 0
    for task in range(tasks):
        ready = ready_s[task]
        place = ready / width_s
        first = int(place)
        into = place - first
        least_s, where, start_s = inf, 0, 0.0
        for qpu in range(qpus):
            length_s = exec_s[task, qpu]
            if not length_s < least_s:
                continue
            spread = min(length_s / width_s, cells + 1.0)
            whole = int(spread)
            rest = spread - whole
            # At once.
            end = place + spread
            last = int(min(end, cells))
            begun = cumulated[qpu, cells]
            if first < cells:
                begun = cumulated[qpu, first] + into * price[qpu, first] * width_s
            ended = cumulated[qpu, cells]
            if last < cells:
                ended = cumulated[qpu, last] + (end - last) * price[qpu, last] * width_s
            pays_s = length_s + (ended - begun)
            if pays_s < least_s:
                least_s, where, start_s = pays_s, qpu, ready
            # Where a cell begins.
            cell = first + 1
            delay_s = cell * width_s - ready
            while cell < cells and delay_s + length_s < least_s:
                last = cell + whole
                ended = cumulated[qpu, cells]
                if last < cells:
                    ended = cumulated[qpu, last] + rest * price[qpu, last] * width_s
                pays_s = delay_s + length_s + (ended - cumulated[qpu, cell])
                if pays_s < least_s:
                    least_s, where, start_s = pays_s, qpu, cell * width_s
                cell += 1
                delay_s = cell * width_s - ready
            looked += cell - first
            # So that it ends where a cell ends.
            cell = int(min(end, cells)) + 1
            delay_s = cell * width_s - ready
            while cell <= cells and delay_s < least_s:
                begin = cell - whole - 1
                begun = cumulated[qpu, begin] + (1.0 - rest) * price[qpu, begin] * width_s
                pays_s = delay_s + (cumulated[qpu, cell] - begun)
                if pays_s < least_s:
                    least_s, where, start_s = pays_s, qpu, cell * width_s - length_s
                cell += 1
                delay_s = cell * width_s - ready
            looked += cell - int(min(end, cells)) + 4
        paid_s += least_s
        begin = start_s / width_s
        end = min(begin + exec_s[task, where] / width_s, cells)
        first, last = int(begin), int(end)
        if first < cells:
            used[where, first] -= (begin - first) * width_s
            for cell in range(first, last):
                used[where, cell] += width_s
            used[where, last] += (end - last) * width_s
    return paid_s, looked

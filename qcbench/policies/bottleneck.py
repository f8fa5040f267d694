"""What a second of each QPU is worth when work is spread at its best: a small linear program."""

import numpy as np

from qcbench.arrays import FloatArray, IntArray
from qcbench.policies.numpy_sums import numpy_sum

TOLERANCE = 1e-9


def bottleneck_prices(load: FloatArray, penalty: FloatArray) -> tuple[FloatArray, float]:
    """Return the price of each QPU, shape (QPUs,), and the load of the busiest one.

    Of n tasks, each chooses among options: option s loads QPU q with ``load[i, s, q]`` and costs
    ``penalty[i, s]`` besides. Fractions of options are chosen so that the sum of the busiest QPU's
    mean load and the mean penalty is least:

        min T + mean_i sum_s x_is penalty_is
        subject to mean_i sum_s x_is load_isq <= T, sum_s x_is = 1, x >= 0.

    T is always positive, so it has a row of its own in the final table.

    The prices are the dual variables of the first constraints; they are not negative and add up to
    1. With them each task finds its best options on its own: those with the least
    ``prices @ load[i, s] + penalty[i, s]``.

    Args:
        load: shape (tasks, options, QPUs); infinite where an option is impossible.
        penalty: shape (tasks, options).
    """
    tasks, options, qpus = load.shape
    possible = np.asarray(np.isfinite(load).all(axis=2))
    flat = possible.reshape(-1)
    columns = np.flatnonzero(flat)
    owner = columns // options
    variables = len(columns)
    # Columns: fractions, the load T, slacks of the QPUs; last the right-hand side.
    table = np.zeros((qpus + tasks + 1, variables + 1 + qpus + 1))
    table[:qpus, :variables] = load.reshape(-1, qpus)[columns].T / tasks
    table[:qpus, variables] = -1.0
    table[np.arange(qpus), variables + 1 + np.arange(qpus)] = 1.0
    table[qpus + owner, np.arange(variables)] = 1.0
    table[qpus : qpus + tasks, -1] = 1.0
    cost = table[-1]
    cost[:variables] = penalty.reshape(-1)[columns] / tasks
    cost[variables] = 1.0
    # Begin with every task on the option of least load, and T as large as that makes it.
    total = np.where(possible, np.where(possible[:, :, None], load, 0.0).sum(axis=2), np.inf)
    first = np.searchsorted(columns, np.arange(tasks) * options + total.argmin(axis=1))
    for task in range(tasks):
        _pivot(table, qpus + task, int(first[task]))
    busiest = int(table[:qpus, -1].argmin())
    _pivot(table, busiest, variables)
    _descend(table)
    prices = np.maximum(table[-1, variables + 1 : variables + 1 + qpus], 0.0)
    loaded = np.flatnonzero(table[:-1, variables] > 0.5)
    return prices / prices.sum(), float(table[loaded[0], -1])


def _descend(table: FloatArray) -> None:
    """Go from vertex to vertex of the simplex until no column lowers the cost."""
    limit = 20 * table.shape[1]
    for step in range(limit):
        reduced = table[-1, :-1]
        if step < limit // 2:
            entering = int(reduced.argmin())
        else:  # Bland's rule, which cannot cycle
            falling = np.flatnonzero(reduced < -TOLERANCE)
            entering = int(falling[0]) if len(falling) else 0
        if reduced[entering] >= -TOLERANCE:
            return
        column, right = table[:-1, entering], table[:-1, -1]
        rising = column > TOLERANCE
        ratio = np.full(len(column), np.inf)
        np.divide(right, column, out=ratio, where=rising)
        _pivot(table, int(ratio.argmin()), entering)


def _pivot(table: FloatArray, row: int, column: int) -> None:
    table[row] /= table[row, column]
    others = table[:, column].copy()
    others[row] = 0.0
    table -= np.outer(others, table[row])


def solve(
    table: FloatArray, tasks: int, variables: int, first: IntArray, prices: FloatArray
) -> float:
    """Write the price of each QPU, and return the load of the busiest one: the same for twins.

    Args:
        table: its rows hold, for each QPU, the loads of the fractions divided by the tasks, and in
            the last row of all their penalties likewise; the rest is filled in here.
        variables: fractions: possible options of all tasks, one after the other.
        first: for each task the fraction that it begins with and, one further, where the next
            task's fractions begin, shape (tasks, 2).
        prices: shape (QPUs,).
    """
    qpus = len(prices)
    width = variables + qpus + 2
    rows = qpus + tasks + 1
    for row in range(rows):
        if qpus <= row < rows - 1:
            table[row, :variables] = 0.0
        table[row, variables:width] = 0.0
    for qpu in range(qpus):
        table[qpu, variables] = -1.0
        table[qpu, variables + 1 + qpu] = 1.0
    begin = 0
    for task in range(tasks):
        end = first[task, 1]
        table[qpus + task, begin:end] = 1.0
        table[qpus + task, width - 1] = 1.0
        begin = end
    table[rows - 1, variables] = 1.0
    for task in range(tasks):
        pivot(table, rows, width, qpus + task, first[task, 0])
    busiest = 0
    for qpu in range(1, qpus):
        if table[qpu, width - 1] < table[busiest, width - 1]:
            busiest = qpu
    pivot(table, rows, width, busiest, variables)
    descend(table, rows, width)
    for qpu in range(qpus):
        prices[qpu] = max(table[rows - 1, variables + 1 + qpu], 0.0)
    total = numpy_sum(prices)
    for qpu in range(qpus):
        prices[qpu] /= total
    loaded = 0
    while loaded < rows - 2 and not table[loaded, variables] > 0.5:
        loaded += 1
    return float(table[loaded, width - 1])


def descend(table: FloatArray, rows: int, width: int) -> None:
    """Go from vertex to vertex of the simplex until no column lowers the cost."""
    limit = 20 * width
    cost = table[rows - 1]
    for step in range(limit):
        entering = 0
        if step < limit // 2:
            for column in range(1, width - 1):
                if cost[column] < cost[entering]:
                    entering = column
        else:  # Bland's rule, which cannot cycle
            for column in range(width - 1):
                if cost[column] < -TOLERANCE:
                    entering = column
                    break
        if cost[entering] >= -TOLERANCE:
            return
        leaving = 0
        least = np.inf
        for row in range(rows - 1):
            if table[row, entering] > TOLERANCE:
                ratio = table[row, width - 1] / table[row, entering]
                if ratio < least:
                    least = ratio
                    leaving = row
        pivot(table, rows, width, leaving, entering)


def pivot(table: FloatArray, rows: int, width: int, row: int, column: int) -> None:
    """Make a column the basic one of a row."""
    own = table[row]
    divisor = own[column]
    for place in range(width):
        own[place] /= divisor
    for other in range(rows):
        factor = table[other, column]
        if other == row or factor == 0.0:
            continue
        changed = table[other]
        for place in range(width):
            changed[place] -= factor * own[place]

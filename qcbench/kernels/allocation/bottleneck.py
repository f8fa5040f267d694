"""The compiled twin of `qcbench.policies.bottleneck`, over a sample of the tasks seen so far."""

import numpy as np

from qcbench.arrays import FloatArray, IntArray
from qcbench.kernels.compiling import inlined, kernel
from qcbench.kernels.sums import numpy_sum
from qcbench.policies.bottleneck import TOLERANCE


@kernel
def solve(
    table: FloatArray, tasks: int, variables: int, first: IntArray, prices: FloatArray
) -> float:
    """Write the price of each QPU, and return the load of the busiest one.

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


@inlined
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


@kernel
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

"""The best schedule known of a small world, by iterated local search, compiled.

It knows all arrivals and execution times, as no policy does. Tasks are moved and exchanged between
places in the QPUs' queues until nothing gets better, then a few are moved at random and it begins
again from there (Lourenco, Martin and Stutzle, Handbook of Metaheuristics, 2003). The numbers that
it draws are always the same.
"""

from math import inf
from typing import Any

import numpy as np

from qcbench.arrays import FloatArray
from qcbench.kernels.compiling import called, kernel
from qcbench.sources import source_hash
from qcbench.stats.kept_searches import kept

MOST_TASKS = 30
"""Tasks of a world up to which a search is worth its time."""
KICKS = 600
"""Times that it begins again."""


def best_known_completion(exec_s: FloatArray, arrival_s: FloatArray) -> float:
    """Return the least sum of completion - arrival over all tasks that was found [s].

    It is kept, see `qcbench.stats.kept_searches`.

    Args:
        exec_s: (tasks, QPUs) execution times, infinite where a task does not fit.
        arrival_s: (tasks,) arrivals.
    """
    return kept(search_completion, source_hash(__name__), exec_s, arrival_s)


def search_completion(exec_s: FloatArray, arrival_s: FloatArray) -> float:
    """Return what `best_known_completion` does, from a search of its own."""
    tasks, qpus = exec_s.shape
    if not tasks:
        return 0.0
    return float(
        _search(
            np.ascontiguousarray(exec_s),
            np.ascontiguousarray(arrival_s),
            np.argsort(arrival_s + exec_s.min(axis=1), kind="stable"),
            KICKS,
            np.zeros((qpus, tasks + 1), dtype=np.int64),
            np.zeros((qpus, tasks + 1), dtype=np.int64),
            np.zeros((2, qpus), dtype=np.int64),
            np.zeros((2, qpus)),
        )
    )


@kernel
def _search(
    exec_s: Any,
    arrival_s: Any,
    order: Any,
    kicks: Any,
    queue: Any,
    saved: Any,
    length: Any,
    cost: Any,
) -> Any:
    """Return the least cost; row 0 of `length` and `cost` is of `queue`, row 1 of `saved`."""
    tasks, qpus = exec_s.shape
    for place in range(tasks):
        _insert_best(exec_s, arrival_s, queue, length[0], cost[0], order[place])
    _descend(exec_s, arrival_s, queue, length[0], cost[0])
    total_s = _total(cost[0])
    best_s = total_s
    _copy(queue, length, cost, saved, 0, 1)
    state = 12345
    for _ in range(kicks):
        for _ in range(3):
            state = (state * 1103515245 + 12345) & 0x7FFFFFFF
            victim = (state >> 8) % tasks
            state = (state * 1103515245 + 12345) & 0x7FFFFFFF
            to = (state >> 8) % qpus
            if exec_s[victim, to] < inf:
                state = (state * 1103515245 + 12345) & 0x7FFFFFFF
                _take_out(exec_s, arrival_s, queue, length[0], cost[0], victim)
                place = (state >> 8) % (length[0, to] + 1)
                _put_in(exec_s, arrival_s, queue, length[0], cost[0], to, place, victim)
        _descend(exec_s, arrival_s, queue, length[0], cost[0])
        found_s = _total(cost[0])
        best_s = min(best_s, found_s)
        if found_s <= total_s:
            total_s = found_s
            _copy(queue, length, cost, saved, 0, 1)
        else:
            _copy(saved, length, cost, queue, 1, 0)
    return best_s


@called
def _descend(exec_s: Any, arrival_s: Any, queue: Any, length: Any, cost: Any) -> Any:
    """Move each task to its best place, and exchange two, until nothing gets better."""
    tasks, qpus = exec_s.shape
    better = True
    while better:
        better = False
        for task in range(tasks):
            before = _total(cost)
            qpu, place = _find(queue, length, task)
            _take_out(exec_s, arrival_s, queue, length, cost, task)
            without = _total(cost)
            added, where, position = _best_place(exec_s, arrival_s, queue, length, cost, task)
            if without + added < before * (1.0 - 1e-12):
                better = True
            else:
                where, position = qpu, place
            _put_in(exec_s, arrival_s, queue, length, cost, where, position, task)
        for one in range(qpus):
            for first in range(length[one]):
                for other in range(one, qpus):
                    for second in range(length[other]):
                        if other == one and second <= first:
                            continue
                        better |= _exchange(
                            exec_s, arrival_s, queue, length, cost, one, first, other, second
                        )
    return 0


@called
def _exchange(
    exec_s: Any,
    arrival_s: Any,
    queue: Any,
    length: Any,
    cost: Any,
    one: Any,
    first: Any,
    other: Any,
    second: Any,
) -> Any:
    """Exchange two tasks where that is better; return whether it is."""
    before = cost[one] + (cost[other] if other != one else 0.0)
    task, partner = queue[one, first], queue[other, second]
    queue[one, first], queue[other, second] = partner, task
    cost_one = _cost(exec_s, arrival_s, queue, length, one, -1, -1)
    cost_other = _cost(exec_s, arrival_s, queue, length, other, -1, -1) if other != one else 0.0
    if cost_one + cost_other < before * (1.0 - 1e-12):
        cost[one] = cost_one
        if other != one:
            cost[other] = cost_other
        return True
    queue[one, first], queue[other, second] = task, partner
    return False


@called
def _cost(
    exec_s: Any, arrival_s: Any, queue: Any, length: Any, qpu: Any, place: Any, task: Any
) -> Any:
    """Return the total completion of a queue, with a task put in at a place unless that is -1."""
    now_s, total_s = 0.0, 0.0
    for position in range(length[qpu] + 1):
        if position == place:
            now_s = max(now_s, arrival_s[task]) + exec_s[task, qpu]
            total_s += now_s - arrival_s[task]
        if position < length[qpu]:
            own = queue[qpu, position]
            now_s = max(now_s, arrival_s[own]) + exec_s[own, qpu]
            total_s += now_s - arrival_s[own]
    return total_s


@called
def _best_place(exec_s: Any, arrival_s: Any, queue: Any, length: Any, cost: Any, task: Any) -> Any:
    """Return what a task adds at its best place, and the QPU and place."""
    least, where, at = inf, 0, 0
    for qpu in range(exec_s.shape[1]):
        if exec_s[task, qpu] < least:
            for place in range(length[qpu] + 1):
                added = _cost(exec_s, arrival_s, queue, length, qpu, place, task) - cost[qpu]
                if added < least:
                    least, where, at = added, qpu, place
    return least, where, at


@called
def _insert_best(exec_s: Any, arrival_s: Any, queue: Any, length: Any, cost: Any, task: Any) -> Any:
    _, qpu, place = _best_place(exec_s, arrival_s, queue, length, cost, task)
    _put_in(exec_s, arrival_s, queue, length, cost, qpu, place, task)
    return 0


@called
def _find(queue: Any, length: Any, task: Any) -> Any:
    """Return QPU and place of a task."""
    for qpu in range(len(length)):
        for place in range(length[qpu]):
            if queue[qpu, place] == task:
                return qpu, place
    return -1, -1


@called
def _take_out(exec_s: Any, arrival_s: Any, queue: Any, length: Any, cost: Any, task: Any) -> Any:
    qpu, place = _find(queue, length, task)
    length[qpu] -= 1
    for position in range(place, length[qpu]):
        queue[qpu, position] = queue[qpu, position + 1]
    cost[qpu] = _cost(exec_s, arrival_s, queue, length, qpu, -1, -1)
    return 0


@called
def _put_in(
    exec_s: Any, arrival_s: Any, queue: Any, length: Any, cost: Any, qpu: Any, place: Any, task: Any
) -> Any:
    for position in range(length[qpu], place, -1):
        queue[qpu, position] = queue[qpu, position - 1]
    queue[qpu, place] = task
    length[qpu] += 1
    cost[qpu] = _cost(exec_s, arrival_s, queue, length, qpu, -1, -1)
    return 0


@called
def _copy(queue: Any, length: Any, cost: Any, into: Any, row: Any, to: Any) -> Any:
    for qpu in range(length.shape[1]):
        length[to, qpu] = length[row, qpu]
        cost[to, qpu] = cost[row, qpu]
        for place in range(length[row, qpu]):
            into[qpu, place] = queue[qpu, place]
    return 0


@called
def _total(cost: Any) -> Any:
    total_s = 0.0
    for qpu in range(len(cost)):
        total_s += cost[qpu]
    return total_s

"""What each QPU would cost at a decision, by rollouts: what an agent imitates, compiled.

As the policy `lookahead`: the task is placed on the QPU, further tasks follow, each placed by
`earliest_completion`, and what completion times count is added up, see `qcbench.policies.tails`;
but the usual time is what a world's tasks take by earliest completion on average. Where `lookahead`
makes up futures from what it has seen, these know the world. One future is the world's own. Of the
others each task is drawn from all of the world, and times between arrivals are a stretch of the
world's, so that bursts stay bursts. No future is longer than the tasks that are still to come.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from qcbench.arrays import FloatArray, IntArray
from qcbench.kernels.compiling import called, kernel_beside_others
from qcbench.kernels.placement.step import Record as Row
from qcbench.kernels.placement.worlds import Worlds
from qcbench.policies.features import hindsight
from qcbench.policies.features.relative import SHORTEST_S
from qcbench.policies.tails import Tail, counted, tail_of, uncounted


class Futures(NamedTuple):
    """How decisions are rolled out, and working space.

    Attributes:
        horizon: tasks that follow at most.
        samples: futures of a decision.
        seed: of what is drawn for them.
        rows, then_s: where estimates of the tasks of a future begin, and when they arrive, shape
            (horizon,).
        free_s: when QPUs are free in a future, shape (QPUs,).
        tail_s: from where the tail begins in each world, shape (worlds,).
    """

    horizon: int
    samples: int
    seed: int
    rows: IntArray
    then_s: FloatArray
    free_s: FloatArray
    tail_s: FloatArray


def futures(horizon: int, samples: int, tail: Tail, seed: int, worlds: Worlds) -> Futures:
    """Return how decisions are rolled out in some worlds."""
    qpus, tail_s = len(worlds.qpu_qubits), np.zeros(len(worlds.tasks))
    usual_times(worlds, np.zeros(qpus), np.zeros(qpus), tail_s)
    tail_s *= tail_of(tail)
    rows, then_s = np.zeros(horizon, dtype=np.int64), np.zeros(horizon)
    return Futures(horizon, samples, seed, rows, then_s, np.zeros(qpus), tail_s)


called(counted)
called(uncounted)
remaining_s: Any = called(hindsight.remaining_s)


@kernel_beside_others
def usual_times(worlds: Worlds, free_at_s: FloatArray, work: FloatArray, out: FloatArray) -> None:
    """Write the mean completion time by earliest completion in every world.

    Args:
        free_at_s: when the QPUs are free at first.
        work: working space, of the same shape.
        out: positive, shape (worlds,).
    """
    qpus, width, stride = len(worlds.qpu_qubits), worlds.width, worlds.stride
    for world in range(len(worlds.tasks)):
        first, tasks = world * width, worlds.tasks[world]
        total_s = remaining_s(
            0,
            tasks,
            qpus,
            worlds.arrival_s,
            first,
            worlds.exec_s,
            first * stride,
            stride,
            free_at_s,
            0,
            work,
        )
        out[world] = total_s / tasks + SHORTEST_S


@kernel_beside_others
def rollout_costs(
    worlds: Worlds,
    clouds: npt.NDArray[np.void],
    free_at_s: FloatArray,
    first: int,
    last: int,
    futures: Futures,
    out: FloatArray,
) -> None:
    """Write what each QPU costs at the decisions of some clouds.

    Args:
        clouds, free_at_s: as in `State`, or as in `EventState`.
        first, last: of the clouds, the last excluded.
        out: the time of one task that counts as the mean over all tasks of all futures does, times
            the tasks of a future [s]; infinite where the task does not fit, shape
            ((last - first) * QPUs,).
    """
    qpus = len(worlds.qpu_qubits)
    for e in range(first, last):
        cloud, at = clouds[e], (e - first) * qpus
        of_world, task = cloud.world * worlds.width, cloud.task
        task_at = (of_world + task) * worlds.stride
        for q in range(qpus):
            out[at + q] = 0.0 if worlds.exec_s[task_at + q] < np.inf else np.inf
        left = worlds.tasks[cloud.world] - cloud.next_arrival
        steps = min(futures.horizon, left)
        mixed = cloud.world * 2654435761 + cloud.decisions * 40503 + futures.seed * 7919
        random = np.uint32(mixed & 0xFFFFFFFF)
        for sample in range(futures.samples):
            if sample == 0:
                _own(worlds, cloud, of_world, steps, futures)
            else:
                random = _made_up(worlds, cloud, of_world, steps, futures, random)
            for q in range(qpus):
                if out[at + q] < np.inf:
                    out[at + q] += (
                        _play(worlds, cloud, free_at_s, e * qpus, task_at, q, steps, futures)
                        / futures.samples
                    )
        for q in range(qpus):
            if out[at + q] < np.inf:
                mean = out[at + q] / (steps + 1)
                out[at + q] = (steps + 1) * uncounted(mean, futures.tail_s[cloud.world])


@called
def _own(worlds: Worlds, cloud: Row, of_world: int, steps: int, futures: Futures) -> None:
    """Write the world's own future."""
    for step in range(steps):
        task = of_world + cloud.next_arrival + step
        futures.rows[step] = task * worlds.stride
        futures.then_s[step] = worlds.arrival_s[task]


@called
def _made_up(
    worlds: Worlds, cloud: Row, of_world: int, steps: int, futures: Futures, random: np.uint32
) -> np.uint32:
    """Write a future that could be as well, and return the generator's next state."""
    tasks = worlds.tasks[cloud.world]
    random = np.uint32(random * np.uint32(1664525) + np.uint32(1013904223))
    # A generator of this kind has its best bits first; so many beginnings has a stretch of gaps.
    begin = (np.int64(random) * (tasks - steps)) >> 32
    then_s = cloud.now_s
    for step in range(steps):
        random = np.uint32(random * np.uint32(1664525) + np.uint32(1013904223))
        task = of_world + ((np.int64(random) * tasks) >> 32)
        futures.rows[step] = task * worlds.stride
        after = of_world + begin + step
        then_s += worlds.arrival_s[after + 1] - worlds.arrival_s[after]
        futures.then_s[step] = then_s
    return random


@called
def _play(
    worlds: Worlds,
    cloud: Row,
    free_at_s: FloatArray,
    state_at: int,
    task_at: int,
    candidate: int,
    steps: int,
    futures: Futures,
) -> float:
    """Return what the tasks of a future count, the task itself on a candidate."""
    now_s, tail_s = cloud.now_s, futures.tail_s[cloud.world]
    qpus, free_s, exec_s = len(worlds.qpu_qubits), futures.free_s, worlds.exec_s
    for q in range(qpus):
        at_s = free_at_s[state_at + q]
        free_s[q] = at_s if at_s > now_s else now_s
    free_s[candidate] += exec_s[task_at + candidate]
    total = counted(free_s[candidate] - now_s, tail_s)
    for step in range(steps):
        row, then_s = futures.rows[step], futures.then_s[step]
        best, ended_s = 0, np.inf
        for q in range(qpus):
            at_s = free_s[q]
            finish_s = (at_s if at_s > then_s else then_s) + exec_s[row + q]
            if finish_s < ended_s:
                best, ended_s = q, finish_s
        free_s[best] = ended_s
        total += counted(ended_s - then_s, tail_s)
    return total

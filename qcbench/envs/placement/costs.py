"""What each QPU would cost at a decision, by rollouts: what an agent imitates, compiled.

As the policy `lookahead`: the task is placed on the QPU, further tasks follow, each placed by
`earliest_completion`, and completion times are added up, to a power. Where `lookahead` makes up
futures from what it has seen, these know the world. One future is the world's own. Of the others
each task is drawn from all of the world, and times between arrivals are a stretch of the world's,
so that bursts stay bursts. No future is longer than the tasks that are still to come.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from qcbench.arrays import FloatArray, IntArray
from qcbench.kernels.compiling import called, kernel_beside_others
from qcbench.kernels.placement.step import Record as Row
from qcbench.kernels.placement.worlds import Worlds
from qcbench.policies.powers import halves, raised


class Futures(NamedTuple):
    """How decisions are rolled out, and working space.

    Attributes:
        horizon: tasks that follow at most.
        samples: futures of a decision.
        power: by which completion times count, in halves.
        seed: of what is drawn for them.
        rows, then_s: where estimates of the tasks of a future begin, and when they arrive, shape
            (horizon,).
        free_s: when QPUs are free in a future, shape (QPUs,).
    """

    horizon: int
    samples: int
    power: int
    seed: int
    rows: IntArray
    then_s: FloatArray
    free_s: FloatArray


def futures(horizon: int, samples: int, power: float, seed: int, qpus: int) -> Futures:
    """Return how decisions are rolled out on so many QPUs."""
    rows, then_s = np.zeros(horizon, dtype=np.int64), np.zeros(horizon)
    return Futures(horizon, samples, halves(power), seed, rows, then_s, np.zeros(qpus))


called(raised)


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
        out: mean over the futures of all completion times to their power, infinite where the task
            does not fit, shape ((last - first) * QPUs,).
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
                        _play(worlds, cloud.now_s, free_at_s, e * qpus, task_at, q, steps, futures)
                        / futures.samples
                    )


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
    now_s: float,
    free_at_s: FloatArray,
    state_at: int,
    task_at: int,
    candidate: int,
    steps: int,
    futures: Futures,
) -> float:
    """Return what the completion times of a future add up to, the task itself on a candidate."""
    qpus, free_s, exec_s = len(worlds.qpu_qubits), futures.free_s, worlds.exec_s
    for q in range(qpus):
        at_s = free_at_s[state_at + q]
        free_s[q] = at_s if at_s > now_s else now_s
    free_s[candidate] += exec_s[task_at + candidate]
    total = raised(free_s[candidate] - now_s, futures.power)
    for step in range(steps):
        row, then_s = futures.rows[step], futures.then_s[step]
        best, ended_s = 0, np.inf
        for q in range(qpus):
            at_s = free_s[q]
            finish_s = (at_s if at_s > then_s else then_s) + exec_s[row + q]
            if finish_s < ended_s:
                best, ended_s = q, finish_s
        free_s[best] = ended_s
        total += raised(ended_s - then_s, futures.power)
    return total

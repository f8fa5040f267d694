"""The published dispatch as plainly as SimPy allows: one process a job, a timeout a poll.

Nothing is skipped and nothing of the package is used, so that the broker can be compared with it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil

import simpy


@dataclass
class Device:
    qubits: int
    clops: float
    score: float
    worth: float


@dataclass
class Job:
    qubits: int
    shots: int
    gap: float


@dataclass
class Done:
    start: float
    finish: float
    parts: tuple[tuple[int, int], ...]


@dataclass
class Grants:
    """What a job under `rlbase` did: when it held each part, and when it was done."""

    granted: tuple[float, ...]
    finish: float


def rlbase(
    sizes: Sequence[int],
    splits: Sequence[Sequence[int]],
    gaps: Sequence[float],
    lengths: Sequence[float],
) -> list[Grants]:
    """Decide at arrival; then look at one device after the other, every 1.0, and keep what is got.

    Args:
        sizes: qubits of every device.
        splits: of every job, qubits on every device.
        gaps: of every job, time since the arrival before.
        lengths: how long each is executed.
    """
    env = simpy.Environment()
    stock = [simpy.Container(env, size, init=size) for size in sizes]
    results: list[Grants | None] = [None] * len(splits)

    def run(index: int):
        parts = [(i, part) for i, part in enumerate(splits[index]) if part]
        granted = []
        for i, part in parts:
            while stock[i].level < part:
                yield env.timeout(1)
            yield stock[i].get(part)
            granted.append(env.now)
        for (_, left), (_, right) in pairwise(parts):
            yield env.process(link((left + right) * 0.02))
        yield env.timeout(lengths[index])
        finish = env.now
        for i, part in parts:
            yield stock[i].put(part)
        results[index] = Grants(tuple(granted), finish)

    def link(delay: float):
        yield env.timeout(delay)

    def arrivals():
        for index, gap in enumerate(gaps):
            yield env.timeout(gap)
            env.process(run(index))

    env.process(arrivals())
    env.run()
    assert all(results)
    return [result for result in results if result is not None]


def dispatch(devices: Sequence[Device], jobs: Sequence[Job], mode: str) -> list[Done]:
    env = simpy.Environment()
    stock = [simpy.Container(env, device.qubits, init=device.qubits) for device in devices]
    results: list[Done | None] = [None] * len(jobs)

    def candidates(job: Job) -> list[int]:
        least = job.qubits / len(devices)
        return [i for i in range(len(devices)) if stock[i].level >= least]

    def run(index: int, job: Job):
        found = candidates(job)
        while len(found) < 2:
            yield env.timeout(1)
            found = candidates(job)
        if mode == "fidelity":
            found.sort(key=lambda i: devices[i].score)
            found = found[: ceil(job.qubits / max(stock[i].level for i in found))]
        elif mode == "fair":
            found.sort(key=lambda i: devices[i].worth, reverse=True)
        each, rest = divmod(job.qubits, len(found))
        parts = [(i, each + (place < rest)) for place, i in enumerate(found)]
        for i, part in parts:
            yield stock[i].get(part)
        start = env.now
        for (_, left), (_, right) in pairwise(parts):
            yield env.process(link((left + right) * 0.02))
        yield env.timeout(max(1000 * job.shots * 7.0 / devices[i].clops for i, _ in parts))
        finish = env.now
        for i, part in parts:
            yield stock[i].put(part)
        results[index] = Done(start, finish, tuple(parts))

    def link(delay: float):
        yield env.timeout(delay)

    def arrivals():
        for index, job in enumerate(jobs):
            yield env.timeout(job.gap)
            env.process(run(index, job))

    env.process(arrivals())
    env.run()
    assert all(results)
    return [result for result in results if result is not None]

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

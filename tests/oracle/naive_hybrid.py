"""The serverless study's platform as plainly as Python allows: one step an event, lists and sums.

Nothing of the package is used, so that the cloud can be compared with it. Where the published job
lists are beside the checkout it is itself compared with what they expect.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass
class Job:
    """A job: classical operations, then pairs of operations and seconds, then operations."""

    arrival_s: float
    pre: float
    iterations: Sequence[tuple[float, float]]
    post: float
    phases: list[tuple[str, float]] = field(init=False)

    def __post_init__(self) -> None:
        pairs = [p for c, q in self.iterations for p in (("c", c), ("q", q))]
        self.phases = [("c", self.pre), *pairs, ("c", self.post)]


@dataclass(frozen=True)
class Platform:
    """`C` workers of `S` operations a second, `Q` QPUs, and the limits of admission."""

    workers: int
    speed: float
    qpus: int
    classical_limit: int
    quantum_limit: int
    variant: str


@dataclass
class Outcome:
    """When each job is done, NaN where it was turned away, and jobs as they left the queue."""

    finish_s: list[float]
    from_queue: list[int]
    classical_s: float = 0.0
    pending_s: float = 0.0
    running_s: float = 0.0


def simulate(platform: Platform, jobs: Sequence[Job], policy: str) -> Outcome:
    """Run the jobs; no two events may coincide, apart from a phase's end and the next one's start.

    The three areas of the outcome are integrals over time of the tasks in the pool, in the queue
    and on QPUs.
    """
    outcome = Outcome([math.nan] * len(jobs), [])
    arrivals = sorted(range(len(jobs)), key=lambda j: jobs[j].arrival_s)
    left = [list(job.phases) for job in jobs]
    pool: dict[int, float] = {}
    queue: list[int] = []
    executed: dict[int, float] = {}
    now_s = 0.0

    def admitted() -> bool:
        quantum = len(queue) + (0 if platform.variant == "pending" else len(executed))
        if platform.variant == "paper":
            return len(pool) <= platform.classical_limit and quantum <= platform.quantum_limit
        return len(pool) < platform.classical_limit and quantum < platform.quantum_limit

    def go_on(job: int) -> None:
        if not left[job]:
            outcome.finish_s[job] = now_s
            return
        kind, amount = left[job].pop(0)
        if kind == "c":
            pool[job] = amount
        elif len(executed) < platform.qpus:
            executed[job] = now_s + amount
        else:
            queue.append(job)
            left[job].insert(0, (kind, amount))

    def next_from_queue() -> int:
        if policy == "lifo":
            return queue.pop()
        job = queue[0]
        if policy == "fifo_legacy":  # the newest comes to the head
            last = queue.pop()
            if queue:
                queue[0] = last
        else:
            queue.pop(0)
        return job

    while arrivals or pool or executed:
        rate = platform.speed * min(1.0, platform.workers / max(1, len(pool)))
        events = [(jobs[arrivals[0]].arrival_s, "arrival", arrivals[0])] if arrivals else []
        events += [(now_s + work / rate, "classical", job) for job, work in pool.items()]
        events += [(at_s, "quantum", job) for job, at_s in executed.items()]
        at_s, kind, job = min(events, key=lambda event: event[0])
        passed_s = at_s - now_s
        outcome.classical_s += len(pool) * passed_s
        outcome.pending_s += len(queue) * passed_s
        outcome.running_s += len(executed) * passed_s
        for other in pool:
            pool[other] -= rate * passed_s
        now_s = at_s
        if kind == "arrival":
            arrivals.pop(0)
            if admitted():
                go_on(job)
        elif kind == "classical":
            del pool[job]
            go_on(job)
        else:
            del executed[job]
            if queue:
                first = next_from_queue()
                outcome.from_queue.append(first)
                executed[first] = now_s + left[first].pop(0)[1]
            go_on(job)
    return outcome

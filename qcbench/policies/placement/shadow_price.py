"""The least completion time and price of the QPU's time: what others would have to wait.

A task that is long on a QPU takes from those to come what they could have had there. Its execution
time is charged at a price, as it is in linear programming and in congestion games, which is the
higher the more tasks come while the backlog is worked off, the more of them want this QPU, and the
longer the queue is that they would stand in. Completion times count more from a multiple of the
usual one on, see `qcbench.policies.tails`, which keeps the tail short. Where nothing waits and
little comes the price is near 0, and so it is for the last tasks that are known to come: the policy
is `earliest_completion` then.

No weight has a unit: times are divided by the mean execution of the tasks that were seen, and what
a QPU is to the workload is that of the observation `placement-2`, see
`qcbench.policies.features.placement_relative`. So one set of weights serves fleets of any size and
speed. The usual ones were found by `qcbench train agent=tuned_placement mix=placement`. What a
decision takes grows with the QPUs alone: nothing is drawn and nothing is played out.
"""

from collections.abc import Sequence
from math import inf, sqrt

from qcbench.policies.features.placement_relative import (
    EACH_MEMORY,
    LAYOUT,
    MEMORY,
    SHARE,
    WORK_S,
)
from qcbench.policies.features.placement_relative import remember as follow_task
from qcbench.policies.features.relative import GAP_S, SCALE_S, SHORTEST_S, Remembered
from qcbench.policies.protocol import Placement, PolicyContext
from qcbench.policies.tails import Tail, counted, tail_of
from qcbench.policies.twins import Memory, PlacingInFull, TwinContext, memory
from qcbench.policies.view import PlacementView
from qcbench.policies.weights import Weight

COMING, WANTED, LOAD, QUEUE, FIDELITY, TAIL, DECIDED, TAKEN_S, SEEN = range(9)
"""Where the memory has the weights, how many decisions there were, what they were estimated to take
in all, and from where on it has what `placement-2` remembers."""


def policy(
    context: PolicyContext,
    *,
    coming: Weight = 0.467,
    wanted: Weight = 5.02,
    load: Weight = 6.14,
    queue: Weight = 2.73,
    fidelity: Weight = 0.97,
    tail: Tail = 13.6,
) -> Placement:
    """Build the policy.

    Args:
        context: the fleet.
        coming: of n / sqrt(1 + n), where n tasks for each QPU come while the mean backlog is worked
            off; that and each of the next three are multiplied.
        wanted: of the QPU's part in the demand, 1/2 for an even share.
        load: of the demand for the QPU in execution time, 1/2 where it is as much as time passes.
        queue: of the backlog of the QPU, 1/2 where it is as long as the mean execution.
        fidelity: of what the estimated fidelity lacks to the best, as a share of it, where QPUs
            have a backlog.
        tail: from how many times the usual completion time on times count more; `any` for the
            least mean whatever the tail.
    """
    qpus = len(context.fleet)
    kept = [*(coming, wanted, load, queue, fidelity, tail_of(tail)), 0.0, 0.0]
    kept += [0.0] * LAYOUT.memory(qpus)

    def decide(view: PlacementView) -> int:
        return cheapest(
            qpus,
            view.now_s,
            view.violations,
            view.to_come,
            view.free_at_s.tolist(),
            0,
            view.exec_s.tolist(),
            view.fidelity.tolist(),
            0,
            kept,
        )

    return decide


def cheapest(
    qpus: int,
    now_s: float,
    violations: int,
    to_come: float,
    free_at_s: Sequence[float],
    state_at: int,
    exec_s: Sequence[float],
    fidelity: Sequence[float],
    task_at: int,
    kept: Remembered,
) -> int:
    """Return the QPU that costs least, and remember the task.

    Args:
        qpus: how many there are.
        now_s, violations, to_come: as in `PlacementView`.
        free_at_s: as there, from `state_at` on.
        exec_s, fidelity: of the task on each QPU, from `task_at` on.
        kept: weights and what is remembered.
    """
    if violations == 0 or kept[SEEN] == 0.0:
        follow_task(qpus, now_s, exec_s, task_at, kept, SEEN)
    scale_s = kept[SEEN + SCALE_S] + SHORTEST_S
    gap_s = kept[SEEN + GAP_S] + SHORTEST_S
    backlog_s, earliest_s, best = 0.0, inf, 0.0
    for q in range(qpus):
        wait_s = free_at_s[state_at + q] - now_s
        wait_s = wait_s if wait_s > 0.0 else 0.0
        time_s = exec_s[task_at + q]
        quality = fidelity[task_at + q]
        backlog_s += wait_s
        earliest_s = wait_s + time_s if wait_s + time_s < earliest_s else earliest_s
        best = quality if quality > best and time_s < inf else best
    backlog_s /= qpus
    tasks = backlog_s / gap_s
    tasks = (tasks if tasks < to_come else to_come) / qpus
    displaced = tasks / sqrt(1.0 + tasks)
    waiting = backlog_s / (backlog_s + scale_s)
    # The last tasks take nothing from anybody.
    others = 1.0 - qpus / (to_come + qpus)
    tail_s = kept[TAIL] * ((kept[TAKEN_S] + earliest_s) / (kept[DECIDED] + 1.0) + SHORTEST_S)
    found, least, taken_s = 0, inf, 0.0
    at = SEEN + MEMORY
    for q in range(qpus):
        time_s = exec_s[task_at + q]
        if time_s < inf:
            wait_s = free_at_s[state_at + q] - now_s
            wait_s = wait_s if wait_s > 0.0 else 0.0
            demand = qpus * kept[at + SHARE]
            work = kept[at + WORK_S]
            price = displaced * (
                kept[COMING]
                + kept[WANTED] * (demand / (demand + 1.0))
                + kept[LOAD] * (work / (work + gap_s))
                + kept[QUEUE] * (wait_s / (wait_s + scale_s))
            )
            lost = 1.0 - fidelity[task_at + q] / best if best > 0.0 else 0.0
            cost_s = counted(wait_s + time_s, tail_s) + others * price * time_s
            cost_s += kept[FIDELITY] * waiting * lost * scale_s
            if cost_s < least:
                found, least, taken_s = q, cost_s, wait_s + time_s
        at += EACH_MEMORY
    kept[DECIDED] += 1.0
    kept[TAKEN_S] += taken_s
    return found


def remember(
    context: TwinContext,
    *,
    coming: float,
    wanted: float,
    load: float,
    queue: float,
    fidelity: float,
    tail: Tail,
) -> Memory:
    """Return the weights, and a memory that has seen nothing."""
    found = memory(real=SEEN + LAYOUT.memory(len(context.fleet)))
    found.real[:DECIDED] = (coming, wanted, load, queue, fidelity, tail_of(tail))
    return found


def twin(view: PlacingInFull, memory: Memory) -> int:
    """Decide as `policy` does."""
    return cheapest(
        view.qpus,
        view.now_s,
        view.violations,
        view.to_come,
        view.free_at_s,
        view.state_at,
        view.exec_s,
        view.fidelity,
        view.task_at,
        memory.real,
    )

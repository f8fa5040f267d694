"""A trained policy from the folder that `qcbench export` made: `policy.json` and its weights.

Among the waiting tasks that it looks at, the first by arrival, the one with the highest score; or,
sampled, one that is drawn.
"""

from collections.abc import Callable
from typing import Literal

from qcbench.fleet.profile import Fleet
from qcbench.policies.exported.card import CARD
from qcbench.policies.exported.choosing import Drawing, best
from qcbench.policies.exported.folder import folder_of, load
from qcbench.policies.exported.reference import with_digest
from qcbench.policies.exported.scoring import scorer
from qcbench.policies.exported.serving import check_fleet
from qcbench.policies.features.queueing import EACH, LAYOUT, SHARED, observe_shared, observe_task
from qcbench.policies.protocol import PolicyContext, Queueing
from qcbench.policies.view import QueueView

LAYOUTS = {LAYOUT.name: LAYOUT}
Observer = Callable[[QueueView], tuple[list[float], int]]


def policy(
    context: PolicyContext,
    *,
    path: str,
    sha256: str = "",
    mode: Literal["greedy", "sample"] = "greedy",
) -> Queueing:
    """Build the policy.

    Args:
        context: the fleet, and the generator that a sampled policy draws from.
        path: the policy's folder, or `packaged:NAME`.
        sha256: of its files; found when a trial is made.
        mode: `greedy` takes the highest score, `sample` draws by the softmax of the scores.
    """
    exported = load("queueing", path, sha256)
    where = str(folder_of("queueing", path) / CARD)
    check_fleet(exported.card, context.fleet, where)
    score = scorer(exported, LAYOUTS, where)
    slots = exported.card.observation.items
    observation = _observer(context.fleet, slots)
    choose = Drawing(context.rng).draw if mode == "sample" else best
    allowed = [True] * slots

    def decide(view: QueueView) -> int:
        row, seen = observation(view)
        scores = score(row, seen, None)[:, 0]
        return choose(scores.tolist(), allowed)

    return decide


resolve_parameters = with_digest("queueing")


def _observer(fleet: Fleet, slots: int) -> Observer:
    """Return what observes one trial, decision by decision."""
    sizes: list[int] = fleet.qubits.tolist()
    largest = max(sizes)
    row = [0.0] * LAYOUT.size(slots)
    first_s = last_s = -1.0

    def observation(view: QueueView) -> tuple[list[float], int]:
        nonlocal first_s, last_s
        now_s, waiting = view.now_s, view.waiting
        if first_s < 0.0:
            first_s = last_s = now_s
        seen = waiting[:slots]
        count = len(seen)
        exec_s = [view.exec_s_of(task) for task in seen]
        shortest_s = min(exec_s)
        newest_s = now_s - seen[-1].arrival_s
        size = sizes[view.qpu]
        observe_shared(
            len(waiting),
            count,
            now_s - seen[0].arrival_s,
            shortest_s,
            sum(task.attained_s <= 0.0 for task in seen),
            size,
            largest,
            now_s - last_s,
            now_s - first_s,
            row,
            0,
        )
        at = SHARED
        for task, time_s in zip(seen, exec_s, strict=True):
            observe_task(
                now_s - task.arrival_s,
                now_s - task.job_arrival_s,
                newest_s,
                task.priority,
                view.highest_priority,
                time_s,
                shortest_s,
                task.attained_s,
                task.qubits,
                size,
                row,
                at,
            )
            at += EACH
        last_s = now_s
        return row[:at], count

    return observation

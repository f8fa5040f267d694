"""A trained policy from the folder that `qcbench export` made: `policy.json` and its weights.

Among the waiting tasks that it looks at, the first by arrival, the one with the highest score; or,
sampled, one that is drawn.
"""

import numpy as np

from qcbench.policies.exported.choosing import Mode, chooser
from qcbench.policies.exported.network import OWN_MEMORY, Network, best, remembered, tick
from qcbench.policies.exported.opening import open_policy
from qcbench.policies.exported.reference import with_digest
from qcbench.policies.features import queueing_relative
from qcbench.policies.features.observers.queueing import observer
from qcbench.policies.features.queueing import (
    DUE_EACH,
    DUE_LAYOUT,
    LAYOUT,
    LAYOUTS,
    RELATIVE_LAYOUT,
    SHARED,
    observe_shared,
    observe_task,
    observe_task_due,
)
from qcbench.policies.features.queueing_relative import observe as observe_relative
from qcbench.policies.protocol import PolicyContext, Queueing
from qcbench.policies.twins import Choosing, TwinContext, waiting_at
from qcbench.policies.view import QueueView


def policy(
    context: PolicyContext,
    *,
    path: str,
    sha256: str = "",
    mode: Mode = "greedy",
) -> Queueing:
    """Build the policy.

    Args:
        context: the fleet, and the generator that a sampled policy draws from.
        path: the policy's folder, or `packaged:NAME`.
        sha256: of its files; found when a trial is made.
        mode: `greedy` takes the highest score, `sample` draws by the softmax of the scores.
    """
    opened = open_policy("queueing", path, sha256, context.fleet, LAYOUTS)
    score, slots = opened.score, opened.card.observation.items
    observe = observer(context.fleet, opened.layout, slots=slots).observe
    row = [0.0] * opened.layout.size(slots)
    choose = chooser(mode, context.rng)
    allowed = [True] * slots

    def decide(view: QueueView) -> int:
        observe(view, row)
        scores = score(row, min(len(view.waiting), slots), None)[:, 0]
        return choose(scores.tolist(), allowed)

    return decide


resolve_parameters = with_digest("queueing")


def remember(
    context: TwinContext, *, path: str, sha256: str = "", mode: Mode = "greedy"
) -> Network | None:
    """Return the network, None where it has no twin."""
    return remembered(
        "queueing", context.fleet, (LAYOUT, DUE_LAYOUT, RELATIVE_LAYOUT), path, sha256, mode
    )


def twin(view: Choosing, network: Network) -> int:
    """Decide as `policy` does where it takes the highest score."""
    if network.shared_size == queueing_relative.SHARED:
        slots = len(network.scores)
        found = observe_relative(view, slots, network.memory, OWN_MEMORY, network.observation, 0)
        return best(network, found)
    now_s, qpu, qpus = view.now_s, view.qpu, view.qpus
    elapsed_s, gap_s = tick(network, now_s)
    seen = min(view.choices, len(network.scores))
    largest = qpus[0].qubits
    for other in range(1, len(qpus)):
        largest = max(largest, qpus[other].qubits)
    shortest_s, fresh = np.inf, 0
    for position in range(seen):
        task = waiting_at(view, position)
        shortest_s = min(shortest_s, view.exec_s[task.row, qpu])
        fresh += task.attained_s == 0.0
    oldest_s = now_s - waiting_at(view, 0).arrival_s
    newest_s = now_s - waiting_at(view, seen - 1).arrival_s
    observe_shared(
        view.choices,
        seen,
        oldest_s,
        shortest_s,
        fresh,
        qpus[qpu].qubits,
        largest,
        gap_s,
        elapsed_s,
        network.observation,
        0,
    )
    for position in range(seen):
        task = waiting_at(view, position)
        observe_task(
            now_s - task.arrival_s,
            now_s - task.job_arrival_s,
            newest_s,
            task.priority,
            view.highest_priority,
            view.exec_s[task.row, qpu],
            shortest_s,
            task.attained_s,
            task.qubits,
            qpus[qpu].qubits,
            network.observation,
            SHARED + position * network.each_size,
        )
        if network.each_size == DUE_EACH:
            observe_task_due(
                now_s,
                task.job_arrival_s,
                task.due_s,
                task.value,
                view.exec_s[task.row, qpu],
                network.observation,
                SHARED + position * network.each_size,
            )
    return best(network, seen)

"""A trained policy from the folder that `qcbench export` made: `policy.json` and its weights.

Among the QPUs that the task fits, the one with the highest score; or, sampled, one that is drawn.
"""

import numpy as np

from qcbench.policies.exported.choosing import Mode, chooser
from qcbench.policies.exported.network import OWN_MEMORY, Network, best, remembered, tick
from qcbench.policies.exported.opening import open_policy
from qcbench.policies.exported.reference import with_digest
from qcbench.policies.features import placement_relative
from qcbench.policies.features.observers.placement import observer
from qcbench.policies.features.placement import (
    DUE_EACH,
    DUE_LAYOUT,
    LAYOUT,
    LAYOUTS,
    RELATIVE_LAYOUT,
    observe,
    observe_due,
)
from qcbench.policies.features.placement_relative import observe as observe_relative
from qcbench.policies.protocol import Placement, PolicyContext
from qcbench.policies.twins import PlacingInFull, TwinContext
from qcbench.policies.view import PlacementView


def policy(
    context: PolicyContext,
    *,
    path: str,
    sha256: str = "",
    mode: Mode = "greedy",
) -> Placement:
    """Build the policy.

    Args:
        context: the fleet, and the generator that a sampled policy draws from.
        path: the policy's folder, or `packaged:NAME`.
        sha256: of its files; found when a trial is made.
        mode: `greedy` takes the highest score, `sample` draws by the softmax of the scores.
    """
    fleet = context.fleet
    opened = open_policy("placement", path, sha256, fleet, LAYOUTS)
    score = opened.score
    watcher = observer(fleet, opened.layout)
    choose = chooser(mode, context.rng)
    qpus = len(fleet)
    row = [0.0] * opened.layout.size(qpus)

    def decide(view: PlacementView) -> int:
        watcher.observe(view, row)
        allowed = view.feasible
        scores = score(row, qpus, allowed)[:, 0]
        return choose(scores.tolist(), allowed.tolist())

    return decide


resolve_parameters = with_digest("placement")


def remember(
    context: TwinContext, *, path: str, sha256: str = "", mode: Mode = "greedy"
) -> Network | None:
    """Return the network, None where it has no twin."""
    return remembered(
        "placement", context.fleet, (LAYOUT, DUE_LAYOUT, RELATIVE_LAYOUT), path, sha256, mode
    )


def twin(view: PlacingInFull, network: Network) -> int:
    """Decide as `policy` does where it takes the highest score."""
    if network.each_size == placement_relative.EACH:
        observe_relative(
            view.qpus,
            view.now_s,
            view.violations,
            view.task_qubits,
            view.to_come,
            view.free_at_s,
            view.queue_length,
            view.up,
            view.state_at,
            view.exec_s,
            view.fidelity,
            view.price,
            view.task_at,
            view.qpu_qubits,
            0,
            network.memory,
            OWN_MEMORY,
            network.observation,
            0,
        )
    else:
        elapsed_s, gap_s = tick(network, view.now_s)
        observe(
            view.qpus,
            view.now_s,
            elapsed_s,
            gap_s,
            network.memory[2],
            view.violations,
            view.task_qubits,
            view.free_at_s,
            view.queue_length,
            view.up,
            view.state_at,
            view.exec_s,
            view.fidelity,
            view.price,
            view.task_at,
            view.qpu_qubits,
            0,
            network.observation,
            0,
            network.shared_size,
            network.each_size,
        )
    if network.each_size == DUE_EACH:
        observe_due(
            view.qpus,
            view.now_s,
            view.due_s,
            view.value,
            view.free_at_s,
            view.state_at,
            view.exec_s,
            view.task_at,
            network.observation,
            0,
        )
    for q in range(view.qpus):
        network.allowed[q] = view.exec_s[view.task_at + q] < np.inf
    return best(network, view.qpus)

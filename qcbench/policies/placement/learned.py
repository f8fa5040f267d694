"""A trained policy from the folder that `qcbench export` made: `policy.json` and its weights.

Among the QPUs that the task fits, the one with the highest score; or, sampled, one that is drawn.
"""

from collections.abc import Callable
from math import inf
from typing import Literal

from qcbench.fleet.profile import Fleet
from qcbench.policies.exported.card import CARD
from qcbench.policies.exported.choosing import Drawing, best
from qcbench.policies.exported.folder import folder_of, load
from qcbench.policies.exported.reference import with_digest
from qcbench.policies.exported.scoring import scorer
from qcbench.policies.exported.serving import check_fleet
from qcbench.policies.features.placement import (
    LAYOUT,
    LEGACY_LAYOUT,
    observe,
    observe_legacy,
)
from qcbench.policies.protocol import Placement, PolicyContext
from qcbench.policies.view import PlacementView

LAYOUTS = {layout.name: layout for layout in (LAYOUT, LEGACY_LAYOUT)}
Observer = Callable[[PlacementView], list[float]]


def policy(
    context: PolicyContext,
    *,
    path: str,
    sha256: str = "",
    mode: Literal["greedy", "sample"] = "greedy",
) -> Placement:
    """Build the policy.

    Args:
        context: the fleet, and the generator that a sampled policy draws from.
        path: the policy's folder, or `packaged:NAME`.
        sha256: of its files; found when a trial is made.
        mode: `greedy` takes the highest score, `sample` draws by the softmax of the scores.
    """
    exported = load("placement", path, sha256)
    where = str(folder_of("placement", path) / CARD)
    card, fleet = exported.card, context.fleet
    check_fleet(card, fleet, where)
    score = scorer(exported, LAYOUTS, where)
    legacy = card.observation.layout == LEGACY_LAYOUT.name
    observation = _legacy_observer(fleet) if legacy else _observer(fleet)
    choose = Drawing(context.rng).draw if mode == "sample" else best
    qpus = len(fleet)

    def decide(view: PlacementView) -> int:
        allowed = view.feasible
        scores = score(observation(view), qpus, allowed)[:, 0]
        return choose(scores.tolist(), allowed.tolist())

    return decide


resolve_parameters = with_digest("placement")


def _observer(fleet: Fleet) -> Observer:
    """Return what observes one trial, decision by decision."""
    qpus = len(fleet)
    sizes: list[int] = fleet.qubits.tolist()
    row = [0.0] * LAYOUT.size(qpus)
    decisions = 0
    first_s = last_s = -inf

    def observation(view: PlacementView) -> list[float]:
        nonlocal decisions, first_s, last_s
        now_s = view.now_s
        if not decisions:
            first_s = last_s = now_s
        observe(
            qpus,
            now_s,
            now_s - first_s,
            now_s - last_s,
            decisions,
            view.violations,
            view.task_qubits,
            view.free_at_s.tolist(),
            view.queue_length.tolist(),
            view.up.tolist(),
            0,
            view.exec_s.tolist(),
            view.fidelity.tolist(),
            view.price.tolist(),
            0,
            sizes,
            0,
            row,
            0,
        )
        decisions += 1
        last_s = now_s
        return row

    return observation


def _legacy_observer(fleet: Fleet) -> Observer:
    """Return what observes as QSimPy's agents did."""
    qpus = len(fleet)
    sizes: list[int] = fleet.qubits.tolist()
    clops = [qpu.clops_v or 0.0 for qpu in fleet]
    row = [0.0] * LEGACY_LAYOUT.size(qpus)

    def observation(view: PlacementView) -> list[float]:
        observe_legacy(
            qpus,
            view.now_s,
            view.violations,
            view.task_qubits,
            view.depth,
            view.free_at_s.tolist(),
            0,
            sizes,
            clops,
            0,
            row,
            0,
        )
        return row

    return observation

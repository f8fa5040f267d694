"""A trained policy from the folder that `qcbench export` made: `policy.json` and its weights.

Among the QPUs that the task fits, the one with the highest score; or, sampled, one that is drawn.
"""

from typing import Literal

from qcbench.policies.exported.card import CARD
from qcbench.policies.exported.choosing import Drawing, best
from qcbench.policies.exported.folder import folder_of, load
from qcbench.policies.exported.reference import with_digest
from qcbench.policies.exported.scoring import scorer
from qcbench.policies.exported.serving import check_fleet
from qcbench.policies.features.observer import LegacyPlacementObserver, PlacementObserver
from qcbench.policies.features.placement import LAYOUT, LEGACY_LAYOUT
from qcbench.policies.protocol import Placement, PolicyContext
from qcbench.policies.view import PlacementView

LAYOUTS = {layout.name: layout for layout in (LAYOUT, LEGACY_LAYOUT)}


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
    observer = LegacyPlacementObserver(fleet) if legacy else PlacementObserver(fleet)
    observe = observer.observe
    choose = Drawing(context.rng).draw if mode == "sample" else best
    qpus = len(fleet)
    row = [0.0] * observer.layout.size(qpus)

    def decide(view: PlacementView) -> int:
        observe(view, row)
        allowed = view.feasible
        scores = score(row, qpus, allowed)[:, 0]
        return choose(scores.tolist(), allowed.tolist())

    return decide


resolve_parameters = with_digest("placement")

"""A trained policy from the folder that `qcbench export` made: `policy.json` and its weights.

Among the QPUs that the task fits, the one with the highest score; or, sampled, one that is drawn.
"""

from qcbench.policies.exported.choosing import Mode, chooser
from qcbench.policies.exported.opening import open_policy
from qcbench.policies.exported.reference import with_digest
from qcbench.policies.features.observers.placement import (
    LegacyPlacementObserver,
    PlacementObserver,
)
from qcbench.policies.features.placement import LAYOUTS, LEGACY_LAYOUT
from qcbench.policies.protocol import Placement, PolicyContext
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
    legacy = opened.card.observation.layout == LEGACY_LAYOUT.name
    observer = LegacyPlacementObserver(fleet) if legacy else PlacementObserver(fleet)
    observe = observer.observe
    choose = chooser(mode, context.rng)
    qpus = len(fleet)
    row = [0.0] * observer.layout.size(qpus)

    def decide(view: PlacementView) -> int:
        observe(view, row)
        allowed = view.feasible
        scores = score(row, qpus, allowed)[:, 0]
        return choose(scores.tolist(), allowed.tolist())

    return decide


resolve_parameters = with_digest("placement")

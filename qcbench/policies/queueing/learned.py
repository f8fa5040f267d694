"""A trained policy from the folder that `qcbench export` made: `policy.json` and its weights.

Among the waiting tasks that it looks at, the first by arrival, the one with the highest score; or,
sampled, one that is drawn.
"""

from typing import Literal

from qcbench.policies.exported.card import CARD
from qcbench.policies.exported.choosing import Drawing, best
from qcbench.policies.exported.folder import folder_of, load
from qcbench.policies.exported.reference import with_digest
from qcbench.policies.exported.scoring import scorer
from qcbench.policies.exported.serving import check_fleet
from qcbench.policies.features.observer import QueueObserver
from qcbench.policies.features.queueing import LAYOUT
from qcbench.policies.protocol import PolicyContext, Queueing
from qcbench.policies.view import QueueView

LAYOUTS = {LAYOUT.name: LAYOUT}


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
    observer = QueueObserver(context.fleet, slots)
    observe = observer.observe
    row = [0.0] * LAYOUT.size(slots)
    choose = Drawing(context.rng).draw if mode == "sample" else best
    allowed = [True] * slots

    def decide(view: QueueView) -> int:
        observe(view, row)
        scores = score(row, min(len(view.waiting), slots), None)[:, 0]
        return choose(scores.tolist(), allowed)

    return decide


resolve_parameters = with_digest("queueing")

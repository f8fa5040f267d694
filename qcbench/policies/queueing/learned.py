"""A trained policy from the folder that `qcbench export` made: `policy.json` and its weights.

Among the waiting tasks that it looks at, the first by arrival, the one with the highest score; or,
sampled, one that is drawn.
"""

from qcbench.policies.exported.choosing import Mode, chooser
from qcbench.policies.exported.opening import open_policy
from qcbench.policies.exported.reference import with_digest
from qcbench.policies.features.observers.queueing import QueueObserver
from qcbench.policies.features.queueing import LAYOUT, LAYOUTS
from qcbench.policies.protocol import PolicyContext, Queueing
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
    observer = QueueObserver(context.fleet, slots)
    observe = observer.observe
    row = [0.0] * LAYOUT.size(slots)
    choose = chooser(mode, context.rng)
    allowed = [True] * slots

    def decide(view: QueueView) -> int:
        observe(view, row)
        scores = score(row, min(len(view.waiting), slots), None)[:, 0]
        return choose(scores.tolist(), allowed)

    return decide


resolve_parameters = with_digest("queueing")

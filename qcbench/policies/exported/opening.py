"""A policy's folder opened for a fleet: what the trained policies of all tracks begin with."""

from collections.abc import Mapping
from dataclasses import dataclass

from qcbench.fleet.profile import Fleet
from qcbench.policies.exported.card import CARD, Card
from qcbench.policies.exported.folder import folder_of, load
from qcbench.policies.exported.scoring import Scores, scorer
from qcbench.policies.exported.serving import check_fleet, layout_of
from qcbench.policies.exported.weights import Tensors
from qcbench.policies.features.layout import Layout
from qcbench.tracks import LearnedTrack


@dataclass(frozen=True)
class Opened:
    """A policy that can serve a fleet.

    Attributes:
        where: its `policy.json`, for messages.
        layout: of what it sees.
        score: its network.
    """

    where: str
    card: Card
    layout: Layout
    tensors: Tensors
    score: Scores


def open_policy(
    track: LearnedTrack, path: str, sha256: str, fleet: Fleet, layouts: Mapping[str, Layout]
) -> Opened:
    """Open a policy's folder.

    Args:
        path: the folder, or `packaged:NAME`.
        sha256: of its files; not checked where empty.
        layouts: the track's, by name.

    Raises:
        InputError: no policy of this track, other files than were meant, or other QPUs or features
            than it can serve.
    """
    exported = load(track, path, sha256)
    where = str(folder_of(track, path) / CARD)
    check_fleet(exported.card, fleet, where)
    layout = layout_of(exported.card, layouts, where)
    return Opened(where, exported.card, layout, exported.tensors, scorer(exported, layout))

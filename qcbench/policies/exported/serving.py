"""Whether a policy can serve a fleet, and which numbers of an observation it was trained on."""

from collections.abc import Mapping

import numpy as np

from qcbench.arrays import IntArray
from qcbench.errors import InputError, nearest
from qcbench.fleet.profile import Fleet
from qcbench.policies.exported.card import Card, Normalisation, Observation
from qcbench.policies.features.layout import Feature, Layout


def check_fleet(card: Card, fleet: Fleet, where: str) -> None:
    """Check that a policy serves a fleet.

    Raises:
        InputError: it was trained for other QPUs.
    """
    if card.fleet == "any" or card.fleet.qpus == fleet.names:
        return
    own, given = ", ".join(card.fleet.qpus), ", ".join(fleet.names)
    shown = given if len(given) <= 120 else f"{len(fleet)} others"
    raise InputError(
        f"{where}: serves fleet {card.fleet.name} only ({own}, in this order); fleet {fleet.name} "
        f"has {shown}"
    )


def layout_of(card: Card, known: Mapping[str, Layout], where: str) -> Layout:
    """Return the layout of a policy's observation, of those that this version can observe.

    Raises:
        InputError: an unknown layout, or features that it does not have.
    """
    seen = card.observation
    if seen.layout not in known:
        raise InputError(
            f"{where}: observation: layout {seen.layout!r} is not known on track {card.track}"
            f"{nearest(seen.layout, known)}"
        )
    layout = known[seen.layout]
    for names, features in ((seen.shared, layout.shared), (seen.each, layout.each)):
        _check_names(names, features, layout, where)
    return layout


def _check_names(
    names: tuple[str, ...], features: tuple[Feature, ...], layout: Layout, where: str
) -> None:
    offered = [feature.name for feature in features]
    for name in names:
        if name not in offered:
            raise InputError(
                f"{where}: observation: feature {name!r} is not known to this version of qcbench "
                f"in layout {layout.name}{nearest(name, offered)}"
            )


def whole_observation(
    layout: Layout, items: int = 0, normalisation: Normalisation | None = None
) -> Observation:
    """Return the description of a layout's observation with all of its features.

    Args:
        layout: of `qcbench.policies.features`.
        items: of a queueing policy, how many waiting tasks it looks at.
        normalisation: that its trainer applied.
    """
    return Observation(
        layout=layout.name,
        shared=tuple(feature.name for feature in layout.shared),
        each=tuple(feature.name for feature in layout.each),
        items=items,
        normalisation=normalisation,
    )


def columns(names: tuple[str, ...], features: tuple[Feature, ...]) -> IntArray | None:
    """Return which of the features are wanted; None for all of them in order."""
    offered = [feature.name for feature in features]
    if list(names) == offered:
        return None
    return np.array([offered.index(name) for name in names], dtype=np.int64)

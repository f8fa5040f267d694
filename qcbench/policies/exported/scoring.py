"""From a whole observation to the outputs of every item, whatever network a policy has."""

from collections.abc import Callable, Sequence
from struct import Struct
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from qcbench.arrays import BoolArray
from qcbench.policies.exported.card import Card, PerItem
from qcbench.policies.exported.folder import Exported
from qcbench.policies.exported.per_item import PerItemNetwork
from qcbench.policies.exported.plain import PlainNetwork
from qcbench.policies.exported.serving import columns
from qcbench.policies.features.layout import Layout

Outputs: TypeAlias = npt.NDArray[np.floating[Any]]

Scores: TypeAlias = Callable[[Sequence[float], int, BoolArray | None], Outputs]
"""Takes a whole observation, the number of items in it and which are allowed.

Returns the outputs, shape (items, outputs), in a buffer that the next call may write over; of a
policy whose action is `set`, shape (to wait and all sets, outputs).
"""


def scorer(exported: Exported, layout: Layout) -> Scores:
    """Return the function that scores the items of observations in the policy's layout.

    A plain network sees items that are not there as zeros.
    """
    card = exported.card
    if isinstance(card.network, PerItem):
        return _per_item(card, PerItemNetwork(card, exported.tensors), layout)
    return _plain(card, PlainNetwork(card, exported.tensors), layout)


def _per_item(card: Card, network: PerItemNetwork, layout: Layout) -> Scores:
    shared, each = len(layout.shared), len(layout.each)
    of_all = columns(card.observation.shared, layout.shared)
    of_item = columns(card.observation.each, layout.each)
    whole = of_all is None and of_item is None
    # A list goes into an array by `pack_into` in half the time that making one of it takes.
    raw, packing, numbers = bytearray(), Struct(""), np.empty(0)

    def score(observation: Sequence[float], items: int, allowed: BoolArray | None) -> Outputs:
        nonlocal raw, packing, numbers
        if len(observation) != len(numbers):
            packing = Struct(f"{len(observation)}d")
            raw = bytearray(packing.size)
            numbers = np.frombuffer(raw)
        packing.pack_into(raw, 0, *observation)
        if whole:
            return network.outputs_of_row(numbers, items, allowed)
        first, rest = numbers[:shared], numbers[shared : shared + items * each]
        table = rest.reshape(items, each)
        first = first if of_all is None else first[of_all]
        table = table if of_item is None else np.ascontiguousarray(table[:, of_item])
        return network.outputs(first, table, allowed)

    return score


def _plain(card: Card, network: PlainNetwork, layout: Layout) -> Scores:
    shared, each, slots = len(layout.shared), len(layout.each), network.items
    of_all = columns(card.observation.shared, layout.shared)
    of_item = columns(card.observation.each, layout.each)
    whole = of_all is None and of_item is None
    choosing = card.action != "set"
    seen = np.zeros(shared + slots * each, dtype=np.float32)
    outputs = network.outputs

    def score(observation: Sequence[float], items: int, _allowed: BoolArray | None) -> Outputs:
        used = shared + items * each
        seen[:used] = observation[:used]
        seen[used:] = 0.0
        shown = items if choosing else None
        if whole:
            return outputs(seen)[:shown]
        first, table = seen[:shared], seen[shared:].reshape(slots, each)
        first = first if of_all is None else first[of_all]
        table = table if of_item is None else table[:, of_item]
        return outputs(np.concatenate([first, table.ravel()]))[:shown]

    return score

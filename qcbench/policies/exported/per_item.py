"""Inference of the network that scores every item, a QPU or a waiting task; see `PerItem`.

Sums are exact, see `exact`: the compiled twin in `qcbench.kernels.networks` gives the same bits.
"""

from dataclasses import dataclass

import numpy as np

from qcbench.arrays import BoolArray, FloatArray
from qcbench.policies.exported.card import Card, PerItem
from qcbench.policies.exported.exact import ExactLayer, exact_layer, exact_layers, rounding
from qcbench.policies.exported.layers import Dense, Numbers, Scaling, activation, dense
from qcbench.policies.exported.weights import Tensors

ITEMS = 64
"""Buffers are made for so many items, and made anew where there are more."""


@dataclass(frozen=True)
class PerItemLayers:
    """The layers of a network, and to which steps the numbers between them are rounded.

    Attributes:
        encoder, context, head: the first layers of encoder and head take two inputs one after the
            other: the features of an item and the shared ones, the item and the context.
        item_step: of the last layer of the encoder.
        pooled_step: of the means over items.
    """

    encoder: tuple[ExactLayer, ...]
    context: tuple[ExactLayer, ...]
    head: tuple[ExactLayer, ...]
    item_step: float
    pooled_step: float


def layers_of(card: Card, tensors: Tensors) -> PerItemLayers:
    """Return the layers of a card's network, the normalisation in the first one."""
    seen = card.observation
    shared, each = len(seen.shared), len(seen.each)
    given = {name: _wide(dense(tensors, name)) for name in ("encoder", "context", "head")}
    columns = [*range(shared, shared + each), *range(shared)]
    given["encoder"][0] = Scaling(seen.normalisation).fold(*given["encoder"][0], columns)
    most = 1.0  # no feature is larger
    if seen.normalisation is not None and seen.normalisation.clip is not None:
        most = seen.normalisation.clip
    encoder = exact_layers(given["encoder"], np.full(each + shared, most))
    of_item = encoder[-1].reach
    pooled = np.concatenate([of_item, of_item])
    context = exact_layers(given["context"], pooled)
    of_context = context[-1].reach if context else pooled
    first = exact_layer(*given["head"][0], np.concatenate([of_item, of_context]))
    head = [first, *exact_layers(given["head"][1:], first.reach)]
    pooled_step = context[0].step if context else first.step
    return PerItemLayers(
        tuple(encoder), tuple(context), tuple(head), max(pooled_step, first.step), pooled_step
    )


def _wide(layers: list[Dense]) -> list[tuple[FloatArray, FloatArray]]:
    return [(weight.astype(np.float64), bias.astype(np.float64)) for weight, bias in layers]


class PerItemNetwork:
    """Scores any number of items; not for several threads, since buffers are used again.

    Args:
        card: of the policy.
        tensors: checked against the card.
    """

    def __init__(self, card: Card, tensors: Tensors) -> None:
        network, seen = card.network, card.observation
        if not isinstance(network, PerItem):
            raise TypeError("the card's network is another one")
        shared, each = len(seen.shared), len(seen.each)
        self._shared_columns = range(shared)
        self._each_columns = range(shared, shared + each)
        self._scaling = Scaling(seen.normalisation)
        self._activate = activation(network.activation)
        self._allowed_only = network.pool == "allowed"
        layers = layers_of(card, tensors)
        first = layers.encoder[0]
        self._from_each = np.ascontiguousarray(first.weight[:each])
        self._from_shared = np.ascontiguousarray(first.weight[each:])
        self._first_bias = first.bias
        self._round_seen = rounding(first.step)
        self._encoder = layers.encoder[1:]
        # What each layer of the encoder is rounded to: the next one's step.
        steps = [*(layer.step for layer in self._encoder), layers.item_step]
        self._round_hidden = [rounding(step) for step in steps]
        self._round_mean = rounding(layers.pooled_step)
        self._context = layers.context
        of_head = layers.head[0]
        self._round_context = [
            rounding(layer.step) for layer in (*layers.context[1:], of_head) if layers.context
        ]
        self._width = len(layers.encoder[-1].bias)
        self._from_item = np.ascontiguousarray(of_head.weight[: self._width])
        self._from_context = np.ascontiguousarray(of_head.weight[self._width :])
        self._head_bias = of_head.bias
        self._head = layers.head[1:]
        self._round_after = [rounding(layer.step) for layer in self._head]
        self._offset = network.offset
        self._offset_column = 0
        if network.offset is not None:
            self._offset_column = seen.each.index(network.offset.feature)
        self._make_buffers(ITEMS)

    def _make_buffers(self, items: int) -> None:
        self._seen = np.empty((items, len(self._from_each)))
        widths = [self._first_bias, *(layer.bias for layer in self._encoder)]
        self._hidden = [np.empty((items, len(bias))) for bias in widths]
        widths = [self._head_bias, *(layer.bias for layer in self._head)]
        self._after = [np.empty((items, len(bias))) for bias in widths]
        self._pooled = np.empty(2 * self._width)
        self._mean = self._pooled[: self._width]
        self._most = self._pooled[self._width :]
        self._items = items

    def outputs(
        self, shared: Numbers, each: Numbers, allowed: BoolArray | None = None
    ) -> FloatArray:
        """Return the outputs of every item, in a buffer that the next call writes over.

        Args:
            shared: shape (shared features,).
            each: shape (items, features of an item), at least one item.
            allowed: shape (items,), at least one of them; None for all.

        Returns:
            Shape (items, outputs).
        """
        items = each.shape[0]
        if items > self._items:
            self._make_buffers(2 * items)
        activate = self._activate
        seen, seen_shared = each, shared
        if self._scaling.clips:
            seen = self._scaling.apply(each, self._each_columns)
            seen_shared = self._scaling.apply(shared, self._shared_columns)
        exact = self._seen[:items]
        np.add(seen, self._round_seen, out=exact)
        exact -= self._round_seen
        exact_shared = (seen_shared + self._round_seen) - self._round_seen
        hidden = self._hidden[0][:items]
        np.dot(exact, self._from_each, out=hidden)
        hidden += np.dot(exact_shared, self._from_shared) + self._first_bias
        activate(hidden)
        hidden += self._round_hidden[0]
        hidden -= self._round_hidden[0]
        for layer, rounds, buffer in zip(
            self._encoder, self._round_hidden[1:], self._hidden[1:], strict=True
        ):
            following = buffer[:items]
            np.dot(hidden, layer.weight, out=following)
            following += layer.bias
            activate(following)
            following += rounds
            following -= rounds
            hidden = following
        self._pool(hidden, allowed)
        context = self._pooled
        for layer, rounds in zip(self._context, self._round_context, strict=True):
            context = np.dot(context, layer.weight)
            context += layer.bias
            activate(context)
            context += rounds
            context -= rounds
        following = self._after[0][:items]
        np.dot(hidden, self._from_item, out=following)
        following += np.dot(context, self._from_context) + self._head_bias
        for layer, rounds, buffer in zip(
            self._head, self._round_after, self._after[1:], strict=True
        ):
            activate(following)
            following += rounds
            following -= rounds
            hidden, following = following, buffer[:items]
            np.dot(hidden, layer.weight, out=following)
            following += layer.bias
        if self._offset is not None:
            following[:, 0] += self._offset.coefficient * each[:, self._offset_column]
        return following

    def _pool(self, hidden: FloatArray, allowed: BoolArray | None) -> None:
        """Write means and maxima over the items."""
        pooled = hidden
        if self._allowed_only and allowed is not None and not allowed.all():
            pooled = hidden[allowed]
        mean = self._mean
        np.add.reduce(pooled, axis=0, out=mean)
        mean /= pooled.shape[0]
        mean += self._round_mean
        mean -= self._round_mean
        np.maximum.reduce(pooled, axis=0, out=self._most)

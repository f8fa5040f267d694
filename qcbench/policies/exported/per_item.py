"""Inference of the network that scores every item, a QPU or a waiting task; see `PerItem`.

Sums are exact, see `exact`: the compiled twin in `qcbench.kernels.networks` gives the same bits.

A decision is some thirty calls of NumPy on a few hundred numbers, so what a call costs besides them
counts: results go to buffers, and constants are arrays of no dimension, which a call takes in half
the time of a scalar.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from qcbench.arrays import BoolArray, FloatArray
from qcbench.policies.exported.card import Activation, Card, PerItem
from qcbench.policies.exported.exact import ExactLayer, exact_layer, exact_layers, rounding
from qcbench.policies.exported.layers import Dense, Numbers, Scaling, activation, dense
from qcbench.policies.exported.weights import Tensors

ITEMS = 64
"""Buffers are made for so many items, and made anew where there are more."""
SIZES = 256
"""Numbers of items for which parts of the buffers are kept."""


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

    def all(self) -> list[ExactLayer]:
        """Return the layers of encoder, context and head."""
        return [*self.encoder, *self.context, *self.head]

    def rounds(self) -> list[float]:
        """Return what rounds the outputs of each layer for the next one; 0 after the last."""
        steps = [*(layer.step for layer in self.encoder[1:]), self.item_step]
        if self.context:
            steps += [*(layer.step for layer in self.context[1:]), self.head[0].step]
        steps += [layer.step for layer in self.head[1:]]
        return [*(float(rounding(step)) for step in steps), 0.0]

    def biases(self, rounds: Sequence[float], activation: Activation) -> list[FloatArray]:
        """Return the biases; those of rectified units round at once, see `settling`."""
        layers = self.all()
        if activation != "relu":
            return [layer.bias for layer in layers]
        return [layer.bias + each for layer, each in zip(layers, rounds, strict=True)]


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
    positive = card.network.activation == "relu"  # what goes into every layer but the first
    first = exact_layer(*given["encoder"][0], np.full(each + shared, most))
    encoder = [first, *exact_layers(given["encoder"][1:], first.reach, rectified=positive)]
    of_item = encoder[-1].reach
    pooled = np.concatenate([of_item, of_item])
    context = exact_layers(given["context"], pooled, rectified=positive)
    of_context = context[-1].reach if context else pooled
    joined = np.concatenate([of_item, of_context])
    first = exact_layer(*given["head"][0], joined, rectified=positive)
    head = [first, *exact_layers(given["head"][1:], first.reach, rectified=positive)]
    pooled_step = context[0].step if context else first.step
    return PerItemLayers(
        tuple(encoder), tuple(context), tuple(head), max(pooled_step, first.step), pooled_step
    )


def settling(name: Activation) -> Callable[[FloatArray, FloatArray], object]:
    """Return what applies an activation in place and rounds to a step.

    Rectified units have been rounded with their bias, to which `rounds` was added.
    """

    def rectify(x: FloatArray, rounds: FloatArray) -> None:
        maximum(x, rounds, out=x)
        subtract(x, rounds, x)

    maximum, subtract, add = np.maximum, np.subtract, np.add
    activate = activation(name)

    def settle(x: FloatArray, rounds: FloatArray) -> None:
        activate(x)
        add(x, rounds, x)
        subtract(x, rounds, x)

    return rectify if name == "relu" else settle


def _wide(layers: list[Dense]) -> list[tuple[FloatArray, FloatArray]]:
    return [(weight.astype(np.float64), bias.astype(np.float64)) for weight, bias in layers]


class _Buffers:
    """Where a decision's numbers go, a row an item.

    Attributes:
        row: rounded features, the shared ones first and then those of items.
        shared, seen: the parts of it.
        hidden, after: outputs of the layers of encoder and head.
        scores: of the items, the first output of the last layer.
        offsets: what is added to them.
        ones, count: as many as there are items.
    """

    __slots__ = (
        "after",
        "count",
        "hidden",
        "offsets",
        "ones",
        "row",
        "scores",
        "seen",
        "shared",
    )

    def __init__(
        self,
        row: FloatArray,
        shared: int,
        hidden: Sequence[FloatArray],
        after: Sequence[FloatArray],
        offsets: FloatArray,
        ones: FloatArray,
    ) -> None:
        self.row, self.hidden, self.after = row, hidden, after
        self.offsets, self.ones = offsets, ones
        self.shared = row[:shared]
        self.seen = row[shared:].reshape(len(ones), -1)
        self.scores = after[-1][:, 0]
        self.count = np.array(float(len(ones)))

    def first(self, items: int) -> "_Buffers":
        """Return those of the first items, which are part of these."""
        hidden, after = ([each[:items] for each in part] for part in (self.hidden, self.after))
        shared, each = len(self.shared), self.seen.shape[1]
        row, offsets = self.row[: shared + items * each], self.offsets[:items]
        return _Buffers(row, shared, hidden, after, offsets, self.ones[:items])


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
        self._settle = settling(network.activation)
        self._allowed_only = network.pool == "allowed"
        layers = layers_of(card, tensors)
        rounds = layers.rounds()
        biases = layers.biases(rounds, network.activation)
        every = [
            (layer.weight, bias, np.array(step))
            for layer, bias, step in zip(layers.all(), biases, rounds, strict=True)
        ]
        begin, end = len(layers.encoder), len(layers.encoder) + len(layers.context)
        weight, self._first_bias, self._round_first = every[0]
        self._from_each = np.ascontiguousarray(weight[:each])
        self._from_shared = np.ascontiguousarray(weight[each:])
        self._round_seen = np.array(rounding(layers.encoder[0].step))
        self._round_mean = np.array(rounding(layers.pooled_step))
        self._encoder, self._context, self._head = (
            every[1:begin],
            every[begin:end],
            every[end + 1 :],
        )
        weight, self._head_bias, self._round_last = every[end]
        self._width = len(layers.encoder[-1].bias)
        self._from_item = np.ascontiguousarray(weight[: self._width])
        self._from_context = np.ascontiguousarray(weight[self._width :])
        self._offset, self._offset_column = network.offset is not None, 0
        if network.offset is not None:
            self._offset_column = seen.each.index(network.offset.feature)
            self._coefficient = np.array(network.offset.coefficient)
        self._make_buffers(ITEMS)

    def _make_buffers(self, items: int) -> None:
        widths = [self._first_bias, *(bias for _, bias, _ in self._encoder)]
        hidden = [np.empty((items, len(bias))) for bias in widths]
        widths = [self._head_bias, *(bias for _, bias, _ in self._head)]
        after = [np.empty((items, len(bias))) for bias in widths]
        shared = len(self._from_shared)
        row, offsets = np.empty(shared + items * len(self._from_each)), np.empty(items)
        self._whole = _Buffers(row, shared, hidden, after, offsets, np.ones(items))
        self._of: dict[int, _Buffers] = {}
        self._pooled = np.empty(2 * self._width)
        self._mean = self._pooled[: self._width]
        self._most = self._pooled[self._width :]

    def _buffers(self, items: int) -> "_Buffers":
        """Return buffers for so many items."""
        if items > len(self._whole.ones):
            self._make_buffers(2 * items)
        if len(self._of) == SIZES:
            self._of.clear()
        found = self._of[items] = self._whole.first(items)
        return found

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
        buffers = self._of.get(items) or self._buffers(items)
        seen, seen_shared = each, shared
        if self._scaling.clips:
            seen = self._scaling.apply(each, self._each_columns)
            seen_shared = self._scaling.apply(shared, self._shared_columns)
        rounds = self._round_seen
        np.subtract(np.add(seen, rounds, buffers.seen), rounds, buffers.seen)
        np.subtract(np.add(seen_shared, rounds, buffers.shared), rounds, buffers.shared)
        return self._scored(buffers, each[:, self._offset_column], allowed)

    def outputs_of_row(
        self, row: FloatArray, items: int, allowed: BoolArray | None = None
    ) -> FloatArray:
        """Return the same of a whole observation in one row, shared features first."""
        buffers = self._of.get(items) or self._buffers(items)
        shared, each = len(buffers.shared), len(self._from_each)
        if self._scaling.clips:
            table = row[shared : shared + items * each].reshape(items, each)
            return self.outputs(row[:shared], table, allowed)
        seen, rounds, end = buffers.row, self._round_seen, shared + items * each
        np.subtract(np.add(row[:end], rounds, seen), rounds, seen)
        return self._scored(buffers, row[shared + self._offset_column : end : each], allowed)

    def _scored(self, buffers: _Buffers, offsets: Numbers, allowed: BoolArray | None) -> FloatArray:
        """Return the outputs for the features that are in the buffers.

        Args:
            offsets: the feature of each item that is added to its score, if one is.
        """
        settle, add = self._settle, np.add
        hidden = buffers.hidden[0]
        buffers.seen.dot(self._from_each, hidden)
        common = buffers.shared.dot(self._from_shared)
        add(common, self._first_bias, common)
        add(hidden, common, hidden)
        settle(hidden, self._round_first)
        for layer, (weight, bias, rounds) in enumerate(self._encoder, 1):
            following = buffers.hidden[layer]
            hidden.dot(weight, following)
            add(following, bias, following)
            settle(following, rounds)
            hidden = following
        self._pool(hidden, allowed, buffers)
        context = self._pooled
        for weight, bias, rounds in self._context:
            context = context.dot(weight)
            add(context, bias, context)
            settle(context, rounds)
        following = buffers.after[0]
        hidden.dot(self._from_item, following)
        common = context.dot(self._from_context)
        add(common, self._head_bias, common)
        add(following, common, following)
        rounds = self._round_last
        for layer, (weight, bias, next_rounds) in enumerate(self._head, 1):
            settle(following, rounds)
            hidden, following, rounds = following, buffers.after[layer], next_rounds
            hidden.dot(weight, following)
            add(following, bias, following)
        if self._offset:
            np.multiply(offsets, self._coefficient, buffers.offsets)
            add(buffers.scores, buffers.offsets, buffers.scores)
        return following

    def _pool(self, hidden: FloatArray, allowed: BoolArray | None, buffers: _Buffers) -> None:
        """Write means and maxima over the items."""
        pooled = hidden
        if self._allowed_only and allowed is not None and not allowed.all():
            pooled = hidden[allowed]
            items = len(pooled)
            buffers = self._of.get(items) or self._buffers(items)
        mean = self._mean
        buffers.ones.dot(pooled, mean)  # an exact sum, too
        np.divide(mean, buffers.count, mean)
        np.add(mean, self._round_mean, mean)
        np.subtract(mean, self._round_mean, mean)
        np.maximum.reduce(pooled, axis=0, out=self._most)

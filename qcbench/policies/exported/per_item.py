"""Inference of the network that scores every item, a QPU or a waiting task; see `PerItem`."""

import numpy as np

from qcbench.arrays import BoolArray
from qcbench.policies.exported.card import Card, PerItem
from qcbench.policies.exported.layers import Scaling, activation, dense
from qcbench.policies.exported.weights import Tensor, Tensors

ITEMS = 64
"""Buffers are made for so many items, and made anew where there are more."""


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
        encoder = dense(tensors, "encoder")
        weight, bias = encoder[0]
        weight, bias = self._scaling.fold(
            weight, bias, [*self._each_columns, *self._shared_columns]
        )
        self._from_each = np.ascontiguousarray(weight[:each])
        self._from_shared = np.ascontiguousarray(weight[each:])
        self._first_bias = bias
        self._encoder = encoder[1:]
        self._context = dense(tensors, "context")
        head = dense(tensors, "head")
        weight, self._head_bias = head[0]
        self._width = encoder[-1][0].shape[1]
        self._from_item = np.ascontiguousarray(weight[: self._width])
        self._from_context = np.ascontiguousarray(weight[self._width :])
        self._head = head[1:]
        self._offset = network.offset
        self._offset_column = 0
        if network.offset is not None:
            self._offset_column = seen.each.index(network.offset.feature)
        self._make_buffers(ITEMS)

    def _make_buffers(self, items: int) -> None:
        widths = [self._first_bias, *(bias for _, bias in self._encoder)]
        self._hidden = [np.empty((items, len(bias)), dtype=np.float32) for bias in widths]
        widths = [self._head_bias, *(bias for _, bias in self._head)]
        self._after = [np.empty((items, len(bias)), dtype=np.float32) for bias in widths]
        self._pooled = np.empty(2 * self._width, dtype=np.float32)
        self._mean = self._pooled[: self._width]
        self._most = self._pooled[self._width :]
        self._shares = np.ones(items, dtype=np.float32)
        self._items = items

    def outputs(self, shared: Tensor, each: Tensor, allowed: BoolArray | None = None) -> Tensor:
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
        hidden = self._hidden[0][:items]
        np.dot(seen, self._from_each, out=hidden)
        hidden += np.dot(seen_shared, self._from_shared) + self._first_bias
        activate(hidden)
        for (weight, bias), buffer in zip(self._encoder, self._hidden[1:], strict=True):
            following = buffer[:items]
            np.dot(hidden, weight, out=following)
            following += bias
            activate(following)
            hidden = following
        pooled = hidden
        if self._allowed_only and allowed is not None and not allowed.all():
            pooled = hidden[allowed]
        np.dot(self._shares[: pooled.shape[0]] / pooled.shape[0], pooled, out=self._mean)
        np.maximum.reduce(pooled, axis=0, out=self._most)
        context = self._pooled
        for weight, bias in self._context:
            context = np.dot(context, weight)
            context += bias
            activate(context)
        following = self._after[0][:items]
        np.dot(hidden, self._from_item, out=following)
        following += np.dot(context, self._from_context) + self._head_bias
        for (weight, bias), buffer in zip(self._head, self._after[1:], strict=True):
            activate(following)
            hidden, following = following, buffer[:items]
            np.dot(hidden, weight, out=following)
            following += bias
        if self._offset is not None:
            coefficient = np.float32(self._offset.coefficient)
            following[:, 0] += coefficient * each[:, self._offset_column]
        return following

"""Networks of agents: each item, a QPU or a waiting task, scored; or a plain network over all.

They compute what `qcbench.policies.exported` computes from the same tensors, so that an exported
policy decides as its trainer did.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from qcbench.policies.exported.card import Activation, Offset, PerItem
from qcbench.policies.features.layout import Layout

FORBIDDEN = -1e9
"""Score of what the mask forbids: far below all others, and finite, so that gradients are."""

ACTIVATIONS = {"relu": functional.relu, "tanh": torch.tanh, "silu": functional.silu}


def layers(inputs: int, widths: Sequence[int], gain: float = 1.0) -> nn.ModuleList:
    """Return dense layers with orthogonal weights and biases of 0; the last one has ``gain``."""
    found = nn.ModuleList()
    for place, width in enumerate(widths):
        layer = nn.Linear(inputs, width)
        nn.init.orthogonal_(layer.weight, gain if place == len(widths) - 1 else 2.0**0.5)
        nn.init.zeros_(layer.bias)
        found.append(layer)
        inputs = width
    return found


class TorchPerItem(nn.Module):
    """Scores any number of items, and values the situation; see `PerItem`.

    The value is read from the pooled items; it is not exported.

    Args:
        layout: of the observation.
        encoder, context, head: widths of the hidden layers.
        outputs: numbers for each item: 1, or 2 for mean and logarithm of a standard deviation.
        offset: coefficient and feature that are added to each score.
        pool: whether items that the mask forbids are part of the context.
    """

    def __init__(
        self,
        layout: Layout,
        *,
        encoder: Sequence[int] = (64, 64),
        context: Sequence[int] = (64,),
        head: Sequence[int] = (64,),
        activation: Activation = "relu",
        outputs: Literal[1, 2] = 1,
        offset: Offset | None = None,
        pool: Literal["all", "allowed"] = "all",
    ) -> None:
        super().__init__()
        self.layout = layout
        self.shared, self.each = len(layout.shared), len(layout.each)
        self.description = PerItem(
            activation=activation,
            encoder=tuple(encoder),
            context=tuple(context),
            head=tuple(head),
            pool=pool,
            outputs=outputs,
            offset=offset,
        )
        self._activate = ACTIVATIONS[activation]
        self._offset_column = layout.each_index(offset.feature) if offset else 0
        self._offset = offset.coefficient if offset else 0.0
        width = encoder[-1]
        pooled = context[-1] if context else 2 * width
        self.encoder = layers(self.each + self.shared, encoder, gain=2.0**0.5)
        self.context = layers(2 * width, context, gain=2.0**0.5)
        self.head = layers(width + pooled, (*head, outputs), gain=0.01)
        self.value = layers(pooled + self.shared, (64, 1))

    def forward(self, observation: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return the outputs of every item and the value of the situation.

        Args:
            observation: shape (batch, `layout.size(items)`).
            mask: of items, true where allowed, shape (batch, items).

        Returns:
            Shapes (batch, items, outputs) and (batch,). Masked scores are the caller's affair.
        """
        g = observation[:, : self.shared]
        x = observation[:, self.shared :].unflatten(1, (-1, self.each))
        hidden = self._activate(_pair(self.encoder[0], x, g))
        for layer in self.encoder[1:]:
            hidden = self._activate(layer(hidden))
        context = _pooled(hidden, mask if self.description.pool == "allowed" else None)
        for layer in self.context:
            context = self._activate(layer(context))
        out = _pair(self.head[0], hidden, context)
        for layer in self.head[1:]:
            out = layer(self._activate(out))
        if self._offset:
            out = torch.cat(
                [out[..., :1] + self._offset * x[..., self._offset_column, None], out[..., 1:]], -1
            )
        value = self._activate(_pair(self.value[0], context[:, None], g)[:, 0])
        return out, self.value[1](value)[:, 0]

    def tensors(self) -> dict[str, npt.NDArray[np.float32]]:
        """Return what an exported policy holds."""
        return {
            name: parameter.detach().cpu().numpy().astype(np.float32)
            for name, parameter in self.named_parameters()
            if not name.startswith("value.")
        }


def _pair(layer: nn.Linear, items: Tensor, whole: Tensor) -> Tensor:
    """Apply a layer to ``[item, whole]`` for every item, with the whole's part computed once."""
    width = items.shape[-1]
    from_whole = functional.linear(whole, layer.weight[:, width:], layer.bias)
    return functional.linear(items, layer.weight[:, :width]) + from_whole[:, None]


def _pooled(hidden: Tensor, mask: Tensor | None) -> Tensor:
    """Return mean and maximum over the items."""
    if mask is None:
        return torch.cat([hidden.mean(1), hidden.amax(1)], 1)
    there = mask[..., None]
    mean = (hidden * there).sum(1) / there.sum(1)
    return torch.cat([mean, hidden.masked_fill(~there, float("-inf")).amax(1)], 1)


def masked_scores(outputs: Tensor, mask: Tensor) -> Tensor:
    """Return the scores of items, shape (batch, items), with those that are forbidden far below."""
    return outputs[..., 0].masked_fill(~mask, FORBIDDEN)

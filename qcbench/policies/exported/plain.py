"""Inference of the plain network over a whole observation; see `Plain`."""

import numpy as np

from qcbench.policies.exported.card import Atoms, Card, Plain
from qcbench.policies.exported.layers import Dense, Scaling, activation, dense
from qcbench.policies.exported.weights import Tensor, Tensors, choices, items_of


class PlainNetwork:
    """Sees a fixed number of items, and scores them or the sets of them.

    Args:
        card: of the policy.
        tensors: checked against the card.
    """

    def __init__(self, card: Card, tensors: Tensors) -> None:
        network, seen = card.network, card.observation
        if not isinstance(network, Plain):
            raise TypeError("the card's network is another one")
        self.items = items_of(card)
        self._choices = choices(card)
        shared, each = len(seen.shared), len(seen.each)
        self._columns = [*range(shared), *list(range(shared, shared + each)) * self.items]
        self._scaling = Scaling(seen.normalisation)
        self._activate = activation(network.activation)
        self._outputs = network.outputs
        self._dueling = network.dueling
        self._atoms = _support(network.atoms)
        streams = {name: dense(tensors, name) for name in ("torso", "head", "value")}
        # The observation goes into the torso, or without one into both streams.
        for name in ("torso",) if network.torso else ("head", "value"):
            if streams[name]:
                streams[name][0] = self._scaling.fold(*streams[name][0], self._columns)
        self._torso, self._head, self._value = streams["torso"], streams["head"], streams["value"]

    def outputs(self, observation: Tensor) -> Tensor:
        """Return the outputs of every choice, shape (choices, outputs).

        Args:
            observation: the shared features, then those of each item; shape (features,).
        """
        x = observation
        if self._scaling.clips:
            x = self._scaling.apply(x, self._columns)
        for weight, bias in self._torso:
            x = np.dot(x, weight) + bias
            self._activate(x)
        scores = self._stream(x, self._head)
        if not self._dueling and self._atoms is None:
            return scores.reshape(self._choices, self._outputs)
        per_atom = scores.reshape(self._choices, -1)
        if self._dueling:
            per_atom = per_atom - per_atom.mean(axis=0) + self._stream(x, self._value)
        if self._atoms is not None:
            per_atom = _softmax(per_atom) @ self._atoms
        return per_atom.reshape(self._choices, 1)

    def _stream(self, x: Tensor, layers: list[Dense]) -> Tensor:
        for weight, bias in layers[:-1]:
            x = np.dot(x, weight) + bias
            self._activate(x)
        weight, bias = layers[-1]
        last: Tensor = np.dot(x, weight) + bias
        return last


def _support(atoms: Atoms | None) -> Tensor | None:
    if atoms is None:
        return None
    return np.linspace(atoms.least, atoms.most, atoms.count, dtype=np.float32)


def _softmax(logits: Tensor) -> Tensor:
    shares: Tensor = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    return shares

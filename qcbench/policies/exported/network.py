"""The network of a trained policy for twins: the same bits as `PerItemNetwork` gives.

Plain functions that kernels compile. Sums are exact (`qcbench.policies.exported.exact`), so that it
does not matter in which order a loop here and BLAS there add them up; every other operation is
written as it is there.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from qcbench.arrays import BoolArray, FloatArray, IntArray
from qcbench.fleet.profile import Fleet
from qcbench.policies.exported.card import Card, PerItem
from qcbench.policies.exported.choosing import Mode
from qcbench.policies.exported.exact import ExactLayer, rounding
from qcbench.policies.exported.folder import load
from qcbench.policies.exported.per_item import layers_of
from qcbench.policies.exported.weights import Tensors
from qcbench.policies.features.layout import Feature, Layout
from qcbench.tracks import LearnedTrack

OWN_MEMORY = 3


class Network(NamedTuple):
    """A network of rectified units that scores items, and its working space.

    Attributes:
        layers: of encoder, context and head; inputs, outputs, and where weights and biases begin.
        rounds: what rounds the outputs of each layer, see `exact.rounding`; 0 after the last.
        weights, biases: of all layers one after the other; biases with `rounds` added.
        encoder, context: how many layers these have.
        allowed_only: whether means and maxima are over the allowed items.
        round_seen, round_mean: what rounds features, and means over items.
        shared, each: which features of the layout are seen, of the situation and of each item.
        shared_size, each_size: how many features the layout has.
        offset: feature of an item that is added to its score, -1 for none, and its coefficient.
        observation: of the whole layout.
        hidden: of every item, after the encoder.
        one, other, pooled: outputs of a layer, inputs of one, means and maxima.
        first, last: what all items have in common in the first layers of encoder and head.
        scores: of the items.
        allowed: whether an item can be chosen; at least one of those that are scored can.
        memory: times of the first decision and of the one before, and decisions taken; from
            `OWN_MEMORY` on what the formulas of the layout remember.
    """

    layers: IntArray
    rounds: FloatArray
    weights: FloatArray
    biases: FloatArray
    encoder: int
    context: int
    allowed_only: bool
    round_seen: float
    round_mean: float
    shared: IntArray
    each: IntArray
    shared_size: int
    each_size: int
    offset: int
    coefficient: float
    observation: FloatArray
    hidden: FloatArray
    one: FloatArray
    other: FloatArray
    pooled: FloatArray
    first: FloatArray
    last: FloatArray
    scores: FloatArray
    allowed: BoolArray
    memory: FloatArray


def remembered(
    track: LearnedTrack,
    fleet: Fleet,
    layouts: Sequence[Layout],
    path: str,
    sha256: str,
    mode: Mode,
) -> Network | None:
    """Return the network of a policy that takes the best of its scores, None otherwise.

    Args:
        layouts: those of the track that have a twin.
        path, sha256, mode: parameters of the policy, which has been built, so that they fit.
    """
    if mode != "greedy":
        return None
    exported = load(track, path, sha256)
    items = exported.card.observation.items or len(fleet)
    for layout in layouts:
        if layout.name == exported.card.observation.layout:
            return network_of(exported.card, exported.tensors, layout, items)
    return None


def network_of(card: Card, tensors: Tensors, layout: Layout, items: int) -> Network | None:
    """Return the network of a policy, None where it has no twin.

    Rectified units have one, of a network per item that does not clip what it sees: all else
    has functions of which NumPy and a compiler have their own.

    Args:
        items: that it sees at most.
    """
    network, seen = card.network, card.observation
    clips = seen.normalisation is not None and seen.normalisation.clip is not None
    if not isinstance(network, PerItem) or network.activation != "relu" or clips:
        return None
    known = layers_of(card, tensors)
    layers, rounds = known.all(), known.rounds()
    width = len(known.encoder[-1].bias)
    widest = max(max(layer.weight.shape) for layer in layers)
    offset = network.offset
    columns = _places(seen.each, layout.each)
    return Network(
        layers=_table(layers),
        rounds=np.array(rounds),
        weights=np.concatenate([layer.weight.ravel() for layer in layers]),
        biases=np.concatenate(known.biases(rounds, network.activation)),
        encoder=len(known.encoder),
        context=len(known.context),
        allowed_only=network.pool == "allowed",
        round_seen=float(rounding(known.encoder[0].step)),
        round_mean=float(rounding(known.pooled_step)),
        shared=_places(seen.shared, layout.shared),
        each=columns,
        shared_size=len(layout.shared),
        each_size=len(layout.each),
        offset=-1 if offset is None else int(columns[seen.each.index(offset.feature)]),
        coefficient=0.0 if offset is None else offset.coefficient,
        observation=np.zeros(layout.size(items)),
        hidden=np.zeros(items * width),
        one=np.zeros(widest),
        other=np.zeros(widest),
        pooled=np.zeros(max(widest, 2 * width)),
        first=np.zeros(widest),
        last=np.zeros(widest),
        scores=np.zeros(items),
        allowed=np.ones(items, dtype=np.bool_),
        memory=np.concatenate([[0.0, 0.0, -1.0], np.zeros(layout.memory(items))]),
    )


def _table(layers: Sequence[ExactLayer]) -> IntArray:
    rows, weight_at, bias_at = [], 0, 0
    for layer in layers:
        rows.append((*layer.weight.shape, weight_at, bias_at))
        weight_at += layer.weight.size
        bias_at += layer.bias.size
    return np.array(rows, dtype=np.int64)


def _places(names: Sequence[str], features: Sequence[Feature]) -> IntArray:
    offered = [feature.name for feature in features]
    return np.array([offered.index(name) for name in names], dtype=np.int64)


def tick(network: Network, now_s: float) -> tuple[float, float]:
    """Count a decision; return the time since the first and since the one before."""
    memory = network.memory
    memory[2] += 1.0
    if memory[2] == 0.0:
        memory[0] = now_s
        memory[1] = now_s
    elapsed_s, gap_s = now_s - memory[0], now_s - memory[1]
    memory[1] = now_s
    return elapsed_s, gap_s


def best(network: Network, items: int) -> int:
    """Score the items of the network's observation; return the first allowed one with the best."""
    score(network, items)
    found, highest = -1, -np.inf
    for item in range(items):
        value = network.scores[item]
        if network.allowed[item] and (value > highest or found < 0):
            found, highest = item, value
    return found


def score(network: Network, items: int) -> None:
    """Write the scores of the items of the network's observation."""
    seen, each = network.observation, len(network.each)
    one, other, first, hidden = network.one, network.other, network.first, network.hidden
    rounds = network.round_seen
    for k in range(len(network.shared)):
        other[k] = (seen[network.shared[k]] + rounds) - rounds
    _product(network, 0, each, len(network.shared), other, 0, first)
    _add_bias(network, 0, first)
    width = network.layers[network.encoder - 1, 1]
    at = network.shared_size
    for item in range(items):
        for k in range(each):
            other[k] = (seen[at + network.each[k]] + rounds) - rounds
        at += network.each_size
        _product(network, 0, 0, each, other, 0, one)
        for j in range(network.layers[0, 1]):
            one[j] += first[j]
        _rectify(network, 0, one)
        _follow(network, 1, network.encoder)
        for j in range(width):
            hidden[item * width + j] = one[j]
    _pool(network, items, width)
    for j in range(2 * width):
        one[j] = network.pooled[j]
    head = network.encoder + network.context
    _follow(network, network.encoder, head)
    last = network.last
    _product(network, head, width, network.layers[head, 0] - width, one, 0, last)
    _add_bias(network, head, last)
    at = network.shared_size
    for item in range(items):
        _product(network, head, 0, width, hidden, item * width, one)
        for j in range(network.layers[head, 1]):
            one[j] += last[j]
        if head + 1 < len(network.layers):
            _rectify(network, head, one)
            _follow(network, head + 1, len(network.layers))
        value = one[0]
        if network.offset >= 0:
            value += network.coefficient * seen[at + network.offset]
        network.scores[item] = value
        at += network.each_size


def _follow(network: Network, begin: int, end: int) -> None:
    """Send `one` through layers; the very last one of the network has no activation."""
    one, other = network.one, network.other
    for layer in range(begin, end):
        inputs = network.layers[layer, 0]
        for k in range(inputs):
            other[k] = one[k]
        _product(network, layer, 0, inputs, other, 0, one)
        _add_bias(network, layer, one)
        if layer + 1 < len(network.layers):
            _rectify(network, layer, one)


def _product(
    network: Network,
    layer: int,
    row: int,
    inputs: int,
    values: FloatArray,
    values_at: int,
    out: FloatArray,
) -> None:
    """Multiply values with the rows of a layer's weights from `row` on."""
    outputs = network.layers[layer, 1]
    begin = network.layers[layer, 2] + row * outputs
    _multiply(network.weights, begin, inputs, outputs, values, values_at, out)


def _multiply(
    weights: FloatArray,
    begin: int,
    inputs: int,
    outputs: int,
    values: FloatArray,
    values_at: int,
    out: FloatArray,
) -> None:
    """Multiply a row with a matrix that begins somewhere in `weights`; exact in any order."""
    rows = weights[begin : begin + inputs * outputs]
    for j in range(outputs):
        out[j] = 0.0
    for k in range(inputs):
        value = values[values_at + k]
        if value != 0.0:
            for j in range(outputs):
                out[j] += value * rows[k * outputs + j]


def _add_bias(network: Network, layer: int, out: FloatArray) -> None:
    at = network.layers[layer, 3]
    for j in range(network.layers[layer, 1]):
        out[j] += network.biases[at + j]


def _rectify(network: Network, layer: int, out: FloatArray) -> None:
    rounds = network.rounds[layer]
    for j in range(network.layers[layer, 1]):
        out[j] = max(out[j], rounds) - rounds


def _pool(network: Network, items: int, width: int) -> None:
    """Write means and maxima over the items."""
    pooled, hidden = network.pooled, network.hidden
    for j in range(width):
        pooled[j] = 0.0
        pooled[width + j] = -np.inf
    count = 0
    for item in range(items):
        if network.allowed_only and not network.allowed[item]:
            continue
        count += 1
        for j in range(width):
            value = hidden[item * width + j]
            pooled[j] += value
            pooled[width + j] = max(pooled[width + j], value)
    for j in range(width):
        pooled[j] = (pooled[j] / count + network.round_mean) - network.round_mean

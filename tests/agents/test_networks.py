"""What torch computes in training is what NumPy computes from the exported tensors."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("torch")

import torch

from qcbench.agents.networks import FORBIDDEN, TorchPerItem, masked_scores
from qcbench.policies.exported.card import Card, Observation, Offset
from qcbench.policies.exported.per_item import PerItemNetwork as Inference
from qcbench.policies.exported.weights import check_tensors
from qcbench.policies.features import allocation, placement, queueing

LAYOUTS: dict[str, Any] = {
    "placement": placement.LAYOUT,
    "allocation": allocation.LAYOUT,
    "queueing": queueing.LAYOUT,
}


def card_of(track: Any, network: TorchPerItem) -> Card:
    layout = LAYOUTS[track]
    return Card(
        track=track,
        fleet="any",
        observation=Observation(
            layout=layout.name,
            shared=tuple(f.name for f in layout.shared),
            each=tuple(f.name for f in layout.each),
            items=7 if track == "queueing" else 0,
        ),
        action="weights" if track == "allocation" else "choice",
        spread="output" if track == "allocation" else "none",
        network=network.description,
    )


@given(
    track=st.sampled_from(sorted(LAYOUTS)),
    items=st.integers(1, 9),
    widths=st.tuples(*[st.lists(st.integers(1, 12), max_size=2).map(tuple)] * 3),
    activation=st.sampled_from(["relu", "tanh", "silu"]),
    pool=st.sampled_from(["all", "allowed"]),
    coefficient=st.sampled_from([0.0, -5.0, 2.5]),
    seed=st.integers(0, 2**20),
)
@settings(max_examples=60, deadline=None)
def test_torch_and_numpy_agree(
    track: str,
    items: int,
    widths: tuple[tuple[int, ...], ...],
    activation: Any,
    pool: Any,
    coefficient: float,
    seed: int,
) -> None:
    layout = LAYOUTS[track]
    pool = "allowed" if track == "queueing" else pool
    torch.manual_seed(seed)
    network = TorchPerItem(
        layout,
        encoder=(*widths[0], 6),
        context=widths[1],
        head=widths[2],
        activation=activation,
        outputs=2 if track == "allocation" else 1,
        offset=Offset(feature=layout.each[1].name, coefficient=coefficient)
        if coefficient
        else None,
        pool=pool,
    )
    with torch.no_grad():
        for parameter in network.parameters():  # heads begin so small that nothing would show
            parameter.normal_(0.0, 0.5)
    card = card_of(track, network)
    tensors = network.tensors()
    check_tensors(tensors, card, "test")
    rng = np.random.default_rng(seed)
    seen = rng.random((5, layout.size(items)), dtype=np.float32)
    mask = rng.random((5, items)) < 0.6
    mask[:, 0] = True
    with torch.no_grad():
        outputs, values = network(torch.from_numpy(seen), torch.from_numpy(mask))
    assert values.shape == (5,)
    inference = Inference(card, tensors)
    shared = len(layout.shared)
    for row in range(5):
        expected = inference.outputs(
            seen[row, :shared], seen[row, shared:].reshape(items, -1), mask[row]
        )
        # Weights and inputs of the exported network are rounded for exact sums: up to 1e-4 here.
        assert np.allclose(outputs[row].numpy(), expected, rtol=1e-4, atol=5e-4)


def test_the_order_of_items_does_not_matter() -> None:
    torch.manual_seed(0)
    layout = placement.LAYOUT
    network = TorchPerItem(layout, encoder=(8,), context=(8,), head=(8,))
    seen = torch.rand(4, layout.size(5))
    order = torch.tensor([3, 0, 4, 1, 2])
    each = seen[:, len(layout.shared) :].unflatten(1, (5, -1))[:, order].flatten(1)
    turned = torch.cat([seen[:, : len(layout.shared)], each], 1)
    mask = torch.ones(4, 5, dtype=torch.bool)
    with torch.no_grad():
        (one, value), (other, same) = network(seen, mask), network(turned, mask)
    assert torch.allclose(one[:, order], other, atol=1e-6)
    assert torch.allclose(value, same, atol=1e-6)


def test_masked_items_are_never_best_nor_drawn() -> None:
    outputs = torch.randn(50, 6, 1) * 100
    mask = torch.rand(50, 6) < 0.5
    mask[:, 2] = True
    scores = masked_scores(outputs, mask)
    assert (scores[~mask] == FORBIDDEN).all()
    assert torch.equal(scores[mask], outputs[..., 0][mask])
    assert (torch.softmax(scores, 1)[~mask] == 0).all()

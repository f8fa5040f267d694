"""Inference in NumPy against torch, and what it owes to the order and number of items."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from exported_samples import PLAIN, SMALL, make_card, observation, random_tensors
from hypothesis import given, settings
from hypothesis import strategies as st

from qcbench.policies.exported.card import Atoms, Card, Normalisation, Offset, PerItem, Plain
from qcbench.policies.exported.per_item import PerItemNetwork
from qcbench.policies.exported.plain import PlainNetwork
from qcbench.policies.features import placement

SHARED, EACH = len(placement.LAYOUT.shared), len(placement.LAYOUT.each)
TOLERANCE = {"rtol": 2e-5, "atol": 2e-5}


def situation(seed: int, items: int) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    shared = rng.random(SHARED).astype(np.float32)
    return shared, rng.random((items, EACH)).astype(np.float32)


def normalisation(clip: float | None) -> Normalisation:
    rng = np.random.default_rng(5)
    return Normalisation(
        mean=tuple(rng.normal(size=SHARED + EACH).tolist()),
        std=tuple(rng.uniform(0.2, 2.0, SHARED + EACH).tolist()),
        clip=clip,
    )


def through(torch: Any, tensors: Any, name: str, x: Any, act: Any, *, last: bool) -> Any:
    """Apply the layers of a name; no activation after the last where it is one."""
    count = sum(key.startswith(f"{name}.") for key in tensors) // 2
    for place in range(count):
        weight, bias = (torch.tensor(tensors[f"{name}.{place}.{k}"]) for k in ("weight", "bias"))
        x = torch.nn.functional.linear(x, weight, bias)
        if not last or place < count - 1:
            x = act(x)
    return x


def normalised(card: Card, numbers: Any, columns: slice) -> Any:
    given = card.observation.normalisation
    if given is None:
        return numbers
    scaled = (numbers - np.array(given.mean)[columns]) / np.array(given.std)[columns]
    if given.clip is not None:
        scaled = np.clip(scaled, -given.clip, given.clip)
    return scaled.astype(np.float32)


ACTIVATIONS = {"relu": "relu", "tanh": "tanh", "silu": "silu"}
NETWORKS = [
    SMALL,
    replace(SMALL, context=(), head=()),
    replace(SMALL, encoder=(5,), activation="tanh"),
    replace(SMALL, activation="silu", offset=Offset(feature="regret", coefficient=-5.0)),
    replace(SMALL, pool="allowed"),
    replace(SMALL, outputs=2),
]


@pytest.mark.parametrize("clip", [None, 1.5, 0.0], ids=["folded", "clipped", "raw"])
@pytest.mark.parametrize("network", NETWORKS)
def test_per_item_equals_torch(network: PerItem, clip: float | None) -> None:
    torch = pytest.importorskip("torch")
    act = getattr(torch.nn.functional, ACTIVATIONS[network.activation])
    given = None if clip == 0.0 else normalisation(clip)
    seen = observation(placement.LAYOUT, normalisation=given)
    card = replace(make_card("placement", network), observation=seen)
    tensors = random_tensors(card)
    numpy_network = PerItemNetwork(card, tensors)
    for items in (1, 5, 100, 3):
        shared, each = situation(items, items)
        allowed = np.random.default_rng(items).random(items) < 0.6
        allowed[0] = True
        x = torch.tensor(normalised(card, each, slice(SHARED, None)))
        g = torch.tensor(normalised(card, shared, slice(0, SHARED)))
        h = through(
            torch, tensors, "encoder", torch.cat([x, g.expand(items, -1)], 1), act, last=False
        )
        pool = h[torch.tensor(allowed)] if network.pool == "allowed" else h
        c = torch.cat([pool.mean(0), pool.max(0).values])
        c = through(torch, tensors, "context", c, act, last=False)
        joined = torch.cat([h, c.expand(items, -1)], 1)
        wanted = through(torch, tensors, "head", joined, act, last=True).numpy().copy()
        if network.offset:
            wanted[:, 0] += network.offset.coefficient * each[:, 1]
        found = numpy_network.outputs(shared, each, allowed)
        assert found.shape == (items, network.outputs)
        np.testing.assert_allclose(found, wanted, **TOLERANCE)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10**6), items=st.integers(1, 12), pool=st.sampled_from(["all", "allowed"])
)
def test_the_order_of_items_does_not_matter(seed: int, items: int, pool: Any) -> None:
    card = make_card("placement", replace(SMALL, pool=pool))
    network = PerItemNetwork(card, random_tensors(card, seed % 7))
    rng = np.random.default_rng(seed)
    shared, each = situation(seed, items)
    allowed = rng.random(items) < 0.5
    allowed[rng.integers(items)] = True
    order = rng.permutation(items)
    scores = network.outputs(shared, each, allowed)[:, 0].copy()
    moved = network.outputs(shared, np.ascontiguousarray(each[order]), allowed[order])[:, 0]
    np.testing.assert_allclose(moved, scores[order], **TOLERANCE)


def test_items_that_are_not_allowed_do_not_count_where_the_card_says_so() -> None:
    card = make_card("placement", replace(SMALL, pool="allowed"))
    network = PerItemNetwork(card, random_tensors(card))
    shared, each = situation(0, 6)
    allowed = np.array([True, False, True, True, False, True])
    before = network.outputs(shared, each, allowed)[:, 0].copy()
    each[~allowed] = 0.123
    after = network.outputs(shared, each, allowed)[:, 0]
    np.testing.assert_array_equal(before[allowed], after[allowed])
    fewer = network.outputs(shared, np.ascontiguousarray(each[allowed]), None)[:, 0]
    np.testing.assert_allclose(fewer, before[allowed], **TOLERANCE)


PLAINS = [
    PLAIN,
    replace(PLAIN, torso=()),
    replace(PLAIN, head=()),
    replace(PLAIN, dueling=True, activation="relu"),
    replace(PLAIN, atoms=Atoms(count=10, least=-10.0, most=10.0)),
    replace(PLAIN, dueling=True, head=(), atoms=Atoms(count=7, least=-3.0, most=1.0)),
    replace(PLAIN, torso=(), dueling=True, atoms=Atoms(count=4, least=0.0, most=1.0)),
]


@pytest.mark.parametrize("clip", [None, 1.5, 0.0], ids=["folded", "clipped", "raw"])
@pytest.mark.parametrize("network", PLAINS)
def test_plain_equals_torch(network: Plain, clip: float | None) -> None:
    torch = pytest.importorskip("torch")
    act = getattr(torch.nn.functional, ACTIVATIONS[network.activation])
    given = None if clip == 0.0 else normalisation(clip)
    seen = observation(placement.LAYOUT, normalisation=given)
    card = replace(make_card("placement", network), observation=seen)
    tensors = random_tensors(card)
    shared, each = situation(3, 5)
    flat = np.concatenate(
        [
            normalised(card, shared, slice(0, SHARED)),
            normalised(card, each, slice(SHARED, None)).ravel(),
        ]
    )
    h = through(torch, tensors, "torso", torch.tensor(flat), act, last=False)
    wanted = through(torch, tensors, "head", h, act, last=True).reshape(5, -1)
    if network.dueling:
        value = through(torch, tensors, "value", h, act, last=True)
        wanted = value[None, :] + wanted - wanted.mean(0, keepdim=True)
    if network.atoms:
        atoms = torch.linspace(network.atoms.least, network.atoms.most, network.atoms.count)
        wanted = (torch.softmax(wanted, 1) * atoms).sum(1, keepdim=True)
    found = PlainNetwork(card, tensors).outputs(np.concatenate([shared, each.ravel()]))
    np.testing.assert_allclose(found, wanted.numpy(), **TOLERANCE)

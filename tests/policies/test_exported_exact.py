"""Sums that no order of summation changes, and what follows: equal items score equally."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
from exported_samples import SMALL, make_card, random_tensors
from hypothesis import given, settings
from hypothesis import strategies as st

from qcbench.policies.exported.exact import exact_layer, rounding
from qcbench.policies.exported.per_item import PerItemNetwork
from qcbench.policies.features import placement

SHARED, EACH = len(placement.LAYOUT.shared), len(placement.LAYOUT.each)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    inputs=st.integers(1, 300),
    scale=st.sampled_from([1e-4, 0.3, 50.0]),
    within=st.sampled_from([1.0, 700.0]),
    rectified=st.booleans(),
)
def test_products_are_exact(
    seed: int, inputs: int, scale: float, within: float, rectified: bool
) -> None:
    rng = np.random.default_rng(seed)
    weight = rng.normal(0.0, scale, (inputs, 3)) * 10.0 ** rng.integers(-6, 1, (inputs, 3))
    layer = exact_layer(weight, np.zeros(3), np.full(inputs, within), rectified=rectified)
    rounds = rounding(layer.step)
    values = (rng.uniform(0.0 if rectified else -within, within, inputs) + rounds) - rounds
    found = np.dot(values, layer.weight)
    for output in range(3):
        pairs = zip(values.tolist(), layer.weight[:, output].tolist(), strict=True)
        assert Fraction(float(found[output])) == sum(Fraction(x) * Fraction(w) for x, w in pairs)
    counted = np.maximum(found, 0.0) if rectified else np.abs(found)
    assert (counted <= layer.reach * (1.0 + 1e-6)).all()


def test_rounded_weights_are_nearly_the_given_ones() -> None:
    weight = np.random.default_rng(0).normal(size=(48, 48))
    layer = exact_layer(weight, np.zeros(48), np.ones(48))
    assert np.abs(layer.weight - weight).max() <= 2.0**-22 * np.abs(weight).max()
    nothing = exact_layer(np.zeros((4, 2)), np.zeros(2), np.ones(4))
    assert (np.array([0.1, 0.2, 0.3, 1.0]) @ nothing.weight == 0.0).all()


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), items=st.integers(1, 40))
def test_order_and_copies_of_items_change_no_bit(seed: int, items: int) -> None:
    card = make_card("placement", replace(SMALL, encoder=(24, 17)))
    network = PerItemNetwork(card, random_tensors(card, seed % 5))
    rng = np.random.default_rng(seed)
    shared, each = rng.random(SHARED), rng.random((items, EACH))[rng.integers(items, size=items)]
    order = rng.permutation(items)
    scores = network.outputs(shared, each)[:, 0].copy()
    moved = network.outputs(shared, each[order])[:, 0]
    np.testing.assert_array_equal(moved, scores[order])
    for item in range(items):
        same = (each == each[item]).all(axis=1)
        assert (scores[same] == scores[item]).all()

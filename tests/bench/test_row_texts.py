"""Rows cut as text are what Python's reader of JSON makes of them, whatever they hold."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qcbench.bench import row_texts
from qcbench.bench.row_texts import parts_of
from qcbench.errors import InputError
from qcbench.finite import exact_row

VALUES = {
    "float": st.floats(),
    "whole": st.integers(-(2**63), 2**63 - 1),
    "either": st.one_of(st.integers(-(2**63), 2**63 - 1), st.floats(), st.none()),
    "text": st.one_of(st.none(), st.text(st.characters(exclude_categories=["Cs"]), max_size=6)),
    'od,"d:': st.sampled_from([",", '"', "\\", "null", '","a":1', "a}", "1.5", ""]),
    "never": st.none(),
}
SHAPES = [list(VALUES), ["never", "whole"], ["float"], []]


@st.composite
def rows(draw: st.DrawFn) -> list[dict[str, Any]]:
    shapes = draw(st.lists(st.sampled_from(SHAPES), min_size=1, max_size=8))
    return [
        {"trial_id": str(place), **{name: draw(VALUES[name]) for name in shape}}
        for place, shape in enumerate(shapes)
    ]


def read(some: Sequence[Mapping[str, Any]]) -> dict[int, dict[str, object]]:
    """Return the values of each row, those that lack left out, and check the types of columns."""
    found: dict[int, dict[str, object]] = {}
    for part, places in parts_of(pl.Series(list(map(exact_row, some)), dtype=pl.String)):
        for place, row in zip(places.tolist(), part.iter_rows(named=True), strict=True):
            found[place] = {name: value for name, value in row.items() if value is not None}
    return found


@given(rows())
def test_nothing_is_lost_or_changed(some: list[dict[str, Any]]) -> None:
    expected: list[dict[str, Any]] = [json.loads(exact_row(row)) for row in some]
    found = read(some)
    assert sorted(found) == list(range(len(some)))
    for place, row in enumerate(expected):
        assert found[place].keys() == {name for name, value in row.items() if value is not None}
        for name, value in found[place].items():
            # A column of whole numbers and others is one of others.
            wanted = float(row[name]) if isinstance(value, float) else row[name]
            assert repr(value) == repr(wanted)


def test_numbers_come_back_to_the_last_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of any size and number of digits, and not by Python's reader."""
    monkeypatch.delattr(row_texts, "_by_python")
    bits = np.random.default_rng(0).integers(0, 2**64, 20_000, dtype=np.uint64)
    values = [v for v in bits.view(np.float64).tolist() if v == v]
    values += np.random.default_rng(0).lognormal(0, 20, 20_000).tolist()
    values += [0.0, -0.0, 5e-324, 1.7976931348623157e308, float("inf"), -float("inf"), 2.0**53 + 2]
    found = read([{"trial_id": "a", "x": value} for value in values])
    assert [repr(found[place]["x"]) for place in range(len(values))] == list(map(repr, values))


def test_rows_of_a_few_shapes_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """A failed trial among others does not send its block to Python's reader."""
    monkeypatch.delattr(row_texts, "_by_python")
    done: dict[str, Any] = {"trial_id": "a", "error": None, "jobs": 3, "mean": 0.1}
    failed: dict[str, Any] = {"trial_id": "b", "error": 'ValueError: "x", \\ and ä,'[:-1]}
    rows_read: list[dict[str, Any]] = [done, failed, done | {"mean": None}]
    found = read(rows_read)
    assert found[0] == {"trial_id": "a", "jobs": 3, "mean": 0.1}
    assert found[1] == failed
    assert found[2] == {"trial_id": "a", "jobs": 3}


@pytest.mark.parametrize("order", [1, -1])
def test_text_and_numbers_are_refused(order: int) -> None:
    text: dict[str, Any] = {"trial_id": "a", "x": "12"}
    number: dict[str, Any] = {"trial_id": "b", "x": 12}
    with pytest.raises(InputError, match="x is text in trial a and a number in trial b"):
        read([text, number][::order])

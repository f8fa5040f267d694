"""Numbers as people read them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qcbench.report import text


@pytest.mark.parametrize(
    ("metric", "values", "unit", "written"),
    [
        ("total_completion_s", [608.4, 647.23], "s", "647.2"),
        ("makespan_s", [7256.0], "min", "120.9"),
        ("makespan_s", [90_000.0], "h", "25.00"),
        ("mean_wait_s", [0.0123], "ms", "12.30"),
        ("mean_wait_s", [0.0, 0.0], "s", "0.0"),
        ("mean_fidelity", [0.8512], "", "0.8512"),
        ("violations", [37.8], "", "37.80"),
        ("tasks", [49_000], "", "49,000"),
        ("energy", [-123.456], "", "-123.5"),
        ("empty_s", [], "s", "–"),
    ],
)
def test_unit_and_digits_follow_the_values(metric, values, unit, written):
    scale = text.scale_of(metric, values)
    assert scale.unit == unit
    assert scale.value(values[-1] if values else None) == written


@given(st.floats(1e-3, 1e9))
def test_what_is_written_is_right_to_three_digits(value):
    scale = text.scale_of("x_s", [value])
    assert float(scale.value(value).replace(",", "")) * scale.factor == pytest.approx(
        value, rel=5e-3
    )


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (-4.91, "-4.9"),
        (0.04, "0.0"),
        (-0.04, "0.0"),
        (99.97, "+100"),
        (1234.5, "+1,234"),
        (None, "–"),
    ],
)
def test_percentages(value, written):
    assert text.percent(value) == written
    assert text.percent_interval(None, 1.0) == ""


def test_ranks_show_only_doubt_that_can_be_seen():
    assert text.rank(2.0, 2.0, 3.0) == "2 (2–3)"
    assert text.rank(2.0, 2.0, 2.0) == "2"
    assert text.rank(1.5, None, None) == "1.5"


def test_labels():
    scale = text.scale_of("total_completion_s", [30_000.0])
    assert text.label_of("total_completion_s", scale) == "total completion [min]"
    assert [text.duration(s) for s in (41.2, 210.0, 7300.0)] == ["41 s", "3.5 min", "2.0 h"]


@pytest.mark.parametrize(
    ("row", "written"),
    [
        ({"gap_lb": 0.302, "gap_best": 0.288}, "29–30"),
        ({"gap_lb": 0.302, "gap_best": 0.301}, "30"),
        ({"gap_lb": 0.302, "gap_best": None}, "≤ 30"),
        ({"gap_lb": 0.0234}, "≤ 2.3"),
        ({"gap_lb": 9.44}, "≤ 944"),
        ({"gap_lb": 0.02, "gap_best": -0.0001}, "0.0–2.0"),
        ({"gap_opt": 0.0}, "0.0"),
        ({"gap_lb": None, "gap_best": 0.1}, text.MISSING),
        ({}, text.MISSING),
    ],
)
def test_a_gap_is_where_the_optimum_may_be(row, written):
    assert text.gap(row) == written

"""A logarithmic axis has numbers however short or long it is."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from synthetic_trials import synthetic_trials

from qcbench.report.figures import profile_plot
from qcbench.report.grids import box_plot
from qcbench.report.log_axes import MOST, LogTicks, log_ticks
from qcbench.report.style import looks
from qcbench.report.value_axes import value_axis


@given(low=st.floats(-30, 30), decades=st.floats(0.01, 60))
def test_there_are_some_numbers_and_not_too_many(low: float, decades: float) -> None:
    start, end = 10.0**low, 10.0 ** (low + decades)
    ticks = log_ticks(start, end)
    assert 2 <= len(ticks) <= MOST
    assert all(start <= tick <= end for tick in ticks)
    assert ticks == sorted(set(ticks))


def test_usual_axes_have_ones_and_threes() -> None:
    assert log_ticks(0.2, 40.0) == pytest.approx([0.3, 1, 3, 10, 30])
    assert log_ticks(4.0, 9.0) == pytest.approx([4, 5, 6, 7, 8, 9])
    assert log_ticks(2.0, 2.05) == pytest.approx([2.0, 2.01, 2.02, 2.03, 2.04, 2.05])
    assert log_ticks(3.0, 3.0) == [3.0]
    assert log_ticks(1e-9, 1e11) == pytest.approx([10.0**e for e in (-9, -6, -3, 0, 3, 6, 9)])


@pytest.mark.parametrize("ends", [(1.1, 1.6), (0.5, 4.0), (1e-8, 1e9)])
def test_locator_reads_the_axis(ends: tuple[float, float]) -> None:
    axes = Figure().add_subplot()
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogTicks())
    axes.set_xlim(*ends)
    assert len(axes.get_xticks()) >= 2


@pytest.mark.parametrize("values", [(1e-12, 5e-10), (1e13, 1e16), (1e-20, 1e20), (1.0, 9.0)])
def test_values_of_any_size_have_numbers(values: tuple[float, float]) -> None:
    axes = Figure().add_subplot()
    value_axis(axes, np.array(values))
    assert 2 <= len(axes.get_xticks()) <= 9


@pytest.mark.parametrize("factor", [1.004, 1e7])
def test_profiles_of_close_and_of_distant_policies_have_numbers(factor: float) -> None:
    trials = synthetic_trials(3, scenarios=("qce5-paper",), failures=False)
    one = trials.filter(pl.col("policy") == "greedy")
    other = one.with_columns(pl.col("total_completion_s") * factor, policy=pl.lit("slower"))
    names = ["greedy", "slower"]
    both = pl.concat([one, other])
    figure = profile_plot(both, "total_completion_s", "min", names, looks(names, ""))
    assert figure is not None
    ticks = figure.axes[0].get_xticks()
    assert len(ticks) >= 2
    assert max(ticks) > 1 + (factor - 1) / 20


def test_boxes_within_a_part_of_a_decade_have_numbers() -> None:
    shares = dict(zip(("p05", "p25", "p50", "p75", "p95"), (4.0, 5, 6, 7, 8), strict=True))
    row = {f"size_4_job_s_{name}": value for name, value in shares.items()}
    means = pl.DataFrame({"scenario": ["s"], "policy": ["greedy"], **row})
    figure = box_plot(means, "s", "size", ["greedy"], looks(["greedy"], ""))
    assert figure is not None
    assert len(figure.axes[0].get_xticks()) >= 3

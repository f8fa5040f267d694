"""Figures say values where a pointer rests, draw equal curves once, show no empty room."""

import re

import numpy as np
import polars as pl
from synthetic_trials import synthetic_trials

from qcbench.report.figures import alike_of, distribution_plot, profile_plot, trade_off_plot
from qcbench.report.grids import heat_maps
from qcbench.report.style import inline_svg, looks, render

METRIC = "total_completion_s"


def test_values_are_titles_of_what_shows_them() -> None:
    trials = synthetic_trials(3, scenarios=("qce5-paper",), failures=False)
    policies = ["greedy", "<b>lookahead"]
    named = trials.with_columns(pl.col("policy").replace({"lookahead": policies[1]}))
    figure = distribution_plot(
        named, "qce5-paper", policies, METRIC, looks(policies, "greedy"), baseline="greedy"
    )
    page = inline_svg(render(figure).svg, "drawn")
    values = named.filter(pl.col("policy") == "greedy").get_column(METRIC).to_numpy()
    assert page.count(f"<title>greedy: median {np.median(values):,.1f}, quartiles [") == 2
    assert page.count("<title>&lt;b&gt;lookahead: median") == 2
    assert "tip: " not in page
    assert re.findall(r'id="[^"]*<', page) == []


def test_ten_equal_curves_are_drawn_once() -> None:
    base = synthetic_trials(3, scenarios=("qce5-paper",), failures=False)
    one = base.filter(pl.col("policy") == "greedy")
    copies = [one.with_columns(policy=pl.lit(f"copy{each}")) for each in range(10)]
    trials = pl.concat([base.filter(pl.col("policy") == "fastest"), *copies])
    policies = ["fastest", *(f"copy{each}" for each in range(10))]
    figure = profile_plot(trials, METRIC, "min", policies, looks(policies, ""))
    assert figure is not None
    labels = [line.get_label() for line in figure.axes[0].get_lines()]
    assert labels == ["fastest", "\n".join(policies[1:])]
    assert alike_of({"a": np.ones(2), "b": np.zeros(2), "c": np.ones(2)}) == [["a", "c"], ["b"]]


def test_axes_do_not_go_where_no_value_can_be() -> None:
    trials = synthetic_trials(4, scenarios=("qce5-paper",), failures=False)
    small = trials.with_columns(
        (pl.col("replicate") * 1.0).alias(METRIC),
        mean_fidelity=pl.when(pl.col("policy") == "greedy").then(0.0).otherwise(0.9),
    )
    policies = ["greedy", "lookahead"]
    look = looks(policies, "greedy")
    spread = distribution_plot(small, "qce5-paper", policies, METRIC, look, baseline="greedy")
    both = trade_off_plot(small, "qce5-paper", METRIC, "mean_fidelity", policies, look)
    assert spread.axes[0].get_xlim()[0] == 0.0
    assert both.axes[0].get_ylim()[0] == 0.0
    below = small.with_columns((pl.col(METRIC) - 1.0).alias(METRIC))
    figure = distribution_plot(below, "qce5-paper", policies, METRIC, look, baseline="greedy")
    assert figure.axes[0].get_xlim()[0] < -1.0


def test_a_panel_of_a_heat_map_has_no_crossings_of_another() -> None:
    rows = [
        {"scenario": f"{hours}-{load}-{qpus}", "policy": "random", "replicate": 0}
        | {"status": "done", "axis_hours_h": hours, "axis_load": load, "axis_qpus": qpus}
        | {"blocked": load * qpus}
        for hours, loads in ((24.0, (1.0, 2.0, 3.0)), (168.0, (4.0, 5.0)))
        for load in loads
        for qpus in (1.0, 2.0, 3.0)
    ]
    figure = heat_maps(pl.DataFrame(rows), "blocked", ["random"])["random"]()
    for axes, loads in zip(figure.axes, (["1", "2", "3"], ["4", "5"]), strict=True):
        grid = np.asarray(axes.images[0].get_array())
        assert np.isfinite(grid).all()
        shown = [label.get_text() for label in (*axes.get_xticklabels(), *axes.get_yticklabels())]
        assert set(loads) <= set(shown)

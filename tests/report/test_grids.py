"""Box plots and heat maps hold what the result table says."""

from typing import Any

import numpy as np
import polars as pl

from qcbench.report.grids import box_plot, gridded, heat_maps
from qcbench.report.style import looks
from qcbench.stats.table import metrics


def grid_trials(horizons: tuple[int, ...] = (24, 168)) -> pl.DataFrame:
    rows: list[dict[str, Any]] = []
    for horizon in horizons:
        for qpus in (1, 2, 3):
            for interval in (150.0, 300.0, 450.0):
                for replicate in (0, 1):
                    rows.append(
                        {
                            "scenario": f"{horizon}-{qpus}-{interval}",
                            "policy": "random",
                            "replicate": replicate,
                            "status": "done",
                            "axis_horizon_h": float(horizon),
                            "axis_qpus": float(qpus),
                            "axis_interarrival_s": interval,
                            "drop_probability": horizon / 1000 + qpus / 10 + replicate / 100,
                        }
                    )
    return pl.DataFrame(rows)


def test_a_heat_map_has_a_panel_for_each_value_of_the_third_axis() -> None:
    trials = grid_trials()
    maps = heat_maps(trials, "drop_probability", ["random", "absent"])
    assert list(maps) == ["random"]
    axes = maps["random"]().axes
    assert [each.get_title(loc="left") for each in axes] == ["horizon [h] 24", "horizon [h] 168"]
    shown = np.asarray(axes[0].images[0].get_array())
    np.testing.assert_allclose(shown[0], 100 * (0.024 + 0.005 + np.array([0.1, 0.2, 0.3])))
    assert [label.get_text() for label in axes[0].get_xticklabels()] == ["1", "2", "3"]
    assert [label.get_text() for label in axes[0].get_yticklabels()] == ["150", "300", "450"]
    assert "drop_probability" in metrics(trials)
    assert not [name for name in metrics(trials) if name.startswith("axis_")]


def test_no_heat_map_without_two_axes() -> None:
    trials = grid_trials((24,))
    assert heat_maps(trials.drop("axis_qpus"), "drop_probability", ["random"]) == {}
    bare = trials.drop("axis_qpus", "axis_horizon_h", "axis_interarrival_s")
    assert heat_maps(bare, "drop_probability", ["random"]) == {}
    assert "24-1-150.0" in gridded(trials)
    assert gridded(bare) == set()
    # Of one axis alone there is no heat map, so that its scenarios keep their figures.
    assert gridded(bare.with_columns(axis_qpus=trials["axis_qpus"])) == set()


def test_boxes_by_size() -> None:
    shares = ("p05", "p25", "p50", "p75", "p95")
    columns = {
        f"size_{size}_job_s_{share}": [size * 60.0 * (k + 1), None]
        for size in (4, 10)
        for k, share in enumerate(shares)
    }
    means = pl.DataFrame({"scenario": ["a", "a"], "policy": ["fifo", "lifo"], **columns})
    look = looks(["fifo", "lifo"], "fifo")
    figure = box_plot(means, "a", "size", ["fifo", "lifo"], look)
    assert figure is not None
    axes = figure.axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["qubits 4", "qubits 10"]
    assert len(axes.patches) == 2
    assert axes.patches[0].get_width() / axes.patches[0].get_x() == 1.0
    assert box_plot(means, "a", "priority", ["fifo"], look) is None
    assert box_plot(means, "b", "size", ["fifo"], look) is None

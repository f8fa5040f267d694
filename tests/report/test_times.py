"""Where the time goes: every part of a completion time has its bar, and one part alone has none."""

from typing import Any

import polars as pl
import pytest
from matplotlib.figure import Figure

from qcbench.report.style import looks
from qcbench.report.times import TONES, parts, time_plot

POLICIES = ("fifo", "lifo", "random")


def means(*rows: tuple[str, float | None, float | None, float | None]) -> pl.DataFrame:
    schema = ["policy", "mean_exec_s", "mean_completion_s", "mean_wait_s"]
    frame = pl.DataFrame(list(rows), schema=schema, orient="row")
    return frame.with_columns(scenario=pl.lit("small"))


def drawn(frame: pl.DataFrame, track: str = "queueing") -> Figure | None:
    look = looks(POLICIES, "fifo")
    return time_plot(frame, "small", POLICIES, look, baseline="fifo", track=track)


def bars(figure: Figure) -> list[tuple[float, float, float | None]]:
    """Left end, width and tone of every bar."""
    return [(b.get_x(), b.get_width(), b.get_alpha()) for b in figure.axes[0].patches]


def labels(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_the_rest_of_a_job_is_its_classical_phases() -> None:
    figure = drawn(means(("fifo", 40.0, 100.0, 35.0), ("lifo", 40.0, 90.0, 25.0)))
    assert figure is not None
    assert labels(figure) == ["execution", "classical phases", "wait"]
    full, between, pale = TONES
    assert bars(figure)[:3] == [(0.0, 40.0, full), (40.0, 25.0, between), (65.0, 35.0, pale)]
    assert full > between > pale


@pytest.mark.parametrize(
    ("track", "name"),
    [("partition", "communication"), ("placement", "other delays"), ("", "other")],
)
def test_names_by_track(track: str, name: str) -> None:
    """A batch waits for nothing: its time is execution and communication."""
    figure = drawn(means(("fifo", 36.0, 46.0, 0.0)), track)
    assert figure is not None
    assert labels(figure) == ["execution", name]


def test_without_a_rest_there_are_two_parts() -> None:
    figure = drawn(means(("fifo", 0.1, 0.3 - 1e-17, 0.2)))
    assert figure is not None
    assert labels(figure) == ["execution", "wait"]
    assert parts(means(("fifo", 0.3, 0.3, 1e-12)), "small")["fifo"][1] == 0.0


@pytest.mark.parametrize(
    "row",
    [
        ("fifo", 40.0, 40.0, 0.0),
        ("fifo", 0.0, 40.0, 0.0),
        ("fifo", 0.0, 0.0, 0.0),
        ("fifo", None, 40.0, None),
    ],
    ids=["execution", "rest", "nothing", "no split"],
)
def test_one_solid_bar_is_no_figure(row: Any) -> None:
    assert drawn(means(row)) is None
    assert drawn(means(row).drop("mean_wait_s")) is None


def test_a_bar_that_leaves_the_axes_says_how_long_it_is() -> None:
    rows = [("fifo", 1.0, 2.0, 1.0), ("lifo", 1.0, 2.0, 1.0), ("random", 1.0, 50.0, 49.0)]
    figure = drawn(means(*rows))
    assert figure is not None
    assert figure.axes[0].get_xlim()[1] == 8.0
    written = [text.get_text() for text in figure.axes[0].texts if text.get_text()]
    assert len(written) == 1
    assert "50.0" in written[0]

"""Figures have names of their own: none is shown in the place of another."""

import pytest
from polars import DataFrame

from qcbench.report.drawings import Drawings, plan
from qcbench.stats.summary import summarise


def planned(scenarios: list[str], policies: tuple[str, ...] = ("b", "c")) -> Drawings:
    rows = [
        {"scenario": scenario, "policy": policy, "replicate": replicate, "status": "done"}
        | {"m": 1.0 + place + replicate, "axis_x": place % 2, "axis_y": place // 2}
        for place, scenario in enumerate(scenarios)
        for policy in policies
        for replicate in range(3)
    ]
    trials = DataFrame(rows)
    grid = len(scenarios) > 2
    trials = trials if grid else trials.drop("axis_x", "axis_y")
    summary = summarise(trials, metric="m", baseline="b", resamples=50)
    return plan(trials, summary)


@pytest.mark.parametrize("names", [["a/b", "a-b"], ["α", "β"], ["overall", "other"]])
def test_scenarios_of_like_names_have_figures_of_their_own(names: list[str]) -> None:
    found = planned(names)
    first, second = found.sections
    assert [section.block.scenario for section in found.sections] == names
    assert first.anchor != second.anchor
    shown = [*first.figures, *second.figures]
    assert len(set(shown)) == len(shown)
    assert set(found.drawings) == {"overall-difference", "performance-profile", *shown}
    for section in found.sections:
        (name,) = (name for name in section.figures if name.endswith("-distribution"))
        assert found.drawings[name].args[1] == section.block.scenario  # type: ignore[attr-defined]


def test_names_that_are_told_apart_stay() -> None:
    found = planned(["placement/qce5", "placement/qce5-bursts"])
    assert [section.anchor for section in found.sections] == [
        "placement-qce5",
        "placement-qce5-bursts",
    ]


def test_heat_maps_of_any_policies_can_be_files() -> None:
    found = planned(["s0", "s1", "s2", "s3"], ("b", "my/own", "my own"))
    maps = [name for name in found.drawings if name.startswith("heat-map")]
    assert maps == ["heat-map-b", "heat-map-my-own", "heat-map-my-own-2"]


@pytest.mark.parametrize(
    "axes",
    [{"axis_x": [0, 1, 2, 3]}, {"axis_x": [0, 1, None, None], "axis_y": [None, None, 0, 1]}],
    ids=["one axis", "two grids without a common axis"],
)
def test_scenarios_that_no_heat_map_shows_have_figures(axes: dict[str, list[int | None]]) -> None:
    rows = [
        {"scenario": f"s{place}", "policy": policy, "replicate": replicate, "status": "done"}
        | {"m": 1.0 + place + replicate}
        | {name: values[place] for name, values in axes.items()}
        for place in range(4)
        for policy in ("b", "c")
        for replicate in range(3)
    ]
    trials = DataFrame(rows, infer_schema_length=None)
    found = plan(trials, summarise(trials, metric="m", baseline="b", resamples=50))
    assert not [name for name in found.drawings if name.startswith("heat-map")]
    assert all(section.figures for section in found.sections)


def test_scenarios_that_heat_maps_show_have_none() -> None:
    found = planned(["s0", "s1", "s2", "s3"])
    assert "heat-map-b" in found.drawings
    assert not any(section.figures for section in found.sections)

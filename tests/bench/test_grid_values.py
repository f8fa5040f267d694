"""The values of a suite's grid are those that its scenarios run, to the last bit."""

import json
from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qcbench.bench.compose import compose_alone, compose_entry, suite_config
from qcbench.bench.config import GridAxis, ScenarioConfig, ScenarioEntry
from qcbench.bench.typed import plain, typed
from qcbench.errors import InputError
from qcbench.number_texts import exact_number, exact_text, short_text
from qcbench.workload.config import PoissonArrivals

RATE = "workload.arrivals={process: poisson, load: null, rate_per_s: VALUE}"


def crossed(*values: float, override: str = RATE, axis: str = "rate") -> list[ScenarioConfig]:
    entry = ScenarioEntry(
        base="placement/qce5-stream",
        name="s",
        grid=[GridAxis(axis=axis, values=list(values), override=override)],
    )
    return [compose_entry(each, []) for each in entry.crossings()]


def rate_of(scenario: ScenarioConfig) -> float | None:
    assert isinstance(scenario.workload.arrivals, PoissonArrivals)
    return scenario.workload.arrivals.rate_per_s


@pytest.mark.parametrize(
    "values",
    [
        (0.12345678, 0.2),
        (1234567.0, 1234568.0),
        (1 / 3, 0.1 + 0.2, 0.3),
        (1e-7, 1.5e-12, 5e-324, 123456789012345680.0, 1e17, 2.0),
    ],
)
def test_what_is_recorded_is_what_is_run(values: tuple[float, ...]) -> None:
    found = crossed(*values)
    assert [scenario.axes for scenario in found] == [{"rate": value} for value in values]
    assert [rate_of(scenario) for scenario in found] == list(values)
    assert len({scenario.name for scenario in found}) == len(values)


def test_whole_numbers_are_whole_also_beyond_six_digits() -> None:
    found = crossed(100.0, 1234567.0, override="workload.tasks=VALUE", axis="tasks")
    assert [scenario.workload.tasks for scenario in found] == [100, 1234567]
    assert [scenario.name for scenario in found] == ["s/tasks=100", "s/tasks=1234567"]


def test_whole_numbers_that_no_float_is_stay_what_they_are() -> None:
    values = [2**53 + 1, 2**53, 10**18 - 1, 3]
    data = {"base": "placement/qce5-stream", "name": "s"}
    axis = {"axis": "n", "values": values, "override": "+physics.seed=VALUE"}
    (entry,) = (typed(ScenarioEntry, {**data, "grid": [axis]}, "scenario"),)
    found = entry.crossings()
    assert [each.axes["n"] for each in found] == values
    assert [type(each.axes["n"]) for each in found] == [int, float, int, float]
    assert [each.name for each in found][:2] == ["s/n=9007199254740993", "s/n=9007199254740992"]
    assert [each.overrides for each in found] == [[f"+physics.seed={value}"] for value in values]
    for each in found:
        assert typed(ScenarioEntry, plain(each), "scenario") == each
    scenario = replace(crossed(1.0)[0], axes=dict(found[0].axes))
    assert typed(ScenarioConfig, json.loads(json.dumps(plain(scenario))), "").axes == {
        "n": 2**53 + 1
    }
    with pytest.raises(InputError, match=r"values\[0\]: 'many'; must be a number"):
        typed(GridAxis, {**axis, "values": ["many"]}, "axis")
    assert typed(GridAxis, {**axis, "values": [4, "5"]}, "axis").values == [4.0, 5.0]


def test_a_name_does_not_depend_on_the_other_values() -> None:
    """Worlds are drawn of it, so one more value would draw those of all others anew."""
    alone = [crossed(value)[0].name for value in (0.25, 1e6, 1234567.0)]
    assert alone == ["s/rate=0.25", "s/rate=1e+06", "s/rate=1234567"]
    together = [scenario.name for scenario in crossed(0.25, 1e6, 1234567.0, 0.250000001)]
    assert together == [*alone, "s/rate=0.250000001"]


@settings(deadline=None, max_examples=300)
@given(
    st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**18), 10**18),
    st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**18), 10**18),
)
def test_texts_of_numbers_read_the_same(one: float, other: float) -> None:
    for text in (exact_text, short_text):
        assert type(exact_number(one))(text(one)) == one
        assert (text(one) == text(other)) == (one == other) or one == other == 0


@pytest.mark.parametrize("suite", ["serverless-bigq-v1", "serverless-bigc-v1"])
def test_scenarios_of_released_grids_keep_their_names(suite: str) -> None:
    data: dict[str, Any] = compose_alone("suite", suite)
    names = []
    for entry in data["scenarios"]:
        axes = [[f"{a['axis']}={value:g}" for value in a["values"]] for a in entry["grid"]]
        head = entry.get("name") or entry["base"]
        names += [f"{head}/{','.join(crossing)}" for crossing in product(*axes)]
    assert len(names) >= 36
    assert [scenario.name for scenario in suite_config(data).scenarios] == names

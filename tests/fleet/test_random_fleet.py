"""Fleets drawn from ranges."""

from typing import Any

import pytest

from qcbench.bench.compose import compose_scenario
from qcbench.bench.typed import plain, typed
from qcbench.errors import InputError
from qcbench.fleet.catalogue import device
from qcbench.fleet.config import FleetConfig
from qcbench.fleet.load import load_fleet
from qcbench.fleet.random_fleet import RandomFleet, draw_qpus

RANGES: dict[str, Any] = {
    "qpus": [2, 9],
    "families": ["ibmq7", "ibmq27", "ibmq127"],
    "d1cps": [10_000.0, 60_000.0],
    "speed": [0.5, 2.0],
    "errors": [0.5, 2.0],
}


def fleet(seed: int, **changes: Any) -> FleetConfig:
    return FleetConfig(name="drawn", random=RandomFleet(seed=seed, **{**RANGES, **changes}))


def test_what_is_drawn_lies_in_its_ranges() -> None:
    counts = set()
    for seed in range(60):
        drawn = load_fleet(fleet(seed))
        counts.add(len(drawn))
        assert drawn.qpus[-1].family == "ibmq127"
        for qpu in drawn:
            base = device(qpu.name.rpartition("-")[0])
            assert qpu.family in RANGES["families"]
            assert not base.flags
            assert qpu.d1cps is not None
            assert 10_000 <= qpu.d1cps <= 60_000
            assert 0.5 <= base.repetition_delay_s / qpu.repetition_delay_s <= 2.0
            assert base.readout_error is not None
            assert qpu.readout_error is not None
            assert 0.49 <= qpu.readout_error / base.readout_error <= 2.01
    assert counts == set(range(2, 10))


def test_a_seed_is_a_fleet() -> None:
    assert fleet(3) == fleet(3)
    assert fleet(3) != fleet(4)
    assert draw_qpus(RandomFleet(seed=1, **RANGES)) == draw_qpus(RandomFleet(seed=1, **RANGES))


def test_what_was_drawn_is_written_down_like_any_fleet() -> None:
    drawn = fleet(5)
    data = plain(drawn)
    assert "random" not in data
    assert typed(FleetConfig, data, "fleet") == drawn
    other = compose_scenario("placement/random-stream", ["fleet.random.seed=5"])
    assert other.fleet != compose_scenario("placement/random-stream").fleet


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"qpus": [5, 3]}, r"fleet.random.qpus: \[5, 3\]; the least comes first"),
        ({"speed": [1.0, 0.5]}, "fleet.random.speed"),
        ({"families": ["ibmq28x"]}, "'ibmq28x' is no family of the catalogue"),
        ({"qpus": [1, 2, 3]}, "at most 2"),
        ({"d1cps": [0.0, 1.0]}, r"fleet.random.d1cps\[0\]: 0.0; must be positive"),
        (
            {"speed": [1e-320, 1e-320]},
            r"fleet.random.speed: \[1e-320, 1e-320\]; .*_s of \w+ would be inf",
        ),
    ],
)
def test_ranges_that_are_none_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        fleet(0, **changes)

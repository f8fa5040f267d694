"""Plain data become typed configs, or one line that says what is wrong."""

from typing import Any

import pytest

from qcbench.bench.config import ScenarioConfig
from qcbench.bench.typed import typed
from qcbench.errors import InputError
from qcbench.fleet.config import FleetConfig
from qcbench.workload.config import PoissonArrivals, WorkloadConfig

MQT: dict[str, Any] = {
    "name": "w",
    "circuits": {"source": "mqt"},
    "arrivals": {"process": "poisson", "rate_per_s": 0.5},
}


def changed(path: str, value: Any) -> dict[str, Any]:
    """Copy `MQT` with one value changed or added."""
    data = {**MQT, "circuits": {**MQT["circuits"]}, "arrivals": {**MQT["arrivals"]}}
    *parents, last = path.split(".")
    place: dict[str, Any] = data
    for name in parents:
        place = place[name]
    place[last] = value
    return data


def test_the_tag_chooses_the_class() -> None:
    config = typed(WorkloadConfig, MQT, "workload")
    assert config.arrivals == PoissonArrivals(rate_per_s=0.5)


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("taks", 5, ["workload.taks", "no such key", "tasks"]),
        ("tasks", "many", ["workload.tasks", "'many'", "whole number"]),
        ("tasks", 2.5, ["workload.tasks", "2.5", "whole number"]),
        ("name", ["w"], ["workload.name: ['w']; must be a text"]),
        ("circuits.algorithms", "qft", ["circuits.algorithms: 'qft'; must be a list"]),
        ("circuits.algoritms", ["qft"], ["workload.circuits.algoritms", "algorithms"]),
        ("circuits.algorithms", ["qfft"], ["qfft", "qft"]),
        ("circuits.source", "mqtt", ["workload.circuits.source", "'mqtt'", "'mqt'", "'file'"]),
        ("arrivals.lod", 0.5, ["workload.arrivals.lod", "load"]),
        ("arrivals.load", 0.5, ["rate_per_s", "load"]),
        ("arrivals.rate_per_s", -1.0, ["rate_per_s", "positive"]),
        ("arrivals.process", "poison", ["workload.arrivals.process", "'poison'", "'poisson'"]),
    ],
)
def test_one_line_names_the_key_and_what_is_right(path: str, value: Any, words: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        typed(WorkloadConfig, changed(path, value), "workload")
    message = str(caught.value)
    assert "\n" not in message
    assert all(word in message for word in words), message


def test_missing_keys_are_named() -> None:
    with pytest.raises(InputError, match=r"^workload\.circuits: is missing$"):
        typed(WorkloadConfig, {"name": "w", "arrivals": MQT["arrivals"]}, "workload")


def test_places_in_lists_are_counted() -> None:
    data = {"name": "f", "qpus": [{"device": "kolkata"}, {"device": "hanoi", "qbits": 3}]}
    with pytest.raises(InputError, match=r"^fleet\.qpus\[1\]\.qbits: no such key.*qubits"):
        typed(FleetConfig, data, "fleet")


def test_optional_parts_are_checked_too() -> None:
    data = {
        "name": "s",
        "track": "placement",
        "fleet": {"name": "f", "qpus": [{"device": "kolkata"}]},
        "workload": MQT,
        "rules": {"failures": {"mean_up_s": 1.0, "mean_dwn_s": 2.0}},
    }
    with pytest.raises(InputError, match=r"failures\.mean_d"):
        typed(ScenarioConfig, data, "scenario")

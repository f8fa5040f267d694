"""The fleets of conf/fleet: every one loads, and the published ones hold the published figures."""

import csv
import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from qcbench.errors import InputError
from qcbench.fleet.catalogue import catalogue, catalogue_rows
from qcbench.fleet.config import FleetConfig
from qcbench.fleet.load import load_fleet
from qcbench.fleet.profile import Fleet, QpuProfile

yaml = pytest.importorskip("yaml")
pydantic = pytest.importorskip("pydantic")

FOLDER = Path(__file__).resolve().parents[2] / "conf" / "fleet"
FILES = sorted(FOLDER.glob("*.yaml"))
COMPILED = {"ibmq7", "ibmq16", "ibmq27", "ibmq127", "ibmq133", "ibmq156"}
"""Families that the packaged circuits are compiled for."""


def _config(name: str) -> Any:
    content = yaml.safe_load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))
    return pydantic.TypeAdapter(FleetConfig).validate_python(content)


def _fleet(name: str) -> Fleet:
    return load_fleet(_config(name))


def _column(fleet: Fleet, name: str) -> list[Any]:
    return [getattr(qpu, name) for qpu in fleet]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_file_describes_the_fleet_it_is_named_after(path: Path) -> None:
    config = _config(path.stem)
    assert config.name == path.stem
    assert config.description
    fleet = load_fleet(config)
    assert len(fleet) >= 2
    assert set(fleet.families) <= COMPILED | {"synthetic"}


def test_there_are_the_promised_fleets() -> None:
    promised = {"qce5", "qce5-paper", "eagle5", "eagle5-median", "heron5", "ibm12", "identical"}
    assert promised <= {path.stem for path in FILES}


def test_unknown_keys_are_refused() -> None:
    adapter = pydantic.TypeAdapter(FleetConfig)
    with pytest.raises(pydantic.ValidationError, match="qubit"):
        adapter.validate_python({"name": "x", "qpus": [{"device": "fez", "qubit": 3}]})
    with pytest.raises(pydantic.ValidationError, match=r"readout_error\n  Input should be less"):
        adapter.validate_python({"name": "x", "qpus": [{"device": "fez", "readout_error": 2}]})


@pytest.mark.parametrize(
    ("name", "d1cps"),
    [
        ("qce5", [16957.5, 39900, 45885, 57855, 53865]),
        ("qce5-readout", [16957.5, 39900, 45885, 57855, 53865]),
        ("qce5-paper", [16967.5, 39900, 45935, 57905, 53865]),
    ],
)
def test_the_placement_fleet_is_as_published(name: str, d1cps: list[float]) -> None:
    fleet = _fleet(name)
    assert fleet.names == ("washington", "kolkata", "hanoi", "perth", "lagos")
    assert fleet.qubits.tolist() == [127, 27, 27, 7, 7]
    assert _column(fleet, "quantum_volume") == [64, 128, 64, 32, 32]
    assert _column(fleet, "clops_v") == [850, 2000, 2300, 2900, 2700]
    assert _column(fleet, "d1cps") == d1cps
    assert _column(fleet, "family") == ["ibmq127", "ibmq27", "ibmq27", "ibmq7", "ibmq7"]


def test_the_code_variant_derives_d1cps_from_clops() -> None:
    for qpu in _fleet("qce5"):
        assert qpu.clops_v is not None
        assert qpu.d1cps == 19.95 * qpu.clops_v


def _greedy_error(fleet: Fleet, tasks: list[dict[str, str]]) -> list[tuple[int, str]]:
    """Place tasks as the published greedy_error does; return (task, QPU) in order of placement."""
    queue = sorted((float(task["arrival_s"]), order) for order, task in enumerate(tasks))
    free_s = dict.fromkeys(fleet.names, 0.0)
    skipped, placed = 0, []
    while queue:
        arrival_s, order = queue.pop(0)
        task = tasks[order]
        ranked = sorted(fleet, key=lambda qpu: (free_s[qpu.name], qpu.readout_error))
        qpu = ranked[skipped % len(fleet)]
        if int(task["qubits"]) > qpu.qubits:
            skipped += 1
            later = arrival_s + 1.0
            place = next((i for i, (at, _) in enumerate(queue) if at >= later), len(queue))
            queue.insert(place, (later, order))
            continue
        skipped = 0
        assert qpu.d1cps is not None
        exec_s = float(task[f"{qpu.family}_depth"]) / qpu.d1cps * int(task["shots"])
        free_s[qpu.name] = max(arrival_s, free_s[qpu.name]) + exec_s
        placed.append((int(task["task_id"]), qpu.name))
    return placed


def test_the_readout_variant_breaks_ties_as_the_published_code(reference_data: Path) -> None:
    folder = reference_data / "placement"
    with (folder / "records_subsets_1_3.csv").open() as lines:
        records = [r for r in csv.DictReader(lines) if r["policy"] == "greedy_error"]
    with (folder / "arrivals_subsets_1_10.csv").open() as lines:
        arrivals = list(csv.DictReader(lines))
    for subset in ("1", "2", "3"):
        published = sorted(
            (int(r["submit_order"]), int(r["task_id"]), r["node_name"])
            for r in records
            if r["subset"] == subset
        )
        tasks = [task for task in arrivals if task["subset"] == subset]
        assert _greedy_error(_fleet("qce5-readout"), tasks) == [row[1:] for row in published]


def test_the_allocation_fleet_is_as_published(reference_data: Path) -> None:
    published = json.loads((reference_data / "allocation" / "devices.json").read_text())["devices"]
    fleet = _fleet("eagle5")
    assert [f"ibm_{name}" for name in fleet.names] == [entry["name"] for entry in published]
    for qpu, entry in zip(fleet, published, strict=True):
        assert qpu.qubits == entry["num_qubits"]
        assert qpu.clops_h == entry["clops"]
        assert qpu.clops_v is None
        assert qpu.quantum_volume == entry["quantum_volume"]
        assert qpu.readout_error == entry["avg_readout_error"]
        assert qpu.one_qubit_error == entry["avg_single_qubit_error"]
        assert qpu.two_qubit_error == entry["avg_two_qubit_error"]
        score = 0.5 * qpu.readout_error + 0.3 * qpu.one_qubit_error + 0.2 * qpu.two_qubit_error
        assert score == pytest.approx(entry["error_score"], rel=1e-12)
        assert len(qpu.coupling) == entry["n_edges"]
        assert qpu.calibration_date in entry["calibration_file"]
    assert len(set(_column(fleet, "coupling"))) == 1


def test_the_median_fleet_differs_from_the_published_only_in_figures() -> None:
    published, median = _fleet("eagle5"), _fleet("eagle5-median")
    assert published.names == median.names
    for mean, middle in zip(published, median, strict=True):
        assert middle.two_qubit_error < mean.two_qubit_error / 5  # faulty gates inflate the means
        assert middle.two_qubit_error == catalogue()[middle.name].two_qubit_error


@pytest.mark.parametrize("name", ["qce5", "eagle5", "heron5", "ibm12"])
def test_fleets_of_devices_have_what_the_usage_model_needs(name: str) -> None:
    for qpu in _fleet(name):
        assert qpu.two_qubit_duration_s is not None
        assert qpu.readout_duration_s is not None
        assert qpu.price_per_s == pytest.approx(1.6)


def test_todays_fleet_is_of_heron_devices_and_the_mixed_one_of_every_family() -> None:
    processors = {row["name"]: row["processor"] for row in catalogue_rows()}
    assert {processors[name] for name in _fleet("heron5").names} == {
        "Heron r1",
        "Heron r2",
        "Heron r3",
    }
    mixed = _fleet("ibm12")
    assert len(mixed) == 12
    assert set(mixed.families) == COMPILED
    assert not any(qpu.flags for qpu in [*mixed, *_fleet("heron5")])


def test_identical_qpus_differ_only_in_name() -> None:
    qpus = _fleet("identical").qpus
    names = [field.name for field in fields(QpuProfile) if field.name != "name"]
    assert len({tuple(getattr(qpu, name) for name in names) for qpu in qpus}) == 1
    assert len({qpu.name for qpu in qpus}) == len(qpus)


def test_a_fleet_with_a_misspelt_device_says_where() -> None:
    config = pydantic.TypeAdapter(FleetConfig).validate_python(
        {"name": "mine", "qpus": [{"device": "fez"}, {"device": "torinno"}]}
    )
    with pytest.raises(InputError, match=r"fleet mine: qpus\[1\]: device 'torinno'.*torino"):
        load_fleet(config)

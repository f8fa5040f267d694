"""Fleets as users state them: overrides, identical QPUs, own devices, and what is refused."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from qcbench.errors import InputError
from qcbench.fleet.catalogue import catalogue, device
from qcbench.fleet.config import FleetConfig, QpuConfig
from qcbench.fleet.load import load_fleet, read_qpus, resolve_fleet
from qcbench.fleet.profile import QpuProfile


def _load(*qpus: QpuConfig) -> tuple[QpuProfile, ...]:
    return load_fleet(FleetConfig(name="test", qpus=list(qpus))).qpus


def test_a_catalogue_device_is_taken_as_it_is() -> None:
    assert _load(QpuConfig(device="fez")) == (device("fez"),)


@pytest.mark.parametrize("name", list(catalogue()))
def test_every_device_can_be_in_a_fleet(name: str) -> None:
    assert _load(QpuConfig(device=name)) == (device(name),)


def test_stated_figures_replace_the_catalogues_and_no_others() -> None:
    (qpu,) = _load(QpuConfig(device="perth", name="mine", readout_error=0.5, price_per_s=2))
    base = device("perth")
    changed = {"name", "readout_error", "price_per_s", "source"}
    assert (qpu.name, qpu.readout_error, qpu.price_per_s) == ("mine", 0.5, 2)
    assert {k: v for k, v in asdict(qpu).items() if k not in changed} == {
        k: v for k, v in asdict(base).items() if k not in changed
    }
    assert qpu.source == f"{base.source}; changed: readout_error, price_per_s"


def test_d1cps_follows_stated_clops_v_unless_stated() -> None:
    follows, stated, synthetic = _load(
        QpuConfig(device="perth", clops_v=1000),
        QpuConfig(device="lagos", clops_v=1000, d1cps=5),
        QpuConfig(qubits=3, clops_v=1000),
    )
    assert (follows.d1cps, stated.d1cps, synthetic.d1cps) == (pytest.approx(19950), 5, 19950)


def test_another_size_loses_the_coupling_map() -> None:
    smaller, same = _load(
        QpuConfig(device="fez", qubits=10), QpuConfig(device="fez", name="same", qubits=156)
    )
    assert smaller.coupling == ()
    assert same.coupling == device("fez").coupling


def test_synthetic_qpus_state_only_what_they_have() -> None:
    qpus = _load(QpuConfig(name="server", count=3, qubits=5))
    assert [qpu.name for qpu in qpus] == ["server-0", "server-1", "server-2"]
    assert qpus[0].family == "synthetic"
    assert {qpu.qubits for qpu in qpus} == {5}
    assert qpus[0].d1cps is None
    for figure in ("readout_error", "one_qubit_error", "two_qubit_error", "price_per_s"):
        assert getattr(qpus[0], figure) is None, figure


def test_links_are_normalised() -> None:
    (qpu,) = _load(QpuConfig(qubits=3, coupling=[[2, 1], [0, 1]]))
    assert qpu.coupling == ((0, 1), (1, 2))


def test_order_is_kept_and_arrays_follow_it() -> None:
    fleet = load_fleet(
        FleetConfig(name="f", qpus=[QpuConfig(device="fez"), QpuConfig(device="perth", count=2)])
    )
    assert fleet.names == ("fez", "perth-0", "perth-1")
    assert fleet.qubits.tolist() == [156, 7, 7]
    assert fleet.families == ("ibmq156", "ibmq7")


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"qubits": -3}, "qubits: -3; must be at least 1"),
        ({"qubits": 0}, "qubits: 0"),
        ({"qubits": 2.5}, "qubits: 2.5"),
        ({"qubits": True}, "qubits: True"),
        ({"qubits": "7"}, "qubits: '7'"),
        ({}, "qubits is missing; state it, or name a catalogue device"),
        ({"qubits": 3, "count": 0}, "count: 0"),
        ({"qubits": 3, "readout_error": 1.2}, "readout_error: 1.2; must be in 0..1"),
        ({"qubits": 3, "two_qubit_error": -0.1}, "two_qubit_error: -0.1"),
        ({"qubits": 3, "one_qubit_error": float("nan")}, "one_qubit_error: nan"),
        ({"qubits": 3, "one_qubit_error": "0.1"}, "one_qubit_error: '0.1'"),
        ({"qubits": 3, "d1cps": 0}, "d1cps: 0; must be positive"),
        ({"qubits": 3, "clops_h": float("inf")}, "clops_h: inf"),
        ({"qubits": 3, "clops_v": 10**400}, "clops_v(:| is) 1000"),
        ({"qubits": 3, "price_per_s": -1}, "price_per_s: -1"),
        ({"qubits": 3, "quantum_volume": 0.5}, "quantum_volume: 0.5"),
        ({"qubits": 3, "name": "a b"}, "name is 'a b'; it must be"),
        ({"qubits": 3, "name": "a,b"}, "name is 'a,b'"),
        ({"qubits": 3, "name": 5}, "name: 5; must be a text"),
        ({"qubits": 3, "name": None}, "name: None"),
        ({"qubits": 3, "family": ""}, "family is empty"),
        ({"qubits": 3, "basis_gates": "cx"}, "basis_gates: 'cx'; must be a list of texts"),
        ({"qubits": 3, "coupling": [[0, 3]]}, r"link \[0, 3\] must join.*0\.\.2"),
        ({"qubits": 3, "coupling": [[1, 1]]}, r"link \[1, 1\] must join two different"),
        ({"qubits": 3, "coupling": [[-1, 1]]}, r"link \[-1, 1\]"),
        ({"qubits": 3, "coupling": [[0]]}, r"link \[0\] must be a pair"),
        ({"qubits": 3, "coupling": [[0, 1], [1, 0]]}, "is stated twice"),
        ({"qubits": 3, "coupling": "01"}, "coupling is '01'"),
        ({"device": "perth", "coupling": [[0, 7]]}, r"link \[0, 7\] must join.*0\.\.6"),
        ({"device": "kolkatta"}, "device 'kolkatta' is not in the catalogue.*kolkata"),
    ],
)
def test_impossible_figures_are_refused(
    tmp_path: Path, entry: dict[str, Any], message: str
) -> None:
    """The same in a config and in a file, each time in one line."""
    with pytest.raises(InputError, match=message) as stated:
        _load(QpuConfig(**entry))
    path = tmp_path / "qpus.json"
    path.write_text(json.dumps([{"device": "fez"}, entry]))
    with pytest.raises(InputError, match=message) as from_file:
        load_fleet(FleetConfig(name="test", file=str(path)))
    for error in (stated, from_file):
        assert "\n" not in str(error.value)
        assert len(str(error.value)) < 300
    assert "fleet test: " in str(from_file.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('[{"device": "fez"}, {"device": "perth", "qubit": 3}]', "entry 1: key 'qubit' is.*qubits"),
        ('{"device": "fez"}', "must be a JSON list"),
        ('["fez"]', "entry 0: must be an object"),
        ('[{"device": "fez"', "is not JSON"),
        ('[{"device": "fez", "device": "perth"}]', "key 'device' is there twice"),
        ("[" * 100_000, "is not JSON"),
        ("", "is not JSON"),
        ("[]", "at least one QPU"),
    ],
)
def test_files_that_cannot_be_used(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "qpus.json"
    path.write_text(content)
    with pytest.raises(InputError, match=message) as error:
        load_fleet(FleetConfig(name="test", file=str(path)))
    assert "\n" not in str(error.value)


def test_files_that_are_not_text_or_not_there(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00PAR1")
    with pytest.raises(InputError, match="is not JSON"):
        read_qpus(tmp_path / "binary")
    with pytest.raises(InputError, match=r"absent\.json: cannot be read"):
        read_qpus(tmp_path / "absent.json")
    with pytest.raises(InputError, match="cannot be read"):
        read_qpus(tmp_path)


def test_own_devices_follow_those_of_the_config(tmp_path: Path) -> None:
    path = tmp_path / "qpus.json"
    own = {"name": "mine", "qubits": 3, "family": "ibmq7", "coupling": [[0, 1], [1, 2]]}
    path.write_text(json.dumps([own]))
    config = FleetConfig(name="test", qpus=[QpuConfig(device="fez")], file=str(path))
    fleet = load_fleet(config)
    assert fleet.names == ("fez", "mine")
    assert fleet.qpus[1].coupling == ((0, 1), (1, 2))


def test_a_resolved_fleet_needs_no_file(tmp_path: Path) -> None:
    path = tmp_path / "qpus.json"
    path.write_text(json.dumps([{"device": "perth", "basis_gates": ["cx", "sx"], "t1_s": 1e-4}]))
    config = FleetConfig(name="test", file=str(path))
    fleet = load_fleet(config)
    resolved = resolve_fleet(config)
    path.unlink()
    assert resolved.file is None
    assert load_fleet(resolved) == fleet
    plain = json.loads(json.dumps(asdict(resolved)))
    again = FleetConfig(**plain | {"qpus": [QpuConfig(**entry) for entry in plain["qpus"]]})
    assert load_fleet(again) == fleet


def test_names_are_unique() -> None:
    with pytest.raises(InputError, match="two QPUs are called perth; give one another name"):
        _load(QpuConfig(device="perth"), QpuConfig(device="perth"))
    with pytest.raises(InputError, match="two QPUs are called a-1"):
        _load(QpuConfig(name="a", count=2, qubits=1), QpuConfig(name="a-1", qubits=1))


def test_empty_and_enormous_fleets_are_refused() -> None:
    with pytest.raises(InputError, match="fleet test: has no QPU"):
        FleetConfig(name="test")
    with pytest.raises(InputError, match="at most 10000"):
        FleetConfig(name="test", qpus=[QpuConfig(qubits=1, count=10**9)])
    with pytest.raises(InputError, match="name is ''"):
        FleetConfig(name="", qpus=[QpuConfig(qubits=1)])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[{"device": "fez"}, {"qubits": 9223372036854775808}]', "entry 1: qubits: 92"),
        ('[{"qubits": 3, "count": 100000000000000000000}]', "count: 1000"),
        ('[{"qubits": 3, "clops_v": 1e999}]', r"\[0\]\.clops_v is 1e999; the largest number"),
        ('[{"qubits": 3, "name": "\\ud800"}]', "line 1: .* is half a character"),
        ('[{"qubits": 3, "' + "k" * 9999 + '": 1}]', r"entry 0: key 'k+\.\.\. is unknown"),
        ('[{"qubits": 3, "t1_s": NaN}]', "t1_s: nan; must be a finite number"),
        ('{"qubits": 3}', "must be a JSON list"),
        ("qubits\n3\n", "line 1, column 1: is not JSON"),
    ],
)
def test_a_file_of_qpus_is_refused_in_one_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "qpus.json"
    path.write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        load_fleet(FleetConfig(name="test", file=str(path)))
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < len(str(path)) + 250

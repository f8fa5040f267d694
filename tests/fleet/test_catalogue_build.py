"""Building the catalogue: from snapshots made up here, and from the installed ones."""

import json
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qcbench.errors import InputError
from qcbench.fleet import build as building
from qcbench.fleet.build import build, build_rows, snapshot_folder, table_text
from qcbench.fleet.catalogue import CATALOGUE_PATH, catalogue_rows
from qcbench.fleet.snapshot import IBM_PRICE_PER_S

WHEN = "2025-03-29T05:16:26+02:00"


def _record(name: str, value: float, unit: str = "") -> dict[str, Any]:
    return {"date": WHEN, "name": name, "unit": unit, "value": value}


def _gate(gate: str, qubits: list[int], error: float, length_ns: float) -> dict[str, Any]:
    records = [_record("gate_error", error), _record("gate_length", length_ns, "ns")]
    return {"gate": gate, "qubits": qubits, "parameters": records}


def _write(folder: Path, name: str, **changes: Any) -> None:
    """Write a snapshot of four qubits in a line; all its figures are worked out by hand below."""
    configuration = {
        "backend_name": f"ibm_{name}",
        "backend_version": "1.2.3",
        "n_qubits": 4,
        "basis_gates": ["cx", "sx"],
        "coupling_map": [[0, 1], [1, 0], [2, 1], [1, 2], [2, 3]],
        "default_rep_delay": 250.0,
        "processor_type": {"family": "Falcon", "revision": "5.11"},
        "quantum_volume": 32,
        "clops": 2000,
    } | changes
    properties = {
        "last_update_date": WHEN,
        "qubits": [
            [_record("T1", 100, "us"), _record("T2", 50, "µs"), _record("readout_error", 0.01)],
            [_record("T1", 200, "us"), _record("readout_error", 0.02)],
            [_record("readout_error", 0.03), _record("readout_length", 900, "ns")],
            [_record("readout_error", 0.5), _record("readout_length", 1100, "ns")],
        ],
        "gates": [
            _gate("sx", [0], 0.001, 36),
            _gate("sx", [1], 0.003, 36),
            _gate("sx", [2], 1, 36),
            _gate("x", [0], 0.9, 36),
            _gate("cx", [0, 1], 0.01, 300),
            _gate("cx", [1, 0], 0.01, 340),
            _gate("cx", [2, 1], 1, 400),
            _gate("cx", [1, 2], 0.03, 400),
            _gate("cx", [2, 3], 1, 500),
        ],
    }
    path = folder / name
    path.mkdir()
    (path / f"conf_{name}.json").write_text(json.dumps(configuration))
    (path / f"props_{name}.json").write_text(json.dumps(properties))


def test_figures_of_a_snapshot_worked_out_by_hand(tmp_path: Path) -> None:
    _write(tmp_path, "toy")
    (row,) = build_rows(tmp_path, "9.9")
    assert row["qubits"] == 4
    assert row["coupling"] == [[0, 1], [1, 2], [2, 3]]
    assert row["readout_error"] == pytest.approx(0.025)
    assert row["readout_error_mean"] == pytest.approx(0.14)
    assert row["one_qubit_error"] == pytest.approx(0.002)
    assert row["one_qubit_error_mean"] == pytest.approx(1.004 / 3)
    assert row["faulty_one_qubit_gates"] == 1
    # links: 0-1 at .01, 1-2 at .03 in its working direction, 2-3 dead
    assert row["two_qubit_error"] == pytest.approx(0.02)
    assert row["two_qubit_error_mean"] == pytest.approx(2.05 / 5)
    assert (row["two_qubit_gates"], row["faulty_two_qubit_gates"]) == (5, 2)
    assert (row["links"], row["dead_links"]) == (3, 1)
    assert row["t1_s"] == pytest.approx(150e-6)
    assert row["t2_s"] == pytest.approx(50e-6)
    assert row["readout_duration_s"] == pytest.approx(1e-6)
    assert row["two_qubit_duration_s"] == pytest.approx(400e-9)
    assert row["repetition_delay_s"] == pytest.approx(250e-6)
    assert (row["clops_v"], row["clops_h"], row["d1cps"]) == (2000, None, pytest.approx(39900))
    assert row["calibration_date"] == "2025-03-29T03:16:26+00:00"
    assert row["processor"] == "Falcon r5.11"
    assert row["family"] == "ibmq4_toy"
    assert row["source"] == "qiskit-ibm-runtime 9.9, ibm_toy version 1.2.3"
    assert row["flags"] == ["dead_links"]
    assert row["price_per_s"] == IBM_PRICE_PER_S == pytest.approx(96 / 60)


def test_the_new_scale_does_not_become_the_old(tmp_path: Path) -> None:
    _write(tmp_path, "toy", clops=None, clops_v="None", clops_h=210000, quantum_volume=None)
    (row,) = build_rows(tmp_path, "9.9")
    assert (row["clops_v"], row["clops_h"], row["d1cps"]) == (None, 210000, None)
    assert row["quantum_volume"] is None


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (lambda folder: (folder / "toy" / "props_toy.json").unlink(), "props_toy.json: cannot be"),
        (
            lambda folder: (folder / "toy" / "props_toy.json").write_text('{"qubits": ['),
            "props_toy.json: line 1, column 13: is not JSON",
        ),
        (
            lambda folder: [(folder / "toy" / f"{p}_toy.json").unlink() for p in ("conf", "props")],
            "holds no calibration snapshot",
        ),
    ],
)
def test_broken_snapshots_are_named(tmp_path: Path, break_it: Any, message: str) -> None:
    _write(tmp_path, "toy")
    break_it(tmp_path)
    with pytest.raises(InputError, match=message):
        build_rows(tmp_path, "9.9")


def test_says_what_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(building.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="qiskit-ibm-runtime is not installed"):
        build(tmp_path / "catalogue.jsonl")
    assert not list(tmp_path.iterdir())


needs_snapshots = pytest.mark.skipif(
    __import__("importlib.util").util.find_spec("qiskit_ibm_runtime") is None,
    reason="qiskit-ibm-runtime is not installed",
)


@needs_snapshots
def test_rebuilds_to_the_packaged_bytes(tmp_path: Path) -> None:
    version = metadata.version("qiskit-ibm-runtime")
    packaged = {row["source"].split(",")[0] for row in catalogue_rows()}
    if packaged != {f"qiskit-ibm-runtime {version}"}:
        pytest.skip(f"the catalogue was built from {packaged}, installed is {version}")
    path = build(tmp_path / "catalogue.jsonl")
    assert path.read_bytes() == CATALOGUE_PATH.read_bytes()
    assert [entry.name for entry in tmp_path.iterdir()] == ["catalogue.jsonl"]


@needs_snapshots
def test_does_not_import_qiskit(tmp_path: Path, root: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from qcbench.fleet.build import build; "
        f"build(Path({str(tmp_path / 'table.jsonl')!r})); "
        "print([m for m in sys.modules if m.startswith(('qiskit', 'polars'))])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"


@needs_snapshots
def test_unwritable_path_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written"):
        build(tmp_path / "absent" / "catalogue.jsonl")
    (tmp_path / "taken").mkdir()
    with pytest.raises(InputError, match="taken: cannot be written"):
        build(tmp_path / "taken")
    assert [entry.name for entry in tmp_path.iterdir()] == ["taken"]


@needs_snapshots
@pytest.mark.parametrize(("name", "gate"), [("kyiv", "ecr"), ("torino", "cz"), ("perth", "cx")])
def test_means_agree_with_numpy_over_the_raw_file(name: str, gate: str) -> None:
    """The published convention (plain means, faulty gates included), computed another way."""
    raw = json.loads((snapshot_folder() / name / f"props_{name}.json").read_text())
    row = next(row for row in catalogue_rows() if row["name"] == name)
    errors = np.array(
        [
            {p["name"]: p["value"] for p in entry["parameters"]}["gate_error"]
            for entry in raw["gates"]
            if entry["gate"] == gate
        ]
    )
    assert row["two_qubit_error_mean"] == pytest.approx(errors.mean(), rel=1e-12)
    assert row["faulty_two_qubit_gates"] == np.count_nonzero(errors == 1)
    assert row["two_qubit_error"] == pytest.approx(np.median(errors[errors < 1]), rel=1e-12)
    readout = np.array(
        [{p["name"]: p["value"] for p in qubit}["readout_error"] for qubit in raw["qubits"]]
    )
    assert row["readout_error"] == pytest.approx(np.median(readout), rel=1e-12)
    assert row["readout_error_mean"] == pytest.approx(readout.mean(), rel=1e-12)


def test_the_table_is_the_same_text_for_the_same_rows() -> None:
    rows = [dict(row) for row in catalogue_rows()]
    assert table_text(rows).encode() == CATALOGUE_PATH.read_bytes()


@pytest.mark.parametrize(
    ("conf", "message"),
    [
        ("[1]", "conf_toy.json: is no object"),
        ("{}", "toy: is no calibration snapshot; it lacks 'n_qubits'"),
        ('{"n_qubits": "many"}', "toy: is no calibration snapshot; a value has another type"),
        ('{"n_qubits": 2, "coupling_map": [7]}', "toy: is no calibration snapshot; a value"),
        ('{"n_qubits": 1e999}', "conf_toy.json: n_qubits is 1e999; the largest number"),
        ('{"n_qubits": NaN}', "conf_toy.json: NaN is no number of JSON"),
    ],
)
def test_what_is_no_snapshot_is_named(tmp_path: Path, conf: str, message: str) -> None:
    _write(tmp_path, "toy")
    (tmp_path / "toy" / "conf_toy.json").write_text(conf)
    with pytest.raises(InputError, match=message) as caught:
        build_rows(tmp_path, "9.9")
    assert str(caught.value).startswith(str(tmp_path))
    assert "\n" not in str(caught.value)

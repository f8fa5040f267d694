"""The packaged catalogue: what is in it, what is flagged, and how fast it loads."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from qcbench.errors import InputError
from qcbench.fleet.catalogue import catalogue, catalogue_frame, catalogue_rows, device
from qcbench.fleet.families import FAMILIES
from qcbench.fleet.profile import QpuProfile

ALL = list(catalogue().values())


def _components(qubits: int, edges: tuple[tuple[int, int], ...]) -> int:
    parent = list(range(qubits))

    def root(node: int) -> int:
        while parent[node] != node:
            node = parent[node]
        return node

    for a, b in edges:
        parent[root(a)] = root(b)
    return len({root(node) for node in range(qubits)})


def test_has_every_snapshot_once_in_order() -> None:
    names = [row["name"] for row in catalogue_rows()]
    assert len(names) == len(set(names)) == 68
    assert names == sorted(names) == list(catalogue())
    needed = "washington kolkata hanoi perth lagos brussels strasbourg kyiv kawasaki quebec "
    needed += "sherbrooke brisbane torino marrakesh fez guadalupe"
    assert set(needed.split()) <= set(names)


@pytest.mark.parametrize("qpu", ALL, ids=lambda qpu: qpu.name)
def test_figures_are_possible(qpu: QpuProfile) -> None:
    assert qpu.readout_error is not None
    assert qpu.one_qubit_error is not None
    assert 0 <= qpu.readout_error <= 1
    assert 0 <= qpu.one_qubit_error <= 1
    assert (qpu.two_qubit_error is None) == (qpu.qubits == 1)  # one qubit has no two-qubit gates
    assert qpu.two_qubit_error is None or 0 <= qpu.two_qubit_error <= 1
    for rate in (qpu.d1cps, qpu.clops_v, qpu.clops_h, qpu.quantum_volume, qpu.t1_s, qpu.t2_s):
        assert rate is None or rate > 0
    for duration in (qpu.readout_duration_s, qpu.one_qubit_duration_s, qpu.two_qubit_duration_s):
        assert duration is None or 1e-8 < duration < 1e-3
    assert qpu.t1_s is not None
    assert 1e-5 < qpu.t1_s < 1e-2  # a wrong unit is a factor of 1000
    assert 0 < qpu.repetition_delay_s < 0.01
    assert qpu.price_per_s > 0
    assert qpu.calibration_date[:4] in {str(year) for year in range(2019, 2027)}
    assert qpu.source
    assert qpu.basis_gates


@pytest.mark.parametrize("qpu", ALL, ids=lambda qpu: qpu.name)
def test_coupling_maps_are_connected_and_undirected(qpu: QpuProfile) -> None:
    assert all(0 <= a < b < qpu.qubits for a, b in qpu.coupling)
    assert len(set(qpu.coupling)) == len(qpu.coupling)
    assert _components(qpu.qubits, qpu.coupling) == 1


def test_the_two_clops_scales_do_not_mix() -> None:
    assert all(500 < qpu.clops_v < 5000 for qpu in ALL if qpu.clops_v is not None)
    assert all(qpu.clops_h >= 5000 for qpu in ALL if qpu.clops_h is not None)
    assert not [qpu.name for qpu in ALL if qpu.clops_v is not None and qpu.clops_h is not None]


def test_d1cps_is_known_exactly_where_clops_v_is() -> None:
    for qpu in ALL:
        if qpu.clops_v is None:
            assert qpu.d1cps is None
        else:
            assert qpu.d1cps == pytest.approx(19.95 * qpu.clops_v, rel=1e-12)


def test_doubtful_snapshots_are_flagged_and_no_others() -> None:
    flagged = {qpu.name: set(qpu.flags) for qpu in ALL if qpu.flags}
    assert flagged == {
        "kyoto": {"no_working_link"},
        "manhattan": {"dead_links"},
        "cusco": {"dead_links"},
        "cambridge": {"dead_links"},
        "cairo": {"dead_links"},
        "lagos": {"readout_error"},
        "rochester": {"readout_error"},
        "toronto": {"slow_gates"},
        "fractional": {"not_a_device"},
        "nighthawk": {"not_a_device"},
    }


def test_a_device_without_a_working_gate_has_error_one() -> None:
    assert device("kyoto").two_qubit_error == 1


def test_medians_leave_out_what_means_keep() -> None:
    for row in catalogue_rows():
        if row["faulty_two_qubit_gates"] >= 0.01 * row["two_qubit_gates"] > 0:
            assert row["two_qubit_error_mean"] >= row["two_qubit_error"], row["name"]
        assert row["dead_links"] <= row["links"] == len(row["coupling"])
        assert row["faulty_two_qubit_gates"] <= row["two_qubit_gates"]


def test_a_family_is_one_coupling_map() -> None:
    maps: dict[str, set[tuple[tuple[int, int], ...]]] = {}
    for qpu in ALL:
        maps.setdefault(qpu.family, set()).add(qpu.coupling)
    several = {family for family, found in maps.items() if len(found) > 1}
    assert several == {"ibmq127"}  # the first Eagle lacks two links of the later ones
    first, later = sorted(maps["ibmq127"], key=len)
    assert set(first) < set(later)
    assert set(later) - set(first) == {(8, 9), (109, 114)}
    assert len({found for maps_of in maps.values() for found in maps_of}) == len(maps) + 1


def test_every_family_has_its_reference_device() -> None:
    assert set(FAMILIES) == {qpu.family for qpu in ALL}
    for family, reference in FAMILIES.items():
        assert device(reference).family == family


def test_devices_are_found_by_both_names() -> None:
    assert device("ibmq_kolkata") is device("kolkata")
    assert device("ibm_fez").name == "fez"


def test_unknown_device_names_the_nearest() -> None:
    with pytest.raises(InputError, match=r"device 'kolkatta' is not in the catalogue.*kolkata"):
        device("kolkatta")


def test_catalogue_is_read_only() -> None:
    with pytest.raises(TypeError):
        catalogue()["new"] = device("perth")  # type: ignore[index]


def test_frame_has_every_column() -> None:
    frame = catalogue_frame()
    assert frame.height == 68
    assert frame.columns == list(catalogue_rows()[0])
    assert frame.to_dicts() == [dict(row) for row in catalogue_rows()]


def test_loads_in_milliseconds_without_heavy_libraries(root: Path) -> None:
    code = """
import json, sys, time
from qcbench.fleet.catalogue import catalogue
from qcbench.fleet.config import FleetConfig, QpuConfig
from qcbench.fleet.load import load_fleet
begin = time.process_time()
catalogue()
load_fleet(FleetConfig(name="one", qpus=[QpuConfig(device="fez")]))
print(json.dumps([time.process_time() - begin, sorted(m for m in sys.modules if "." not in m)]))
"""
    spent = []
    for _ in range(3):
        result = subprocess.run(
            [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
        )
        seconds, modules = json.loads(result.stdout)
        spent.append(seconds)
        heavy = {"polars", "qiskit", "qiskit_ibm_runtime", "ray", "torch", "mlflow", "hydra"}
        assert not heavy & set(modules)
        assert "pydantic" not in modules
    assert min(spent) < 0.05

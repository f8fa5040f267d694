"""Repetitions through the real client, on an emulator that is started for each of them."""

from pathlib import Path

import polars as pl
import pytest

from qcbench.hardware.replay import run_replay
from qcbench.hardware.replay_config import compose_replay
from qcbench.hardware.results import gap_of

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

pytest.importorskip("qiskit_aer")
pytest.importorskip("qiskit_ibm_runtime")
pytest.importorskip("mqt.bench")


def test_each_measures_its_own_noise_and_the_same_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    told = ["tasks=4", "heuristics=[]", "backend.speed=30", "poll_s=0.2", "repeat=2", "fleet=qce5"]
    told += ["scenario.workload.circuits.max_qubits=3", "scenario.workload.circuits.shots=500"]

    def played(folder: str, repetition: int) -> tuple[Path, pl.DataFrame]:
        places = [f"replays_dir={tmp_path / folder}", f"repetition={repetition}"]
        found = run_replay(compose_replay([*told, *places]))
        return found.folder, found.table.sort("task").select("task", "qpu", "fidelity")

    (first, one), (second, two) = (played("replays", repetition) for repetition in (1, 2))
    _, again = played("again", 2)
    assert again.equals(two)
    assert one["qpu"].to_list() == two["qpu"].to_list()
    assert (one["fidelity"] != two["fidelity"]).all()
    found = gap_of([str(first), str(second)])
    assert found.gap.repetitions == 2
    assert "on which it was replayed" in found.gap.scope

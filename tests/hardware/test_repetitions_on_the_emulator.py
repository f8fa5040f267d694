"""Repetitions through the real client, on an emulator that is started for each of them."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from stopping import stopped_and_gone_on_with

from qcbench.hardware.providers import emulator
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


def test_a_replay_that_goes_on_repeats_no_draw(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was measured before it was stopped stays, and the rest is not that over again."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    used: list[list[str]] = []
    started = emulator.running_emulator

    def running(overrides: list[str], **more: Any) -> Any:
        used.append([each for each in overrides if each.startswith(("day=", "restart="))])
        return started(overrides, **more)

    monkeypatch.setattr(emulator, "running_emulator", running)
    told = ["tasks=2", "heuristics=[]", "backend.speed=30", "poll_s=0.2", "fleet=qce5"]
    told += ["scenario.workload.circuits.max_qubits=3", "scenario.workload.circuits.shots=500"]
    config = compose_replay([*told, f"replays_dir={tmp_path}"])
    table = stopped_and_gone_on_with(config, "placed [1-9]", monkeypatch).table
    assert set(table["state"]) == {"done"}
    assert used == [[], ["restart=1"]]

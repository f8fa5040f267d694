"""A whole replay on Aer in this process: every row accounted for, and taken up after a stop."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from exported_samples import earliest_completion_card

from qcbench.api import simulate
from qcbench.cli.main import main
from qcbench.errors import InputError
from qcbench.hardware import local
from qcbench.hardware.design import frozen
from qcbench.hardware.ledger import JobLedger
from qcbench.hardware.manifest import find_replay, open_replay
from qcbench.hardware.plan import make_world
from qcbench.hardware.replay import describe, estimate_replay, run_replay
from qcbench.hardware.replay_config import ReplayConfig, compose_replay, replay_id
from qcbench.hardware.table import fifo_waits
from qcbench.policies.exported.folder import write_folder

pytestmark = pytest.mark.e2e

pytest.importorskip("qiskit_aer")
pytest.importorskip("mqt.bench")

SMALL = ["backend=local", "backend.speed=60", "poll_s=0.1", "scenario.workload.circuits.shots=200"]
SMALL += ["scenario.workload.circuits.max_qubits=4"]


@pytest.fixture(scope="module", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


def told(folder: Path, *overrides: str) -> ReplayConfig:
    return compose_replay([*SMALL, f"replays_dir={folder}", *overrides])


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[ReplayConfig, pl.DataFrame]:
    config = told(tmp_path_factory.mktemp("replays"), "tasks=5", "heuristics=[greedy]")
    return config, run_replay(config).table


def test_every_task_has_a_row_under_every_policy(played) -> None:
    config, table = played
    assert table.height == 5 * 2
    assert table.select("policy", "task").n_unique() == 10
    assert set(table["label"]) == {"local"}
    assert set(table["state"]) == {"done"}
    feasible = make_world(config).estimates.feasible
    names = make_world(config).scenario.fleet.names
    for row in table.to_dicts():
        assert feasible[row["task"], names.index(row["qpu"])]
        assert row["completion_s"] == pytest.approx(row["queue_s"] + row["execution_s"])
        assert 0 < row["fidelity"] <= 1
        assert row["submitted_s"] <= row["started_s"] <= row["finished_s"]
        assert len(row["intent"]) == 32


def test_simulated_columns_are_those_of_the_simulator(played) -> None:
    config, table = played
    for policy in ("earliest_completion", "greedy"):
        records = simulate(config.scenario, policy, seed=config.seed, suite="replay").frame()
        own = table.filter(pl.col("policy") == policy).sort("task")
        simulated = records.sort("job_id" if "row" not in records.columns else "row")
        assert sorted(own["policy_simulated_completion_s"].to_list()) == pytest.approx(
            sorted((simulated["wait_s"] + simulated["exec_s"]).to_list())
        )


def test_csv_holds_what_the_parquet_holds(played) -> None:
    config, table = played
    folder = find_replay(None, config.replays_dir).folder
    read = pl.read_csv(folder / "tasks.csv")
    assert read.columns == table.columns
    assert read["intent"].to_list() == table["intent"].to_list()


def test_same_command_again_submits_nothing(played) -> None:
    config, table = played
    again = run_replay(config)
    assert again.table.select("intent", "job_id", "fidelity").equals(
        table.select("intent", "job_id", "fidelity")
    )


def test_replay_that_was_stopped_goes_on_with_the_same_decisions(tmp_path: Path) -> None:
    config = told(tmp_path, "tasks=4", "policies=[round_robin,random]", "heuristics=[]")
    heard = 0

    def stop(line: str) -> None:
        nonlocal heard
        heard += line.startswith("placed")
        if heard == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_replay(replace(config, poll_s=0.05), stop)
    folder = open_replay(tmp_path / f"replay-{replay_id(config)}")
    with JobLedger(folder.ledger) as ledger:
        before = ledger.decisions()
    finished = run_replay(config)
    with JobLedger(folder.ledger) as ledger:
        after = ledger.decisions()
        sequences = [(d.policy, d.sequence) for d in after]
    assert before
    assert all(one in after for one in before)
    assert len(set(sequences)) == len(sequences)
    assert finished.table.height == 8
    assert set(finished.table["state"]) == {"done"}


def test_larger_budget_plays_what_was_refused(tmp_path: Path) -> None:
    poor = told(tmp_path, "tasks=2", "heuristics=[]", "budget_s=4")
    table = run_replay(poor).table
    assert set(table["state"]) == {"refused"}
    assert set(table["error_class"]) == {"budget"}
    assert table["error"].str.contains("of 4 are spent or reserved").all()
    table = run_replay(replace(poor, budget_s=1000)).table
    assert set(table["state"]) == {"done"}
    assert table["fidelity"].is_not_null().all()


def test_recalibrated_devices_after_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was submitted was compiled for the old calibration and stays what it was."""
    config = told(tmp_path, "tasks=2", "heuristics=[]", "budget_s=4")
    before = run_replay(config).table
    snapshot = local._snapshot_backend
    names = {"perth": "lagos", "lagos": "perth", "hanoi": "kolkata", "kolkata": "hanoi"}
    monkeypatch.setattr(local, "_snapshot_backend", lambda name: snapshot(names.get(name, name)))
    after = run_replay(replace(config, budget_s=1000)).table
    assert set(after["state"]) == {"done"}
    same = ["intent", "compiled", "circuit_length_s", "fidelity_as_calibrated", "calibration"]
    assert after.select(same).equals(before.select(same))


def test_policy_that_only_violates_is_truncated(tmp_path: Path) -> None:
    actions = tmp_path / "actions.csv"
    actions.write_text("action\n" + "3\n" * 50)
    scripted = f"policies=[{{name: scripted, parameters: {{file: {actions}}}}}]"
    wide = ["scenario.workload.circuits.min_qubits=8", "scenario.workload.circuits.max_qubits=8"]
    limit = "scenario.rules.rescheduling.max_decisions=4"
    config = told(tmp_path, "tasks=2", scripted, "heuristics=[]", "mirror=false", *wide, limit)
    with pytest.raises(InputError, match="no policy placed any task"):
        run_replay(config)
    both = told(tmp_path, "tasks=2", scripted, "heuristics=[greedy]", "mirror=false", *wide, limit)
    table = run_replay(both).table
    assert table.height == 4
    lost = table.filter(pl.col("policy") == "scripted")
    assert lost["state"].to_list() == ["truncated"] * 2
    assert lost["violations"].sum() == 4
    assert set(table.filter(pl.col("policy") == "greedy")["state"]) == {"done"}
    assert main(["gap", "--replays-dir", str(tmp_path), "tracking=none"]) == 0


def test_circuits_that_are_too_large_keep_their_row_and_reason(tmp_path: Path) -> None:
    config = told(
        tmp_path,
        "tasks=3",
        "heuristics=[]",
        "mirror=false",
        "scenario.workload.circuits.min_qubits=26",
        "scenario.workload.circuits.max_qubits=27",
        "scenario.workload.circuits.algorithms=[qft]",
        "level=0",
    )
    table = run_replay(config).table
    assert table["state"].to_list() == ["not_run"] * 3
    assert set(table["error_class"]) == {"too_large"}
    for row in table.to_dicts():
        assert "too large to simulate" in row["error"]
        assert row["simulated_execution_s"] > 0
        assert row["usage_rule_s"] > 2
        assert row["fidelity_as_calibrated"] >= 0
        assert row["job_id"] is None
    assert main(["gap", "--replays-dir", str(tmp_path), "tracking=none"]) == 0


def test_qasm_and_qpy_files_as_tasks(tmp_path: Path) -> None:
    from qiskit import QuantumCircuit, qpy  # noqa: PLC0415

    folder = tmp_path / "circuits"
    folder.mkdir()
    (folder / "bell.qasm").write_text(
        'OPENQASM 2.0;\ninclude "qelib1.inc";\nqreg q[2];\ncreg c[2];\nh q[0];\ncx q[0],q[1];\n'
        "measure q -> c;\n"
    )
    circuit = QuantumCircuit(3)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.cx(1, 2)
    circuit.measure_all()
    with (tmp_path / "three.qpy").open("wb") as file:
        qpy.dump(circuit, file)
    arrivals = "scenario.workload.arrivals={process: batch}"
    for path, name in ((folder, "bell"), (tmp_path / "three.qpy", "three")):
        config = told(tmp_path / "r", f"tasks={path}", "heuristics=[]", arrivals)
        table = run_replay(config).table
        assert table["algorithm"].to_list() == [name]
        assert table["state"].to_list() == ["done"]
        assert table["fidelity"][0] > 0.5


def test_exported_policy_is_replayed(tmp_path: Path) -> None:
    """A network that imitates earliest completion decides as that does."""
    card, tensors = earliest_completion_card()
    folder = write_folder(tmp_path / "champion", card, tensors)
    table = run_replay(
        told(tmp_path / "r", "tasks=3", f"policy={folder}", "heuristics=[]", "mirror=false")
    ).table
    assert set(table["policy"]) == {"champion"}
    assert set(table["state"]) == {"done"}
    records = simulate(
        told(tmp_path, "tasks=3").scenario, "earliest_completion", suite="replay"
    ).frame()
    np.testing.assert_allclose(
        sorted(table["policy_simulated_execution_s"]), sorted(records["exec_s"])
    )


def test_dry_run_says_what_it_would_cost_and_stores_nothing(tmp_path: Path) -> None:
    config = told(tmp_path, "tasks=3", "dry_run=true")
    outlook = estimate_replay(config)
    assert outlook.cost.jobs >= 9
    assert outlook.cost.charge > 9 * 2.0
    lines = "\n".join(describe(config, outlook))
    assert "nothing was submitted" in lines
    assert "power: no difference of two policies can be claimed from 3 blocks of time" in lines
    assert frozen(config)["sha256"] in lines
    assert not list(tmp_path.iterdir())


def test_waits_are_those_of_the_simulated_cloud() -> None:
    records = simulate("placement/qce5", "round_robin", seed=3)
    submit_s = records.arrival_s + records.delay_s
    waits = fifo_waits(submit_s, records.exec_s, records.qpu)
    np.testing.assert_allclose(waits, records.wait_s, atol=1e-9)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["tasks=nowhere.qasm"], "tasks=nowhere.qasm: is no number"),
        (["tasks=0"], "tasks: 0; must be at least 1"),
        (["policy=greeedy"], "policy greeedy: no such placement policy"),
        (["policies=[greedy,greedy]", "heuristics=[]"], "policies: two are called greedy"),
        (["scenario=serverless/small"], "is of track queueing"),
        (["backend=ibm"], "budget_s: is missing"),
        (["backend=nothing"], "backend=nothing: no such backend"),
        (["backend.workers=0"], "backend.workers: 0; must be at least 1"),
        (["level=4"], "level: 4; must be in 0..3"),
        (["poll_s=0"], "poll_s: 0; must be positive"),
    ],
)
def test_bad_input_is_one_line(
    overrides: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    backend = [] if any(text.startswith("backend=") for text in overrides) else ["backend=local"]
    assert main(["replay", *backend, *overrides]) == 2
    error = capsys.readouterr().err.strip()
    assert message in error
    assert "\n" not in error


def test_account_without_confirmation_or_token_submits_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("QISKIT_IBM_TOKEN", raising=False)
    config = compose_replay(["backend=ibm", "budget_s=60", f"replays_dir={tmp_path}"])
    with pytest.raises(InputError, match="no token; put it into the variable QISKIT_IBM_TOKEN"):
        run_replay(config)


def test_replay_runs_where_ray_rllib_gymnasium_and_torch_are_not_installed(
    tmp_path: Path,
) -> None:
    code = f"""
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] in {{'ray', 'gymnasium', 'torch', 'numba', 'mlflow'}}:
            raise ModuleNotFoundError(f'No module named {{name!r}}', name=name)
sys.meta_path.insert(0, Missing())
from qcbench.cli.main import main
code = main(['replay', *{SMALL!r}, 'tasks=1', 'heuristics=[]', 'mirror=false',
             'replays_dir={tmp_path}'])
code = code or main(['gap', '--replays-dir', '{tmp_path}', 'tracking=none'])
loaded = {{'ray', 'gymnasium', 'torch'}} & set(sys.modules)
sys.exit(code or bool(loaded))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "local:" in done.stdout

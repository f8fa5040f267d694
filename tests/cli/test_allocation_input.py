"""Bad input to the allocation track on the command line: exit code 2 and one line that helps."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from qcbench.cli.main import main

HEADER = "job_id,num_qubits,two_qubits,depth,priority,arrival_time,num_shots\n"
JOB = ["simulate", "policy=speed", "scenario=allocation/job-file"]
CASE = ["simulate", "policy=speed", "scenario=allocation/eagle5"]
PLACEMENT = ["simulate", "policy=greedy", "scenario=placement/qce5"]
ONE_QPU = "++scenario.fleet.qpus=[{device: kyiv, quantum_volume: 128}]"


def refused(capsys: pytest.CaptureFixture[str], arguments: Sequence[str]) -> str:
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    lines = captured.err.strip().splitlines()
    assert len(lines) == 1, captured.err
    return lines[0]


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("jobs.csv", HEADER + "1,700,5,5,2,,100\n", ["700 qubits", "eagle5", "635"]),
        ("jobs.csv", HEADER + "1,150,5,5,2,,0\n", ["line 2", "num_shots", "at least 1"]),
        ("jobs.csv", HEADER + "1,150,5,5,2,,10\n2,180,", ["line 3", "torn"]),
        ("jobs.json", '{"jobs": [{"job_id": 1, "num_qubits": 150, "tw', ["line 1", "torn"]),
        ("jobs.json", '{"jobs": [{"num_qubits": 150}]}', ["row 1", "'job_id'"]),
        ("jobs.csv", HEADER, ["jobs.csv", "a header but no rows"]),
    ],
)
def test_job_files(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    name: str,
    text: str,
    words: list[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_text(text, encoding="utf-8")
    for verb in (
        [*JOB, f"workload.circuits.path={name}"],
        [
            "run",
            "suite=allocation-v1",
            "suite.scenarios=[allocation/job-file]",
            f'suite.scenario_overrides=["workload.circuits.path={name}"]',
            "cluster=inline",
            "tracking=none",
        ],
    ):
        line = refused(capsys, verb)
        assert all(word in line for word in words), line
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([*CASE, ONE_QPU], ["qubits", "eagle5", "127"]),
        ([*CASE, "++scenario.fleet.qpus=[{device: kyiw}]"], ["kyiw", "kyiv"]),
        ([*CASE, "rules.dispatch.order=lifo"], ["lifo", "fifo", "backfill", "icpp2025"]),
        ([*CASE, "rules.dispatch.backfill_depth=-1"], ["backfill_depth", "-1"]),
        ([*CASE, "rules.dispatch.search_steps=0"], ["search_steps", "0"]),
        ([*CASE, "rules.dispatch.qpus=exclusive"], ["exclusive", "allocation", "shared"]),
        ([*CASE, "rules.dispatch={order: icpp2025, qpus: shared, connected: true}"], ["connected"]),
        ([*CASE, "physics.fidelity={model: esp}"], ["ibmq127_depth"]),
        ([*CASE, "physics.time={model: clops, variant: paper}"], ["paper", "consistent"]),
        ([*CASE, "workload.circuits.min_shots=150"], ["min_shots", "150", "100"]),
        ([*CASE, "workload.circuits.small_share=2"], ["small_share", "2"]),
        ([*CASE, "workload.arrivals={process: spaced, gap_s: 0}"], ["gap_s", "0"]),
        (
            [
                "simulate",
                "scenario=placement/qce5",
                "policy=greedy",
                "rules.dispatch.order=icpp2025",
            ],
            ["icpp2025", "allocation"],
        ),
    ],
    ids=lambda value: " ".join(value[2:]),
)
def test_configs(
    capsys: pytest.CaptureFixture[str], arguments: list[str], words: list[str]
) -> None:
    line = refused(capsys, arguments)
    assert all(word in line for word in words), line


def test_a_fleet_of_one_qpu_runs_what_fits_it(capsys: pytest.CaptureFixture[str]) -> None:
    small = "workload.circuits={source: large, min_qubits: 20, max_qubits: 120}"
    for policy in ("speed", "fidelity", "fair", "best_tradeoff"):
        arguments = [*CASE[:1], f"policy={policy}", *CASE[2:], ONE_QPU, small, "workload.tasks=30"]
        assert main(arguments) == 0
        assert "30 of 30 tasks done" in capsys.readouterr().err


def test_records_say_devices_qubits_communication_and_fidelity(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main([*CASE, "workload.tasks=3"]) == 0
    header, first, *_ = capsys.readouterr().out.splitlines()
    row = dict(zip(header.split(","), first.split(","), strict=True))
    qpus, qubits = row["qpus"].split(";"), [int(n) for n in row["qubits"].split(";")]
    assert qpus == ["strasbourg", "brussels", "kyiv", "quebec", "kawasaki"]
    assert 130 <= sum(qubits) <= 250
    expected = 0.02 * (2 * sum(qubits) - qubits[0] - qubits[-1])
    assert float(row["comm_s"]) == pytest.approx(expected)
    assert 0.5 < float(row["fidelity"]) < 0.75

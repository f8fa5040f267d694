"""Bad input on the command line: exit code 2, one line that helps, nothing half-written."""

import csv
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from qcbench.cli.main import main

QSIMPY = "scenario=placement/qsimpy-file"


def refuse(capsys: pytest.CaptureFixture[str], arguments: Sequence[str], *words: str) -> None:
    """Run a verb that must refuse its arguments in one line with these words."""
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    lines = captured.err.strip().splitlines()
    assert len(lines) == 1, captured.err
    for word in words:
        assert word in lines[0], lines[0]


@pytest.fixture
def published(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """A published-format CSV with two subsets of tasks."""
    path = tmp_path / "tasks.csv"
    assert main(["workload", "generate", "--subsets", "2", "--seed", "1", str(path)]) == 0
    capsys.readouterr()
    return path


def simulate(path: Path, *more: str) -> list[str]:
    """Arguments that simulate a task file."""
    return ["simulate", QSIMPY, f"workload.circuits.path={path}", *more]


def rewrite(path: Path, change: "object") -> None:
    with path.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    rows = change(rows)  # type: ignore[operator]
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["rnu"], ["rnu", "did you mean run"]),
        (["simulate", "policy=earliest_completon"], ["earliest_completon", "earliest_completion"]),
        (["simulate", "policy.name=gready"], ["gready", "greedy"]),
        (["simulate", "scenario=placement/qce55"], ["qce55", "placement/qce5"]),
        (["simulate", "fleet=heron"], ["heron", "heron5"]),
        (["simulate", "workload.arivals.load=1"], ["arivals", "arrivals"]),
        (["simulate", "policy=weighted", "policy.parameters.time=-1"], ["time", "-1"]),
        (["simulate", "policy=weighted", "policy.parameters.tme=1"], ["tme", "time"]),
        (["simulate", "policy=weighted", "policy.parameters.time=much"], ["time", "much"]),
        (["simulate", "seed=first"], ["seed", "first", "whole number"]),
        (["simulate", "format=xml"], ["format", "xml", "csv"]),
        (["simulate", "output=/no/such/folder/records.csv"], ["/no/such/folder"]),
        (["simulate", "workload.tasks=0"], ["tasks"]),
        (["run", "suite=placement-v2"], ["placement-v2", "placement-v1"]),
        (["run", "suite.replicates=0"], ["suite.replicates", "0", "at least 1"]),
        (["run", "suite.policies=[greedy,gredy]", "suite.baseline=greedy"], ["gredy", "greedy"]),
        (["run", "suite.policies=[greedy]"], ["suite.baseline", "earliest_completion"]),
        (["run", "suite.policies=[greedy,greedy]", "suite.baseline=greedy"], ["greedy", "twice"]),
        (["run", "suite.primery_metric=x"], ["primery_metric", "primary_metric"]),
        (["run", "hydra.run.dir=/x"], ["hydra.run.dir", "leave it out"]),
        (["run", "+hydra/launcher=ray"], ["hydra/launcher", "leave it out"]),
        (["simulate", "++hydra.verbose=true"], ["hydra.verbose", "leave it out"]),
        (["run", "cluster.wrokers=2"], ["cluster.wrokers", "workers"]),
        (["run", "suite.scenarios=[placement/qce6]"], ["placement/qce6", "placement/qce5"]),
        (["run", "--config-dir", "/no/such/folder"], ["/no/such/folder"]),
        (["resume", "no-such-run"], ["no-such-run"]),
        (["leaderboard", "no-such-run"], ["no-such-run"]),
        (["policies", "placment"], ["placment", "placement"]),
        (["fleets", "qce6"], ["qce6", "qce5"]),
        (["completion", "tcsh"], ["tcsh", "bash"]),
        (["leaderboard", "--format", "xml"], ["--format", "xml", "csv", "--help"]),
        (["workload", "generate", "x.csv", "--seed", "-1"], ["--seed", "-1"]),
        (["workload", "show", "--nope"], ["--nope", "--help"]),
        (["run", "--cfg", "jobs"], ["--cfg", "jobs", "job"]),
        (["simulate", "~policy"], ["policy", "missing"]),
        (["simulate", "output=records.xlsx"], ["records.xlsx", ".parquet"]),
        (["simulate", "output=/tmp", "format=csv"], ["/tmp", "folder"]),
        (["simulate", "workload.tasks=1e15"], ["workload.tasks", "at most 10000000"]),
        (["simulate", "workload.tasks=1e300"], ["workload.tasks", "1e+300", "too large"]),
        (["simulate", "seed=-1"], ["seed", "-1", "must not be negative"]),
        (["simulate", "seed=1e18", "workload.arrivals.process=qsimpy"], ["qsimpy", "last"]),
        (["simulate", "fleet=nan"], ["fleet=nan", "no such fleet", "qce5"]),
        (["simulate", "workload=5"], ["workload=5", "no such workload"]),
        (["simulate", "scenario=../suite/quickstart"], ["../suite/quickstart", "no such scenario"]),
        (["simulate", "~scenario"], ["scenario", "missing"]),
        (["run", "cluster.address=127.0.0.1:1"], ["cluster.address=127.0.0.1:1", "no Ray"]),
        (["run", "cluster.address=localhost:99999"], ["localhost:99999", "HOST:PORT"]),
        (["simulate", "=5"], ["=5", "no key", "key=value"]),
        (["simulate", "rules.execution_sigma=1e15"], ["rules.execution_sigma", "must be in 0..10"]),
        (["simulate", "rules.rescheduling.max_decisions=0"], ["max_decisions", "0", "at least 1"]),
        (["simulate", "rules.failures.mean_up_s=10"], ["rules.failures.mean_down_s", "missing"]),
        (
            ["simulate", "policy=lookahead", "policy.parameters.horizon=nan"],
            ["policy.parameters.horizon", "nan", "finite number"],
        ),
        (
            ["simulate", "scenario=placement/qce5-stream", "workload.arrivals.load=1e-300"],
            ["workload.arrivals", "limit", "rate"],
        ),
        (
            ["simulate", "scenario=serverless/small", "workload.tasks=0", "rules.horizon_s=1e17"],
            ["workload.arrivals", "rules.horizon_s", "at most 10000000"],
        ),
        (
            ["simulate", "scenario=partition/nodes20", "workload.tasks=1000000"],
            ["partition/nodes20", "qubits", "1 of 1 draws"],
        ),
        (["simulate", "output=/dev/null", "format=csv"], ["/dev/null", "no regular file"]),
        (["simulate", "output=/proc/records.csv"], ["/proc/records.csv", "cannot be written"]),
        (
            ["run", "suite.replicates=1e9"],
            ["suite.replicates", "1000000000", "1,000,000", "at most"],
        ),
        (["run", "suite.replicates=true"], ["suite.replicates", "True", "number"]),
        (["run", "suite.seed=-1"], ["suite.seed", "-1", "must not be negative"]),
        (["run", "suite=null"], ["suite=null", "no such suite", "quickstart"]),
        (["run", "suite.name=../../elsewhere"], ["suite.name", "../../elsewhere", "slash"]),
        (["leaderboard", "/etc/passwd"], ["/etc/passwd", "is no run", "manifest.json"]),
        (
            ["simulate", "scenario=allocation/eagle5", "physics.links.fidelity_per_cut=2"],
            ["physics.links.fidelity_per_cut", "2", "0..1"],
        ),
        (
            ["simulate", "scenario=allocation/eagle5", "physics.links.time_per_qubit_s=-1"],
            ["physics.links.time_per_qubit_s", "-1", "negative"],
        ),
        (
            ["simulate", "scenario=placement/qce5-unreliable", "rules.drift.step_s=1e-9"],
            ["rules.drift.step_s", "1e-09", "at least"],
        ),
        (
            ["simulate", "scenario=placement/qce5-unreliable", "rules.drift.sigma=1e9"],
            ["rules.drift.sigma", "must be in 0..10"],
        ),
        (
            ["simulate", "scenario=hybrid/heron5", "workload.circuits.mean_iterations=1e15"],
            ["mean_iterations", "1000000"],
        ),
        (["simulate", "workload.circuits.shots=1e18"], ["circuits.shots", "at most 2147483647"]),
        (["partition", "draw", "--output", "/proc/x"], ["/proc/x", "cannot be made"]),
        (["workload", "build", "--output", "/proc/x.parquet"], ["/proc/x.parquet", "written"]),
        (["fleet", "build", "--output", "/dev/null"], ["/dev/null", "no regular file"]),
        (["completion"], ["completion: name a shell", "bash"]),
        (["train", "agent.network.encoder=[1e9]"], ["agent.network.encoder", "1000000000"]),
        (["train", "runs_dir=/proc/runs"], ["/proc/runs", "cannot be stored"]),
        (["train", "runs_dir=s3://a:b@bucket/x"], ["runs_dir", "credentials", "environment"]),
        (["run", "runs_dir=hdfs://a/runs"], ["runs_dir", "hdfs://a/runs", "s3://BUCKET/PATH"]),
        (["resume", "runs_dir=gs:///x"], ["runs_dir", "gs:///x", "s3://BUCKET/PATH"]),
        (["sweep", "sweep.trials=1e9"], ["sweep.trials", "1000000000", "at most"]),
        (["replay", "seed=-1"], ["seed", "-1", "must not be negative"]),
        (["replay", "name=../../elsewhere"], ["name", "../../elsewhere", "slash"]),
        (["train", "/etc/passwd"], ["/etc/passwd", "is no training run", "config.yaml"]),
        (["leaderboard", "some-run"], ["some-run", "runs", "there is none"]),
        (
            ["simulate", "scenario=placement/qce5-stream", "workload.arrivals.load=inf"],
            ["load", "inf", "finite"],
        ),
        (["run", "suite.name="], ["suite.name", "empty"]),
        (["run", "suite.scenarios={}"], ["suite.scenarios", "{}", "another kind"]),
        (["run", "+suite.description=${nope}"], ["suite.description", "nope"]),
        (["run", "suite.policies=greedy"], ["suite.policies", "greedy", "list"]),
        (["run", "suite.policies=[1]"], ["suite.policies", "1", "name"]),
        (
            ["run", "suite.scenarios=[placement/qce5,placement/qce5]"],
            ["placement/qce5", "twice", "name"],
        ),
        (["run", "suite.policies=[{name: lookahead, parameters: [1]}]"], ["parameters", "[1]"]),
        (
            ["run", "suite.primary_metric=mean_completion"],
            ["suite.primary_metric", "mean_completion_s"],
        ),
        (["run", "cluster.workers=-1"], ["cluster.workers", "-1"]),
        (["run", "cluster.chunk_s=0"], ["cluster.chunk_s", "0"]),
        (["run", "cluster.chunk_s=nan"], ["cluster.chunk_s", "nan"]),
        (["run", "cluster.retries=-1"], ["cluster.retries", "-1"]),
        (["run", "cluster.address="], ["cluster.address", "local"]),
        (["run", "cluster.token_path=/no/such/token"], ["/no/such/token"]),
        (["run", "tracking.uri=ftp://host"], ["tracking.uri", "ftp://host", "sqlite:///"]),
        (["run", "tracking=server", "tracking.uri=http://127.0.0.1:9"], ["127.0.0.1:9"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_one_line_and_exit_code_2(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    arguments: list[str],
    words: list[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    refuse(capsys, arguments, *words)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"name: [a\n  b: {", ["mine.yaml", "line 2"]),
        (b"name: x\n\ttrack: y\n", ["mine.yaml", "line 2"]),
        (b"name: \xff\xfe", ["mine.yaml", "UTF-8"]),
        (b"", ["suite/mine.yaml: is empty; a suite has at least a name"]),
        (b"name: x\npolices: [greedy]\n", ["suite.polices", "policies"]),
        (b"- a\n- b\n", ["suite"]),
    ],
)
def test_a_suite_file_that_cannot_be_read(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, content: bytes, words: list[str]
) -> None:
    (tmp_path / "suite").mkdir()
    (tmp_path / "suite" / "mine.yaml").write_bytes(content)
    refuse(capsys, ["run", "--config-dir", str(tmp_path), "suite=mine"], *words)


@pytest.mark.parametrize(
    ("qpu", "words"),
    [
        ("device: hanoi, readout_error: .nan", "readout_error: nan; must be a finite number"),
        ("device: hanoi, readout_error: 3", "readout_error: 3; must be in 0..1"),
        ("device: hanoi, readot_error: 0.1", "readot_error: no such key"),
        ("device: hanoi, coupling: [[0, 1], [0, 0]]", "coupling[1]: link [0, 0] must join"),
        ("device: hanoi, coupling: [[0, 27]]", "coupling[0]: link [0, 27] must join two different"),
        ("name: lab", "QPU lab: qubits is missing"),
        ("device: hanoii", "device 'hanoii'"),
    ],
)
def test_a_fault_of_a_fleet_names_fleet_entry_and_key(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, qpu: str, words: str
) -> None:
    (tmp_path / "fleet").mkdir()
    text = f"name: ours\nqpus: [{{device: perth}}, {{{qpu}}}]\n"
    (tmp_path / "fleet" / "mine.yaml").write_text(text)
    told = ["--config-dir", str(tmp_path)]
    refuse(capsys, ["simulate", "fleet=mine", *told], "fleet ours: ", "qpus[1]", words)
    refuse(capsys, ["fleets", "mine", *told], "fleet ", "qpus[1]", words)


@pytest.mark.parametrize("verb", [["simulate", "fleet=mine"], ["fleets", "mine"]])
def test_an_empty_file_is_told_as_such(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, verb: list[str]
) -> None:
    (tmp_path / "fleet").mkdir()
    (tmp_path / "fleet" / "mine.yaml").write_text(" \n")
    refuse(capsys, [*verb, "--config-dir", str(tmp_path)], "fleet/mine.yaml: is empty; a fleet has")
    (tmp_path / "fleet" / "mine.yaml").write_text("qpus: [{device: perth}]\n")
    refuse(capsys, [*verb, "--config-dir", str(tmp_path)], "fleet/mine.yaml: name is missing")
    (tmp_path / "fleet" / "mine.yaml").write_text("[a]\n")
    refuse(capsys, [*verb, "--config-dir", str(tmp_path)], "fleet/mine.yaml: is no mapping of keys")


@pytest.mark.parametrize(("verb", "group"), [("suites", "suite"), ("fleets", "fleet")])
def test_one_broken_file_does_not_hide_the_others(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, verb: str, group: str
) -> None:
    (tmp_path / group).mkdir()
    (tmp_path / group / "broken.yaml").write_text("name: broken\nnosuch: 1\n")
    (tmp_path / group / "nan.yaml").write_text("name: any\n")
    assert main([verb, "--config-dir", str(tmp_path)]) == 0
    listed = capsys.readouterr().out
    assert "quickstart" in listed or "qce5" in listed
    assert "nosuch" in listed
    assert "nan.yaml" in listed


@pytest.mark.parametrize(
    ("arguments", "advice"),
    [
        (["run", "suite=mine/suite/grid.yaml"], "write suite=grid --config-dir mine"),
        (["run", "suite=./mine/suite/grid"], "write suite=grid --config-dir mine"),
        (["run", 'suite="my own/suite/a/b.yaml"'], "write suite=a/b --config-dir 'my own'"),
        (["run", "suite=suite/grid.yaml"], "write suite=grid --config-dir ."),
        (["run", "suite=grid.yaml"], "write suite=grid --config-dir FOLDER, with the file in F"),
        (["run", "suite=mine/suite/grid.yaml", "--config-dir", "mine"], "write suite=grid"),
        (["run", "mine/suite/grid.yaml"], "did you mean suite=grid --config-dir mine?"),
        (["run", "suite.policies=[mine/policy/x.yaml]"], "write x --config-dir mine"),
        (["simulate", "scenario=../mine/scenario/x.yaml"], "write scenario=x --config-dir ../mine"),
        (["simulate", "fleet=mine/fleet/x.yml"], "write fleet=x --config-dir mine"),
        (["simulate", "policy=mine/policy/x.yaml"], "write policy=x --config-dir mine"),
        (["train", "agent=mine/agent/x.yaml"], "write agent=x --config-dir mine"),
        (["suites", "mine/suite/grid.yaml"], "write qcbench suites grid --config-dir mine"),
        (["fleets", "mine/fleet/x.yaml"], "write qcbench fleets x --config-dir mine"),
        (["claims", "mine/claim/x.yaml"], "write qcbench claims x --config-dir mine"),
        (["run", "suite=https://a.b/suite/x.yaml"], "https://a.b/suite/x.yaml: is a URL"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_the_path_of_a_config_is_no_name(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    arguments: list[str],
    advice: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    for path in ("mine/suite/grid.yaml", "grid.yaml"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("name: grid\n")
    refuse(capsys, arguments, advice)


def test_names_may_end_as_files_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["suites", "quickstart.yaml"]) == 0
    assert "qce5-published" in capsys.readouterr().out


def test_quotes_round_a_value_are_taken_off(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    refuse(capsys, ["publish", 'to="my site"'], "my site/entries: has no entry")
    refuse(capsys, ["leaderboard", "x", "runs_dir='my runs'"], "no such run in my runs")


def test_a_task_that_fits_no_qpu(capsys: pytest.CaptureFixture[str]) -> None:
    small = ["fleet=identical", "++scenario.fleet.qpus=[{device: perth}, {device: lagos}]"]
    refuse(capsys, ["simulate", *small], "fits no QPU", "identical", "7")


def test_a_missing_column(capsys: pytest.CaptureFixture[str], published: Path) -> None:
    rewrite(
        published, lambda rows: [{k: v for k, v in r.items() if k != "ibmq27_depth"} for r in rows]
    )
    refuse(capsys, simulate(published), "tasks.csv", "ibmq27_depth")


def test_a_torn_last_line(capsys: pytest.CaptureFixture[str], published: Path) -> None:
    text = published.read_text()
    published.write_text(text[: len(text) - 40])
    last = len(published.read_text().splitlines())
    refuse(capsys, simulate(published), "tasks.csv", f"line {last}")


def test_unsorted_arrivals(capsys: pytest.CaptureFixture[str], published: Path) -> None:
    rewrite(published, lambda rows: [{**r, "arrival_time": 100 - i} for i, r in enumerate(rows)])
    refuse(capsys, simulate(published, "workload.arrivals={process: file}"), "tasks.csv", "arriv")


def test_negative_arrivals(capsys: pytest.CaptureFixture[str], published: Path) -> None:
    rewrite(published, lambda rows: [{**r, "arrival_time": i - 3} for i, r in enumerate(rows)])
    refuse(capsys, simulate(published, "workload.arrivals={process: file}"), "tasks.csv", "-3")


def test_a_store_that_cannot_be_written(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    blocker = tmp_path / "file"
    blocker.write_text("not a folder")
    refuse(capsys, ["run", f"runs_dir={blocker}/runs"], str(blocker))
    assert blocker.read_text() == "not a folder"


def test_no_traceback_from_a_real_process(tmp_path: Path, root: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "qcbench.cli.main", "simulate", "policy=gredy"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(root)},
        check=False,
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []

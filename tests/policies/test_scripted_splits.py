"""Splits from a file: every way to write them, what is refused, and how they are dispatched."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_clouds import BACKFILL, FIFO, make_fleet, make_workload, run

from qcbench.bench.compose import compose_scenario
from qcbench.cli.main import main
from qcbench.cloud.rules import Dispatch
from qcbench.errors import InputError
from qcbench.fleet.profile import Fleet
from qcbench.policies import registry
from qcbench.policies.config import PolicyConfig
from qcbench.policies.protocol import PolicyContext, PolicyError

RLBASE = Dispatch(qpus="shared", order="icpp2025_rlbase")
ICPP = Dispatch(qpus="shared", order="icpp2025")
FLEET = make_fleet(10, 8, 6)


def make(file: Path, fleet: Fleet = FLEET) -> Any:
    context = PolicyContext(fleet, np.random.default_rng(0))
    return registry.make(
        "allocation", PolicyConfig(name="scripted", parameters={"file": str(file)}), context
    )


def write(folder: Path, name: str, content: str | bytes) -> Path:
    file = folder / name
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return file


WAYS = {
    "plain.csv": "qpus,qubits\nq0;q2,5;3\nq1,4\n",
    "more.csv": "job_id,qubits,devices\n1,5;3,ibm_q0;ibm_q2\n2,4,ibm_q1\n",
    "loose.csv": "qpus,qubits\r\n q0 ; q2 , 5;3\r\nq1;q0,4;0",
    "bom.csv": "\ufeffqpus,qubits\nq0;q2,5;3\nq1,4\n",
    "names.json": '[{"q0": 5, "q2": 3}, {"q1": 4}]',
    "lists.json": '{"splits": [[5, 0, 3], [0, 4, 0]]}',
    "pairs.json": '[{"qpus": ["q0", "q2"], "qubits": [5, 3]}, {"devices": ["q1"], "qubits": [4]}]',
    "lines.json": '{"qpus": ["q0", "q2"], "qubits": [5, 3]}\n{"qpus": ["q1"], "qubits": [4]}\n',
    "mixed.JSON": '[[5, 0, 3], {"ibm_q1": 4}]',
}


@pytest.mark.parametrize("name", WAYS)
@pytest.mark.parametrize("dispatch", [FIFO, BACKFILL, ICPP, RLBASE], ids=lambda d: d.order)
def test_every_way_to_write_splits(tmp_path: Path, name: str, dispatch: Dispatch) -> None:
    decide = make(write(tmp_path, name, WAYS[name]))
    records = run(make_workload([0.0, 1.0], [3.0, 3.0], [8, 4]), FLEET, decide, dispatch)
    assert records.parts == [((0, 5), (2, 3)), ((1, 4),)]
    assert records.start_s.tolist() == [0.0, 1.0]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("s.csv", "qpus,qbits\nq0,3\n", "line 1: no column qubits; did you mean qbits"),
        ("s.csv", "qpu,qubits\nq0,3\n", "line 1: no column qpus; did you mean qpu"),
        ("s.csv", "", "line 1: no column qpus"),
        ("s.csv", "qpus,qubits\nq0,3\nq9,3\n", "line 3: QPU 'q9' is not in tiny"),
        ("s.csv", "qpus,qubits\nq0;q1,3\n", "line 2: 2 qpus and 1 numbers of qubits"),
        ("s.csv", "qpus,qubits\nq0\n", "line 2: 1 qpus and 0 numbers of qubits"),
        ("s.csv", "qpus,qubits\nq0;q0,3;2\n", "line 2: QPU 'q0' is there twice"),
        ("s.csv", "qpus,qubits\nq0;ibm_q0,3;2\n", "line 2: QPU 'ibm_q0' is there twice"),
        ("s.csv", "qpus,qubits\nq2,7\n", "line 2: 7 qubits on q2, which has 6"),
        ("s.csv", "qpus,qubits\nq0,-1\n", "line 2: '-1' on q0 is no number of qubits"),
        ("s.csv", "qpus,qubits\nq0,3.0\n", "line 2: '3.0' on q0 is no number of qubits"),
        ("s.csv", "qpus,qubits\nq0,²\n", "'²' on q0 is no number of qubits"),
        ("s.csv", "qpus,qubits\nq0," + "9" * 5000 + "\n", "is no number of qubits"),
        ("s.csv", b"qpus,qubits\n\xff\xfe,3\n", "is not a CSV file in UTF-8"),
        ("s.json", '[{"q0": 3}', "is not JSON"),
        ("s.json", '{"split": []}', "must be a list of splits, or an object with the list splits"),
        ("s.json", "3", "must be a list of splits"),
        ("s.json", '[{"q0": 3}, 7]', "split 2: must be an object of qubits by QPU, or a list of 3"),
        ("s.json", "[[1, 2]]", "split 1: must be an object of qubits by QPU, or a list of 3"),
        ("s.json", '[{"q0": true}]', "split 1: True on q0 is no number of qubits"),
        ("s.json", '[{"q0": 1.5}]', "split 1: 1.5 on q0 is no number of qubits"),
        ("s.json", '[{"q0": NaN}]', "NaN is no number of JSON"),
        ("s.json", '[{"q0": 1, "q0": 2}]', "key 'q0' is there twice"),
        ("s.json", "[[11, 0, 0]]", "split 1: 11 qubits on q0, which has 10"),
        ("s.json", '[{"qpus": ["q0"], "qubits": 3}]', "split 1: qpus and qubits must be lists"),
        ("s.json", '[{"qpus": [0], "qubits": [3]}]', "split 1: 0 is no name of a QPU; q0, q1, q2"),
        ("s.json", '{"q0": 1}\n{"q9": 1}\n', "split 2: QPU 'q9' is not in tiny"),
    ],
)
def test_what_cannot_be_used(tmp_path: Path, name: str, content: str | bytes, message: str) -> None:
    file = write(tmp_path, name, content)
    with pytest.raises(InputError) as error:
        make(file)
    assert str(file) in str(error.value)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_file_that_is_not_there_is_a_folder_or_has_changed(tmp_path: Path) -> None:
    for place in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(InputError, match="cannot be read"):
            make(place)
    file = write(tmp_path, "s.csv", "qpus,qubits\nq0,3\n")
    config = PolicyConfig(name="scripted", parameters={"file": str(file)})
    first = registry.resolve("allocation", config)
    file.write_text("qpus,qubits\nq0,4\n")
    second = registry.resolve("allocation", config)
    assert first.parameters["sha256"] != second.parameters["sha256"]
    with pytest.raises(InputError, match="is not the script that was meant"):
        registry.make("allocation", first, PolicyContext(FLEET, np.random.default_rng(0)))


def test_the_content_of_placement_scripts_is_part_of_a_trial_too(tmp_path: Path) -> None:
    file = write(tmp_path, "actions.csv", "action\n0\n")
    config = PolicyConfig(name="scripted", parameters={"file": str(file)})
    first = registry.resolve("placement", config)
    file.write_text("action\n1\n")
    assert registry.resolve("placement", config) != first
    with pytest.raises(InputError, match="is not the script that was meant"):
        registry.make("placement", first, PolicyContext(FLEET, np.random.default_rng(0)))


def test_a_split_that_is_not_of_its_task(tmp_path: Path) -> None:
    decide = make(write(tmp_path, "s.csv", "qpus,qubits\nq0,3\n,\n"))
    workload = make_workload([0.0], [1.0], [4])
    with pytest.raises(PolicyError, match="task 1 has 4 qubits, and its split adds up to 3"):
        run(workload, FLEET, decide, RLBASE)
    for count in (2, 3):  # a row without a split, and none at all
        last = [make_workload([0.0] * count, [1.0] * count, [3] * count)]
        with pytest.raises(PolicyError, match="has no split for task 2"):
            run(last[0], FLEET, decide, RLBASE)


def test_a_task_waits_for_its_own_split_where_all_parts_must_be_free(tmp_path: Path) -> None:
    decide = make(write(tmp_path, "s.csv", "qpus,qubits\nq0,8\nq0;q1,5;5\nq1,8\n"))
    workload = make_workload([0.0, 0.0, 1.0], [10.0, 1.0, 1.0], [8, 10, 8])
    assert run(workload, FLEET, decide, FIFO).start_s.tolist() == [0.0, 10.0, 11.2]
    assert run(workload, FLEET, decide, BACKFILL).start_s.tolist() == [0.0, 10.0, 1.0]


def test_what_simulate_prints_can_be_replayed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    case = ["simulate", "scenario=allocation/eagle5", "workload.tasks=40"]
    for name in ("run.csv", "run.json"):
        assert main([*case, "policy=proportional", f"output={name}"]) == 0
        again = [*case, "policy=scripted", f"policy.parameters.file={name}"]
        engine = "compiled" if name == "run.csv" else "simpy"
        assert main([*again, f"engine={engine}", f"output=again-{name}"]) == 0
    rows = [
        [line.split(",")[1:] for line in Path(file).read_text().splitlines()]
        for file in ("run.csv", "again-run.csv")
    ]
    assert rows[0] == rows[1]  # but for the trial's id
    told = [
        [json.loads(line) | {"trial_id": ""} for line in Path(file).read_text().splitlines()]
        for file in ("run.json", "again-run.json")
    ]
    assert told[0] == told[1]
    capsys.readouterr()
    Path("short.json").write_text(json.dumps([{"kyiv": 1}]))
    assert main([*case, "policy=scripted", "policy.parameters.file=short.json"]) == 2
    error = capsys.readouterr().err.strip()
    assert "short.json: task 1 has" in error
    assert len(error.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["engine=compiled"], ["icpp2025_rlbase has no kernel", "simpy"]),
        (["rules.dispatch.connected=true"], ["dispatch.connected", "icpp2025_rlbase"]),
        (["rules.failures={mean_up_s: 10.0, mean_down_s: 1.0}"], ["failures", "icpp2025_rlbase"]),
        (["rules.dispatch.order=icpp2025_rlbas"], ["icpp2025_rlbas", "icpp2025_rlbase"]),
        (["rules.dispatch.qpus=exclusive"], ["exclusive", "allocation"]),
    ],
    ids=str,
)
def test_what_the_agents_dispatch_cannot_do(
    capsys: pytest.CaptureFixture[str], arguments: list[str], words: list[str]
) -> None:
    case = ["simulate", "scenario=allocation/eagle5-icpp2025-rlbase", "policy=speed"]
    assert main([*case, *arguments]) == 2
    error = capsys.readouterr().err.strip()
    assert len(error.splitlines()) == 1
    assert all(word in error for word in words), error


def test_the_scenario_is_the_published_one_but_for_the_order() -> None:
    ours = compose_scenario("allocation/eagle5-icpp2025-rlbase")
    theirs = compose_scenario(
        "allocation/eagle5-icpp2025", ["rules.dispatch.order=icpp2025_rlbase"]
    )
    assert (ours.rules, ours.physics, ours.fleet, ours.workload) == (
        theirs.rules,
        theirs.physics,
        theirs.fleet,
        theirs.workload,
    )

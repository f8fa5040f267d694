"""Job files of QCloudSim: read as they are, written back, and refused where they are broken."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qcbench.cli.workload import main
from qcbench.errors import InputError
from qcbench.workload.arrivals.processes import spaced
from qcbench.workload.config import (
    BatchArrivals,
    FileArrivals,
    FileCircuits,
    LargeCircuits,
    SpacedArrivals,
    WorkloadConfig,
)
from qcbench.workload.formats.task_files import found_format, read_task_set, write_task_set
from qcbench.workload.generate import make_workload

HEADER = "job_id,num_qubits,two_qubits,depth,priority,arrival_time,num_shots\n"
ROWS = "1,177,18,5,2,,69100\n2,249,25,18,1,,33200\n3,60,0,0,2,,100\n"
JOB = {"job_id": 7, "num_qubits": 130, "two_qubits": 3, "depth": 4, "priority": 1, "num_shots": 5}


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def workload(path: Path, arrivals: Any = None, replicate: int = 0, **circuits: Any) -> Any:
    config = WorkloadConfig(
        name="w",
        circuits=FileCircuits(path=str(path), **circuits),
        arrivals=arrivals or SpacedArrivals(),
        tasks=0,
    )
    rng = np.random.default_rng(replicate)
    return make_workload(config, replicate, rng, rng)


def test_a_csv_without_times(tmp_path: Path) -> None:
    path = written(tmp_path / "jobs.csv", HEADER + ROWS)
    assert found_format(path) == "jobs_csv"
    content = read_task_set(path)
    assert content.tasks.qubits.tolist() == [177, 249, 60]
    assert content.tasks.two_qubit_gates.tolist() == [18, 25, 0]
    assert content.tasks.depth.tolist() == [5, 18, 0]
    assert content.tasks.shots.tolist() == [69100, 33200, 100]
    assert content.priority is not None
    assert content.priority.tolist() == [2, 1, 2]
    assert content.arrival_s is None
    # Equal circuits are jobs of their own: nothing is collapsed.
    jobs = workload(written(path, HEADER + ROWS + "4,60,0,0,2,,100\n"))
    assert jobs.job_id == ["1", "2", "3", "4"]
    assert jobs.arrival_s.tolist() == [0.01, 0.02, 0.03, 0.04]
    with pytest.raises(InputError, match="has no arrival times"):
        workload(path, FileArrivals())


def test_json_with_times(tmp_path: Path) -> None:
    jobs = [{**JOB, "job_id": name, "arrival_time": time} for name, time in (("a", 0), ("b", 2.5))]
    path = written(tmp_path / "jobs.json", json.dumps({"jobs": jobs}))
    assert found_format(path) == "jobs_json"
    assert workload(path, FileArrivals()).arrival_s.tolist() == [0.0, 2.5]
    assert workload(path).arrival_s.tolist() == [0.01, 2.5]
    jobs = [{**JOB, "job_id": name} for name in range(3)]
    assert read_task_set(written(path, json.dumps({"jobs": jobs}))).arrival_s is None


@pytest.mark.parametrize("kind", ["csv", "json"])
@pytest.mark.parametrize("times", [False, True])
def test_what_is_written_is_read_back(tmp_path: Path, kind: str, times: bool) -> None:
    text = ROWS.replace(",,", ",3.25,") if times else ROWS
    first = read_task_set(written(tmp_path / "in.csv", HEADER + text))
    out = tmp_path / f"out.{kind}"
    write_task_set(first, out, f"jobs_{kind}")
    second = read_task_set(out)
    for name in ("qubits", "depth", "shots", "two_qubit_gates"):
        assert (getattr(first.tasks, name) == getattr(second.tasks, name)).all()
    assert first.job_id == second.job_id
    assert (first.arrival_s is None) == (second.arrival_s is None) == (not times)
    if kind == "csv":
        assert out.read_text() == HEADER + text


def test_the_published_files(reference_data: Path) -> None:
    path = reference_data / "allocation" / "jobs_1000_case.csv"
    if not path.is_file():
        pytest.skip(f"no published job file at {path}")
    content = read_task_set(path)
    tasks = content.tasks
    assert len(tasks) == 1000
    assert tasks.qubits.sum() == 191_137
    assert tasks.shots.sum() == 54_338_600
    assert (tasks.qubits.min(), tasks.qubits.max()) >= (130, 130)
    assert "without a newline" in content.notes[0]
    # What we draw by default has the same marginals.
    config = WorkloadConfig(
        name="w", circuits=LargeCircuits(), arrivals=BatchArrivals(), tasks=20_000
    )
    rng = np.random.default_rng(3)
    ours = make_workload(config, 0, rng, rng).tasks
    for name in ("qubits", "depth", "shots", "two_qubit_gates"):
        theirs, drawn = getattr(tasks, name), getattr(ours, name)
        assert theirs.mean() == pytest.approx(drawn.mean(), abs=4 * drawn.std() / 1000**0.5), name
        assert theirs.min() >= drawn.min(), name
        assert theirs.max() <= drawn.max(), name
    assert (ours.shots % 100 == 0).all()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (HEADER, "has a header but no rows"),
        (HEADER + ROWS + "4,150,1,2\n", "line 5: has 4 fields"),
        (HEADER + ROWS + "4,150,1,2,", "line 5: has 5 fields"),
        (HEADER + "1,130,5,5,2,,0\n", "line 2, column num_shots: 0; must be at least 1"),
        (HEADER + "1,130,5,5,2,,-3\n", "column num_shots: -3"),
        (HEADER + "1,0,5,5,2,,10\n", "column num_qubits: 0"),
        (HEADER + "1,x,5,5,2,,10\n", "column num_qubits: 'x' is no whole number"),
        (HEADER + "1,130,5,5,2,,1e3\n", "column num_shots: '1e3'"),
        (HEADER + ",130,5,5,2,,10\n", "column job_id: is empty"),
        (HEADER + "1,130,5,5,2,,10\n1,140,5,5,2,,10\n", "line 3: job_id 1 is there twice"),
        (HEADER + "1,130,5,5,2,soon,10\n", "column arrival_time: 'soon' is no number"),
        (HEADER + "1,130,5,5,2,-1,10\n", "column arrival_time: -1 is negative"),
        (HEADER + "1,130,5,5,2,3,10\n2,130,5,5,2,,10\n", "line 3, column arrival_time: is empty"),
        (HEADER + "1,130,5,5,2,3,10\n2,130,5,5,2,1,10\n", "line 3, arrival_time: 1 is before"),
        (HEADER.replace("depth,", ""), "column depth is missing"),
        (HEADER + '1,"130,5,5,2,,10\n', "may be torn"),
    ],
)
def test_a_csv_with_a_mistake(tmp_path: Path, text: str, words: str) -> None:
    path = written(tmp_path / "jobs.csv", text)
    with pytest.raises(InputError, match=words.replace("(", r"\(")) as caught:
        read_task_set(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def jobs_text(*jobs: dict[str, Any]) -> str:
    return json.dumps({"jobs": list(jobs)})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (jobs_text(JOB)[:-7], "is not JSON .* may be torn"),
        (jobs_text({**JOB, "num_shots": 0}), "key num_shots, row 1: 0; must be at least 1"),
        (jobs_text({**JOB, "num_shots": 2.5}), "key num_shots, row 1: 2.5 is no whole number"),
        (jobs_text({**JOB, "num_shots": True}), "True is no whole number"),
        (jobs_text(JOB, JOB), "row 2 of jobs: job_id 7 is there twice"),
        (jobs_text({**JOB, "shots": 3}), "key 'shots' is unknown; did you mean num_shots"),
        (jobs_text({k: v for k, v in JOB.items() if k != "depth"}), "has no key 'depth'"),
        (jobs_text({**JOB, "arrival_time": 1}, {**JOB, "job_id": 8}), "row 2 .* no arrival_time"),
        (jobs_text({**JOB, "arrival_time": -1}), "arrival_time, row 1: -1; must not be negative"),
        (jobs_text({**JOB, "job_id": None}), "job_id is None"),
        ('{"jobs": [3], "x": "num_qubits"}', "row 1 of jobs is no object"),
        ('{"jobs": {}, "x": "num_qubits"}', '"jobs" must be a list'),
    ],
)
def test_json_with_a_mistake(tmp_path: Path, text: str, words: str) -> None:
    path = written(tmp_path / "jobs.json", text)
    with pytest.raises(InputError, match=words) as caught:
        read_task_set(path, "jobs_json")
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("column", ["num_qubits", "two_qubits", "depth", "num_shots"])
@pytest.mark.parametrize("value", [2**31, 2**53, 2**63 - 1])
def test_counts_whose_product_no_time_model_holds(tmp_path: Path, column: str, value: int) -> None:
    jobs = [JOB, JOB | {"job_id": 8, column: value}]
    path = written(tmp_path / "jobs.json", json.dumps({"jobs": jobs}))
    with pytest.raises(
        InputError, match=rf"jobs.json: task 1 .*: \w+ is {value}; at most {2**31 - 1}"
    ):
        read_task_set(path)
    jobs[1][column] = 2**31 - 1
    assert len(read_task_set(written(path, json.dumps({"jobs": jobs})))) == 2


def test_arrivals_are_added_up_as_a_clock_does() -> None:
    times = spaced(np.zeros(400), 0.01)
    now = 0.0
    for time in times.tolist():
        now = now + 0.01
        assert time == now
    assert times[9] != 0.1
    assert spaced(np.array([0.0, 5.0, 5.0, 4.0]), 0.5).tolist() == [0.5, 5.0, 5.5, 6.0]


def test_shuffled_jobs_change_places_and_times_stay(tmp_path: Path) -> None:
    rows = "".join(f"{i},{130 + i},1,5,2,{i},100\n" for i in range(40))
    path = written(tmp_path / "jobs.csv", HEADER + rows)
    orders = [workload(path, FileArrivals(), r, selection="shuffled") for r in range(3)]
    for jobs in orders:
        assert sorted(jobs.job_id, key=int) == [str(i) for i in range(40)]
        assert jobs.arrival_s.tolist() == list(range(40))
        assert jobs.tasks.qubits.tolist() == [130 + int(name) for name in jobs.job_id]
    assert orders[0].job_id != orders[1].job_id != orders[2].job_id
    assert orders[0].job_id == workload(path, FileArrivals(), 0, selection="shuffled").job_id


def test_a_mix_with_small_circuits() -> None:
    circuits = LargeCircuits(small_share=0.7, min_small_qubits=2, max_small_qubits=9)
    config = WorkloadConfig(name="w", circuits=circuits, arrivals=BatchArrivals(), tasks=4000)
    rng = np.random.default_rng(0)
    qubits = make_workload(config, 0, rng, rng).tasks.qubits
    small = qubits <= 9
    assert small.mean() == pytest.approx(0.7, abs=0.03)
    assert set(qubits[small].tolist()) == set(range(2, 10))
    assert qubits[~small].min() >= 130


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"min_qubits": 300}, "qubits 300..250"),
        ({"min_shots": 150}, "min_shots: 150; must be a multiple of 100"),
        ({"min_shots": 0}, "min_shots: 0; must be at least 100"),
        ({"small_share": 1.5}, "small_share: 1.5"),
        ({"gates_per_qubit": -1.0}, "gates_per_qubit: -1"),
    ],
)
def test_impossible_circuits(change: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words.replace("..", r"\.\.")):
        LargeCircuits(**change)


def test_generate_and_convert(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, other = tmp_path / "jobs.csv", tmp_path / "jobs.json"
    assert main(["generate", "--large", "50", "--seed", "3", str(path)]) == 0
    convert = ["convert", str(path), str(other), "--output-format", "jobs_json"]
    assert main(convert) == 0
    assert len(json.loads(other.read_text())["jobs"]) == 50
    assert (read_task_set(path).tasks.shots == read_task_set(other).tasks.shots).all()
    capsys.readouterr()
    assert main(["generate", "--large", "0", str(path)]) == 2
    assert main(["generate", "--large", "5", str(tmp_path / "x.parquet")]) == 2
    assert "job files end in .csv or .json" in capsys.readouterr().err

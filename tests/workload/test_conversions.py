"""What `convert` writes is readable again: for every pair of formats, whatever names say."""

import gzip
import json
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from workload_samples import assert_same_tasks, same, task_sets, write_published

from qcbench.cli.main import main
from qcbench.errors import InputError
from qcbench.workload.formats.job_files import distinct_names
from qcbench.workload.formats.task_files import left_out, read_task_set, write_task_set
from qcbench.workload.interaction_graph import quantum_fourier_transform
from qcbench.workload.task_set import TaskSet
from qcbench.workload.workload import Tasks

TARGETS = {
    "csv": "csv",
    "csv.gz": "csv",
    "json": "json",
    "json.gz": "json",
    "parquet": "parquet",
    "swf": "swf",
    "swf.gz": "swf",
    "jobs.csv": "jobs_csv",
    "jobs.json": "jobs_json",
}
"""Ends of names, and the format behind each."""

ODD = st.text(
    st.sampled_from([*' ,;|\t"\n\r\v\f\x00\x1b\x85\u2028\ufeff0079-aé漢😀', "\\", "'"]), max_size=6
)
NUMBERS = st.one_of(
    st.floats(0, allow_nan=False, allow_infinity=False), st.sampled_from([5e-324, 1e22, 0.1 + 0.2])
)
WHOLE = st.one_of(st.integers(1, 9), st.integers(1, 2**31 - 1))
LONG = st.one_of(st.integers(1, 9), st.integers(1, 2**63 - 1))


@st.composite
def odd_sets(draw) -> TaskSet:
    """Jobs with durations, features and names that are hard on a format."""
    base = draw(task_sets(published=True, durations=True))
    count = len(base)

    def texts() -> list[str]:
        return draw(st.lists(ODD, min_size=count, max_size=count))

    def whole(least: int, numbers: st.SearchStrategy[int] = WHOLE) -> np.ndarray:
        values = draw(st.lists(numbers, min_size=count, max_size=count))
        return np.array([max(value, least) for value in values], dtype=np.int64)

    times = draw(st.lists(NUMBERS, min_size=count, max_size=count))
    lasting = draw(st.lists(NUMBERS, min_size=count, max_size=count))
    changed = {
        "algorithm": draw(st.sampled_from([base.tasks.algorithm, texts()])),
        "depth": whole(0),
        "shots": whole(1),
        "two_qubit_gates": whole(0),
        "duration_s": np.array(lasting) if draw(st.booleans()) else None,
    }
    if draw(st.booleans()):
        changed["qubits"] = whole(1)
        changed["compiled"] = {}
    return TaskSet(
        tasks=Tasks(**vars(base.tasks) | changed),
        arrival_s=np.sort(np.array(times)) if draw(st.booleans()) else None,
        subset=base.subset if draw(st.booleans()) else None,
        job_id=texts() if draw(st.booleans()) else (),
        priority=-whole(1, LONG) if draw(st.booleans()) else None,
        user=texts() if draw(st.booleans()) else None,
        gates={"original": texts(), "ibmq7": texts()} if draw(st.booleans()) else {},
        comments=tuple(draw(st.lists(ODD, max_size=3))),
    )


def what_is_kept(content: TaskSet, format: str) -> dict[str, object]:
    """Columns that a format keeps exactly."""
    tasks = content.tasks
    columns = {"qubits": tasks.qubits, "arrival_s": content.arrival_s}
    if format != "swf":
        columns |= {"depth": tasks.depth, "two_qubit_gates": tasks.two_qubit_gates}
    if format in ("csv", "json", "parquet"):
        columns["algorithm"] = tasks.algorithm
    if format in ("json", "parquet", "jobs_csv", "jobs_json"):
        columns |= {"shots": tasks.shots}
    if format in ("json", "parquet", "swf"):
        columns["duration_s"] = tasks.duration_s
    if format in ("jobs_csv", "jobs_json"):
        columns["job_id"] = distinct_names(content.job_id or [""] * len(content))
        columns["priority"] = content.priority
        if content.priority is None:
            columns["priority"] = np.ones(len(content), dtype=np.int64)
    return columns


def refusal(act) -> str:
    """The line with which an action is refused; empty where it is not."""
    try:
        act()
    except InputError as error:
        return str(error)
    return ""


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(content=odd_sets())
@pytest.mark.parametrize("end", TARGETS)
def test_what_is_written_is_read_with_the_same_tasks(tmp_path, end, content):
    """Or it is refused before anything is written, in one line."""
    path, format = tmp_path / f"tasks.{end}", TARGETS[end]
    path.unlink(missing_ok=True)
    stated = format if format.startswith("jobs") else None
    refused = refusal(lambda: write_task_set(content, path, stated, any_algorithm=True))
    if refused:
        assert refused.startswith(f"{path}: ")
        assert not path.exists()
        return
    back = read_task_set(path, any_algorithm=True)
    kept = what_is_kept(content, format)
    assert {
        name: same(column, what_is_kept(back, format)[name]) for name, column in kept.items()
    } == (dict.fromkeys(kept, True))
    if format in ("json", "parquet"):
        assert same(back.comments, content.comments)
    # And it can go on to wherever the first could go.
    again = tmp_path / f"again.{end}"
    write_task_set(back, again, stated, any_algorithm=True)
    assert same(
        what_is_kept(read_task_set(again, any_algorithm=True), format)["qubits"], back.tasks.qubits
    )


LINE = "7 {} 5 30 4 -1 -1 8 60 -1 1 3 1 -1 1 -1 -1 -1"


def write_log(path: Path) -> Path:
    path.write_text("\n".join(["; MaxNodes: 128", LINE.format(0), LINE.format(9.5)]) + "\n")
    return path


@pytest.mark.parametrize("end", ["json", "parquet", "swf", "swf.gz"])
def test_two_jobs_of_one_number(tmp_path, capsys, end):
    log, out = write_log(tmp_path / "log.swf"), tmp_path / f"out.{end}"
    assert main(["workload", "convert", str(log), str(out)]) == 0
    assert "jobs of one name" not in capsys.readouterr().out
    back = read_task_set(out)
    assert back.arrival_s.tolist() == [0.0, 9.5]
    assert back.tasks.qubits.tolist() == [8, 8]
    assert list(back.job_id) == ["7", "7"]
    assert main(["workload", "show", str(out)]) == 0


def circuits_of(tmp_path, names, **more):
    """As many tasks with circuits as there are names."""
    tasks = read_task_set(write_published(tmp_path / "a.csv")).tasks
    first = {
        each.name: getattr(tasks, each.name)[: len(names)]
        for each in fields(tasks)
        if each.name in ("algorithm", "qubits", "depth", "shots", "two_qubit_gates")
    }
    return TaskSet(Tasks(**first, **more.pop("times", {})), job_id=list(names), **more)


@pytest.mark.parametrize("end", ["jobs.csv", "jobs.json"])
def test_two_jobs_of_one_name_in_a_job_file(tmp_path, capsys, end):
    source, out = tmp_path / "tasks.json", tmp_path / end
    write_task_set(circuits_of(tmp_path, ["7", "7"]), source, "json")
    told = ["--output-format", TARGETS[end]]
    assert main(["workload", "convert", str(source), str(out), *told]) == 0
    assert "jobs of one name got names of their own" in capsys.readouterr().out
    assert list(read_task_set(out).job_id) == ["7", "7-2"]
    assert main(["workload", "show", str(out)]) == 0


def test_names_that_are_there_twice_get_a_number():
    assert distinct_names(["a", "a", "b", "a"]) == ["a", "a-2", "b", "a-3"]
    assert distinct_names(["a", "a-2", "a"]) == ["a", "a-2", "a-3"]
    assert distinct_names(["", " ", "2"]) == ["1", "2-2", "2"]
    assert distinct_names(["007", "7"]) == ["007", "7"]


def test_zeros_before_a_name_stay(tmp_path):
    content = circuits_of(tmp_path, ["007", "7"])
    for end in ("jobs.csv", "jobs.json"):
        write_task_set(content, tmp_path / end, TARGETS[end])
        assert list(read_task_set(tmp_path / end).job_id) == ["007", "7"]
    jobs = json.loads((tmp_path / "jobs.json").read_text())["jobs"]
    assert [job["job_id"] for job in jobs] == ["007", 7]


def test_gate_counts_that_are_no_text_of_counts_are_replaced(tmp_path):
    content = read_task_set(write_published(tmp_path / "a.csv"))
    odd = {"original": ["nonsense", "{[]: 1}", "{'cx': 3}"], "ibmq7": ["{"] * 3}
    write_task_set(TaskSet(**vars(content) | {"gates": odd}), tmp_path / "b.csv")
    assert_same_tasks(content.tasks, read_task_set(tmp_path / "b.csv").tasks)


def test_an_unpublished_algorithm_is_written_only_where_it_is_read(tmp_path, capsys):
    content = read_task_set(write_published(tmp_path / "a.csv"))
    named = TaskSet(Tasks(**vars(content.tasks) | {"algorithm": ["grover", "qft", "dj"]}))
    write_task_set(named, tmp_path / "b.json")
    convert = ["workload", "convert", str(tmp_path / "b.json"), str(tmp_path / "c.csv")]
    assert main(convert) == 2
    assert "algorithm 'grover'" in capsys.readouterr().err
    assert not (tmp_path / "c.csv").exists()
    assert main([*convert, "--any-algorithm"]) == 0
    assert main(["workload", "show", str(tmp_path / "c.csv"), "--any-algorithm"]) == 0


def test_compressed_files_are_the_same_bytes_every_time(tmp_path):
    content = read_task_set(write_published(tmp_path / "a.csv"))
    for end in ("csv.gz", "json.gz"):
        path = tmp_path / f"b.{end}"
        write_task_set(content, path)
        first = path.read_bytes()
        assert first[:2] == b"\x1f\x8b"
        write_task_set(content, path)
        assert path.read_bytes() == first
    write_task_set(content, tmp_path / "b.csv")
    assert (
        gzip.decompress((tmp_path / "b.csv.gz").read_bytes()) == (tmp_path / "b.csv").read_bytes()
    )
    with pytest.raises(InputError, match=r"\.csv, \.json and \.swf also with \.gz"):
        write_task_set(content, tmp_path / "b.parquet.gz")


def test_what_a_format_does_not_keep_is_said(tmp_path, capsys):
    content = read_task_set(write_log(tmp_path / "log.swf"))
    assert left_out(content, "json") == left_out(content, "swf") == []
    timed = circuits_of(
        tmp_path, ["1", "2"], times={"duration_s": np.ones(2)}, user=["a", "b"], comments=("c",)
    )
    source, out = str(tmp_path / "tasks.json"), str(tmp_path / "jobs.csv")
    write_task_set(timed, Path(source), "json")
    assert main(["workload", "convert", source, out, "--output-format", "jobs_csv"]) == 0
    said = capsys.readouterr().out
    for lost in ("execution times", "users", "comments"):
        assert f"note: jobs_csv does not keep {lost}\n" in said


def test_shots_that_are_read_otherwise_are_said(tmp_path):
    """Whoever reads a CSV takes 1024 where nobody says more, also where all have other shots."""
    content = read_task_set(write_published(tmp_path / "a.csv"))
    assert left_out(content, "csv") == []
    often = Tasks(**vars(content.tasks) | {"shots": np.full(len(content), 4000)})
    path = tmp_path / "b.csv"
    write_task_set(TaskSet(often), path)
    assert set(read_task_set(path).tasks.shots.tolist()) == {1024}
    assert left_out(TaskSet(often), "csv") == ["csv does not keep shots"]
    assert left_out(TaskSet(often), "json") == []
    assert "jobs_csv does not keep shots" not in left_out(TaskSet(often), "jobs_csv")


def test_graphs_that_no_format_has_are_said(tmp_path):
    content = read_task_set(write_published(tmp_path / "a.csv"))
    graphs = [quantum_fourier_transform(int(width)) for width in content.tasks.qubits]
    known = TaskSet(Tasks(**vars(content.tasks) | {"graphs": graphs}))
    for end in ("json", "parquet"):
        path = tmp_path / f"b.{end}"
        write_task_set(known, path)
        assert read_task_set(path).tasks.graphs is None
        assert left_out(known, end) == [f"{end} does not keep interaction graphs"]
    assert "csv does not keep interaction graphs" in left_out(known, "csv")


@pytest.mark.parametrize("end", TARGETS)
def test_a_name_that_is_no_text_is_refused(tmp_path, end):
    """As the file system gives names of another encoding: with lone surrogates."""
    content = read_task_set(write_published(tmp_path / "a.csv"))
    changed = {"algorithm": ["r\udce9el", "b", "c"], "duration_s": np.ones(3)}
    odd = TaskSet(
        Tasks(**vars(content.tasks) | changed),
        arrival_s=np.arange(3.0),
        job_id=["\udce9", "2", "3"],
        comments=("\udce9",),
    )
    path, format = tmp_path / f"b.{end}", TARGETS[end]
    with pytest.raises(InputError, match="is no text that UTF-8 has"):
        write_task_set(odd, path, format, any_algorithm=True)
    assert [p.name for p in tmp_path.iterdir()] == ["a.csv"]

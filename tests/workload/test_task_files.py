"""What is written is what is read, in every format."""

import json
import subprocess
import sys

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from workload_samples import assert_same, assert_same_tasks, same, task_sets, write_published

from qcbench.errors import InputError
from qcbench.workload.algorithms import PUBLISHED_FAMILIES
from qcbench.workload.circuits.gates import format_counts, parse_counts, summarise
from qcbench.workload.formats.task_files import (
    content_hash,
    format_of,
    read_task_set,
    read_workload,
    write_task_set,
    write_workload,
)
from qcbench.workload.task_set import TaskSet
from qcbench.workload.workload import QuantumPhase, Tasks, Workload

files = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@files
@given(content=task_sets())
@pytest.mark.parametrize("suffix", ["json", "parquet"])
def test_our_own_formats_keep_everything(tmp_path, suffix, content):
    path = tmp_path / f"tasks.{suffix}"
    write_task_set(content, path)
    assert_same(content, read_task_set(path))
    first = path.read_bytes()
    write_task_set(content, path)
    assert path.read_bytes() == first
    assert list(tmp_path.iterdir()) == [path]


@files
@given(content=task_sets(durations=True))
@pytest.mark.parametrize("suffix", ["json", "parquet"])
def test_workloads_survive_a_file(tmp_path, suffix, content):
    path = tmp_path / f"jobs.{suffix}"
    workload = content.workload(content.arrival_s)
    write_workload(workload, path)
    back = read_workload(path)
    assert_same_tasks(workload.tasks, back.tasks)
    assert same(workload.arrival_s, back.arrival_s)
    assert same(workload.priority, back.priority)
    assert same(workload.user, back.user)
    assert list(workload.job_id) == list(back.job_id)


@files
@given(content=task_sets(published=True))
def test_the_published_format_keeps_what_it_can_say(tmp_path, content):
    path = tmp_path / "tasks.csv"
    if content.arrival_s is not None:  # sorted within a subset is all the format asks for
        order = np.argsort(content.arrival_s, kind="stable")
        content = content.take(order)
    write_task_set(content, path)
    back = read_task_set(path)
    assert_same_tasks(content.tasks, back.tasks)
    assert same(content.arrival_s, back.arrival_s)
    assert same(content.subset, back.subset)
    rewritten = tmp_path / "again.csv"
    write_task_set(back, rewritten)
    assert rewritten.read_bytes() == path.read_bytes()


@files
@given(content=task_sets(durations=True))
def test_swf_keeps_times_and_widths(tmp_path, content):
    path = tmp_path / "log.swf"
    write_task_set(content, path)
    back = read_task_set(path)
    assert same(content.arrival_s, back.arrival_s)
    assert same(content.tasks.duration_s, back.tasks.duration_s)
    assert same(content.tasks.qubits, back.tasks.qubits)
    if content.user is not None:  # users keep apart who is apart
        pairs = set(zip(content.user, back.user or ["-1"] * len(back), strict=True))
        assert len(pairs) == len(set(content.user))
    rewritten = tmp_path / "again.swf"
    write_task_set(back, rewritten)
    assert read_task_set(rewritten).comments == back.comments
    assert same(read_task_set(rewritten).user, back.user)


def test_extra_families_are_written_on_demand_only(tmp_path):
    content = read_task_set(write_published(tmp_path / "a.csv"))
    more = dict(content.tasks.compiled) | {"ibmq156": content.tasks.compiled["ibmq127"]}
    content = TaskSet(
        **vars(content) | {"tasks": Tasks(**vars(content.tasks) | {"compiled": more})}
    )
    write_task_set(content, tmp_path / "plain.csv")
    assert list(read_task_set(tmp_path / "plain.csv").tasks.compiled) == [*PUBLISHED_FAMILIES]
    write_task_set(content, tmp_path / "more.csv", extra_families=["ibmq156"])
    back = read_task_set(tmp_path / "more.csv")
    assert same(back.tasks.compiled["ibmq156"].depth, more["ibmq156"].depth)
    assert "ibmq156_width" in (tmp_path / "more.csv").read_text().splitlines()[0]


def test_published_files_are_read_as_they_say(tmp_path):
    content = read_task_set(write_published(tmp_path / "a.csv"), shots=100)
    tasks = content.tasks
    assert tasks.algorithm == ["ghz", "qft", "dj"]
    assert tasks.qubits.tolist() == [3, 20, 5]
    assert tasks.depth.tolist() == [4, 41, 7]
    assert tasks.two_qubit_gates.tolist() == [2, 190, 0]
    assert tasks.shots.tolist() == [100] * 3
    assert tasks.compiled["ibmq7"].depth.tolist() == [6, -1, 9]
    assert tasks.compiled["ibmq7"].one_qubit_gates.tolist() == [1, 0, 0]  # rz takes no pulse
    assert tasks.compiled["ibmq127"].two_qubit_gates.tolist() == [2, 0, 0]
    assert content.arrival_s.tolist() == [61.5, 70.0, 130.25]
    assert read_workload(tmp_path / "a.csv", subset=2).arrival_s.tolist() == [130.25]
    assert read_workload(tmp_path / "a.csv").arrival_s.tolist() == [61.5, 70.0, 130.25]
    with pytest.raises(InputError, match="has no subset 7; there are 1 to 2"):
        read_workload(tmp_path / "a.csv", subset=7)


def test_subset_ids_may_start_at_zero_and_windows_line_ends_do_not_matter(tmp_path):
    path = write_published(tmp_path / "a.csv")
    text = path.read_text().replace("\n1,", "\n0,").replace("\n", "\r\n")
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert read_task_set(path).subset_ids() == [0, 2]


def test_equal_tasks_collapse_to_the_first_place_with_the_last_values(tmp_path):
    rows = [
        "1,ghz,3,4,{},-1,-1,{},-1,-1,{},-1,-1,{},127,10,{},1",
        "1,dj,3,5,{},-1,-1,{},-1,-1,{},-1,-1,{},127,20,{},2",
        "1,ghz,3,4,{},-1,-1,{},-1,-1,{},-1,-1,{},127,30,{},3",
        "2,ghz,3,4,{},-1,-1,{},-1,-1,{},-1,-1,{},127,40,{},4",
    ]
    content = read_task_set(write_published(tmp_path / "a.csv", rows=rows)).collapse()
    assert content.tasks.algorithm == ["ghz", "dj", "ghz"]
    assert content.tasks.compiled["ibmq127"].depth.tolist() == [30, 20, 40]
    assert content.arrival_s.tolist() == [1, 2, 4]
    assert content.subset.tolist() == [1, 1, 2]


SWF = """; Version: 2.2
; Computer: a cluster
;   MaxNodes: 128
1 0 5 30 4 -1 -1 8 60 -1 1 3 1 -1 1 -1 -1 -1

2 10 -1 -1 4 -1 -1 4 60 -1 5 4 1 -1 1 -1 -1 -1
3 12.5 -1 7.25 16 -1 -1 -1 60 -1 1 3 1 -1 1 -1 -1 -1
"""


def test_swf_means_what_the_standard_says(tmp_path):
    path = tmp_path / "log.swf"
    path.write_text(SWF)
    content = read_task_set(path)
    assert content.arrival_s.tolist() == [0.0, 12.5]
    assert content.tasks.qubits.tolist() == [8, 16]  # requested, else allocated
    assert content.tasks.duration_s.tolist() == [30.0, 7.25]
    assert content.job_id == ["1", "3"]
    assert content.user == ["3", "3"]
    assert content.notes == ("left out 1 jobs that never ran",)
    write_task_set(content, tmp_path / "again.swf")
    lines = (tmp_path / "again.swf").read_text().splitlines()
    assert lines[:3] == ["; Version: 2.2", "; Computer: a cluster", "; MaxNodes: 128"]
    assert [len(line.split()) for line in lines[3:]] == [18, 18]


def test_formats_go_by_name_unless_told(tmp_path):
    assert format_of(tmp_path) == "qasm"
    assert format_of(tmp_path / "a.qasm3") == "qasm"
    assert format_of(tmp_path / "a.txt", "swf") == "swf"
    with pytest.raises(InputError, match="known endings"):
        format_of(tmp_path / "a.txt")
    with pytest.raises(InputError, match="did you mean parquet"):
        format_of(tmp_path / "a.csv", "parket")


def test_jobs_with_phases_are_refused(tmp_path):
    tasks = read_task_set(write_published(tmp_path / "a.csv")).tasks
    workload = Workload(np.array([0.0]), tasks, phases=[[QuantumPhase(0)]])
    with pytest.raises(InputError, match="phases"):
        write_workload(workload, tmp_path / "a.json")
    assert not (tmp_path / "a.json").exists()


def test_a_format_that_cannot_hold_the_tasks_says_so(tmp_path):
    circuits = read_task_set(write_published(tmp_path / "a.csv"))
    with pytest.raises(InputError, match="SWF needs execution times"):
        write_task_set(circuits, tmp_path / "a.swf")
    with pytest.raises(InputError, match="qasm cannot be written"):
        write_task_set(circuits, tmp_path / "a.qasm")
    with pytest.raises(InputError, match="no features for ibmq133"):
        write_task_set(circuits, tmp_path / "b.csv", extra_families=["ibmq133"])
    (tmp_path / "log.swf").write_text(SWF)
    with pytest.raises(InputError, match="no features for ibmq7"):
        write_task_set(read_task_set(tmp_path / "log.swf"), tmp_path / "b.csv")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.csv", "log.swf"]


def test_a_file_that_cannot_be_written_is_named(tmp_path):
    content = read_task_set(write_published(tmp_path / "a.csv"))
    for suffix in ("csv", "json", "parquet"):
        with pytest.raises(InputError, match=f"missing/b.{suffix}: cannot be written"):
            write_task_set(content, tmp_path / "missing" / f"b.{suffix}")
        with pytest.raises(InputError, match="cannot be written"):
            write_task_set(content, tmp_path / "a.csv" / f"b.{suffix}")
    (tmp_path / "taken.csv").mkdir()
    with pytest.raises(InputError, match="cannot be written"):
        write_task_set(content, tmp_path / "taken.csv", "csv")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.csv", "taken.csv"]


def test_hashes_follow_the_content(tmp_path):
    path = write_published(tmp_path / "a.csv")
    first = content_hash(path)
    path.write_text(path.read_text() + "\n")
    assert content_hash(path) != first
    folder = tmp_path / "circuits"
    folder.mkdir()
    (folder / "a.qasm").write_text("OPENQASM 2.0;")
    first = content_hash(folder)
    (folder / "notes.txt").write_text("not a circuit")
    assert content_hash(folder) == first
    (folder / "a.qasm").rename(folder / "b.qasm")
    assert content_hash(folder) != first


@files
@given(content=task_sets(published=True))
def test_gate_counts_survive_their_text(content):
    for family, compiled in content.tasks.compiled.items():
        counts = {"cx": int(compiled.two_qubit_gates[0]), "rz": 3, "measure": 1}
        assert parse_counts(format_counts(counts)) == counts, family
        assert parse_counts(json.dumps(counts)) == counts
        assert summarise(counts) == (0, counts["cx"], 1)


def test_reading_tasks_imports_no_heavy_library(tmp_path):
    path = write_published(tmp_path / "a.csv")
    code = (
        "import sys; from pathlib import Path\n"
        "from qcbench.workload.formats.task_files import read_task_set\n"
        f"read_task_set(Path({str(path)!r}))\n"
        "assert not {'qiskit', 'mqt', 'pyarrow', 'pandas', 'pydantic', 'polars'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_parquet_of_others_is_refused(tmp_path):
    path = tmp_path / "other.parquet"
    pl.DataFrame({"a": [1]}).write_parquet(path)
    with pytest.raises(InputError, match="column algorithm is missing"):
        read_task_set(path)

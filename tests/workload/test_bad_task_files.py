"""Bad input: one line that names the file, the place and what would be right."""

import json

import numpy as np
import polars as pl
import pytest
from workload_samples import (
    PUBLISHED_HEADER,
    PUBLISHED_ROWS,
    assert_same_tasks,
    write_published,
)

from qcbench.errors import InputError
from qcbench.workload.formats.task_files import read_task_set, read_workload, write_task_set


def message(path, **options) -> str:
    with pytest.raises(InputError) as caught:
        read_task_set(path, **options)
    text = str(caught.value)
    assert "\n" not in text
    assert str(path) in text
    return text


def change(row: int, old: str, new: str) -> list[str]:
    rows = list(PUBLISHED_ROWS)
    assert old in rows[row]
    rows[row] = rows[row].replace(old, new, 1)
    return rows


CELLS = [
    (change(1, "-1,-1,{}", "x7,-1,{}"), "line 3, column ibmq7_width: 'x7' is no whole number"),
    (change(1, "500", "5.5"), "line 3, column ibmq27_depth: '5.5' is no whole number"),
    (change(1, "500", ""), "line 3, column ibmq27_depth: '' is no whole number"),
    (change(1, "500", "-2"), "line 3, column ibmq27_depth: -2; must be at least -1"),
    (change(1, "500", "-1"), "line 3, column ibmq27_depth: -1 with width 27; both are -1"),
    (change(1, "20,41", "0,41"), "line 3, column original_width: 0; must be at least 1"),
    (change(1, "20,41", "30,41"), "line 3, column ibmq27_width: 27 is less than the circuit's 30"),
    (change(2, "5,7,{}", "5,-1,{}"), "line 4, column original_depth: -1"),
    (change(1, "{'cx': 9}", "{'cx': 9"), "line 3, column ibmq27_gates"),
    (change(1, "{'cx': 9}", "{'cx': 0.5}"), "is no mapping such as {'cx': 3, 'rz': 5}"),
    (change(1, "{'cx': 9}", "{'frob': 9}"), "line 3, column ibmq27_gates: gate 'frob' is unknown"),
    (change(1, "{'cx': 9}", "__import__('os')"), "is no mapping"),
    (change(1, "-1,-1,{}", "-1,-1,{'cx': 3}"), "line 3, column ibmq7_gates: has gates with depth"),
    (change(1, "qft", "qtf"), "algorithm 'qtf' is unknown; did you mean qft"),
    (change(1, ",70", ",ten"), "line 3, column arrival_time: 'ten' is no number of seconds"),
    (change(1, ",70", ",nan"), "line 3, column arrival_time: 'nan' is no number of seconds"),
    (change(1, ",70", ",-70"), "line 3, column arrival_time: -70 is negative"),
    (change(1, ",70", ",60"), "line 3, column arrival_time: 60 is before its predecessor's 61.5"),
    (change(1, ",70", ""), "line 3: has 17 fields where the header has 18; it may be torn"),
    (change(1, ",70", ",70,1"), "line 3: has 19 fields where the header has 18"),
    (change(2, "2,dj", "-2,dj"), "line 4, column subset: -2; must be at least 0"),
]


@pytest.mark.parametrize(("rows", "expected"), CELLS, ids=[text[:50] for _, text in CELLS])
def test_a_bad_cell_is_named_by_line_and_column(tmp_path, rows, expected):
    assert expected in message(write_published(tmp_path / "tasks.csv", rows=rows))


@pytest.mark.parametrize("column", PUBLISHED_HEADER.split(",")[:-1])
def test_a_missing_column_is_named(tmp_path, column):
    header = PUBLISHED_HEADER.replace(column + ",", "other,", 1)
    assert f"column {column} is missing" in message(write_published(tmp_path / "a.csv", header))


def test_a_column_that_is_there_twice_is_named(tmp_path):
    header = PUBLISHED_HEADER.replace("arrival_time", "subset")
    assert "column subset is there twice" in message(write_published(tmp_path / "a.csv", header))


def test_an_unpublished_algorithm_is_accepted_on_demand(tmp_path):
    path = write_published(tmp_path / "a.csv", rows=change(1, "qft", "grover"))
    assert "any" not in message(path)
    assert read_task_set(path, any_algorithm=True).tasks.algorithm[1] == "grover"


CUT = "its last value may be cut off"


@pytest.mark.parametrize("suffix", ["csv", "json", "parquet", "swf"])
def test_a_file_that_is_torn_anywhere_is_refused(tmp_path, suffix):
    """Whatever a crash leaves of a file is refused: never a shorter or a changed task set."""
    path = tmp_path / f"tasks.{suffix}"
    if suffix == "swf":
        path.write_text("; a\n" + "1 0 5 30 4 -1 -1 8 60 -1 1 3 1 -1 1 -1 -1 -1\n" * 2)
    else:
        write_task_set(read_task_set(write_published(tmp_path / "whole.csv")), path)
    content = path.read_bytes()
    whole = read_task_set(path)
    cuts = 0
    whole_lines = {n for n in range(len(content)) if content[:n].endswith(b"\n")}
    for length in range(0, len(content), max(1, len(content) // 200)):
        if suffix in ("csv", "swf") and length in whole_lines:
            continue  # a file that ends after a line is a shorter file
        path.write_bytes(content[:length])
        if suffix == "json" and length == len(content) - 1:
            continue  # only the newline at the end is missing
        if suffix in ("csv", "swf") and (found := complete_lines(path)) is not None:
            # All fields of the last line are there, the last one perhaps in part: that is said.
            assert found.notes == (f"tasks.{suffix} ends without a newline; {CUT}",)
            assert_same_tasks(whole.tasks.take(np.arange(len(found))), found.tasks)
            cuts += 1
            continue
        message(path)
    assert cuts <= (12 if suffix in ("csv", "swf") else 0)


def complete_lines(path):
    """What a file without a last newline holds, None where it is refused."""
    try:
        return read_task_set(path)
    except InputError:
        return None


@pytest.mark.parametrize("suffix", ["csv", "json", "swf", "qasm"])
def test_an_empty_file_says_so(tmp_path, suffix):
    path = tmp_path / f"tasks.{suffix}"
    path.write_text(" \n\n")
    assert "is empty" in message(path)


def test_a_header_without_tasks_is_refused(tmp_path):
    assert "no rows" in message(write_published(tmp_path / "a.csv", rows=[]))


@pytest.mark.parametrize("suffix", ["csv", "json", "swf", "parquet"])
def test_bytes_that_are_no_text_are_refused(tmp_path, suffix):
    path = tmp_path / f"tasks.{suffix}"
    path.write_bytes(b"subset\n\xff\xfe\x00broken")
    text = message(path)
    if suffix != "parquet":
        wanted = "line 1: has 1 fields" if suffix == "swf" else "line 2: is not text in UTF-8"
        assert wanted in text


def test_a_missing_file_is_named(tmp_path):
    assert "does not exist" in message(tmp_path / "nowhere.csv")


def job(**changes):
    fields = {"algorithm": "a", "qubits": 3, "depth": 4, "shots": 1, "two_qubit_gates": 2}
    fields |= {"ibmq7_depth": 5, "ibmq7_one_qubit_gates": 1, "ibmq7_two_qubit_gates": 1}
    fields |= {"ibmq7_measurements": 1, "arrival_s": 1.0}
    fields |= changes
    return {name: value for name, value in fields.items() if value is not ...}


JOBS = [
    ([job(qubits="3")], "column qubits, row 1: '3' is no whole number"),
    ([job(qubits=True)], "column qubits, row 1: True is no whole number"),
    ([job(), job(qubits=0)], "column qubits, row 2: 0; must be at least 1"),
    ([job(ibmq7_depth=-2)], "column ibmq7_depth, row 1: -2; must be at least -1"),
    ([job(), job(arrival_s=-1)], "column arrival_s, row 2: -1; must not be negative"),
    ([job(), job(arrival_s=0.5)], "row 2, column arrival_s: 0.5 is before its predecessor's 1"),
    ([job(arrival_s=None)], "column arrival_s, row 1: None is no number"),
    ([job(algorithm=None)], "column algorithm, row 1: None is no text"),
    ([job(shots=...)], "column shots is missing"),
    ([job(ibmq7_measurements=...)], "column ibmq7_measurements is missing"),
    ([job(depht=1)], "column depht is unknown; did you mean depth"),
    ([job(), job(shots=...)], "row 2 of jobs has no key 'shots'"),
    ([job(), job(user="me")], "row 2 of jobs has, unlike the first, key 'user'"),
    ([job(), 7], "row 2 of jobs is no object"),
    ([], '"jobs" must be a list with at least one job'),
]


@pytest.mark.parametrize(("jobs", "expected"), JOBS, ids=[text[:50] for _, text in JOBS])
def test_a_bad_value_in_json_is_named_by_column_and_row(tmp_path, jobs, expected):
    path = tmp_path / "jobs.json"
    path.write_text(json.dumps({"format": "qcbench-workload", "version": 1, "jobs": jobs}))
    assert expected in message(path)


def test_json_of_others_and_of_later_versions_is_refused(tmp_path):
    path = tmp_path / "jobs.json"
    path.write_text('[{"a": 1}]')
    assert '"format" must be "qcbench-workload"' in message(path)
    path.write_text('{"format": "qcbench-workload", "version": 2}')
    assert "version 2; 1 is supported" in message(path)
    path.write_text('{"format": \n "qcbench-workload",, }')
    assert "line 2, column 21: is not JSON" in message(path)


def test_bad_values_in_parquet_are_named(tmp_path):
    path = tmp_path / "jobs.parquet"
    frame = pl.DataFrame([job(), job()]).with_columns(shots=pl.lit(1.5))
    frame.write_parquet(path, metadata={"qcbench-workload": "1"})
    assert "column shots, row 1: 1.5 is no whole number" in message(path)
    frame.write_parquet(path, metadata={"qcbench-workload": "2"})
    assert "version 2; 1 is supported" in message(path)
    frame.head(0).write_parquet(path, metadata={"qcbench-workload": "1"})
    assert "has no tasks" in message(path)
    frame.write_parquet(path)
    assert "column shots, row 1: 1.5 is no whole number" in message(path)
    frame.drop("qubits").write_parquet(path)
    assert "column qubits is missing" in message(path)


def test_columns_alone_are_a_parquet_file_of_tasks(tmp_path):
    plain, ours = tmp_path / "plain.parquet", tmp_path / "ours.parquet"
    frame = pl.DataFrame([job(), job()])
    frame.write_parquet(plain)
    frame.write_parquet(ours, metadata={"qcbench-workload": "1"})
    assert_same_tasks(read_task_set(plain).tasks, read_task_set(ours).tasks)


def test_values_add_up_to_a_number(tmp_path):
    path = tmp_path / "jobs.parquet"
    pl.DataFrame([job() | {"arrival_s": 0.0, "value": 1e308}]).write_parquet(path)
    with pytest.raises(InputError, match=r"job 0: value is 1e\+308; it is at most 1e\+290"):
        read_task_set(path).workload(np.zeros(1))


LINE = "1 0 5 30 4 -1 -1 8 60 -1 1 3 1 -1 1 -1 -1 -1"
LINES = [
    (LINE.rsplit(" ", 1)[0], "line 3: has 17 fields; the format has 18, -1 where unknown"),
    (LINE.replace("30", "thirty"), "line 3, field run time: 'thirty' is no number"),
    (LINE.replace("1 0 5", "1 -4 5"), "line 3, field submit time: -4 is negative"),
    (LINE.replace("1 0 5", "1 8 5"), "line 4, field submit time: 0 is before its predecessor's 8"),
    (LINE.replace(" 8 60", " 8.5 60"), "line 3, field requested processors: '8.5' is no whole"),
]


@pytest.mark.parametrize(("line", "expected"), LINES, ids=[text[:50] for _, text in LINES])
def test_a_bad_line_of_a_log_is_named(tmp_path, line, expected):
    path = tmp_path / "log.swf"
    path.write_text(f"; header\n\n{line}\n{LINE}\n")
    assert expected in message(path)


def test_a_log_in_which_nothing_ran_is_refused(tmp_path):
    path = tmp_path / "log.swf"
    path.write_text(LINE.replace("30", "-1") + "\n")
    assert "has no job that ran; 1 never did" in message(path)


def test_a_workload_needs_arrivals(tmp_path):
    rows = [row.rsplit(",", 1)[0] for row in PUBLISHED_ROWS]
    path = write_published(tmp_path / "a.csv", PUBLISHED_HEADER.rsplit(",", 1)[0], rows)
    with pytest.raises(InputError, match="has no arrival times"):
        read_workload(path)


def test_subsets_that_restart_the_clock_are_no_one_workload(tmp_path):
    rows = change(2, "130.25", "5")
    path = write_published(tmp_path / "a.csv", rows=rows)
    assert read_workload(path, subset=2).arrival_s.tolist() == [5.0]
    with pytest.raises(InputError, match=r"a\.csv: job 2: arrives at 5 s, before its predecessor"):
        read_workload(path)

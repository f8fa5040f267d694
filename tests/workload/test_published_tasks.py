"""The published task sets: read as they are, with the arrivals that were drawn for them."""

import csv
from collections import defaultdict

import numpy as np
import pytest

from qcbench.workload.circuits.table import load_circuits
from qcbench.workload.config import FileCircuits, QsimpyArrivals, WorkloadConfig
from qcbench.workload.formats.task_files import read_task_set, write_task_set
from qcbench.workload.generate import make_workload
from qcbench.workload.summary import compare


@pytest.fixture(scope="module")
def tasks_csv(reference_data):
    path = reference_data / "placement" / "tasks_subsets_1_10.csv"
    if not path.is_file():
        pytest.skip(f"no published task set at {path}")
    return path


@pytest.fixture(scope="module")
def arrivals(tasks_csv):
    by_subset = defaultdict(list)
    with (tasks_csv.parent / "arrivals_subsets_1_10.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            by_subset[int(row["subset"])].append(row)
    return by_subset


def test_all_of_the_file_is_read(tasks_csv):
    content = read_task_set(tasks_csv)
    assert content.subset_ids() == list(range(1, 11))
    assert len(content) == 260
    assert set(np.bincount(content.subset)[1:]) == {26}
    for family, compiled in content.tasks.compiled.items():
        fits = content.tasks.qubits <= int(family.removeprefix("ibmq"))
        assert (compiled.depth[~fits] == -1).all()


@pytest.mark.parametrize("replicate", range(10))
def test_arrivals_and_tasks_are_the_published_ones_to_the_last_bit(tasks_csv, arrivals, replicate):
    config = WorkloadConfig(
        name="published",
        circuits=FileCircuits(path=str(tasks_csv)),
        arrivals=QsimpyArrivals(),
        tasks=25,
    )
    unused = np.random.default_rng(replicate)
    workload = make_workload(config, replicate, unused, unused)
    rows = arrivals[replicate + 1]
    assert workload.arrival_s.tolist() == [float(row["arrival_s"]) for row in rows]
    assert workload.tasks.algorithm == [row["application"] for row in rows]
    assert workload.tasks.qubits.tolist() == [int(row["qubits"]) for row in rows]
    assert workload.tasks.depth.tolist() == [int(row["original_depth"]) for row in rows]
    assert workload.tasks.shots.tolist() == [int(row["shots"]) for row in rows]
    for family in ("ibmq7", "ibmq27", "ibmq127"):
        expected = [int(row[f"{family}_depth"]) for row in rows]
        assert workload.tasks.compiled[family].depth.tolist() == expected


def test_writing_the_published_file_gives_its_rows_back(tasks_csv, tmp_path):
    write_task_set(read_task_set(tasks_csv), tmp_path / "again.csv")
    with tasks_csv.open(encoding="utf-8") as file, (tmp_path / "again.csv").open() as again:
        for theirs, ours in zip(csv.DictReader(file), csv.DictReader(again), strict=True):
            assert {name: theirs[name] for name in ours} == ours


def test_our_circuits_are_as_deep_as_the_published_ones(tasks_csv):
    """Same algorithm, same width: equal before transpilation (two algorithms excepted), and the
    same on average after it, although transpilers have changed since."""
    published = read_task_set(tasks_csv).collapse().tasks
    table = load_circuits().tasks
    keys = zip(table.algorithm, table.qubits.tolist(), strict=True)
    row = {key: place for place, key in enumerate(keys)}
    same = [row[key] for key in zip(published.algorithm, published.qubits.tolist(), strict=True)]
    exact = ~np.isin(published.algorithm, ["ae", "random"])
    assert (published.depth[exact] == table.depth[same][exact]).all()
    for family, compiled in published.compiled.items():
        ours = table.compiled[family].depth[same]
        fits = compiled.depth > 0
        assert (fits == (ours > 0)).all()
        ratio = ours[fits] / compiled.depth[fits]
        assert np.median(ratio) == pytest.approx(1.0, abs=0.08)
        assert ours[fits].mean() == pytest.approx(compiled.depth[fits].mean(), rel=0.12)


def test_the_comparison_counts_every_distinct_circuit_once(tasks_csv):
    lines = list(compare(read_task_set(tasks_csv)))
    assert lines[0] == "169 of 169 distinct circuits are packaged"
    assert [line.split()[0] for line in lines[2:]] == [
        "original",
        "ibmq7",
        "ibmq16",
        "ibmq27",
        "ibmq127",
    ]

"""From a config to the workload of a replicate."""

import time
from pathlib import Path

import numpy as np
import pytest
import yaml
from workload_samples import PUBLISHED_HEADER, PUBLISHED_ROWS, same, write_published

from qcbench.errors import InputError
from qcbench.workload.arrivals import processes as arrivals
from qcbench.workload.circuits.table import load_circuits
from qcbench.workload.config import (
    BatchArrivals,
    BurstArrivals,
    FileArrivals,
    FileCircuits,
    MinuteArrivals,
    MqtCircuits,
    PoissonArrivals,
    QsimpyArrivals,
    SyntheticCircuits,
    WorkloadConfig,
)
from qcbench.workload.formats.task_files import write_workload
from qcbench.workload.generate import make_workload, resolve_workload
from qcbench.workload.workload import Tasks, Workload


def make(circuits, process, tasks=25, replicate=0, seed=1, base_dir=None):
    config = WorkloadConfig(name="w", circuits=circuits, arrivals=process, tasks=tasks)
    streams = np.random.default_rng(seed), np.random.default_rng(seed + 1000)
    return make_workload(config, replicate, *streams, base_dir)


PROCESSES = [
    MinuteArrivals(),
    PoissonArrivals(rate_per_s=0.4),
    BurstArrivals(rate_per_s=0.4),
    BatchArrivals(),
    QsimpyArrivals(),
]


@pytest.mark.parametrize("process", PROCESSES, ids=lambda p: p.process)
@pytest.mark.parametrize("tasks", [1, 25, 137])
def test_equal_streams_make_equal_workloads(process, tasks):
    first = make(MqtCircuits(), process, tasks)
    again = make(MqtCircuits(), process, tasks)
    other = make(MqtCircuits(), process, tasks, seed=2)
    assert len(first) == len(first.tasks) == tasks
    assert same(first.arrival_s, again.arrival_s)
    assert list(first.tasks.algorithm) == list(again.tasks.algorithm)
    if tasks > 1:
        assert list(first.tasks.algorithm) != list(other.tasks.algorithm)


def test_arrivals_do_not_depend_on_the_choice_of_circuits():
    narrow = make(MqtCircuits(max_qubits=5), PoissonArrivals(rate_per_s=1.0))
    assert same(narrow.arrival_s, make(MqtCircuits(), PoissonArrivals(rate_per_s=1.0)).arrival_s)


@pytest.mark.parametrize("selection", ["subset", "uniform"])
def test_tasks_have_the_features_of_packaged_circuits(selection):
    circuits = MqtCircuits(
        algorithms=["qft", "dj"], min_qubits=4, max_qubits=9, shots=99, selection=selection
    )
    tasks = make(circuits, BatchArrivals(), 60).tasks
    assert set(tasks.algorithm) == {"qft", "dj"}
    assert tasks.qubits.min() >= 4
    assert tasks.qubits.max() <= 9
    assert set(tasks.shots.tolist()) == {99}
    table = load_circuits().tasks
    rows = dict(
        zip(zip(table.algorithm, table.qubits.tolist(), strict=True), range(312), strict=True)
    )
    for place, key in enumerate(zip(tasks.algorithm, tasks.qubits.tolist(), strict=True)):
        row = rows[key]
        assert tasks.depth[place] == table.depth[row]
        for family, compiled in tasks.compiled.items():
            assert compiled.depth[place] == table.compiled[family].depth[row]


def test_a_subset_mixes_all_algorithms():
    """25 of 26 tasks: every algorithm but at most one twice or more, none more than three times."""
    for seed in range(20):
        tasks = make(MqtCircuits(), MinuteArrivals(), seed=seed).tasks
        counts = np.unique(tasks.algorithm, return_counts=True)[1]
        assert len(counts) == 12
        assert counts.max() <= 3
        assert len(set(zip(tasks.algorithm, tasks.qubits.tolist(), strict=True))) == 25


def test_drawn_subsets_with_qsimpy_arrivals_follow_each_other():
    assert same(
        make(MqtCircuits(), QsimpyArrivals(), 60, replicate=1).arrival_s,
        np.concatenate([arrivals.qsimpy([26] * 6, k, 25, 22) for k in (3, 4, 5)])[:60],
    )


def test_a_thousand_tasks_take_milliseconds():
    make(MqtCircuits(), MinuteArrivals(), 1000)
    took = []
    for seed in range(20):
        began = time.perf_counter()
        make(MqtCircuits(), MinuteArrivals(), 1000, seed=seed)
        took.append(time.perf_counter() - began)
    assert min(took) < 0.01  # about 0.6 ms on an idle machine


@pytest.mark.parametrize(
    "arrivals", [{"rate_per_s": None}, {"rate_per_s": 1.0, "load": 0.5}, {"load": 0.0}]
)
@pytest.mark.parametrize("process", [PoissonArrivals, BurstArrivals])
def test_a_rate_or_a_load_is_needed(process, arrivals):
    with pytest.raises(
        InputError, match=r"exactly one of rate_per_s, interval_s and load|must be positive"
    ):
        process(**arrivals)


def test_a_load_without_a_fleet_is_refused():
    with pytest.raises(InputError, match=r"load 0\.8 is relative to a fleet"):
        make(MqtCircuits(), PoissonArrivals(load=0.8))


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (lambda: MqtCircuits(algorithms=["gzh"]), "'gzh' is unknown; did you mean ghz"),
        (lambda: MqtCircuits(algorithms=[]), "name at least one"),
        (lambda: MqtCircuits(min_qubits=1), "min_qubits: 1; must be in 2..27"),
        (lambda: MqtCircuits(min_qubits=9, max_qubits=8), "qubits 9..8"),
        (lambda: MqtCircuits(shots=0), "shots: 0; must be at least 1"),
        (lambda: SyntheticCircuits(mean_s=0.0), "mean_s: 0.0; must be positive"),
        (lambda: SyntheticCircuits(distribution="hyperexponential", scv=0.5), "at least 1"),
        (lambda: BurstArrivals(rate_per_s=1.0, burstiness=1.0), "burstiness: 1.0; must be above 1"),
        (lambda: MinuteArrivals(per_minute=0), "per_minute: 0; must be at least 1"),
        (lambda: make(MqtCircuits(), BatchArrivals(), tasks=-1), "must not be negative"),
        (lambda: make(MqtCircuits(), BatchArrivals(), tasks=0), "0 means all of a file"),
        (lambda: make(MqtCircuits(), FileArrivals()), "needs circuits from a file, not mqt"),
        (lambda: make(SyntheticCircuits(), QsimpyArrivals()), "needs circuits in subsets"),
    ],
)
def test_configs_that_make_no_sense_are_refused(build, expected):
    with pytest.raises(InputError) as caught:
        build()
    assert expected in str(caught.value)


@pytest.fixture
def csv(tmp_path):
    rows = [row for k in (1, 2, 3) for row in _subset(k)]
    return write_published(tmp_path / "tasks.csv", rows=rows)


def _subset(subset: int) -> list[str]:
    """Three rows, the last with the algorithm and width of the first."""
    first, second, _ = PUBLISHED_ROWS
    again = first.replace("127,6", f"127,{subset}00").replace("61.5", "75")
    return [f"{subset},{row.split(',', 1)[1]}" for row in (first, second, again)]


def test_replicates_take_the_subsets_of_a_file_in_turn(csv):
    for replicate in range(3):
        workload = make(FileCircuits(path=str(csv)), FileArrivals(), 0, replicate)
        assert workload.tasks.algorithm == ["ghz", "qft"]
        assert workload.tasks.compiled["ibmq127"].depth[0] == (replicate + 1) * 100
        assert workload.arrival_s.tolist() == [61.5, 70.0]
    with pytest.raises(InputError, match="has 3 subsets, and replicate 3 needs one more"):
        make(FileCircuits(path=str(csv)), FileArrivals(), 0, 3)


def test_duplicates_are_kept_on_demand_and_one_subset_by_id(csv):
    circuits = FileCircuits(path=str(csv), duplicates="keep", subset=2)
    workload = make(circuits, FileArrivals(), 0, replicate=7)
    assert workload.tasks.algorithm == ["ghz", "qft", "ghz"]
    assert workload.tasks.compiled["ibmq127"].depth.tolist() == [6, 490, 200]
    with pytest.raises(InputError, match="has no subset 9; there are 1 to 3"):
        make(FileCircuits(path=str(csv), subset=9), FileArrivals(), 0)


@pytest.mark.parametrize("ending", ["json", "parquet"])
@pytest.mark.parametrize("duplicates", ["collapse", "keep"])
def test_tasks_of_a_file_without_subsets_are_no_duplicates(ending, duplicates, tmp_path):
    """Two tasks of equal width are two tasks; only a subset of a set states one twice."""
    tasks = Tasks.without_circuits("circuit", np.array([3, 3, 4]), np.array([1.0, 2.0, 3.0]))
    path = tmp_path / f"tasks.{ending}"
    write_workload(Workload(np.array([0.0, 5.0, 6.0]), tasks), path)
    made = make(FileCircuits(path=str(path), duplicates=duplicates), FileArrivals(), 0)
    assert made.tasks.duration_s.tolist() == [1.0, 2.0, 3.0]
    assert made.arrival_s.tolist() == [0.0, 5.0, 6.0]


def test_qsimpy_draws_as_many_arrivals_as_a_subset_has_distinct_rows(csv):
    """The clock of subset 3 depends on the draws of subsets 1 and 2: two distinct rows each."""
    for duplicates in ("collapse", "keep"):
        circuits = FileCircuits(path=str(csv), duplicates=duplicates)
        workload = make(circuits, QsimpyArrivals(), 2, replicate=2)
        generator = np.random.default_rng(22)
        generator.random(4)
        assert workload.arrival_s.tolist() == sorted(generator.uniform(180.1, 239.9, 2))
    with pytest.raises(InputError, match="are for its 2 distinct tasks"):
        make(FileCircuits(path=str(csv), duplicates="keep"), QsimpyArrivals(), 3)


def test_more_tasks_than_there_are_need_drawing(csv):
    # 25 of a subset are the published protocol's: 25, or the distinct ones that there are.
    assert len(make(FileCircuits(path=str(csv)), BatchArrivals(), 25)) == 2
    with pytest.raises(InputError, match=r"tasks: 26; .* has no subset of more than 2 tasks"):
        make(FileCircuits(path=str(csv)), BatchArrivals(), 26)
    circuits = FileCircuits(path=str(csv), selection="uniform")
    drawn = make(circuits, PoissonArrivals(rate_per_s=1.0), 200)
    assert len(drawn) == 200
    assert set(drawn.tasks.algorithm) == {"ghz", "qft"}
    with pytest.raises(InputError, match="selection in_order"):
        make(circuits, FileArrivals(), 200)


def test_other_arrivals_can_replace_those_of_a_file(csv):
    workload = make(FileCircuits(path=str(csv)), BatchArrivals(), 0)
    assert workload.arrival_s.tolist() == [0.0, 0.0]
    header = PUBLISHED_HEADER.rsplit(",", 1)[0]
    path = write_published(
        csv.parent / "bare.csv", header, [row.rsplit(",", 1)[0] for row in PUBLISHED_ROWS]
    )
    with pytest.raises(InputError, match="has no arrival times"):
        make(FileCircuits(path=str(path)), FileArrivals(), 0)


def test_paths_are_relative_to_the_base(csv):
    workload = make(FileCircuits(path="tasks.csv"), FileArrivals(), 0, base_dir=csv.parent)
    assert len(workload) == 2
    with pytest.raises(InputError, match=r"elsewhere/tasks\.csv: does not exist"):
        make(FileCircuits(path="tasks.csv"), FileArrivals(), 0, base_dir=csv.parent / "elsewhere")


def test_a_resolved_workload_is_tied_to_the_content(csv):
    config = WorkloadConfig(
        name="w", circuits=FileCircuits(path=str(csv)), arrivals=FileArrivals(), tasks=0
    )
    resolved = resolve_workload(config)
    assert len(resolved.circuits.sha256) == 64
    assert resolve_workload(resolved) == resolved
    csv.write_text(csv.read_text().replace("75", "76"))
    assert resolve_workload(config) != resolved
    with pytest.raises(InputError, match="is not the file that was meant"):
        resolve_workload(resolved)
    with pytest.raises(InputError, match="is not the file that was meant"):
        make(resolved.circuits, FileArrivals(), 0)


def test_a_file_that_changes_is_read_again_unless_tied(csv):
    before = make(FileCircuits(path=str(csv)), FileArrivals(), 0)
    csv.write_text(csv.read_text().replace(",70", ",71"))
    after = make(FileCircuits(path=str(csv)), FileArrivals(), 0)
    assert before.arrival_s.tolist() == [61.5, 70.0]
    assert after.arrival_s.tolist() == [61.5, 71.0]


def test_every_packaged_workload_config_is_valid(root: Path):
    pydantic = pytest.importorskip("pydantic")
    adapter = pydantic.TypeAdapter(WorkloadConfig)
    paths = sorted((root / "conf" / "workload").glob("*.yaml"))
    assert {path.stem for path in paths} >= {"mqt", "mqt-poisson", "mqt-bursts", "theory"}
    for path in paths:
        if "???" in path.read_text():
            continue  # nothing without a file of the user's; tests/conf looks at these
        config = adapter.validate_python(yaml.safe_load(path.read_text()))
        assert config.name == path.stem
        if (
            not isinstance(config.circuits, FileCircuits)
            and not getattr(config.arrivals, "load", None)
            and config.tasks
        ):
            workload = make(config.circuits, config.arrivals, config.tasks)
            assert len(workload) == config.tasks
    with pytest.raises(pydantic.ValidationError, match=r"MqtCircuits\.shot"):
        adapter.validate_python(
            {
                "name": "w",
                "circuits": {"source": "mqt", "shot": 1},
                "arrivals": {"process": "batch"},
            }
        )

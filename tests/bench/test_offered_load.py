"""Offered load over all worlds: of a file's subsets, of fleets whose sizes are drawn."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.optimize import linprog

from qcbench.bench.compose import compose_scenario
from qcbench.bench.config import ScenarioConfig
from qcbench.bench.scenario import build_scenario, resolve_scenario
from qcbench.errors import InputError
from qcbench.stats.load import _busiest_by_prices_s, _busiest_s, sustainable_rate_per_s
from qcbench.workload.circuits.table import load_circuits
from qcbench.workload.config import BurstArrivals, PoissonArrivals
from qcbench.workload.formats.task_files import write_task_set
from qcbench.workload.task_set import TaskSet

STREAM = "placement/qce5-stream"
WIDTHS = ((2, 6), (22, 27), (8, 14), (2, 27), (4, 5))
"""Of the circuits of each subset."""
SIZES = (30, 7, 25, 12, 3)
EQUAL = "fleet.qpus=[{device: kolkata, name: a}, {device: kolkata, name: b}]"
POISSON = "workload.arrivals={process: poisson, load: null, rate_per_s: 0.1}"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Write subsets that differ in width, so much in work, and in size."""
    return written(tmp_path / "tasks.parquet", WIDTHS)


def written(path: Path, widths: Any) -> Path:
    table, rng = load_circuits().tasks, np.random.default_rng(4)
    rows, subset = [], []
    for place, ((least, most), size) in enumerate(zip(widths, SIZES, strict=True)):
        fit = np.flatnonzero((table.qubits >= least) & (table.qubits <= most))
        rows.append(rng.choice(fit, size, replace=False))
        subset += [place + 1] * size
    tasks = load_circuits().with_shots(1024).take(np.concatenate(rows))
    write_task_set(TaskSet(tasks=tasks, subset=np.array(subset)), path)
    return path


def resolved(path: Path, *overrides: str) -> ScenarioConfig:
    given = ["workload=file", f"workload.circuits.path={path}", *overrides]
    return resolve_scenario(compose_scenario(STREAM, given), "t", 0)


def rate_of(scenario: ScenarioConfig) -> float:
    arrivals = scenario.workload.arrivals
    assert isinstance(arrivals, PoissonArrivals | BurstArrivals)
    assert arrivals.load is None
    assert arrivals.rate_per_s is not None
    return arrivals.rate_per_s


def exec_s_of(scenario: ScenarioConfig, worlds: int = len(SIZES)) -> list[np.ndarray]:
    return [build_scenario(scenario, "t", k, 0).estimates.exec_s for k in range(worlds)]


def by_hand(exec_s: np.ndarray) -> float:
    """The linear program as its definition says it, with a variable for every task and QPU."""
    tasks, qpus = exec_s.shape
    fits = np.isfinite(exec_s)
    work = np.zeros((qpus, tasks * qpus + 1))
    for q in range(qpus):
        work[q, q : tasks * qpus : qpus] = np.where(fits[:, q], exec_s[:, q], 0.0)
    work[:, -1] = -1.0
    once = np.hstack([np.kron(np.eye(tasks), np.ones(qpus)), np.zeros((tasks, 1))])
    bounds = [(0.0, None if fit else 0.0) for fit in fits.ravel()] + [(0.0, None)]
    cost = np.append(np.zeros(tasks * qpus), 1.0)
    found = linprog(cost, work, np.zeros(qpus), once, np.ones(tasks), bounds)
    return float(tasks / found.x[-1])


@pytest.mark.parametrize("process", ["poisson", "bursts"])
def test_a_load_becomes_a_rate_for_circuits_from_a_file(path: Path, process: str) -> None:
    scenario = resolved(
        path, "workload.tasks=0", f"workload.arrivals={{process: {process}, load: 0.8}}"
    )
    assert scenario.offered_load == 0.8
    everything = np.concatenate(exec_s_of(scenario))
    assert len(everything) == sum(SIZES)
    assert rate_of(scenario) == pytest.approx(0.8 * by_hand(everything), rel=1e-5)
    back = resolve_scenario(scenario, "t", 0)
    assert back.offered_load == pytest.approx(0.8, rel=1e-5)


def test_the_load_of_a_file_is_not_that_of_its_first_subset(path: Path) -> None:
    for tasks in (0, 10):
        scenario = resolved(path, f"workload.tasks={tasks}", POISSON)
        worlds = exec_s_of(scenario)
        assert [len(world) for world in worlds] == [min(tasks or size, size) for size in SIZES]
        wanted = 0.1 / by_hand(np.concatenate(worlds))
        assert scenario.offered_load == pytest.approx(wanted, rel=1e-5)
        assert wanted > 1.5 * 0.1 / by_hand(worlds[0])


def test_a_subset_that_is_named_is_all_that_counts(path: Path) -> None:
    for place in (0, 1):
        scenario = resolved(
            path, "workload.tasks=0", POISSON, f"workload.circuits.subset={place + 1}"
        )
        (world,) = exec_s_of(scenario, 1)
        assert scenario.offered_load == pytest.approx(0.1 / by_hand(world), rel=1e-5)


@pytest.mark.parametrize(("selection", "tasks"), [("shuffled", 5), ("uniform", 50)])
def test_what_chance_chooses_counts_by_its_mean(path: Path, selection: str, tasks: int) -> None:
    """On equal QPUs the load is rate times mean time over their number: averaged over worlds."""
    scenario = resolved(
        path, f"workload.tasks={tasks}", POISSON, EQUAL, f"workload.circuits.selection={selection}"
    )
    found = []
    for seed in range(400):
        each = [build_scenario(scenario, "t", k, seed) for k in range(len(SIZES))]
        assert [len(world.workload) for world in each] == (
            [tasks] * 5 if selection == "uniform" else [min(tasks, size) for size in SIZES]
        )
        times = np.concatenate([world.estimates.exec_s[:, 0] for world in each])
        found.append(0.1 * times.mean() / 2)
    error = np.std(found) / 20.0
    assert scenario.offered_load is not None
    assert abs(scenario.offered_load - np.mean(found)) < 4.0 * error
    assert error < 0.01 * np.mean(found)


def test_worlds_that_cannot_be_run_do_not_count(tmp_path: Path) -> None:
    figures = "device: guadalupe, d1cps: 30000.0"
    small = f"fleet.qpus=[{{{figures}, name: a}}, {{{figures}, name: b}}]"
    path = written(tmp_path / "wide.parquet", WIDTHS)
    scenario = resolved(path, "workload.tasks=0", POISSON, small)
    run = [build_scenario(scenario, "t", k, 0) for k in (0, 2, 4)]
    times = np.concatenate([world.estimates.exec_s[:, 0] for world in run])
    assert scenario.offered_load == pytest.approx(0.1 * times.mean() / 2, rel=1e-5)
    first = written(tmp_path / "first.parquet", [(22, 27), *WIDTHS[1:]])
    with pytest.raises(InputError, match="fits no QPU"):
        resolved(first, "workload.tasks=0", POISSON, small)


def test_arrivals_without_a_rate_have_no_load(path: Path) -> None:
    for process in ("batch", "spaced"):
        scenario = resolved(path, "workload.tasks=0", f"workload.arrivals={{process: {process}}}")
        assert scenario.offered_load is None


def test_fleets_of_drawn_sizes_have_the_load_on_average() -> None:
    sizes = (
        "fleet.qpus=[{device: kolkata, name: a}, {device: washington, name: b, qubits: 5, "
        "max_qubits: 127}, {device: hanoi, name: c, qubits: 2, max_qubits: 27}]"
    )
    composed = compose_scenario(STREAM, [sizes, "workload.arrivals={process: poisson, load: 0.8}"])
    scenario = resolve_scenario(composed, "t", 0)
    loads = [
        rate_of(scenario) / sustainable_rate_per_s(world)
        for world in exec_s_of(scenario, 40)  # of 500 tasks each
    ]
    assert np.mean(loads) == pytest.approx(0.8, rel=0.03)
    assert max(loads) > 1.2 * 0.8


def test_shared_qpus_have_no_load_and_say_so() -> None:
    composed = compose_scenario(
        "allocation/eagle5-mix",
        ["workload.arrivals={process: poisson, load: 0.8, rate_per_s: null}"],
    )
    with pytest.raises(InputError, match=r"arrivals\.load: is not defined where tasks share QPUs"):
        resolve_scenario(composed, "t", 0)


def test_weights_are_how_often_a_task_comes() -> None:
    rng = np.random.default_rng(2)
    exec_s = rng.lognormal(0.0, 1.0, (40, 4))
    exec_s[rng.random(exec_s.shape) < 0.3] = np.inf
    exec_s[:, 0] = 3.0
    often = rng.integers(1, 5, 40)
    repeated = sustainable_rate_per_s(np.repeat(exec_s, often, axis=0))
    assert sustainable_rate_per_s(exec_s, often.astype(float)) == pytest.approx(repeated)
    assert sustainable_rate_per_s(exec_s, often.astype(float) / 4.0) == pytest.approx(repeated)
    equal = np.repeat(exec_s[:, :1] * rng.random((40, 1)), 3, axis=1)
    repeated = sustainable_rate_per_s(np.repeat(equal, often, axis=0))
    assert sustainable_rate_per_s(equal, often.astype(float)) == pytest.approx(repeated)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e9])
@pytest.mark.parametrize(("kinds", "qpus"), [(1, 2), (3, 2), (50, 3), (600, 5), (400, 12)])
def test_prices_find_what_the_whole_program_finds(kinds: int, qpus: int, scale: float) -> None:
    rng = np.random.default_rng(kinds + qpus)
    exec_s = rng.lognormal(0.0, 1.5, (kinds, qpus)) * rng.uniform(0.1, 10.0, qpus)
    exec_s[rng.random(exec_s.shape) < 0.4] = np.inf
    exec_s[~np.isfinite(exec_s).any(axis=1), 0] = 1.0
    counts = rng.uniform(0.1, 5.0, kinds)
    whole = _busiest_s(exec_s, counts)
    assert _busiest_by_prices_s(scale * exec_s, counts) == pytest.approx(scale * whole, rel=1e-7)

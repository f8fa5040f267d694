"""Placement against what QSimPy itself did on ten subsets of its published tasks.

The files are others' (GPL-3.0) and no part of the project; see `reference_data`.
"""

import csv
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qcbench.arrays import FloatArray
from qcbench.bench.compose import compose_scenario
from qcbench.bench.scenario import build_scenario
from qcbench.cloud.cloud import Cloud
from qcbench.cloud.records import Records
from qcbench.cloud.scenario import Scenario
from qcbench.policies import registry
from qcbench.policies.config import PolicyConfig
from qcbench.policies.protocol import PolicyContext
from qcbench.policies.view import PlacementView
from qcbench.workload.workload import CompiledFeatures, Tasks, Workload

Row = dict[str, str]
EXACT_S = 1e-9
OURS = {"min_completion": "earliest_completion"}
FLEETS = {"greedy_error": "qce5-readout"}


def read(path: Path) -> list[Row]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture(scope="module")
def folder(reference_data: Path) -> Path:
    return reference_data / "placement"


@pytest.fixture(scope="module")
def arrivals(folder: Path) -> list[Row]:
    return read(folder / "arrivals_subsets_1_10.csv")


@pytest.fixture(scope="module")
def published(folder: Path) -> list[Row]:
    return read(folder / "records_subsets_1_3.csv")


@pytest.fixture(scope="module")
def steps(folder: Path) -> list[Row]:
    return read(folder / "steps_subsets_1_2.csv")


Build = Callable[[int, str], Scenario]


@pytest.fixture(scope="module", params=["config", "by-hand"])
def build(request: pytest.FixtureRequest, folder: Path, arrivals: list[Row]) -> Build:
    """Makes the scenario of a subset (from 1) on a fleet: from the YAML, or column by column."""

    def composed(subset: int, fleet: str) -> Scenario:
        path = folder / "tasks_subsets_1_10.csv"
        config = compose_scenario(
            "placement/qsimpy-file", [f"fleet={fleet}", f"workload.circuits.path={path}"]
        )
        return build_scenario(config, "oracle", replicate=subset - 1, seed=0)

    def by_hand(subset: int, fleet: str) -> Scenario:
        rows = [row for row in arrivals if int(row["subset"]) == subset]

        def column(name: str) -> Any:
            return np.array([int(row[name]) for row in rows])

        zeros = np.zeros(len(rows), dtype=np.int64)
        tasks = Tasks(
            [row["application"] for row in rows],
            column("qubits"),
            column("original_depth"),
            column("shots"),
            zeros,
            {
                family: CompiledFeatures(column(f"{family}_depth"), zeros, zeros, zeros)
                for family in ("ibmq7", "ibmq27", "ibmq127")
            },
        )
        arrival_s = np.array([float(row["arrival_s"]) for row in rows])
        template = composed(subset, fleet)
        return Scenario(template.fleet, Workload(arrival_s, tasks), rules=template.rules)

    return composed if request.param == "config" else by_hand


def make(scenario: Scenario, name: str, seed: int = 0, **parameters: Any) -> Any:
    context = PolicyContext(scenario.fleet, np.random.default_rng(seed))
    return registry.make("placement", PolicyConfig(name=name, parameters=parameters), context)


def floats(rows: Sequence[Row], column: str) -> FloatArray:
    return np.array([float(row[column]) for row in rows])


@pytest.mark.parametrize("subset", [1, 2, 3])
@pytest.mark.parametrize("policy", ["round_robin", "greedy", "greedy_error", "min_completion"])
def test_every_task_of_every_heuristic(
    build: Build, published: list[Row], policy: str, subset: int
) -> None:
    scenario = build(subset, FLEETS.get(policy, "qce5"))
    records = Cloud(scenario, make(scenario, OURS.get(policy, policy))).run()
    rows = [r for r in published if r["policy"] == policy and int(r["subset"]) == subset]
    rows.sort(key=lambda row: int(row["task_id"]))
    assert len(records) == len(rows) == 25
    same_s = {"rtol": 0.0, "atol": EXACT_S}
    np.testing.assert_allclose(records.arrival_s, floats(rows, "init_arrival_s"), **same_s)
    np.testing.assert_allclose(records.delay_s, floats(rows, "delay_s"), **same_s)
    # Both what its recurrence says and what its own SimPy run did.
    for kind in ("est", "des"):
        np.testing.assert_allclose(records.wait_s, floats(rows, f"{kind}_wait_s"), **same_s)
        np.testing.assert_allclose(records.exec_s, floats(rows, f"{kind}_exec_s"), **same_s)
        np.testing.assert_allclose(records.start_s, floats(rows, f"{kind}_start_s"), **same_s)
        np.testing.assert_allclose(records.finish_s, floats(rows, f"{kind}_finish_s"), **same_s)
    assert records.violations.tolist() == [int(row["rescheduling_count"]) for row in rows]
    assert records.order.tolist() == [int(row["submit_order"]) for row in rows]
    assert records.qpu.tolist() == [int(row["node_id"]) for row in rows]
    names = records.frame()["qpus"].list.join("").to_list()
    assert names == [row["node_name"] for row in rows]
    assert [scenario.workload.tasks.algorithm[i] for i in records.row] == [
        row["application"] for row in rows
    ]


@pytest.mark.parametrize("subset", [1, 2])
@pytest.mark.parametrize("recorded", ["greedy", "random_replay"])
def test_every_step_of_recorded_actions(
    build: Build, steps: list[Row], tmp_path: Path, recorded: str, subset: int
) -> None:
    rows = [r for r in steps if r["policy"] == recorded and int(r["subset"]) == subset]
    script = tmp_path / "actions.csv"
    script.write_text("action\n" + "\n".join(row["action"] for row in rows) + "\n")
    scenario = build(subset, "qce5")
    scripted = make(scenario, "scripted", file=str(script))
    seen: list[dict[str, Any]] = []

    def decide(view: PlacementView) -> int:
        action = scripted(view)
        wait_s = max(0.0, float(view.free_at_s[action]) - view.now_s)
        seen.append(
            {
                "task": view.row,
                "arrival_s": view.now_s,
                "qubits": view.task_qubits,
                "layers": view.depth,
                "violations": view.violations,
                "free_at_s": view.free_at_s.tolist(),
                "feasible": view.feasible.tolist(),
                "reward": 1 / (view.violations + wait_s + view.exec_s[action])
                if view.feasible[action]
                else -10.0,
            }
        )
        return action

    records = Cloud(scenario, decide).run()
    assert len(seen) == len(rows) == records.decisions
    names = scenario.fleet.names
    for ours, row in zip(seen, rows, strict=True):
        # Task ids are the subset's number followed by two digits of the position in it.
        assert ours["task"] == int(row["task_id"]) % 100
        assert ours["arrival_s"] == pytest.approx(float(row["raw_t_arrival"]), rel=0, abs=EXACT_S)
        assert ours["qubits"] == float(row["raw_t_qubits"])
        assert ours["layers"] == float(row["raw_t_layers"])
        assert ours["violations"] == float(row["raw_t_resched"])
        theirs = [float(row[f"raw_{name}_next_available"]) for name in names]
        assert ours["free_at_s"] == pytest.approx(theirs, rel=0, abs=EXACT_S)
        assert ours["feasible"] == [flag == "1" for flag in row["feasible_mask"]]
        assert ours["reward"] == pytest.approx(float(row["reward"]), rel=1e-12)
        assert [float(row[f"raw_{name}_qubits"]) for name in names] == list(scenario.fleet.qubits)
        assert [float(row[f"raw_{name}_clops"]) for name in names] == [
            qpu.clops_v for qpu in scenario.fleet
        ]
    # The rewards of the placed tasks are those of the records too.
    placed = [float(row["reward"]) for row in rows if float(row["reward"]) != -10.0]
    total_s = (records.delay_s + records.wait_s + records.exec_s)[np.argsort(records.order)]
    np.testing.assert_allclose(1 / total_s, placed, rtol=1e-12)
    assert [row["terminated"] for row in rows] == ["0"] * (len(rows) - 1) + ["1"]


def test_arrivals_are_drawn_to_the_last_digit(folder: Path, arrivals: list[Row]) -> None:
    path = folder / "tasks_subsets_1_10.csv"
    config = compose_scenario("placement/qsimpy-file", [f"workload.circuits.path={path}"])
    for subset in range(1, 11):
        rows = [row for row in arrivals if int(row["subset"]) == subset]
        workload = build_scenario(config, "oracle", replicate=subset - 1, seed=0).workload
        np.testing.assert_array_equal(workload.arrival_s, floats(rows, "arrival_s"))
        tasks = workload.tasks
        for name, column in (("qubits", tasks.qubits), ("original_depth", tasks.depth)):
            np.testing.assert_array_equal(column, floats(rows, name))
        for family in ("ibmq7", "ibmq27", "ibmq127"):
            np.testing.assert_array_equal(
                tasks.compiled[family].depth, floats(rows, f"{family}_depth")
            )


PUBLISHED_MEANS = {
    # Total of wait and execution [s] and violations, mean of subsets 1 to 100.
    "greedy": (647.2, 37.8),
    "greedy_error": (664.1, 41.7),
    "round_robin": (1051.5, 11.8),
    "random": (1173.0, 13.3),
    "earliest_available": (650.0, 0.0),
    "earliest_completion": (608.4, 0.0),
}


def total_s(records: Records) -> float:
    return float((records.wait_s + records.exec_s).sum())


def test_means_of_ten_subsets_agree_with_those_published_for_a_hundred(folder: Path) -> None:
    """Ten subsets are a sample of the hundred: their mean is within its own standard error.

    With 10 values the mean is within 3.25 standard errors of the true one 99 times in 100
    (Student's t, 9 degrees of freedom); the published mean's own error, a third of it, is added.
    """
    path = folder / "tasks_subsets_1_10.csv"
    means: dict[str, float] = {}
    for policy, (published_s, published_violations) in PUBLISHED_MEANS.items():
        config = compose_scenario(
            "placement/qsimpy-file",
            [f"fleet={FLEETS.get(policy, 'qce5')}", f"workload.circuits.path={path}"],
        )
        draws = 40 if policy == "random" else 1
        totals, violations = np.zeros(10), np.zeros(10)
        for subset in range(10):
            scenario = build_scenario(config, "oracle", replicate=subset, seed=0)
            seeds = range(draws * subset, draws * (subset + 1))
            trials = [Cloud(scenario, make(scenario, policy, seed)).run() for seed in seeds]
            totals[subset] = np.mean([total_s(records) for records in trials])
            violations[subset] = np.mean([records.violations.sum() for records in trials])
        margin = 3.25 * np.sqrt(1 / 10 + 1 / 100)
        assert abs(totals.mean() - published_s) < margin * totals.std(ddof=1), policy
        assert abs(violations.mean() - published_violations) <= margin * violations.std(ddof=1)
        means[policy] = totals.mean()
    assert (
        means["earliest_completion"]
        < min(means["greedy"], means["earliest_available"])
        <= max(means["greedy"], means["earliest_available"], means["greedy_error"])
        < means["round_robin"]
        < means["random"]
    )

"""Exactness that a checkout alone can prove: figures of the published systems, and naive programs.

`figures/` holds a small extract of what the published systems do (`extract.py`). On worlds of our
own the cloud is compared with programs that use nothing of the package; where the data of others
are beside the checkout, those programs are held against what the published systems did with them.
"""

import csv
import json
import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from naive_hybrid import Job, Outcome, Platform
from naive_hybrid import simulate as naive_hybrid
from naive_placement import Placed, Qpu, Task, place
from naive_polling import Device
from naive_polling import Job as PolledJob
from naive_polling import dispatch as naive_polling

import qcbench
from qcbench.bench.compose import compose, compose_scenario, to_plain
from qcbench.bench.scenario import build_scenario
from qcbench.bench.typed import typed
from qcbench.cloud.cloud import Cloud
from qcbench.cloud.estimates import estimate
from qcbench.cloud.execution import DONE
from qcbench.fleet.config import FleetConfig
from qcbench.fleet.load import load_fleet
from qcbench.fleet.profile import Fleet
from qcbench.physics.timing import d1cps_time_s
from qcbench.policies import registry
from qcbench.policies.batch.games import price_of_anarchy
from qcbench.policies.batch.problem import Batch
from qcbench.policies.config import PolicyConfig
from qcbench.policies.protocol import PolicyContext
from qcbench.stats.partition_bounds import relaxed_optimum
from tests.oracle.extract import EXTRACTS, FIGURES, GAMES, digest, sequence

HEURISTICS = {
    "round_robin": "round_robin",
    "greedy": "greedy",
    "greedy_error": "greedy_error",
    "min_completion": "earliest_completion",
}
QUEUES = ("fifo", "fifo_legacy", "lifo")
VARIANTS = ("pending", "total", "paper")


def figures(system: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FIGURES / f"{system}.json").read_text(encoding="utf-8"))
    return found


def fleet_of(name: str) -> Fleet:
    return load_fleet(typed(FleetConfig, to_plain(compose(f"fleet/{name}"))["fleet"], "fleet"))


def known(figure: float | None) -> float:
    assert figure is not None
    return figure


@pytest.mark.parametrize("system", EXTRACTS)
def test_the_figures_are_those_of_the_published_systems(reference_data: Path, system: str) -> None:
    assert figures(system) == EXTRACTS[system](reference_data / system)


def test_the_extract_is_small() -> None:
    assert sum(path.stat().st_size for path in FIGURES.iterdir()) < 200_000


# Placement


def test_arrivals_of_the_published_subsets_are_drawn_to_the_last_bit() -> None:
    """They depend on the generator and on the number of tasks, not on what the tasks are."""
    config = compose_scenario(
        "placement/qce5",
        ["workload.arrivals={process: qsimpy}", "~workload.arrivals.per_minute"],
    )
    for subset, wanted in enumerate(figures("placement")["arrival_s"]):
        workload = build_scenario(config, "oracle", replicate=subset, seed=0).workload
        assert sequence(workload.arrival_s.tolist()) == wanted


def test_executions_last_as_long_as_published() -> None:
    qpus = {qpu.name: qpu for qpu in fleet_of("qce5")}
    for wanted in figures("placement")["executions"]:
        d1cps = np.array([qpus[wanted["qpu"]].d1cps])
        found = d1cps_time_s(np.array([wanted["depth"]]), d1cps, np.array([wanted["shots"]]))
        assert found.item() == pytest.approx(wanted["exec_s"], rel=1e-12)


@pytest.mark.parametrize("policy", HEURISTICS)
def test_every_placement_is_the_naive_one(policy: str) -> None:
    fleet = "qce5-readout" if policy == "greedy_error" else "qce5"
    config = compose_scenario("placement/qce5", [f"fleet={fleet}"])
    violations = 0
    for replicate in range(10):
        scenario = build_scenario(config, "oracle", replicate, seed=0)
        tasks, qpus = scenario.workload.tasks, scenario.fleet
        exec_s = estimate(tasks, qpus, scenario.physics).exec_s
        placed = place(
            [Qpu(qpu.qubits, known(qpu.readout_error)) for qpu in qpus],
            [
                Task(arrival_s, qubits, each.tolist())
                for arrival_s, qubits, each in zip(
                    scenario.workload.arrival_s.tolist(), tasks.qubits.tolist(), exec_s, strict=True
                )
            ],
            policy,
        )
        context = PolicyContext(qpus, np.random.default_rng(0))
        decide: Any = registry.make("placement", PolicyConfig(name=HEURISTICS[policy]), context)
        records = Cloud(scenario, decide).run()
        of_task = {each.task: each for each in placed}
        ours = [of_task[row] for row in records.row.tolist()]
        assert records.qpu.tolist() == [each.qpu for each in ours]
        assert records.violations.tolist() == [each.violations for each in ours]
        assert records.start_s.tolist() == [each.start_s for each in ours]
        assert records.finish_s.tolist() == [each.finish_s for each in ours]
        violations += sum(each.violations for each in placed)
    assert (violations > 0) == (policy != "min_completion")


@pytest.mark.parametrize("policy", HEURISTICS)
def test_the_naive_placement_is_the_published_one(reference_data: Path, policy: str) -> None:
    def read(name: str) -> list[dict[str, str]]:
        with (reference_data / "placement" / name).open(newline="") as file:
            return list(csv.DictReader(file))

    fleet = fleet_of("qce5-readout" if policy == "greedy_error" else "qce5")
    records, arrivals = read("records_subsets_1_3.csv"), read("arrivals_subsets_1_10.csv")
    for subset in ("1", "2", "3"):
        tasks = [row for row in arrivals if row["subset"] == subset]
        done = [row for row in records if row["subset"] == subset and row["policy"] == policy]
        done.sort(key=lambda row: int(row["submit_order"]))
        placed: list[Placed] = place(
            [Qpu(qpu.qubits, known(qpu.readout_error)) for qpu in fleet],
            [
                Task(
                    float(row["arrival_s"]),
                    int(row["qubits"]),
                    [
                        int(row[f"{qpu.family}_depth"]) / (known(qpu.d1cps)) * int(row["shots"])
                        for qpu in fleet
                    ],
                )
                for row in tasks
            ],
            policy,
        )
        assert [each.qpu for each in placed] == [int(row["node_id"]) for row in done]
        assert [int(tasks[each.task]["task_id"]) for each in placed] == [
            int(row["task_id"]) for row in done
        ]
        assert [each.violations for each in placed] == [
            int(row["rescheduling_count"]) for row in done
        ]
        for name in ("start", "finish"):
            found = [getattr(each, f"{name}_s") for each in placed]
            wanted = [float(row[f"des_{name}_s"]) for row in done]
            assert found == pytest.approx(wanted, rel=0, abs=1e-9)


# Allocation


def test_the_devices_of_the_case_study_have_the_published_figures() -> None:
    fleet = fleet_of("eagle5")
    for figure, wanted in figures("allocation")["devices"].items():
        assert digest(fleet.figures(figure)) == wanted, figure


@pytest.mark.parametrize(
    "job", figures("allocation")["jobs"], ids=lambda j: f"{j['mode']}-{j['num_shots']}"
)
def test_a_split_lasts_and_succeeds_as_published(tmp_path: Path, job: dict[str, Any]) -> None:
    jobs = tmp_path / "jobs.csv"
    keys = ("num_qubits", "two_qubits", "depth")
    jobs.write_text(
        "job_id,num_qubits,two_qubits,depth,priority,arrival_time,num_shots\n"
        f"1,{','.join(str(job[key]) for key in keys)},2,,{job['num_shots']}\n"
    )
    splits = tmp_path / "splits.json"
    splits.write_text(json.dumps([dict(zip(job["devices"], job["qubits"], strict=True))]))
    scripted = {"name": "scripted", "parameters": {"file": str(splits)}}
    # The first job meets idle devices, so that its decision can be checked too.
    decided = job["mode"] if job["first"] and job["mode"] != "rlbase" else scripted
    records = qcbench.simulate(
        "allocation/job-file",
        decided,
        overrides=[f'workload.circuits.path="{jobs}"', "rules.dispatch.order=icpp2025_rlbase"]
        if decided is scripted
        else [f'workload.circuits.path="{jobs}"'],
    )
    frame = records.frame()
    assert frame["qpus"].to_list() == [job["devices"]]
    assert frame["qubits"].to_list() == [job["qubits"]]
    assert records.exec_s.tolist() == [job["exec_s"]]
    assert records.comm_s.tolist() == pytest.approx([job["comm_s"]], rel=0, abs=1e-9)
    assert np.round(records.fidelity, 4).tolist() == [job["fidelity"]]


@pytest.mark.parametrize("mode", ["speed", "fidelity", "fair"])
def test_drawn_jobs_are_dispatched_as_the_naive_ones(mode: str) -> None:
    config = compose_scenario(
        "allocation/eagle5-icpp2025", ["workload.tasks=25", "physics.time.variant=consistent"]
    )
    scenario = build_scenario(config, "oracle", replicate=0, seed=0)
    tasks, fleet = scenario.workload.tasks, scenario.fleet
    arrival_s = [0.0, *scenario.workload.arrival_s.tolist()]
    scores = [
        0.5 * known(q.readout_error)
        + 0.3 * known(q.one_qubit_error)
        + 0.2 * known(q.two_qubit_error)
        for q in fleet
    ]
    devices = [
        Device(q.qubits, known(q.clops_h), score, known(q.clops_h) / (score + 1e-6))
        for q, score in zip(fleet, scores, strict=True)
    ]
    jobs = [
        PolledJob(qubits, shots, later - before)
        for qubits, shots, (before, later) in zip(
            tasks.qubits.tolist(), tasks.shots.tolist(), pairwise(arrival_s), strict=True
        )
    ]
    context = PolicyContext(fleet, np.random.default_rng(0))
    decide: Any = registry.make("allocation", PolicyConfig(name=mode), context)
    records = Cloud(scenario, decide).run()
    assert (records.wait_s > 0).any()
    for row, done in enumerate(naive_polling(devices, jobs, mode)):
        assert records.parts[row] == done.parts
        assert records.start_s[row] == pytest.approx(done.start, rel=1e-12)
        assert records.finish_s[row] == pytest.approx(done.finish, rel=1e-12)


# Hybrid jobs


def job_list(path: Path, platform: Platform, jobs: list[Job]) -> Path:
    content = {
        "C": platform.workers,
        "S": platform.speed,
        "Q": platform.qpus,
        "c_max": platform.classical_limit,
        "q_max": platform.quantum_limit,
        "jobs": [
            {
                "arrival": job.arrival_s,
                "priority": 1,
                "pre_ops": job.pre,
                "iterations": [list(pair) for pair in job.iterations],
                "post_ops": job.post,
            }
            for job in jobs
        ],
    }
    path.write_text(json.dumps(content))
    return path


def drawn_jobs(seed: int) -> list[Job]:
    """Jobs that meet in the pool and in the queue; no two events coincide."""
    rng = np.random.default_rng(seed)
    arrivals = np.cumsum(rng.exponential(4.0, 40))
    return [
        Job(
            float(arrival_s),
            float(rng.uniform(500, 8000)),
            [(float(rng.uniform(50, 800)), float(rng.uniform(0.5, 5.0)))]
            * int(rng.integers(2, 10)),
            float(rng.uniform(100, 900)),
        )
        for arrival_s in arrivals
    ]


@pytest.mark.parametrize("engine", ["simpy", "compiled"])
@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("policy", QUEUES)
def test_hybrid_jobs_are_done_when_the_naive_ones_are(
    tmp_path: Path, policy: str, variant: str, engine: Any
) -> None:
    platform = Platform(3, 1000.0, 3, 6, 3, variant)
    turned_away = 0
    for seed in range(3):
        jobs = drawn_jobs(seed)
        wanted = naive_hybrid(platform, jobs, policy)
        path = job_list(tmp_path / f"{seed}.json", platform, jobs)
        records = qcbench.simulate(
            "serverless/jobs",
            policy,
            engine=engine,
            overrides=[f"file={path}", f"rules.admission.variant={variant}"],
        )
        assert (records.job_status == DONE).tolist() == [not math.isnan(t) for t in wanted.finish_s]
        assert records.job_finish_s == pytest.approx(wanted.finish_s, abs=1e-6, nan_ok=True)
        check_levels(records, wanted)
        assert wanted.from_queue
        turned_away += sum(map(math.isnan, wanted.finish_s))
    assert turned_away > 0


def check_levels(records: Any, wanted: Outcome) -> None:
    levels = records.levels
    end_s = max(t for t in wanted.finish_s if not math.isnan(t))
    for level, area_s in (
        (levels.classical, wanted.classical_s),
        (levels.pending, wanted.pending_s),
        (levels.running, wanted.running_s),
    ):
        assert level * records.end_s == pytest.approx(area_s, rel=1e-9)
    assert records.end_s == pytest.approx(end_s, abs=1e-6)


@pytest.mark.parametrize("key", figures("serverless")["alone"])
def test_a_job_alone_is_done_as_published(tmp_path: Path, key: str) -> None:
    policy, variant = key.split("|")
    wanted = figures("serverless")["alone"][key]
    if policy not in registry.names("queueing"):
        pytest.fail(f"{policy} is no policy")
    jobs = [Job(0.0, 200.0, [(50.0, 3.0)] * 2, 100.0)]
    path = job_list(tmp_path / "jobs.json", Platform(1, 100.0, 1, 40, 40, variant), jobs)
    records = qcbench.simulate(
        "serverless/jobs",
        policy,
        overrides=[f"file={path}", f"rules.admission.variant={variant}"],
    )
    assert records.job_finish_s == pytest.approx(wanted["completion"], abs=1e-9)
    assert (records.job_status == DONE).tolist() == wanted["accepted"]
    levels = records.levels
    assert levels is not None
    assert levels.classical == pytest.approx(wanted["mean_classical"])
    assert levels.pending == wanted["mean_pending_quantum"]
    assert levels.running == pytest.approx(wanted["mean_running_quantum"])


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("policy", QUEUES)
def test_the_naive_hybrid_jobs_are_the_published_ones(
    reference_data: Path, policy: str, variant: str
) -> None:
    path = reference_data / "serverless" / "trace_examples.json"
    for case in json.loads(path.read_text())["cases"]:
        jobs = [
            Job(job["arrival"], job["pre_ops"], job["iterations"], job["post_ops"])
            for job in case["jobs"]
        ]
        limits = (case["c_max"], case["q_max"])
        platform = Platform(case["C"], case["S"], case["Q"], *limits, variant)
        found = naive_hybrid(platform, jobs, policy)
        wanted = case["expected"][f"{policy}|{variant}"]
        completion = [math.nan if time is None else time for time in wanted["completion"]]
        assert found.finish_s == pytest.approx(completion, abs=1e-6, nan_ok=True)
        assert found.from_queue == wanted["dispatch_order_from_queue"]
        makespan_s = wanted["makespan"]
        assert found.pending_s / makespan_s == pytest.approx(
            wanted["mean_pending_quantum"], abs=1e-9
        )


# Partition


@pytest.mark.parametrize(
    "problem", figures("partition")["problems"], ids=lambda p: str(p["demands"])
)
def test_optima_and_equilibria_are_the_published_ones(problem: dict[str, Any]) -> None:
    capacities = np.array(problem["capacities"])
    prices = np.full(len(capacities), problem["unit_price"])
    for definition, wanted in problem["definitions"].items():
        batch = Batch(capacities, prices, np.array(problem["demands"]), definition)
        assert batch.optimal_cost == pytest.approx(wanted["opt_int_cost"])
        assert relaxed_optimum(batch).cost == pytest.approx(wanted["relaxed_cost"])
        for game in GAMES:
            found = price_of_anarchy(batch, game, np.random.default_rng(0))
            assert found.complete
            assert found.equilibria == wanted[game]["n_NE"]
            assert found.best == pytest.approx(wanted[game]["PoS"], abs=1e-5)
            assert found.worst == pytest.approx(wanted[game]["PoA"], abs=1e-5)

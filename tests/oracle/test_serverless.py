"""The serverless study: its job lists to the last digit, its means within their errors."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

import qcbench
from qcbench.cli.main import main
from qcbench.cloud.execution import DROPPED
from tests.perf import serverless_reference as reference

JOB = {"arrival": 0, "priority": 1, "pre_ops": 200, "iterations": [[50, 3], [50, 3]]}
LIST = {"C": 1, "S": 100, "Q": 1, "c_max": 40, "q_max": 40, "jobs": [{**JOB, "post_ops": 100}]}

VARIANTS = ("pending", "total", "paper")
ENGINES = ("simpy", "compiled")


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("policy", ["fifo", "fifo_legacy", "lifo"])
@pytest.mark.parametrize("engine", ENGINES)
def test_published_lists_through_the_scenario(
    reference_data: Path, policy: str, variant: str, engine: Any
) -> None:
    path = reference_data / "serverless" / "trace_examples.json"
    for case in json.loads(path.read_text())["cases"]:
        records = qcbench.simulate(
            "serverless/jobs",
            policy,
            engine=engine,
            overrides=[
                f"file={path}",
                f"workload.circuits.case={case['name']}",
                f"rules.admission.variant={variant}",
            ],
        )
        expected = case["expected"][f"{policy}|{variant}"]
        assert (records.job_status != DROPPED).tolist() == expected["accepted"]
        completion = [math.nan if time is None else time for time in expected["completion"]]
        assert records.job_finish_s == pytest.approx(completion, abs=1e-6, nan_ok=True)
        levels = records.levels
        assert levels is not None
        assert levels.pending * records.end_s / expected["makespan"] == pytest.approx(
            expected["mean_pending_quantum"], abs=1e-9
        )
        assert levels.classical == pytest.approx(expected["mean_classical"])
        assert levels.running == pytest.approx(expected["mean_running_quantum"])


def crowded(tmp_path: Path, qpus: int) -> Path:
    """Jobs at a time when QPUs are busy for long; limits of one."""
    job = {"pre_ops": 0, "iterations": [[0, 10]], "post_ops": 0}
    jobs = [{"arrival": t, **job} for t in (0, 1, 2, 3)]
    path = tmp_path / "jobs.json"
    path.write_text(json.dumps({**LIST, "Q": qpus, "c_max": 1, "q_max": 1, "jobs": jobs}))
    return path


@pytest.mark.parametrize(
    ("variant", "qpus", "finish"),
    [
        ("pending", 1, [10.0, 20.0, None, None]),
        ("total", 1, [10.0, None, None, None]),
        ("paper", 1, [10.0, 20.0, None, None]),  # the third finds one that runs, one that waits
        ("pending", 2, [10.0, 11.0, 20.0, None]),
        ("total", 2, [10.0, None, None, None]),
        ("paper", 2, [10.0, 11.0, None, None]),  # two run, none waits
    ],
)
@pytest.mark.parametrize("engine", ENGINES)
def test_admission_variants_by_hand(
    tmp_path: Path, variant: str, qpus: int, finish: list[float | None], engine: Any
) -> None:
    overrides = [f"file={crowded(tmp_path, qpus)}", f"rules.admission.variant={variant}"]
    records = qcbench.simulate("serverless/jobs", "fifo", overrides=overrides, engine=engine)
    found = [None if math.isnan(value) else value for value in records.job_finish_s.tolist()]
    assert found == finish


def test_a_list_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "jobs.json"
    path.write_text(json.dumps(LIST))
    assert main(["simulate", "scenario=serverless/jobs", f"file={path}", "policy=fifo"]) == 0
    head, row = capsys.readouterr().out.strip().split("\n")
    values = dict(zip(head.split(","), row.split(","), strict=True))
    assert float(values["finish_s"]) == pytest.approx(10.0, abs=1e-6)
    assert float(values["exec_s"]) == 6.0


def negative(tmp_path: Path) -> str:
    path = tmp_path / "negative.json"
    path.write_text(json.dumps({**LIST, "jobs": [{**JOB, "post_ops": 1, "iterations": [[5, -3]]}]}))
    return f"file={path}"


def zero_workers(tmp_path: Path) -> str:
    path = tmp_path / "zero.json"
    path.write_text(json.dumps({**LIST, "C": 0}))
    return f"file={path}"


def empty_folder(tmp_path: Path) -> str:
    (tmp_path / "empty").mkdir()
    return f"workload.circuits.path={tmp_path / 'empty'}"


def size_missing(tmp_path: Path) -> str:
    folder = tmp_path / "torn"
    folder.mkdir()
    for name in ("pre", "cost_time", "post", "num_iterations"):
        sizes = (4,) if name == "post" else (4, 6)
        text = "\n".join(f"{size},1" for size in sizes)
        (folder / f"{name}.csv").write_text(f"n_qubits,{name}\n{text}\n")
    (folder / "ibm_job_estimate.csv").write_text("1,4,ibm,2.0\n1,6,ibm,2.0\n")
    return f"workload.circuits.path={folder}"


@pytest.mark.parametrize(
    ("scenario", "override", "message"),
    [
        ("small", "rules.horizon_s=3600.0", "warm_up_s: 43200; must be less than horizon_s, 3600"),
        ("small", "rules.classical.workers=0", "rules.classical.workers: 0; must be at least 1"),
        ("small", "rules.classical.speed=-1", "rules.classical.speed: -1; must be positive"),
        ("small", "rules.admission.quantum_limit=-1", "quantum_limit: -1; must not be negative"),
        ("small", "rules.dispatch.mode=push", "must be pull exclusive"),
        ("small", "workload.arrivals.interval_s=-5", "interval_s: -5; must be positive"),
        ("small", "workload.circuits.qubits=[5]", "no pre_s for 5 qubits"),
        ("small", empty_folder, "has no pre.csv"),
        ("small", size_missing, "no post_s for 6 qubits, which workload.circuits.qubits asks for"),
        ("jobs", zero_workers, "C is 0; it must be a whole number from 1"),
        ("jobs", negative, "iteration 0: seconds is -3; it must be not negative"),
        ("jobs", "file=nowhere.json", "nowhere.json: cannot be read"),
    ],
)
def test_bad_input_is_one_line(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    scenario: str,
    override: object,
    message: str,
) -> None:
    text = override(tmp_path) if callable(override) else str(override)
    more = ["workload.circuits.qubits=[4,6]"] if "torn" in text else []
    code = main(["simulate", f"scenario=serverless/{scenario}", "policy=fifo", text, *more])
    captured = capsys.readouterr()
    assert code == 2
    assert captured.out == ""
    assert len(captured.err.strip().splitlines()) == 1
    assert message in captured.err


FAST = [c for c in reference.cells() if c.part == "small" and c.policy == "fifo"] + [
    c for c in reference.cells() if c.part == "big-c" and "=2" in c.overrides[0]
]


@pytest.mark.parametrize("world", sorted({cell.world for cell in FAST}))
def test_a_few_replications_meet_the_published_means(world: str) -> None:
    """The full comparison, with 100 replications of everything, is marked slow."""
    own = [cell for cell in FAST if cell.world == world]
    first = own[0]
    rows = [
        reference.simulate(first.scenario, first.overrides, first.policy, replicate)
        for replicate in range(40)
    ]
    for cell in own:
        assert reference.met(cell, reference.estimate(cell, rows)), cell


@pytest.mark.slow
def test_all_published_means_are_met_with_a_hundred_replications() -> None:
    known: dict[str, dict[str, dict]] = {}
    for cell in reference.cells():
        if cell.world not in known:
            known[cell.world] = {
                str(replicate): reference.simulate(
                    cell.scenario, cell.overrides, cell.policy, replicate
                )
                for replicate in range(reference.PUBLISHED_REPLICATIONS)
            }
        own = reference.estimate(cell, list(known[cell.world].values()))
        assert math.isnan(cell.published) or reference.met(cell, own), cell
    # Four slow workers drop more than two within a day; after a week the effect is gone.
    day, week = (reference.transient(part, known) for part in ("big-c", "big-c-week"))
    assert day is not None
    assert week is not None
    assert abs(day[0] - 7.0) < 1.5 * math.hypot(day[1], 0.6)
    assert abs(week[0] + 0.05) < 1.5 * math.hypot(week[1], 0.20)

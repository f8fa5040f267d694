"""What is known of worlds: found once a world, kept beside the trials, the same however it came."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from toys import FACTS, INLINE, WORK, toy_trials

from qcbench.api import compose_run, compose_simulate, trial_of
from qcbench.arrays import FloatArray
from qcbench.bench import run as run_module
from qcbench.bench.config import ClusterConfig
from qcbench.bench.driver import run_trials
from qcbench.bench.facts import SCHEMA, bearers, worlds_frame
from qcbench.bench.metrics.bounded import Bounded
from qcbench.bench.metrics.names import BoundedOf
from qcbench.bench.run import facts_of, run_trial
from qcbench.bench.run_folder import create_run, missing, open_run
from qcbench.bench.store import RunStore
from qcbench.bench.suite import expand, suite_scenarios
from qcbench.bench.trial import Trial
from qcbench.bench.worker import Worker
from qcbench.cloud.scenario import Scenario
from qcbench.tracks import Track

SHORT_CHUNKS = ClusterConfig(address="inline", chunk_s=1e-6)


def run(runs: Path, trials: Sequence[Trial], cluster: ClusterConfig = INLINE) -> RunStore:
    with create_run(runs, {}, trials, track="placement") as store:
        run_trials(store.trials, WORK, store, cluster, facts=FACTS)
    return store


def worlds_of(folder: Path) -> bytes:
    return (folder / "worlds.parquet").read_bytes()


def test_each_world_is_looked_at_once_and_the_table_has_them_in_order(tmp_path: Path) -> None:
    asked = tmp_path / "asked"
    asked.mkdir()
    store = run(tmp_path / "runs", toy_trials(24, asked=str(asked)))
    worlds = pl.read_parquet(store.folder / "worlds.parquet")
    assert worlds.schema == pl.Schema(SCHEMA)
    found = list(worlds.select("scenario", "replicate").iter_rows())
    assert found == [(s, r) for r in range(6) for s in ("s0", "s1")]
    assert worlds["bound"].to_list() == [1.0 + replicate for _, replicate in found]
    assert len(list(asked.iterdir())) == 12
    assert open_run(store.folder).worlds().equals(worlds)


def test_the_bytes_do_not_depend_on_chunks_or_on_what_was_lost(tmp_path: Path) -> None:
    trials = toy_trials(24)
    expected = worlds_of(run(tmp_path / "a", trials).folder)
    folder = run(tmp_path / "b", trials, SHORT_CHUNKS).folder
    assert worlds_of(folder) == expected
    table = (folder / "trials.parquet").read_bytes()
    shards = sorted((folder / "worlds").iterdir())
    assert len(shards) > 3
    shards[0].unlink()
    shards[1].write_bytes(shards[1].read_bytes()[:-1])
    (folder / "worlds.parquet").unlink()
    with open_run(folder, write=True) as store:
        assert any("damaged" in warning for warning in store.warnings)
        lost = missing(store.trials, store, facts=True)
        assert {trial.trial_id for trial in lost} == store.lacking
        assert [trial for trial in store.trials if store.bears(trial)] == lost
        assert len(lost) == 2
        assert missing(store.trials, store) == []
        summary = run_trials(store.trials, WORK, store, INLINE, facts=FACTS)
    assert summary.ran == 2
    assert worlds_of(folder) == expected
    assert (folder / "trials.parquet").read_bytes() == table
    # Nothing is left to do.
    with open_run(folder, write=True) as store:
        assert run_trials(store.trials, WORK, store, INLINE, facts=FACTS).ran == 0


def test_results_without_facts_are_as_they_were(tmp_path: Path) -> None:
    trials = toy_trials(8)
    with create_run(tmp_path, {}, trials, track="placement") as store:
        run_trials(store.trials, WORK, store, INLINE)
    assert not (store.folder / "worlds.parquet").exists()
    assert open_run(store.folder).worlds().is_empty()
    with_facts = run(tmp_path / "b", trials).folder
    tables = [(folder / "trials.parquet").read_bytes() for folder in (store.folder, with_facts)]
    assert tables[0] == tables[1]


def test_a_world_of_which_nothing_is_known_says_why(tmp_path: Path) -> None:
    notes: list[str] = []

    class Told:
        def start(self, *_: object) -> None: ...
        def update(self, *_: object) -> None: ...
        def stop(self) -> None: ...
        def note(self, text: str) -> None:
            notes.append(text)

    with create_run(tmp_path, {}, toy_trials(8, unknown=[1]), track="placement") as store:
        run_trials(store.trials, WORK, store, INLINE, Told(), facts=FACTS)
    worlds = store.worlds()
    assert worlds["error"].to_list() == [None, None, *["InputError: replicate 1 has no bound"] * 2]
    assert worlds["bound"].to_list() == [1.0, 1.0, None, None]
    assert notes == [
        f"nothing is known of s{s}, replicate 1: InputError: replicate 1 has no bound"
        for s in range(2)
    ]
    assert store.table()["status"].to_list() == ["done"] * 8


def test_a_worker_brings_along_what_it_is_asked_for() -> None:
    trials = toy_trials(4)
    outcomes = Worker(WORK, "placement", (), FACTS).run(trials, [trials[2].trial_id])
    assert [outcome.facts is not None for outcome in outcomes] == [False, False, True, False]
    assert Worker(WORK, "placement").run(trials[:1])[0].facts is None


def test_a_row_that_was_found_once_counts() -> None:
    trials = toy_trials(2)
    row = {**dict.fromkeys(SCHEMA), "scenario": "s0", "replicate": 0}
    parts = [pl.DataFrame([row | each], schema=SCHEMA) for each in ({"error": "x"}, {"bound": 2.0})]
    for order in (parts, parts[::-1]):
        assert worlds_frame(order, trials)["bound"].to_list() == [2.0]
    assert list(bearers(trials)) == [("s0", 0), ("s1", 0)]


SMALL = {
    "placement": ["scenario=placement/qce5", "policy=earliest_completion"],
    "stream": ["scenario=placement/qce5-stream", "workload.tasks=60"],
    "drawn times": ["scenario=placement/qce5", "rules.execution_sigma=0.5"],
    "failing": ["scenario=placement/qce5-unreliable", "workload.tasks=60"],
    "warm-up": ["scenario=placement/qce5", "rules.warm_up_s=30"],
    "allocation": ["scenario=allocation/eagle5", "policy=speed", "workload.tasks=20"],
    "mix": ["scenario=allocation/eagle5-mix", "policy=fair", "workload.tasks=10"],
    "poll": ["scenario=allocation/eagle5-icpp2025", "policy=fair", "workload.tasks=10"],
    "hybrid": ["scenario=hybrid/heron5", "workload.tasks=20", "rules.warm_up_s=0"],
    "one QPU": ["scenario=theory/mm1", "policy=earliest_completion", "workload.tasks=300"],
}


@pytest.mark.parametrize("name", SMALL)
def test_a_trial_is_not_below_the_bound_of_its_world(name: str) -> None:
    for seed in (0, 1):
        trial = trial_of(compose_simulate([*SMALL[name], f"seed={seed}"]))
        row, facts = run_trial(trial).row, facts_of(trial)
        assert facts == facts_of(trial)
        assert row["done"] == row["tasks"] > 0
        value = float(row[facts["bounds"]])
        assert 0 < facts["bound"] <= value
        assert facts["bound"] > 0.2 * value
        assert (facts["best"] is None) == (name not in ("placement", "drawn times"))
        if facts["best"] is not None:
            assert facts["bound"] <= facts["best"] <= value
        assert facts["jobs"] > 0
        assert facts["work_s"] > 0


@pytest.mark.parametrize("scenario", ["placement/qce5", "allocation/eagle5", "serverless/small"])
def test_a_world_of_tasks_that_take_no_time_is_bounded(scenario: str, tmp_path: Path) -> None:
    job = "{0} {0}00 0 0 4 -1 -1 4 -1 -1 1 7 1 -1 -1 -1 -1 -1\n"
    (tmp_path / "none.swf").write_text("".join(job.format(number) for number in range(1, 6)))
    known = {"jobs": 5, "tasks": 5, "span_s": 500.0, "work_s": 0.0, "error": None}
    trial = trial_of(
        compose_simulate(
            [
                *(f"scenario={scenario}", f"policy={POLICY[scenario]}", "workload=file"),
                *(f"workload.circuits.path={tmp_path / 'none.swf'}", "rules.warm_up_s=0"),
                *("physics.time={model: given}", "physics.fidelity={model: none}"),
            ]
        )
    )
    facts = facts_of(trial)
    assert {name: facts[name] for name in known} == known
    value = run_trial(trial).row[facts["bounds"]]
    assert facts["bound"] == pytest.approx(value, abs=1e-9)
    assert facts["bound"] <= value


@pytest.mark.parametrize("scenario", ["placement/qce5", "allocation/eagle5", "serverless/small"])
def test_what_comes_after_the_horizon_is_no_part_of_a_bound(scenario: str, tmp_path: Path) -> None:
    """Trials that have done all that came have met neither, and are not below the bound."""
    job = "{} {} 0 {} 4 -1 -1 4 -1 -1 1 7 1 -1 -1 -1 -1 -1\n"
    times = [(0, 2), (100, 4), (250, 9000), (400, 9000)]
    lines = [job.format(number, *each) for number, each in enumerate(times, start=1)]
    (tmp_path / "late.swf").write_text("".join(lines))
    trial = trial_of(
        compose_simulate(
            [
                *(f"scenario={scenario}", f"policy={POLICY[scenario]}", "workload=file"),
                *(f"workload.circuits.path={tmp_path / 'late.swf'}", "rules.warm_up_s=0"),
                *("physics.time={model: given}", "physics.fidelity={model: none}"),
                "rules.horizon_s=250",
            ]
        )
    )
    facts, row = facts_of(trial), run_trial(trial).row
    assert row["done"] == row["tasks"] == 2
    assert facts["bound"] <= row[facts["bounds"]]
    assert facts["bound"] == pytest.approx(row[facts["bounds"]], rel=1e-9)


POLICY = {
    "placement/qce5": "earliest_completion",
    "allocation/eagle5": "speed",
    "serverless/small": "fifo",
}


def test_where_no_bound_is_found_all_else_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def none_found(_track: Track) -> BoundedOf:
        def bounded(_world: Scenario, _slowdown: FloatArray | None) -> Bounded | None:
            raise ValueError("of two\nlines")

        return bounded

    trial = trial_of(compose_simulate(SMALL["allocation"]))
    before = facts_of(trial)
    monkeypatch.setattr(run_module, "bounded_of", none_found)
    facts = facts_of(trial)
    assert facts["error"] == "no bound is found: ValueError: of two lines"
    for name in SCHEMA:
        if name in ("bounds", "bound", "method"):
            assert facts[name] is None
        elif name != "error":
            assert facts[name] == before[name]


def test_partition_knows_its_optimum_and_has_no_bound() -> None:
    trial = trial_of(compose_simulate(["scenario=partition/arithmetic", "policy=round_robin"]))
    assert facts_of(trial)["bounds"] is None
    assert "gap_opt" in run_trial(trial).row


def test_bounds_are_no_part_of_a_trial() -> None:
    with_bounds, without = (
        compose_run(["suite=quickstart", "suite.replicates=1", *more]).suite
        for more in ([], ["suite.bounds=false"])
    )
    assert (with_bounds.bounds, without.bounds) == (True, False)
    ids = [
        [trial.trial_id for trial in expand(suite, suite_scenarios(suite))]
        for suite in (with_bounds, without)
    ]
    assert ids[0] == ids[1]


def test_a_job_of_classical_and_quantum_phases_is_bounded_by_hand() -> None:
    from qcbench.bench.metrics.queueing import _parts  # noqa: PLC0415
    from qcbench.workload.workload import (  # noqa: PLC0415
        ClassicalPhase,
        QuantumPhase,
        Repeat,
        Tasks,
        Workload,
    )

    classical, quantum = ClassicalPhase(10.0), QuantumPhase(0)
    loop = Repeat(3, (ClassicalPhase(2.0), quantum))
    phases = [
        (classical, loop, ClassicalPhase(4.0)),
        (classical, Repeat(2, (classical,)), quantum),
        (classical,),
    ]
    tasks = Tasks.without_circuits("job", np.array([1]), np.array([5.0]))
    workload = replace(Workload(np.zeros(1), tasks), arrival_s=np.zeros(3), phases=phases)
    before_s, work_s, after_s = _parts(workload, np.array([5.0]), 2.0)
    assert work_s.tolist() == [15.0, 5.0, 0.0]
    assert before_s[:2].tolist() == [5.0, 15.0]
    assert after_s[:2].tolist() == [2.0, 0.0]

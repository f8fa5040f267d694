"""Jobs of several phases: figures, folders of measurements, lists, traces, users."""

import gc
import json
import os
import weakref
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qcbench.errors import InputError
from qcbench.workload.config import FileArrivals, PoissonArrivals, WorkloadConfig
from qcbench.workload.formats import trace as traces
from qcbench.workload.formats.job_list import read_job_list, read_platform
from qcbench.workload.generate import make_workload, resolve_workload
from qcbench.workload.hybrid.figures import QUANTITIES, interpolated, lognormal, packaged_figures
from qcbench.workload.hybrid.measurements import read_measurements
from qcbench.workload.hybrid.phased import resolve_trace
from qcbench.workload.hybrid_config import (
    HybridCircuits,
    JobListCircuits,
    TraceArrivals,
    Users,
    VariationalCircuits,
)
from qcbench.workload.workload import ClassicalPhase, QuantumPhase, Repeat, Workload

SIZES = range(4, 26, 2)
GRID = (np.arange(20_000) + 0.5) / 20_000
# Means as published, rounded as there.
ITERATIONS = [379, 607, 855, 1135, 1287, 1421, 1353, 1464, 1474, 1488, 1481]
CLASSICAL_MS = [0.19, 0.30, 0.48, 0.74, 1.2, 1.9, 6.5, 3.7, 5.8, 7.6, 19.9]
ESTIMATE_S = [3.655, 3.683, 3.851, 4.040, 3.973, 3.973, 3.981, 3.981, 4.238, 4.196, 5.321]


def make(circuits: Any, arrivals: Any = None, tasks: int = 0, **more: Any) -> Workload:
    config = WorkloadConfig(
        name="test",
        circuits=circuits,
        arrivals=arrivals or PoissonArrivals(interval_s=600.0, first_at_zero=True),
        tasks=tasks,
    )
    rngs = np.random.default_rng(1), np.random.default_rng(2)
    return make_workload(config, 0, *rngs, **more)


def folder_of(path: Path, sizes: tuple[int, ...] = (4, 6), *, durations: bool = False) -> Path:
    path.mkdir()
    files = {"pre": 14.0, "cost_time": 0.001, "post": 0.1, "num_iterations": 3}
    files |= {"exec_time": 0.03} if durations else {}
    for name, value in files.items():
        rows = [f"{n},{value * k}" for n in sizes for k in (1, 2, 3)]
        (path / f"{name}.csv").write_text("\n".join([f"n_qubits,{name}", *rows]) + "\n")
    lines = [f"1727344764.0,{n},ibm_nazca,{n / 2}" for n in (4, 6, 8)]
    (path / "ibm_job_estimate.csv").write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize(
    ("quantity", "published"),
    [
        ("iterations", ITERATIONS),
        ("classical_s", [ms / 1e3 for ms in CLASSICAL_MS]),
    ],
)
def test_packaged_figures_have_the_published_means(quantity: str, published: list[float]) -> None:
    figures = packaged_figures()
    for size, mean in zip(SIZES, published, strict=True):
        values = figures.inverse[quantity][size](GRID)
        assert values.mean() == pytest.approx(mean, rel=0.03)
        assert (np.diff(values) >= 0).all()


MEASURED_CV = {4: 0.271, 6: 0.318, 8: 0.270, 10: 0.280}
"""Standard deviation over mean of the executions that were measured."""


def test_durations_have_the_mean_of_the_estimate_and_the_measured_or_stated_spread() -> None:
    figures = packaged_figures()
    for size, estimate_s in zip(SIZES, ESTIMATE_S, strict=True):
        values = figures.durations(size, GRID, 0.27)
        assert values.mean() == pytest.approx(estimate_s, rel=1e-3)
        spread = values.std() / values.mean()
        assert spread == pytest.approx(MEASURED_CV.get(size, 0.27), rel=0.01)
        assert values.min() >= 0


# Shares and values over the mean, from the measured rows: lowest decile, median of the values below
# it (of pieces of the file), median, highest decile.
MEASURED_SHAPE = {
    4: {0.05: 0.558, 0.1: 0.690, 0.5: 0.960, 0.9: 1.354},
    6: {0.05: 0.562, 0.1: 0.592, 0.5: 0.947, 0.9: 1.482},
    8: {0.05: 0.565, 0.1: 0.659, 0.5: 0.941, 0.9: 1.389},
    10: {0.05: 0.719, 0.1: 0.762, 0.5: 0.929, 0.9: 1.374},
}


@pytest.mark.parametrize("size", MEASURED_SHAPE)
def test_the_fastest_durations_are_as_fast_as_measured(size: int) -> None:
    """An end of the range that made up for mean or spread made them 5 to 14 % slower."""
    shape = packaged_figures().inverse["duration_s"][size]
    for share, value in MEASURED_SHAPE[size].items():
        assert shape(np.array([share]))[0] == pytest.approx(value, rel=0.008)


def test_a_last_piece_alone_makes_the_spread() -> None:
    quantiles = [*np.linspace(1.0, 2.0, 100), 12.0]
    for cv in (0.3, 0.4):
        values = interpolated(quantiles, 1.6, cv * 1.6, last_only=True)(GRID)
        assert values.mean() == pytest.approx(1.6, rel=1e-3)
        assert values.std() == pytest.approx(cv * 1.6, rel=0.005)
        low = np.quantile(values, [0.01, 0.5, 0.9])
        np.testing.assert_allclose(low / low[1], [1.0 / 1.5, 1.0, 1.909 / 1.5], rtol=0.01)


def test_bent_ends_keep_quantiles_and_meet_the_mean() -> None:
    quantiles = [1.0, 2.0, 3.0, 3.5, 4.0, 5.0, 6.0, 7.0, 7.5, 8.0, 30.0]
    for mean in (5.4, 5.8, 6.2):
        inverse = interpolated(quantiles, mean)
        assert inverse(GRID).mean() == pytest.approx(mean, rel=1e-3)
        inner = np.array(inverse(np.arange(1, 10) / 10))
        np.testing.assert_allclose(inner, quantiles[1:-1])
    for std in (3.7, 3.95):
        inverse = interpolated(quantiles, 5.6, std)
        assert inverse(GRID).mean() == pytest.approx(5.6, rel=1e-3)
        assert inverse(GRID).std() == pytest.approx(std, rel=1e-3)
        np.testing.assert_allclose(inverse(np.arange(1, 10) / 10), quantiles[1:-1])
    assert interpolated([2.0] * 11, 2.0)(GRID).tolist() == [2.0] * len(GRID)


def test_lognormal_has_mean_one_and_the_spread() -> None:
    values = lognormal(GRID, 0.4)
    assert values.mean() == pytest.approx(1.0, rel=1e-3)
    assert values.std() == pytest.approx(0.4, rel=0.01)


def test_jobs_before_the_horizon_with_equal_iterations() -> None:
    workload = make(HybridCircuits(priorities=[1, 2, 4]), until_s=604_800.0)
    assert workload.arrival_s[0] == 0.0
    assert workload.arrival_s[-1] < 604_800.0
    assert len(workload) == pytest.approx(1008, rel=0.12)
    assert workload.phases is not None
    assert len(workload.tasks) == len(workload)
    for job, phases in enumerate(workload.phases):
        before, loop, after = phases
        assert isinstance(before, ClassicalPhase)
        assert isinstance(after, ClassicalPhase)
        assert isinstance(loop, Repeat)
        assert 322 <= loop.times <= 1500
        assert loop.phases[1] == QuantumPhase(job)
    assert set(workload.tasks.qubits.tolist()) == {4, 6, 8, 10}
    assert set(workload.priority.tolist()) == {1, 2, 4}  # type: ignore[union-attr]
    operations = [phases[0].operations for phases in workload.phases]  # type: ignore[union-attr]
    assert np.mean(operations) == pytest.approx(14e9, rel=0.02)


def test_iterations_drawn_anew_differ_and_keep_the_mean() -> None:
    equal = make(HybridCircuits(qubits=[6]), tasks=40)
    anew = make(HybridCircuits(qubits=[6], iterations="anew"), tasks=40)
    assert anew.executions().tolist() == [1] * len(anew.tasks)
    assert equal.executions().sum() == len(anew.tasks)
    assert anew.tasks.duration_s is not None
    assert anew.tasks.duration_s[:300].std() > 0.1
    assert anew.tasks.duration_s.mean() == pytest.approx(3.683, rel=0.02)
    assert next(anew.quantum_phases(1))[0] == next(equal.quantum_phases(0))[1]


def test_more_jobs_or_users_change_no_draw() -> None:
    few = make(HybridCircuits(), tasks=10)
    owned = make(HybridCircuits(users=Users(count=3, skew=1.0, quota_per_h=6.0)), tasks=10)
    np.testing.assert_array_equal(few.tasks.duration_s, owned.tasks.duration_s)
    assert owned.user is not None
    assert set(owned.user) <= {"user-1", "user-2", "user-3"}
    assert owned.quota_per_s == {f"user-{k}": 6.0 / 3600 for k in (1, 2, 3)}


def test_a_folder_of_measurements_without_and_with_durations(tmp_path: Path) -> None:
    plain = make(HybridCircuits(path=str(folder_of(tmp_path / "a")), qubits=[4, 6]), tasks=400)
    assert plain.tasks.duration_s is not None
    four = plain.tasks.qubits == 4
    assert plain.tasks.duration_s[four].mean() == pytest.approx(2.0, rel=0.06)
    assert plain.tasks.duration_s[~four].mean() == pytest.approx(3.0, rel=0.06)
    counts = {phases[1].times for phases in plain.phases}  # type: ignore[union-attr]
    assert counts == {3, 6, 9}
    timed = folder_of(tmp_path / "b", durations=True)
    measured = make(HybridCircuits(path=str(timed), qubits=[4]), tasks=50)
    assert set(np.round(measured.tasks.duration_s, 9).tolist()) == {1.0, 2.0, 3.0}  # type: ignore[arg-type]


def test_original_measurements_can_be_read(reference_data: Path) -> None:
    figures = read_measurements(reference_data / "serverless")
    packaged = packaged_figures()
    for quantity in QUANTITIES:
        if quantity == "duration_s":
            continue
        for size in SIZES:
            measured = figures.inverse[quantity][size](GRID)
            assert len(np.unique(measured)) <= 20
            ours = packaged.inverse[quantity][size](GRID)
            assert ours.mean() == pytest.approx(measured.mean(), rel=1e-3)
    assert [figures.estimate_s[n] for n in SIZES] == pytest.approx(ESTIMATE_S, abs=5e-4)


def test_another_folder_than_was_meant_is_refused(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "a")
    config = WorkloadConfig(
        name="test",
        circuits=HybridCircuits(path=str(folder), qubits=[4]),
        arrivals=PoissonArrivals(rate_per_s=1.0),
        tasks=3,
    )
    resolved = resolve_workload(config)
    (folder / "pre.csv").write_text("n_qubits,pre\n4,1.0\n")
    with pytest.raises(InputError, match="not those that were meant"):
        make_workload(resolved, 0, np.random.default_rng(0), np.random.default_rng(0))


def damage(folder: Path, name: str, text: str | None) -> None:
    if text is None:
        (folder / name).unlink()
    else:
        (folder / name).write_text(text)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("post.csv", None, "has no post.csv; a folder of measurements has pre.csv"),
        ("ibm_job_estimate.csv", None, "has no ibm_job_estimate.csv"),
        ("pre.csv", "n_qubits,pre\n4,1.0\n", "no pre_s for 6 qubits, which .* asks for; it has 4"),
        ("pre.csv", "n_qubits,pre\n4,-1.0\n", r"pre.csv: line 2: -1.0; must not be negative"),
        ("pre.csv", "n_qubits,pre\n4,x\n", r"pre.csv: line 2: 'x' is no number"),
        ("pre.csv", "n_qubits,pre\n4\n", "line 2: '4'; must be n_qubits,value"),
        ("pre.csv", "n_qubits,pre\n", "pre.csv: has no measurements"),
        ("pre.csv", "", "pre.csv: is empty"),
        ("exec_time.csv", "n,s\n4,0\n", "the durations for 4 qubits are all 0"),
        ("ibm_job_estimate.csv", "1,4,ibm\n", "line 1: .*must be time,qubits,backend,seconds"),
        ("ibm_job_estimate.csv", "1,4,ibm,2.0\n", "no estimate for 6 qubits"),
        (
            "ibm_job_estimate.csv",
            "1,4,ibm,2.0\n1,6,ibm,2.5\n2,4,ibm,3.0\n",
            "line 3: 3 s for 4 qubits, which another line says take 2 s",
        ),
    ],
)
def test_bad_measurements(tmp_path: Path, name: str, text: str | None, message: str) -> None:
    folder = folder_of(tmp_path / "bad")
    damage(folder, name, text)
    with pytest.raises(InputError, match=message) as caught:
        make(HybridCircuits(path=str(folder), qubits=[4, 6]), tasks=100)
    assert "\n" not in str(caught.value)


def test_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"has no pre\.csv"):
        make(HybridCircuits(path=str(tmp_path)), tasks=2)


def job_list(**changes: Any) -> dict[str, Any]:
    job = {"arrival": 0, "priority": 1, "pre_ops": 200, "iterations": [[50, 3]], "post_ops": 100}
    return {
        **{"C": 1, "S": 100, "Q": 2, "c_max": 40, "q_max": 40},
        "jobs": [job, {**job, "arrival": 5}],
        **changes,
    }


def with_job(**changes: Any) -> dict[str, Any]:
    content = job_list()
    content["jobs"][1] |= changes
    return content


def read(path: Path, content: Any, case: str = "") -> Workload:
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return make(JobListCircuits(path=str(path), case=case), FileArrivals())


def test_a_list_of_jobs(tmp_path: Path) -> None:
    workload = read(tmp_path / "jobs.json", job_list())
    assert workload.arrival_s.tolist() == [0.0, 5.0]
    assert workload.tasks.duration_s.tolist() == [3.0, 3.0]  # type: ignore[union-attr]
    one = (ClassicalPhase(200.0), ClassicalPhase(50.0), QuantumPhase(1), ClassicalPhase(100.0))
    assert tuple(workload.phases[1]) == one  # type: ignore[index]


def test_one_of_several_lists(tmp_path: Path) -> None:
    several = {"cases": [{"name": "a", **job_list()}, {"name": "b", **with_job(arrival=7)}]}
    assert read(tmp_path / "jobs.json", several, "b").arrival_s[1] == 7.0
    with pytest.raises(InputError, match="holds several lists; name one as case; known: a, b"):
        read(tmp_path / "other.json", several)
    with pytest.raises(InputError, match="no case c; known: a, b"):
        read(tmp_path / "third.json", several, "c")


def named(*names: Any) -> dict[str, Any]:
    return {"cases": [{"name": name, **job_list()} for name in names]}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (named("a", "a"), "cases 0 and 1 both have the name 'a'; give each its own"),
        (named("a", "b", "c", "b"), "cases 1 and 3 both have the name 'b'; give each its own"),
        (named("1", 1), "cases 0 and 1 both have the name '1'; give each its own"),
        (named("a", ""), "case 1: name is ''; it must be a text in one line"),
        (named("a", " \t"), r"case 1: name is ' \\t'; it must be a text in one line"),
        (named("a", "b\nc"), r"case 1: name is 'b\\nc'; it must be a text in one line"),
        (named(["a"]), r"case 0: name is \['a'\]; it must be a text in one line"),
        (named(None, "a"), "case 0: name is None; it must be a text in one line"),
    ],
)
@pytest.mark.parametrize("case", ["", "a"])
def test_every_list_of_a_file_has_a_name_of_its_own(
    tmp_path: Path, content: Any, case: str, message: str
) -> None:
    with pytest.raises(InputError, match=rf"jobs\.json: {message}$") as caught:
        read(tmp_path / "jobs.json", content, case)
    assert "\n" not in str(caught.value)


def test_a_name_in_capitals_is_another_one(tmp_path: Path) -> None:
    assert len(read(tmp_path / "jobs.json", named("a", "A"), "A")) == 2


def same_stamp(path: Path, text: str) -> None:
    """Write other content of the same length, whose file has the old time."""
    stamp = path.stat().st_mtime_ns
    assert len(text) == path.stat().st_size
    path.write_text(text)
    os.utime(path, ns=(stamp, stamp))


def test_a_list_that_is_written_anew_in_the_same_instant(tmp_path: Path) -> None:
    path = tmp_path / "jobs.json"
    assert read(path, job_list(Q=2)).arrival_s[1] == 5.0
    assert read_platform(path).qpus == 2
    same_stamp(path, json.dumps(job_list(Q=3)))
    assert read_platform(path).qpus == 3
    assert read_job_list(path).platform.qpus == 3
    same_stamp(path, json.dumps(job_list(Q=3)).replace('"arrival": 5', '"arrival": 6'))
    assert read_job_list(path).workload.arrival_s[1] == 6.0


def test_one_list_is_kept_for_the_trials_that_follow(tmp_path: Path) -> None:
    first, second = tmp_path / "first.json", tmp_path / "second.json"
    for path in (first, second):
        path.write_text(json.dumps(named("a", "b")))
    kept = read_job_list(first, "a")
    assert read_job_list(first, "a") is kept
    seen = [weakref.ref(kept)]
    del kept
    seen += [weakref.ref(read_job_list(*each)) for each in ((first, "b"), (second, "a"))]
    gc.collect()
    assert [each() is None for each in seen] == [True, True, False]


@pytest.mark.parametrize("what", ["list", "trace", "folder"])
def test_other_files_than_were_meant_are_refused_wherever_they_are_read(
    tmp_path: Path, what: str
) -> None:
    path = tmp_path / what
    circuits: Any = HybridCircuits(qubits=[4])
    arrivals: Any = FileArrivals()
    if what == "list":
        path.write_text(json.dumps(job_list()))
        circuits = JobListCircuits(path=str(path))
    elif what == "trace":
        path.write_text("arrival_s,priority,qubits\n1,1,4\n")
        arrivals = TraceArrivals(path=str(path))
    else:
        circuits = HybridCircuits(path=str(folder_of(path)), qubits=[4])
        arrivals = PoissonArrivals(rate_per_s=1.0)
    config = WorkloadConfig(name="test", circuits=circuits, arrivals=arrivals, tasks=0)
    resolved = resolve_workload(replace(config, tasks=1) if what == "folder" else config)
    assert resolve_workload(resolved) == resolved
    rngs = np.random.default_rng(0), np.random.default_rng(0)
    assert len(make_workload(resolved, 0, *rngs)) >= 1
    changed = path / "pre.csv" if what == "folder" else path
    text = changed.read_text()
    same_stamp(changed, text.replace("1", "2", 1) if what != "list" else text.replace("5", "6"))
    for again in (
        lambda: resolve_workload(resolved),
        lambda: make_workload(resolved, 0, *rngs),
    ):
        with pytest.raises(InputError, match=rf"{what}: (is|its files are) not .* meant") as caught:
            again()
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (job_list(C=0), "C is 0; it must be a whole number from 1"),
        (job_list(Q=0), "Q is 0; it must be a whole number from 1"),
        (job_list(S=0), "S is 0; it must be positive"),
        (job_list(c_max=-1), "c_max is -1; it must be a whole number from 0"),
        (job_list(jobs=[]), "jobs is no list with a job in it"),
        (with_job(arrival=-1), "job 1: arrival is -1; it must be not negative"),
        (with_job(pre_ops=-3), "job 1: pre_ops is -3; it must be not negative"),
        (with_job(post_ops="x"), "job 1: post_ops is 'x'; it must be a number"),
        (
            with_job(deu=3),
            r"jobs.json: job 1: key 'deu' is unknown; did you mean due",
        ),
        (with_job(mood=3), r"job 1: key 'mood' is unknown; known: arrival, due, iterations, post_"),
        (with_job(priority=0), "job 1: priority is 0; it must be a whole number from 1"),
        (with_job(iterations=[[50, -3]]), "job 1: iteration 0: seconds is -3; it must be"),
        (with_job(iterations=[50]), r"job 1: iterations is no list of \[operations, seconds\]"),
        ({"jobs": []}, "C is missing"),
        (job_list(S=1e-320), "S is 1e-320; it must be at least 1e-18"),
        (job_list(C=1e30), r"C is 1e\+30; it must be a whole number from 1 to 9007199254740992"),
        (job_list(Q=1_000_000_000), "Q is 1000000000; it must be a whole number from 1 to 100000"),
        (with_job(priority=2**60), "job 1: priority is .*; it must be a whole number from 1 to 90"),
        (with_job(pre_ops=10**400), r"jobs\[1\]\.pre_ops is 10*\.\.; the largest number is"),
        (with_job(iterations=[[1, 1e308]]), r"iteration 0: seconds is 1e\+308; it must be at most"),
        ("[]", "is no object"),
        ("{", "is not JSON"),
    ],
)
def test_bad_lists(tmp_path: Path, content: Any, message: str) -> None:
    path = tmp_path / "jobs.json"
    with pytest.raises(InputError, match=message) as caught:
        read(path, content)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_jobs_out_of_order_in_a_list(tmp_path: Path) -> None:
    content = job_list()
    content["jobs"].reverse()
    with pytest.raises(InputError, match=r"jobs.json: job 1: arrives at 0 s, before"):
        read(tmp_path / "jobs.json", content)


def trace(path: Path, text: str) -> Workload:
    path.write_text(text)
    return make(HybridCircuits(qubits=[4]), TraceArrivals(path=str(path)))


def test_a_trace_that_has_changed_is_read_anew_or_refused(tmp_path: Path) -> None:
    path, rows = tmp_path / "trace.csv", "arrival_s,priority,qubits\n0.5,2,4\n"
    assert trace(path, rows).arrival_s.tolist() == [0.5]
    told = resolve_trace(TraceArrivals(path=str(path)))
    assert trace(path, rows.replace("0.5", "0.7")).arrival_s.tolist() == [0.7]
    traces._read.cache_clear()  # as in another process
    with pytest.raises(InputError, match=r"trace.csv: is not the file that was meant; its SHA-256"):
        make(HybridCircuits(qubits=[4]), told)


def test_a_trace_says_when_how_urgent_and_how_large(tmp_path: Path) -> None:
    rows = "arrival_s,priority,qubits,user\n0.5,2,4,ann\n1.5,1,24,bob\n"
    workload = trace(tmp_path / "trace.csv", rows)
    assert workload.arrival_s.tolist() == [0.5, 1.5]
    assert workload.priority.tolist() == [2, 1]  # type: ignore[union-attr]
    assert workload.tasks.qubits.tolist() == [4, 24]
    assert list(workload.user or ()) == ["ann", "bob"]


def test_a_trace_says_when_jobs_are_due(tmp_path: Path) -> None:
    rows = "arrival_s,priority,qubits,due_s,value\n0.5,2,4,60,2.5\n1.5,1,4,,0\n"
    workload = trace(tmp_path / "trace.csv", rows)
    assert workload.due_s.tolist() == [60.0, np.inf]  # type: ignore[union-attr]
    assert workload.values().tolist() == [2.5, 0.0]
    assert workload.highest_value() == 2.5
    first = traces.read_trace(tmp_path / "trace.csv").first(1)
    assert (first.due_s.tolist(), first.value.tolist()) == ([60.0], [2.5])  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("arrival_s,priority,qubits,due_s\n1,1,4,-1\n", "line 2, column due_s: -1 is negative"),
        ("arrival_s,priority,qubits,due_s\n1,1,4,x\n", "column due_s: 'x' is no number of seconds"),
        ("arrival_s,priority,qubits,value\n1,1,4,\n", "line 2, column value: '' is no number"),
        ("arrival_s,qubits\n1,4\n", "line 1: column priority is missing"),
        ("arrival_s,priority,qubits\n", "has a header but no rows"),
        ("arrival_s,priority,qubits\n-1,1,4\n", "line 2, column arrival_s: -1 is negative"),
        ("arrival_s,priority,qubits\n1,0,4\n", "line 2, column priority: 0; must be at least 1"),
        ("arrival_s,priority,qubits\n1,1,x\n", "line 2, column qubits: 'x' is no whole number"),
        ("arrival_s,priority,qubits\n2,1,4\n1,1,4\n", "line 3, column arrival_s: lies before"),
        ("arrival_s,priority,qubits\n1,1,5\n", "no pre_s for 5 qubits"),
        ("arrival_s,priority,qubits\n1,1", "line 2: has 2 fields .* may be torn"),
        ("Priority,priority,arrival_s,qubits\n1,1,1,4\n", "column priority is there twice"),
        ("arrival_s;priority;qubits\n1,5;1;4\n", "'1,5' is no number .*; write a decimal point"),
    ],
)
def test_bad_traces(tmp_path: Path, rows: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        trace(tmp_path / "trace.csv", rows)


def test_variational_jobs_use_packaged_circuits() -> None:
    workload = make(VariationalCircuits(min_qubits=5, max_qubits=7, shots=100), tasks=300)
    assert set(workload.tasks.algorithm) == {"realamprandom", "su2random", "twolocalrandom"}
    assert set(workload.tasks.qubits.tolist()) == {5, 6, 7}
    assert workload.executions().mean() == pytest.approx(60.0, rel=0.05)
    assert (workload.tasks.compiled["ibmq133"].depth > 0).all()


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: HybridCircuits(qubits=[]), "qubits: is empty"),
        (lambda: HybridCircuits(priorities=[0]), r"priorities\[0\]: 0; must be at least 1"),
        (lambda: HybridCircuits(operations_per_s=0.0), "operations_per_s: 0.0; must be positive"),
        (lambda: Users(count=-1), "count: -1; must not be negative"),
        (lambda: Users(quota_per_h=0.0), "quota_per_h: 0.0; must be positive"),
        (lambda: VariationalCircuits(algorithms=["qtf"]), "algorithms: 'qtf' is unknown"),
        (lambda: VariationalCircuits(max_qubits=99), "max_qubits: 99; must be in 2..27"),
        (lambda: PoissonArrivals(interval_s=-1.0), "interval_s: -1.0; must be positive"),
        (lambda: PoissonArrivals(interval_s=1.0, load=0.5), "exactly one of"),
        (lambda: make(HybridCircuits()), "horizon_s is not set"),
        (
            lambda: make(HybridCircuits(), FileArrivals(), tasks=2),
            "process file needs circuits from a file, not hybrid",
        ),
        (
            lambda: make(VariationalCircuits(), TraceArrivals(path="none.csv")),
            "none.csv: cannot be read",
        ),
    ],
)
def test_bad_configs(build: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        build()

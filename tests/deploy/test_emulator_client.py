"""The real client against the emulator: circuits, times, charges, tags, sessions."""

import math
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit_ibm_runtime import Batch, SamplerV2
from qiskit_ibm_runtime.exceptions import (
    IBMRuntimeError,
    RuntimeInvalidStateError,
    RuntimeJobFailureError,
    RuntimeJobMaxTimeoutError,
    RuntimeJobNotFound,
)

from tests.deploy.clients import (
    bell,
    compiled,
    config,
    connect,
    count,
    emulated,
    events,
    quick,
    sampler,
    submit,
)

POLL_S = 0.1


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("emulator") / "ledger.jsonl"


@pytest.fixture(scope="module")
def emulator(ledger: Path) -> Iterator[Any]:
    told = quick(devices=("perth", "kolkata"), ledger=str(ledger))
    with emulated(told) as running:
        yield running


@pytest.fixture(scope="module")
def service(emulator: Any) -> Any:
    return connect(emulator.url)


@pytest.fixture(scope="module")
def perth(service: Any) -> Any:
    return service.backend("ibm_perth")


def shares(job: Any, register: str = "meas") -> dict[str, float]:
    counts = getattr(job.result(poll_interval=POLL_S)[0].data, register).get_counts()
    total = sum(counts.values())
    return {bits: number / total for bits, number in counts.items()}


def moments(job: Any) -> tuple[datetime, datetime, datetime]:
    stamps = job.metrics()["timestamps"]
    created, running, finished = (
        datetime.fromisoformat(stamps[name]) for name in ("created", "running", "finished")
    )
    return created, running, finished


def test_devices_are_those_that_were_asked_for(service: Any) -> None:
    assert [backend.name for backend in service.backends()] == ["ibm_perth", "ibm_kolkata"]
    assert service.backend("ibm_kolkata").num_qubits == 27
    status = service.backend("ibm_perth").status()
    assert status.operational
    assert status.status_msg == "active"


def test_bell_pair_comes_out_correlated_and_noisy(perth: Any) -> None:
    found = shares(submit(perth, bell(perth), shots=4000))
    assert 0.85 < found["00"] + found["11"] < 0.9999
    assert abs(found["00"] - 0.5) < 0.1


def test_readout_errors_are_the_hidden_ones_not_those_that_are_reported(
    emulator: Any, perth: Any
) -> None:
    """A qubit that is left alone shows its readout error, and no other error."""
    shots = 20_000
    circuit = QuantumCircuit(7)
    circuit.measure_all()
    job = submit(perth, circuit, shots=shots)
    ones = job.result(poll_interval=POLL_S)[0].data.meas
    measured = ones.to_bool_array(order="little").mean(axis=0)
    true = np.array([wrong for wrong, _ in emulator.service.device("ibm_perth").readout])
    told = np.array(
        [
            next(r["value"] for r in qubit if r["name"] == "prob_meas1_prep0")
            for qubit in emulator.service.device("ibm_perth").calibration.reported["qubits"]
        ]
    )
    sigma = np.sqrt(true * (1 - true) / shots)
    assert (np.abs(measured - true) < 5 * sigma).all()
    assert (np.abs(measured - told) > 5 * sigma).any()


def test_older_sampler_works_too(perth: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        job = SamplerV2(perth).run([(bell(perth), None, 1000)])
    found = shares(job)
    assert found["00"] + found["11"] > 0.85
    spans = job.result().metadata["execution"]["execution_spans"]
    assert len(spans) == 1
    assert next(iter(spans)).duration > 0


def test_parameters_are_swept(perth: Any) -> None:
    angle = Parameter("angle")
    circuit = QuantumCircuit(1)
    circuit.rx(angle, 0)
    circuit.measure_all()
    angles = np.linspace(0, np.pi, 5)
    job = sampler(perth).run([(compiled(circuit, perth), angles[:, None])], shots=2000)
    data = job.result(poll_interval=POLL_S)[0].data.meas
    ones = [data[place].get_counts().get("1", 0) / 2000 for place in range(5)]
    assert np.allclose(ones, np.sin(angles / 2) ** 2, atol=0.08)


def test_twirled_circuits_give_the_same_answer(perth: Any) -> None:
    made = sampler(perth)
    made.options.twirling.enable_gates = True
    made.options.twirling.enable_measure = True
    found = shares(made.run([bell(perth)], shots=1024))
    assert found["00"] + found["11"] > 0.85
    assert abs(found["00"] - 0.5) < 0.12


def test_times_charge_and_usage_belong_together(
    emulator: Any, service: Any, perth: Any, ledger: Path
) -> None:
    used = service.usage()["usage_consumed_seconds"]
    job = submit(perth, bell(perth), shots=1000)
    result = job.result(poll_interval=POLL_S)
    created, running, finished = moments(job)
    chunks = result.metadata["executor"].chunk_timing
    assert created <= running < chunks[0].start < chunks[-1].stop < finished
    qpu_s = sum((chunk.stop - chunk.start).total_seconds() for chunk in chunks)
    assert job.usage() == math.ceil(qpu_s)
    assert sum(job.metrics()["circuits_execution_time_ns"]) == pytest.approx(1e9 * qpu_s, rel=1e-5)
    assert service.usage()["usage_consumed_seconds"] == used + job.usage()
    assert qpu_s > 1000 * perth.configuration().default_rep_delay * 1e-6
    mine = [event for event in events(ledger) if event["job_id"] == job.job_id()]
    assert [event["event"] for event in mine] == ["accepted", "started", "completed"]
    assert mine[-1]["charge_s"] == job.usage()
    assert [emulator.clock.date(event["time_s"]) for event in mine] == [created, running, finished]


def test_a_device_runs_one_job_at_a_time_in_order(perth: Any) -> None:
    circuit = bell(perth)
    jobs = [submit(perth, circuit, shots=100) for _ in range(3)]
    for job in jobs:
        job.wait_for_final_state(timeout=20, poll_interval=POLL_S)
    times = [moments(job) for job in jobs]
    for (_, _, finished), (_, running, _) in pairwise(times):
        assert finished <= running


def test_jobs_are_found_by_tags_and_filters(service: Any, perth: Any) -> None:
    circuit = bell(perth)
    both = submit(perth, circuit, "replay-1", "task-1")
    other = submit(perth, circuit, "replay-1", "task-2")
    found = service.jobs(job_tags=["replay-1"], limit=None)
    assert [job.job_id() for job in found] == [other.job_id(), both.job_id()], "newest first"
    assert [j.job_id() for j in service.jobs(job_tags=["replay-1", "task-1"])] == [both.job_id()]
    assert service.jobs(job_tags=["replay-1"], backend_name="ibm_kolkata") == []
    for job in (both, other):
        job.wait_for_final_state(timeout=20, poll_interval=POLL_S)
    assert service.jobs(job_tags=["replay-1"], pending=True) == []
    assert len(service.jobs(job_tags=["replay-1"], pending=False)) == 2
    assert len(service.jobs(limit=1, job_tags=["replay-1"])) == 1
    assert both.update_tags(["moved"]) == ["moved"]
    assert [job.job_id() for job in service.jobs(job_tags=["moved"])] == [both.job_id()]
    assert service.job(other.job_id()).tags == ["replay-1", "task-2"]


def test_deleted_jobs_are_gone(service: Any, perth: Any) -> None:
    job = submit(perth, bell(perth))
    job.wait_for_final_state(timeout=20, poll_interval=POLL_S)
    service.delete_job(job.job_id())
    with pytest.raises(RuntimeJobNotFound):
        service.job(job.job_id())


def test_too_large_circuit_fails_with_its_reason_and_costs_nothing(service: Any) -> None:
    backend = service.backend("ibm_kolkata")
    rng = np.random.default_rng(1)
    circuit = QuantumCircuit(27)
    edges = [tuple(edge) for edge in backend.coupling_map]
    for _ in range(600):
        one, other = edges[rng.integers(len(edges))]
        circuit.sx(one)
        circuit.cx(one, other)
    circuit.measure_all()
    job = submit(backend, circuit, shots=1000)
    with pytest.raises(RuntimeJobFailureError, match=r"too large to simulate: .* 27 active qubits"):
        job.result(timeout=20, poll_interval=POLL_S)
    assert job.status() == "ERROR"
    assert "too large to simulate" in job.error_message()
    assert job.usage() == 0


def with_a_branch() -> QuantumCircuit:
    circuit = QuantumCircuit(7, 1)
    circuit.measure(0, 0)
    with circuit.if_test((0, 1)):
        circuit.x(0)
    return circuit


def with_gate(name: str, *qubits: int) -> QuantumCircuit:
    circuit = QuantumCircuit(7)
    getattr(circuit, name)(*qubits)
    circuit.measure_all()
    return circuit


@pytest.mark.parametrize(
    ("circuits", "shots", "words"),
    [
        ([with_gate("cx", 0, 6)], 100, r"cx on qubits \[0, 6\] is not supported"),
        ([with_gate("h", 0)], 100, r"h on qubits \[0\] is not supported"),
        ([QuantumCircuit(8, 1)], 100, "has 8 qubits; ibm_perth has 7"),
        ([with_a_branch()], 100, "no control flow"),
        ([with_gate("x", 0)], 100_001, "takes 100000 shots"),
        ([with_gate("x", 0)] * 51, 100_000, "5100000 executions are too many"),
    ],
)
def test_what_the_device_cannot_run_is_refused_before_it_is_a_job(
    service: Any, perth: Any, circuits: list[QuantumCircuit], shots: int, words: str
) -> None:
    before = len(service.jobs(limit=200))
    with pytest.raises(IBMRuntimeError, match=rf"400 Client Error.*{words}"):
        sampler(perth).run(circuits, shots=shots)
    assert len(service.jobs(limit=200)) == before


@pytest.mark.parametrize("cost", [0.5, 10_801, -1, "ten", True, [3]])
def test_time_limits_out_of_range_are_refused(emulator: Any, cost: object) -> None:
    service = connect(emulator.url)
    headers = service._active_api_client._session.auth.get_headers()
    job = submit(service.backend("ibm_perth"), bell(service.backend("ibm_perth")))
    url = f"{emulator.url}/jobs"
    sent = requests.get(f"{url}/{job.job_id()}", headers=headers, timeout=60).json()
    body = {**{key: sent[key] for key in ("backend", "params")}, "program_id": "executor"}
    answer = requests.post(url, json={**body, "cost": cost}, headers=headers, timeout=60)
    assert answer.status_code == 400
    (error,) = answer.json()["errors"]
    assert error["code"] == 1002
    assert "a time limit is a number from 1 to 10800 seconds" in error["message"]


def test_an_instance_states_its_plan_and_devices(service: Any) -> None:
    stated = service._active_api_client._session.get("/instance").json()
    assert stated == {"plan_id": "open", "backends": ["ibm_perth", "ibm_kolkata"]}


def test_job_is_stopped_when_it_takes_longer_than_it_may(perth: Any) -> None:
    job = sampler(perth, max_execution_time=5).run([bell(perth)], shots=100_000)
    with pytest.raises(RuntimeJobMaxTimeoutError, match="longer than"):
        job.result(timeout=20, poll_interval=POLL_S)
    assert job.usage() == 5


def test_batch_groups_jobs_and_closes(perth: Any) -> None:
    circuit = bell(perth)
    with Batch(perth) as batch:
        jobs = [sampler(batch).run([circuit], shots=50) for _ in range(2)]
        for job in jobs:
            job.wait_for_final_state(timeout=20, poll_interval=POLL_S)
        assert {job.session_id for job in jobs} == {batch.session_id}
    details = batch.details()
    assert details is not None
    assert not details["accepting_jobs"]
    assert details["state"] == "closed"
    assert details["usage_time"] == sum(job.usage() for job in jobs)


def test_jobs_of_another_instance_are_not_seen(emulator: Any, perth: Any) -> None:
    job = submit(perth, bell(perth), "mine")
    stranger = connect(emulator.url, "crn:v1:bluemix:public:quantum-computing:us-east:a/b:c::")
    assert stranger.jobs(job_tags=["mine"]) == []
    with pytest.raises(RuntimeJobNotFound):
        stranger.job(job.job_id())


def test_clients_at_once_get_jobs_of_their_own(emulator: Any, ledger: Path) -> None:
    def client(name: str) -> list[str]:
        service = connect(emulator.url)
        backend = service.backend("ibm_perth")
        circuit = bell(backend)
        jobs = [submit(backend, circuit, name) for _ in range(4)]
        for job in jobs:
            assert sum(job.result(poll_interval=POLL_S)[0].data.meas.get_counts().values()) == 100
        assert {job.job_id() for job in service.jobs(job_tags=[name])} == {j.job_id() for j in jobs}
        return [job.job_id() for job in jobs]

    with ThreadPoolExecutor(3) as pool:
        found = [one for ids in pool.map(client, ("one", "two", "three")) for one in ids]
    assert len(set(found)) == 12
    started = [event["job_id"] for event in events(ledger) if event["event"] == "started"]
    assert sorted(one for one in started if one in found) == sorted(found), "each ran once"


def test_cancelled_job_never_runs(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    at_once = config.ExecutionConfig(classical_median_s=0.01)
    with emulated(quick(time_scale=2.0, execution=at_once, ledger=str(path))) as running:
        backend = connect(running.url).backend("ibm_perth")
        circuit = bell(backend)
        first, second = (submit(backend, circuit, shots=100_000) for _ in range(2))
        second.cancel()
        assert second.status() == "CANCELLED"
        with pytest.raises(RuntimeInvalidStateError):
            second.result()
        until = time.monotonic() + 10
        while first.status() == "QUEUED" and time.monotonic() < until:
            time.sleep(POLL_S)
        time.sleep(0.2)
        first.cancel()
        assert 0 < first.usage() < 100_000 * 250e-6, "what ran until then is charged"
        with pytest.raises(RuntimeInvalidStateError, match="cannot be cancelled"):
            connect(running.url).job(first.job_id()).cancel()
    assert count(path) == {"accepted": 2, "started": 1, "cancelled": 2}


def test_calibrations_of_the_past_and_while_it_runs() -> None:
    """By the real client: the newest one that is older than the date that was asked for."""
    drift = config.DriftConfig(every_s=3600.0)
    with emulated(quick(drift=drift, time_scale=1.0)) as emulator:
        backend = connect(emulator.url).backend("ibm_perth")
        start, now = emulator.clock.start, backend.properties()
        days = [backend.properties(datetime=start - timedelta(days=n, hours=7)) for n in (0, 1, 1)]
        later = backend.properties(datetime=start + timedelta(minutes=61))
        again = backend.properties(datetime=start - timedelta(hours=5))
        with pytest.raises(Exception, match="no calibration as old as that"):
            backend.properties(datetime=start - timedelta(days=60))
    dates = [one.last_update_date for one in (now, *days, later)]
    assert now.to_dict() == again.to_dict()
    assert days[1].to_dict() == days[2].to_dict(), "the past stays what it was"
    stated = [(start - date).total_seconds() / 3600 for date in dates]
    assert stated == pytest.approx([6, 30, 54, 54, -1], abs=1e-3)
    errors = [one.readout_error(0) for one in (now, days[0], days[1], later)]
    assert len(set(errors)) == 4


def test_a_job_meets_the_calibration_of_its_start() -> None:
    """One that waits while its device is calibrated anew has the noise of then."""
    faults = config.FaultsConfig(maintenance=(config.Maintenance(backend="perth", end_s=5e5),))
    drift = config.DriftConfig(every_s=4e5, between=1.0)
    with emulated(quick(drift=drift, faults=faults)) as emulator:
        backend = connect(emulator.url).backend("ibm_perth")
        job = submit(backend, bell(backend))
        before = emulator.service.jobs[job.job_id()].device
        clock = emulator.clock  # which jumps to the end of the maintenance
        object.__setattr__(clock, "_origin_s", clock._origin_s - 5e5 / clock.scale)
        job.result()
        after = emulator.service.jobs[job.job_id()].device
    assert before.calibration.reported != after.calibration.reported
    assert before.time_model == after.time_model

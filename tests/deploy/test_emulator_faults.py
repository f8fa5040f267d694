"""Faults of the emulated service, as the real client meets them; the ledger tells what ran."""

import time
from pathlib import Path
from typing import Any

import pytest
from qiskit_ibm_runtime.exceptions import IBMRuntimeError, RuntimeJobFailureError

from tests.deploy.clients import bell, config, connect, count, emulated, events, quick, submit

pytestmark = pytest.mark.e2e

POLL_S = 0.1


def faults(**told: Any) -> Any:
    return config.FaultsConfig(**told)


def script(fault: str, nth: int = 1, on: str = "submit") -> Any:
    return faults(script=(config.ScriptedFault(fault=fault, nth=nth, on=on),), slow_s=0.5)


def test_unavailable_is_tried_again_and_makes_one_job(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    with emulated(quick(faults=script("unavailable"), ledger=str(path))) as running:
        backend = connect(running.url).backend("ibm_perth")
        submit(backend, bell(backend)).wait_for_final_state(timeout=20, poll_interval=POLL_S)
    assert count(path) == {"accepted": 1, "started": 1, "completed": 1}


def test_unavailable_after_acceptance_makes_two_jobs_of_one(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    with emulated(quick(faults=script("unavailable_after"), ledger=str(path))) as running:
        service = connect(running.url)
        backend = service.backend("ibm_perth")
        job = submit(backend, bell(backend), "once")
        found = [one.job_id() for one in service.jobs(job_tags=["once"])]
        assert found[0] == job.job_id(), "the client knows the later one"
        job.wait_for_final_state(timeout=20, poll_interval=POLL_S)
    assert [e["job_id"] for e in events(path) if e["event"] == "accepted"] == found[::-1]
    assert count(path)["completed"] == 2


def test_lost_response_leaves_a_job_that_is_found_by_its_tag(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    with emulated(quick(faults=script("lost_response"), ledger=str(path))) as running:
        service = connect(running.url)
        backend = service.backend("ibm_perth")
        with pytest.raises(IBMRuntimeError, match="Failed to run program"):
            submit(backend, bell(backend), "lost")
        (job,) = service.jobs(job_tags=["lost"])
        assert sum(job.result(poll_interval=POLL_S)[0].data.meas.get_counts().values()) == 100
    assert count(path) == {"accepted": 1, "started": 1, "completed": 1}


def test_rate_limit_is_not_tried_again_and_nothing_is_accepted(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    with emulated(quick(faults=script("rate_limit"), ledger=str(path))) as running:
        backend = connect(running.url).backend("ibm_perth")
        circuit = bell(backend)
        with pytest.raises(IBMRuntimeError, match="429"):
            submit(backend, circuit)
        assert count(path) == {}
        submit(backend, circuit)
    assert count(path)["accepted"] == 1


def test_failed_job_ran_and_is_charged(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    with emulated(quick(faults=script("job_error"), ledger=str(path))) as running:
        backend = connect(running.url).backend("ibm_perth")
        job = submit(backend, bell(backend))
        with pytest.raises(RuntimeJobFailureError, match="injected fault"):
            job.result(timeout=20, poll_interval=POLL_S)
        assert job.usage() > 0
    assert count(path) == {"accepted": 1, "started": 1, "failed": 1}
    assert events(path)[-1]["charge_s"] == job.usage()


def test_slow_answers_come() -> None:
    with emulated(quick(faults=script("slow", nth=3, on="backend"))) as running:
        begin = time.monotonic()
        connect(running.url).backend("ibm_perth").status()
        assert time.monotonic() - begin > 0.5


def test_backend_in_maintenance_accepts_and_never_runs() -> None:
    window = config.Maintenance(backend="perth")
    with emulated(quick(faults=faults(maintenance=(window,)))) as running:
        backend = connect(running.url).backend("ibm_perth")
        assert backend.status().operational
        assert backend.status().status_msg == "internal"
        job = submit(backend, bell(backend))
        time.sleep(0.5)
        assert job.status() == "QUEUED"
        assert backend.status().pending_jobs >= 1
        assert job.metrics()["timestamps"]["running"] is None
        assert "estimated_start_time" not in job.metrics()


def test_exhausted_quota_holds_jobs_of_its_instance_only(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    with emulated(quick(quota_s=1.0, ledger=str(path))) as running:
        service = connect(running.url)
        backend = service.backend("ibm_perth")
        circuit = bell(backend)
        submit(backend, circuit).wait_for_final_state(timeout=20, poll_interval=POLL_S)
        usage = service.usage()
        assert usage["usage_limit_reached"]
        assert usage["usage_remaining_seconds"] == 0
        held = submit(backend, circuit, "held")
        other = connect(running.url, "crn:v1:bluemix:public:quantum-computing:us-east:a/b:c::")
        done = submit(other.backend("ibm_perth"), circuit)
        done.wait_for_final_state(timeout=20, poll_interval=POLL_S)
        assert done.done(), "jobs of others pass"
        assert held.status() == "QUEUED"
        held.cancel()
    assert count(path) == {"accepted": 3, "started": 2, "completed": 2, "cancelled": 1}


def test_a_storm_of_faults_loses_no_job_and_runs_none_twice(tmp_path: Path) -> None:
    """What the client cannot know the ledger does: every accepted job ends, exactly once."""
    path = tmp_path / "ledger.jsonl"
    storm = faults(unavailable=0.05, unavailable_after=0.1, lost_response=0.3, job_error=0.2)
    told = quick(faults=storm, ledger=str(path), seed=3)
    with emulated(told) as running:
        service = connect(running.url)
        backend = service.backend("ibm_perth")
        circuit = bell(backend)
        lost = 0
        for _ in range(12):
            try:
                submit(backend, circuit)
            except IBMRuntimeError:
                lost += 1
        assert lost
        until = time.monotonic() + 20
        while time.monotonic() < until:
            ended = count(path)
            if ended["completed"] + ended["failed"] == ended["accepted"]:
                break
            time.sleep(POLL_S)
    per_job: dict[str, list[str]] = {}
    for event in events(path):
        per_job.setdefault(event["job_id"], []).append(event["event"])
    assert per_job
    assert all(
        story in (["accepted", "started", "completed"], ["accepted", "started", "failed"])
        for story in per_job.values()
    )
    charged = sum(event.get("charge_s", 0) for event in events(path))
    assert charged == running.service.used_s(events(path)[0]["instance"])


def test_request_without_a_valid_token_is_refused() -> None:
    import requests  # noqa: PLC0415 - only here without the client

    with emulated(quick()) as running:
        for headers in (
            {},
            {"Authorization": "Bearer made.up.token"},
            {"Authorization": "apikey x"},
        ):
            answer = requests.get(f"{running.url}/backends", headers=headers, timeout=5)
            assert answer.status_code == 401
        token = requests.post(f"{running.url}/identity/token", timeout=5).json()["access_token"]
        known = {"Authorization": f"Bearer {token}", "Service-CRN": "crn:v1:a"}
        answer = requests.post(f"{running.url}/jobs", data=b"[]", headers=known, timeout=5)
        assert answer.status_code == 400
        assert "not a JSON object" in answer.json()["errors"][0]["message"]
        body = {"program_id": "estimator", "backend": "ibm_perth", "params": {}}
        answer = requests.post(f"{running.url}/jobs", json=body, headers=known, timeout=5)
        assert answer.status_code == 404
        assert "known: executor, sampler" in answer.json()["errors"][0]["message"]
        call = {"__type__": "settings", "__module__": "os", "__class__": "system", "__value__": {}}
        body = {"program_id": "sampler", "backend": "ibm_perth", "params": {"pubs": [[call]]}}
        answer = requests.post(f"{running.url}/jobs", json=body, headers=known, timeout=5)
        assert answer.status_code == 400
        assert "'settings' are not taken" in answer.json()["errors"][0]["message"]
        answer = requests.get(f"{running.url}/nothing", headers=known, timeout=5)
        assert answer.status_code == 404

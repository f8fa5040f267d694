"""Sessions and batches of the emulator: how long they last, and what they are charged."""

from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("qiskit_aer")
pytest.importorskip("qiskit_ibm_runtime")

from qcbench.hardware.emulator_process import INSTANCE, emulator_module
from qcbench.hardware.ibm.port import RuntimePort
from qcbench.hardware.ibm.settings import JobExecution
from qcbench.hardware.port import BackendError
from tests.deploy.clients import bell, config, emulated, quick

sessions = emulator_module("sessions")


def session(mode: str = "dedicated", **more: Any) -> Any:
    made = sessions.ServiceSession(
        session_id="s",
        instance="i",
        backend="b",
        mode=mode,
        max_s=1000.0,
        interactive_s=60.0,
        unused_s=1800.0,
        created_s=0.0,
    )
    for name, value in more.items():
        setattr(made, name, value)
    return made


def job(started_s: float, finished_s: float | None, charge_s: int = 3) -> Any:
    return SimpleNamespace(
        started_s=started_s, finished_s=finished_s, charge_s=charge_s, final=finished_s is not None
    )


@pytest.mark.parametrize(
    ("made", "jobs", "used_s"),
    [
        # One job of 10 s, and the interactive minute after it.
        (session(first_s=100.0), [job(100, 110)], 70.0),
        # Two that overlap the minute are one stretch; two apart are two.
        (session(first_s=100.0), [job(100, 110), job(150, 160)], 120.0),
        (session(first_s=100.0), [job(100, 110), job(300, 310)], 140.0),
        # Closed within the minute; closed while a job runs, which ends.
        (session(first_s=100.0, closed_s=115.0), [job(100, 110)], 15.0),
        (session(first_s=100.0, closed_s=105.0), [job(100, 110)], 10.0),
        # One that runs counts until now.
        (session(first_s=100.0), [job(100, None)], 400.0),
        # Its time has come before the minute is over.
        (session(first_s=100.0, max_s=20.0), [job(100, 110)], 20.0),
        # Jobs of a batch are charged by themselves.
        (session("batch", first_s=100.0), [job(100, 110), job(150, 160)], 6.0),
        (session(), [], 0.0),
    ],
)
def test_usage_by_mode(made: Any, jobs: list[Any], used_s: float) -> None:
    assert sessions.usage_s(made, jobs, 500.0) == pytest.approx(used_s)


def test_time_begins_with_the_first_job() -> None:
    made = session()
    assert made.end_s == 1800.0
    made.used = True
    assert made.end_s == float("inf"), "its first job waits"
    made.first_s = 1700.0
    assert made.end_s == 2700.0
    assert not made.over(2700.0)
    assert made.over(2700.1)


SPEED = 60.0


@pytest.mark.e2e
def test_jobs_of_a_session_fail_at_its_end_and_the_clock_is_charged() -> None:
    """Jobs of a minute and more in a session of 200 s: not all four fit."""
    told = quick(
        time_scale=SPEED,
        limits=config.LimitsConfig(session_s=200.0, interactive_s=5.0),
        background=config.BackgroundConfig(utilisation=0.0),
        # Nothing runs before all are submitted.
        faults=config.FaultsConfig(
            maintenance=(config.Maintenance(backend="perth", start_s=0.0, end_s=1500.0),)
        ),
    )
    with emulated(told) as emulator:
        port = RuntimePort(
            "emulated",
            "token",
            INSTANCE,
            url=emulator.url,
            speed=SPEED,
            own_addresses=True,
            execution=JobExecution("session", 300),
        )
        circuits = [bell(port._backend("perth"))] * 3
        jobs = [
            port.submit("perth", circuits, 100_000, token=f"t{n}", group="g", most=600.0)
            for n in range(4)
        ]
        states = [wait(port, one) for one in jobs]
        assert states == sorted(states), "what had begun has ended, what waited has failed"
        assert (states[0], states[-1]) == ("done", "failed")
        assert "reached its maximum time" in port.figures(jobs[-1]).error
        with pytest.raises(BackendError) as caught:
            port.submit("perth", circuits, 10, token="late", group="g", most=60.0)
        assert caught.value.kind == "refused", "another session is not opened by itself"
        charges = [port.figures(one).charge for one in jobs]
        assert charges[-1] == 0
        assert emulator.service.used_s(INSTANCE) > sum(charge or 0.0 for charge in charges)
        port.close()


def wait(port: RuntimePort, job_id: str) -> str:
    for _ in range(600):
        status = port.status(job_id)
        if status in {"done", "failed", "cancelled"}:
            return status
        port.sleep(0.1 * port.speed)
    raise AssertionError("never ended")

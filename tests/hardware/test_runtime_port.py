"""What the port makes of the service's lists, states and refusals."""

import random
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import requests

from qcbench.errors import InputError
from qcbench.hardware.config import IbmBackend
from qcbench.hardware.ibm.figures import status_of
from qcbench.hardware.ibm.port import PAGE, RuntimePort
from qcbench.hardware.ibm.settings import JobExecution, Route
from qcbench.hardware.port import BackendError
from qcbench.hardware.providers import ibm

pytest.importorskip("qiskit_ibm_runtime")


class Api:
    """A service that lists jobs, and changes between two pages as it is told."""

    def __init__(self, jobs: list[str], change: Callable[["Api"], None] = lambda _api: None):
        self.jobs, self.change = jobs, change
        self.count: Callable[[], int] = lambda: len(self.jobs)
        self.asked = 0
        self._session = SimpleNamespace(
            mount=lambda *_: None,
            auth=SimpleNamespace(tm=SimpleNamespace(expire_time=1e12)),
        )

    def jobs_get(self, limit: int, skip: int, **_: Any) -> dict[str, Any]:
        self.asked += 1
        assert self.asked < 1000, "it never ends"
        page = self.jobs[skip : skip + min(limit, 20)]
        answer = {"jobs": [raw(job, "Queued") for job in page], "count": self.count()}
        self.change(self)
        return answer


def raw(job: str, status: str, **state: Any) -> dict[str, Any]:
    return {"id": job, "tags": ["t"], "state": {"status": status, **state}, "status": status}


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Callable[[Api], RuntimePort]:
    import qiskit_ibm_runtime  # noqa: PLC0415

    def connect(api: Api) -> RuntimePort:
        service = SimpleNamespace(_active_api_client=api)
        monkeypatch.setattr(qiskit_ibm_runtime, "QiskitRuntimeService", lambda **_: service)
        return RuntimePort("emulated", "token", "instance")

    return connect


@pytest.mark.parametrize("count", [0, 1, 20, 21, 200, PAGE, PAGE + 1])
def test_all_pages_of_a_list_that_stands_still(
    port: Callable[[Api], RuntimePort], count: int
) -> None:
    jobs = [f"j{n:04d}" for n in range(count)]
    assert [job.job_id for job in port(Api(jobs)).find("t")] == jobs


def test_pages_of_a_list_that_grows_end_with_every_job_that_was_there(
    port: Callable[[Api], RuntimePort],
) -> None:
    def grow(api: Api) -> None:
        if api.asked < 8:
            api.jobs = [*api.jobs, f"new{api.asked}"]

    jobs = [f"j{n:04d}" for n in range(90)]
    found = [job.job_id for job in port(Api(list(jobs), grow)).find("t")]
    assert found[:90] == jobs
    assert len(found) == len(set(found))


def test_pages_end_whatever_the_list_does(port: Callable[[Api], RuntimePort]) -> None:
    """Jobs end, are deleted and come again between two pages; the number stated is any."""
    rng = random.Random(1)

    def shuffle(api: Api) -> None:
        api.jobs = rng.sample(everything, rng.randrange(len(everything) + 1))

    everything = [f"j{n:04d}" for n in range(150)]
    for _ in range(50):
        api = Api(list(everything), shuffle)
        api.count = lambda: rng.choice([-5, 0, 7, 150, 10**9])
        found = [job.job_id for job in port(api).find("t", pending=True)]
        assert len(found) == len(set(found))
        assert set(found) <= set(everything)


@pytest.mark.parametrize(
    ("status", "more", "means"),
    [
        ("Queued", {}, "queued"),
        ("Running", {}, "running"),
        ("Completed", {}, "done"),
        ("Failed", {}, "failed"),
        ("Cancelled", {}, "cancelled"),
        ("Cancelled", {"reason_code": 1305}, "failed"),
        ("Cancelled - Ran too long", {}, "failed"),
        ("Initializing", {}, "queued"),
        ("Of the future", {}, "queued"),
    ],
)
def test_states_are_read_from_what_the_service_says(
    status: str, more: dict[str, Any], means: str
) -> None:
    assert status_of(raw("j", status, **more)) == means


def refusal(status: int, text: str, **headers: str) -> Exception:
    """An error as the client raises it: wrapped, its cause hidden."""
    from qiskit_ibm_runtime.api.exceptions import RequestsApiError  # noqa: PLC0415
    from qiskit_ibm_runtime.exceptions import IBMNotAuthorizedError, IBMRuntimeError  # noqa: PLC0415

    response = requests.Response()
    response.status_code = status
    response.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
    try:
        try:
            raise requests.HTTPError(f"{status} Client Error", response=response)
        except requests.HTTPError as error:
            if status == 401:
                raise IBMNotAuthorizedError(f"{error}. {text}") from error
            raise RequestsApiError(f"{error}. {text}", status) from error
    except RequestsApiError as error:
        try:
            raise IBMRuntimeError(f"Failed to run program: {error}") from None
        except IBMRuntimeError as wrapped:
            return wrapped
    except IBMNotAuthorizedError as error:
        return error


FULL = '{"errors":[{"message":"The limit of 3 pending  jobs","code":3458}]}'


@pytest.mark.parametrize("status", [400, 403, 409, 422, 429])
def test_too_many_open_jobs_are_a_limit_whatever_the_http_status(
    port: Callable[[Api], RuntimePort], status: int
) -> None:
    error = translated(port(Api([])), refusal(status, FULL))
    assert (error.kind, error.limit, error.may_retry, error.maybe_accepted) == (
        *("pending", True, True),
        False,
    )
    assert error.most_pending == 3
    older = translated(port(Api([])), refusal(400, "Reached maximum, Error code: 3458."))
    assert (older.kind, older.limit, older.most_pending) == ("pending", True, None)


def test_too_many_submits_wait_for_as_long_as_the_service_says(
    port: Callable[[Api], RuntimePort],
) -> None:
    error = translated(port(Api([])), refusal(429, "{}", Retry_After="17"))
    assert (error.kind, error.limit, error.retry_after_s) == ("busy", True, 17.0)
    assert translated(port(Api([])), refusal(429, "{}")).retry_after_s > 0
    dated = refusal(503, "{}", Retry_After="Wed, 21 Oct 2015 07:28:00 GMT")
    past = translated(port(Api([])), dated)
    assert (past.kind, past.limit, past.retry_after_s) == ("unavailable", True, 0.0)
    assert past.maybe_accepted


def test_a_token_that_was_taken_back_is_replaced_once(port: Callable[[Api], RuntimePort]) -> None:
    api = Api([])
    connected = port(api)
    first = translated(connected, refusal(401, "no"))
    assert (first.kind, first.may_retry, first.limit) == ("login", True, True)
    assert api._session.auth.tm.expire_time == 0
    assert not translated(connected, refusal(401, "no")).may_retry
    connected.find("t")
    assert translated(connected, refusal(401, "no")).may_retry


def translated(port: RuntimePort, error: Exception) -> BackendError:
    with pytest.raises(BackendError) as caught, port._asking(submitting=True):
        raise error
    return caught.value


def test_route_and_execution_reach_the_client(monkeypatch: pytest.MonkeyPatch) -> None:
    """Proxy, region, private addresses; batches, repetition delay, fractional gates."""
    import qiskit_ibm_runtime  # noqa: PLC0415
    from qiskit_ibm_runtime import executor_sampler  # noqa: PLC0415

    told: dict[str, Any] = {}

    class Service:
        def __init__(self, **arguments: Any) -> None:
            told["service"] = arguments

        def backends(self) -> list[Any]:
            return [SimpleNamespace(name="ibm_torino", __str__=lambda self: "ibm_torino")]

        def backend(self, name: str, **arguments: Any) -> str:
            told["backend"] = arguments
            return name

    class Grouped:
        closed = 0

        def __init__(self, backend: str, max_time: int) -> None:
            told["group"] = (backend, max_time)

        def close(self) -> None:
            Grouped.closed += 1

    class Sampler:
        def __init__(self, mode: Any) -> None:
            told["mode"] = mode
            self.options = SimpleNamespace(
                environment=SimpleNamespace(), execution=SimpleNamespace()
            )
            told["options"] = self.options

        def run(self, circuits: list[Any], shots: int) -> Any:
            return SimpleNamespace(job_id=lambda: f"job of {shots}")

    monkeypatch.setattr(qiskit_ibm_runtime, "QiskitRuntimeService", Service)
    monkeypatch.setattr(qiskit_ibm_runtime, "Batch", Grouped)
    monkeypatch.setattr(executor_sampler, "Sampler", Sampler)
    monkeypatch.setattr(RuntimePort, "_names", lambda _self: ["ibm_torino"])
    port = RuntimePort(
        "hardware",
        "token",
        "crn",
        route=Route("eu-de", "http://proxy:8080", private_endpoint=True),
        execution=JobExecution("batch", 600, 1e-4, fractional_gates=True),
    )
    for _ in range(2):
        assert port.submit("torino", [], 7, token="t", group="g", most=3.0) == "job of 7"
    assert told["service"]["region"] == "eu-de"
    assert told["service"]["proxies"] == {
        "urls": {"http": "http://proxy:8080", "https": "http://proxy:8080"}
    }
    assert told["service"]["private_endpoint"] is True
    assert told["backend"] == {"use_fractional_gates": True}
    assert told["group"] == ("ibm_torino", 600)
    assert isinstance(told["mode"], Grouped)
    assert told["options"].execution.rep_delay == 1e-4
    assert told["options"].max_execution_time == 3
    assert told["options"].environment.job_tags == ["qcbench", "g", "t"]
    port.close()
    assert Grouped.closed == 1


def test_a_session_is_charged_by_the_clock() -> None:
    backend = IbmBackend(mode="session")
    with pytest.raises(InputError, match=r"backend\.longest_s: is missing; a session is charged"):
        ibm.PROVIDER.by_clock(backend)
    assert ibm.PROVIDER.by_clock(replace(backend, longest_s=300)) == 300.0
    assert ibm.PROVIDER.by_clock(IbmBackend()) is None

"""The client without Ray: answers of a cluster come from a small server, or are made up."""

import asyncio
import signal
import threading
from collections.abc import AsyncIterator, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest

from qcbench.bench.config import ClusterConfig
from qcbench.bench.jobs import client as module
from qcbench.bench.jobs.client import JobsClient, check_address
from qcbench.bench.jobs.job import NoAnswerError
from qcbench.cli.main import main
from qcbench.errors import InputError

LOG = "".join(f"line {number}\n" for number in range(9))
NODE = "0" * 8


@pytest.mark.parametrize(
    "address",
    [
        "local",
        "auto",
        "127.0.0.1:8265",
        "ray://host:10001",
        "http://",
        "http://host:port",
        "ftp://h",
    ],
)
def test_addresses_that_take_no_jobs(address: str) -> None:
    with pytest.raises(InputError, match=r"give cluster\.address=http://HOST:8265"):
        check_address(address)


def test_a_password_in_the_address_is_not_repeated() -> None:
    with pytest.raises(InputError) as caught:
        check_address("http://someone:secret@host:8265")
    assert "secret" not in str(caught.value)


def test_nobody_answers(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["submit", "list", "cluster.address=http://127.0.0.1:9"]) == 2
    said = capsys.readouterr().err.strip()
    assert said.startswith("qcbench: cluster.address=http://127.0.0.1:9: no Ray dashboard answers")
    assert "connection refused" in said
    assert len(said.splitlines()) == 1


@pytest.fixture
def stranger() -> Iterator[str]:
    """A server that is no Ray dashboard."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_someone_else_answers(stranger: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    with pytest.raises(InputError, match=r"is no Ray dashboard \(answer 404\)"):
        JobsClient(ClusterConfig(address=stranger))


class Cluster:
    """A cluster whose log breaks off and which is out of sight for a while."""

    def __init__(self, *, breaks: list[int], hidden: int) -> None:
        self.breaks = breaks
        self.hidden = hidden
        self.trouble: Exception = ConnectionError("gone")
        self.dead: set[str] = set()

    async def tail_job_logs(self, job_id: str) -> AsyncIterator[str]:
        end = self.breaks.pop(0) if self.breaks else len(LOG)
        for begin in range(0, end, 7):
            yield LOG[begin : min(begin + 7, end)]
        if end < len(LOG):
            raise RuntimeError("WebSocket connection closed unexpectedly")

    def get_job_info(self, job_id: str) -> SimpleNamespace:
        if self.hidden:
            self.hidden -= 1
            raise self.trouble
        return SimpleNamespace(
            submission_id=job_id,
            status="RUNNING" if self.breaks else "SUCCEEDED",
            message=None,
            driver_node_id=NODE,
            driver_exit_code=0,
            start_time=1000,
            metadata=None,
        )

    def get_job_logs(self, job_id: str) -> str:
        return LOG


def client_of(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> JobsClient:
    monkeypatch.setattr(module.time, "sleep", lambda _: None)
    client = object.__new__(JobsClient)
    client.address = "http://127.0.0.1:8265"
    client._client = cluster
    monkeypatch.setattr(JobsClient, "_dead_nodes", lambda _: cluster.dead)
    return client


@pytest.mark.parametrize("breaks", [[], [0], [20, 3, 40], [len(LOG) - 1]])
@pytest.mark.parametrize(
    "trouble", [ConnectionError("gone"), RuntimeError("Request failed with status code 500: busy")]
)
def test_a_log_is_shown_once_whatever_breaks(
    breaks: list[int], trouble: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[str] = []
    cluster = Cluster(breaks=breaks, hidden=2)
    cluster.trouble = trouble
    client = client_of(cluster, monkeypatch)
    job = client.follow("toy", shown.append)
    assert job.finished
    assert "".join(shown) == LOG


class Deaf(Cluster):
    """A cluster whose client makes a lost connection of whatever interrupts it."""

    async def tail_job_logs(self, job_id: str) -> AsyncIterator[str]:
        yield LOG[:7]
        try:
            signal.raise_signal(signal.SIGINT)
            await asyncio.sleep(10)
        except BaseException:
            raise RuntimeError("WebSocket connection closed unexpectedly") from None


def test_ctrl_c_is_never_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    client = client_of(Deaf(breaks=[], hidden=0), monkeypatch)
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        client.follow("toy", lambda _: None)
    assert signal.getsignal(signal.SIGINT) is before


def test_a_cluster_that_stays_away_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOST_AFTER_S", 0.2)
    client = client_of(Cluster(breaks=[5], hidden=10**6), monkeypatch)
    shown: list[str] = []
    with pytest.raises(module.ConnectionLostError, match=r"8265: no Ray .* for 0\.2 s$"):
        client.follow("toy", shown.append)
    assert "".join(shown) == LOG
    with pytest.raises(NoAnswerError):
        client.job("toy")


def test_a_job_that_ray_thinks_runs_on_a_dead_node_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a head says that was started again on what the lost one had in Redis."""
    cluster = Cluster(breaks=[5] * 100, hidden=0)
    cluster.get_job_logs = lambda job_id: pytest.fail("the log went with the node")  # type: ignore[method-assign]
    client = client_of(cluster, monkeypatch)
    assert client.job("toy").status == "RUNNING"
    cluster.dead = {NODE, "1" * 8}
    shown: list[str] = []
    job = client.follow("toy", shown.append)
    assert (job.status, job.message) == ("FAILED", "its node is dead")
    assert "".join(shown) == LOG[:5]

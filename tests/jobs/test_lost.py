"""What is said of a job whose cluster, or the node that ran it, is gone."""

import socket
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from qcbench.bench.config import ClusterConfig
from qcbench.bench.jobs import client as client_module
from qcbench.bench.jobs.client import JobsClient
from qcbench.bench.jobs.job import Job, NoAnswerError, NodeGoneError
from qcbench.bench.jobs.submission import NothingLeftError, Submission, fetch, remember
from qcbench.cli import cluster_jobs
from qcbench.cli.main import main

JOB_ID = "qcbench-toy-20260101-000000-abcd"


@pytest.fixture
def address() -> str:
    """Where nobody listens any more."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{held.getsockname()[1]}"


@pytest.fixture
def sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str) -> Submission:
    """A job that was sent from here."""
    monkeypatch.chdir(tmp_path)
    told = Submission(
        job_id=JOB_ID,
        address=address,
        token_path=None,
        overrides=("suite=quickstart", f"cluster.address={address}"),
        config_dirs=(),
        submitted="2026-01-01T00:00:00+00:00",
    )
    remember(tmp_path / "runs", told)
    return told


def said(capsys: pytest.CaptureFixture[str]) -> str:
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.strip().splitlines()
    return line


@pytest.mark.parametrize("verb", ["follow", "fetch", "stop"])
def test_a_cluster_that_does_not_answer_any_more(
    verb: str, sent: Submission, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["submit", verb, JOB_ID]) == 1
    line = said(capsys)
    assert line == (
        f"qcbench: job {JOB_ID}: {sent.address}: no Ray dashboard answers (connection refused); "
        "whether it goes on there or is gone with its cluster cannot be told from here; "
        f"`qcbench submit follow {JOB_ID}` asks again"
    )
    assert "goes on without you" not in line


def test_a_job_of_others_is_asked_for_where_nobody_answers(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["submit", "follow", JOB_ID, f"cluster.address={address}"]) == 2
    assert "start one with `ray start --head`" in said(capsys)


class Cluster:
    """A cluster that answers; its jobs, and what is wrong with it."""

    def __init__(self, job: SimpleNamespace | None, trouble: Exception | None = None) -> None:
        self.known = job
        self.dead: set[str] = set()
        self.trouble = trouble

    def get_job_info(self, job_id: str) -> SimpleNamespace:
        if self.trouble:
            raise self.trouble
        if self.known is None:
            raise RuntimeError(f"Request failed with status code 404: Job {job_id} does not exist.")
        return self.known

    def list_jobs(self) -> list[SimpleNamespace]:
        return [] if self.known is None else [self.known]

    def stop_job(self, job_id: str) -> bool:
        return bool(self.get_job_info(job_id))

    def get_job_logs(self, job_id: str) -> str:
        raise RuntimeError("Request failed with status code 500: the agent is gone")

    async def tail_job_logs(self, job_id: str) -> Any:
        raise RuntimeError("gone")
        yield ""


def connected(cluster: Cluster, address: str, monkeypatch: pytest.MonkeyPatch) -> JobsClient:
    """Let every connection be one to this cluster."""
    monkeypatch.setattr(client_module.time, "sleep", lambda _: None)
    made = object.__new__(JobsClient)
    made.address = address
    made._client = cluster
    monkeypatch.setattr(JobsClient, "_dead_nodes", lambda _: cluster.dead)
    monkeypatch.setattr(cluster_jobs, "_client", lambda _: made)
    return made


def test_a_cluster_that_is_gone_hides_no_other_from_the_list(
    sent: Submission, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its jobs are remembered until their files are deleted."""
    living = "http://192.0.2.1:8265"
    remember(Path("runs"), replace(sent, job_id="other", address=living))
    info = SimpleNamespace(
        submission_id="other",
        status="SUCCEEDED",
        message="",
        driver_node_id="00ff",
        driver_exit_code=0,
        start_time=1000,
        metadata={"qcbench": "0.1.0", "title": "toy"},
    )
    made = connected(Cluster(info), living, monkeypatch)

    def client(told: ClusterConfig) -> JobsClient:
        if told.address == living:
            return made
        raise NoAnswerError("nobody answers", "nobody answers")

    monkeypatch.setattr(cluster_jobs, "_client", client)
    assert main(["submit", "list"]) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith("other\tSUCCEEDED\t")
    assert "nobody answers; its jobs are not listed" in captured.err


@pytest.mark.parametrize("verb", ["follow", "fetch", "stop"])
def test_another_cluster_in_its_place(
    verb: str,
    sent: Submission,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    connected(Cluster(None), sent.address, monkeypatch)
    assert main(["submit", verb, JOB_ID]) == 1
    line = said(capsys)
    assert f"job {JOB_ID}: is gone: it was sent to {sent.address} at 2026-01-01T00:00:00" in line
    assert "was started since; what was not fetched went with the old one" in line


def test_a_cluster_that_one_names_oneself_may_never_have_had_it(
    sent: Submission, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    other = "http://192.0.2.1:8265"
    connected(Cluster(None), other, monkeypatch)
    assert main(["submit", "follow", JOB_ID, f"cluster.address={other}"]) == 2
    assert f"{other} has no such job" in said(capsys)


def test_a_cluster_that_goes_while_it_is_watched(
    sent: Submission, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(client_module, "LOST_AFTER_S", 0.2)
    connected(Cluster(None, ConnectionError("refused")), sent.address, monkeypatch)
    assert main(["submit", "follow", JOB_ID]) == 1
    line = said(capsys)
    assert f"{sent.address}: no Ray dashboard answers (connection refused) for 0.2 s; " in line
    assert "cannot be told from here" in line


class Answer:
    """What Ray's log service says of a node that has left."""

    ok = False
    status_code = 500
    text = "Internal server error: Agent for node id: 00ff doesn't exist."

    def __enter__(self) -> "Answer":
        return self

    def __exit__(self, *_: object) -> None:
        pass


def test_what_lay_on_a_node_that_has_left(
    sent: Submission, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    info = SimpleNamespace(
        submission_id=JOB_ID,
        status="FAILED",
        message="Job supervisor actor died because its node has died.",
        driver_node_id="00ff",
        driver_exit_code=None,
        start_time=1000,
        metadata=None,
    )
    made = connected(Cluster(info), sent.address, monkeypatch)
    monkeypatch.setattr(JobsClient, "_request", lambda *_: Answer())
    job: Job = made.job(JOB_ID)
    with pytest.raises(NodeGoneError):
        made.read(job, "index.json")
    with pytest.raises(NothingLeftError, match="00ff, which ran it, has left the cluster and all"):
        fetch(made, job, Path("runs"), "manifest.json", print)
    assert main(["submit", "fetch", JOB_ID]) == 1
    line = capsys.readouterr().err.strip().splitlines()[-1]
    assert line == (
        f"qcbench: job {JOB_ID}: FAILED: Job supervisor actor died because its node has died.; "
        "node 00ff, which ran it, has left the cluster and all that the job left with it"
    )


def test_what_ran_on_a_head_that_was_lost_has_ended(
    sent: Submission, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A new head that reads in Redis what the old one knew says that it is running."""
    info = SimpleNamespace(
        submission_id=JOB_ID,
        status="RUNNING",
        message="Job is currently running.",
        driver_node_id="00ff",
        driver_exit_code=None,
        start_time=1000,
        metadata={"qcbench": "0.1.0", "title": "toy"},
    )
    cluster = Cluster(info)
    made = connected(cluster, sent.address, monkeypatch)
    assert made.job(JOB_ID).status == "RUNNING"
    cluster.dead = {"00ff"}
    monkeypatch.setattr(JobsClient, "_request", lambda *_: Answer())
    assert main(["submit", "list"]) == 0
    assert f"{JOB_ID}\tFAILED\t" in capsys.readouterr().out
    for verb, code, why in (
        (
            "follow",
            1,
            "FAILED: its node is dead; node 00ff, which ran it, has left the cluster and",
        ),
        ("fetch", 1, "FAILED: its node is dead; node 00ff, which ran it, has left the cluster and"),
        ("logs", 1, "node 00ff, which ran it, has left the cluster, and its log with it"),
        ("stop", 2, "has ended already (FAILED)"),
    ):
        assert main(["submit", verb, JOB_ID]) == code
        assert f"qcbench: job {JOB_ID}: {why}" in capsys.readouterr().err.splitlines()[-1]

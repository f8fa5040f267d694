"""The port of a cluster's dashboard: jobs are sent, watched and stopped here, files fetched."""

import asyncio
import contextlib
import logging
import os
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from types import FrameType
from typing import IO, Any
from urllib.parse import urlsplit

from qcbench.bench.cluster import environment
from qcbench.bench.config import ClusterConfig
from qcbench.bench.jobs.job import (
    ConnectionLostError,
    Job,
    NoAnswerError,
    NodeGoneError,
    UnknownJobError,
    gone,
    job_of,
)
from qcbench.bench.jobs.token import find_token
from qcbench.errors import InputError, nearest

CONNECT_S, READ_S = 10.0, 120.0
LOST_AFTER_S = 60.0
"""Time without an answer after which a job that is being followed counts as out of sight."""

LOGS_FOLDER = "qcbench"
"""Folder of parcels below the logs of a Ray session; Ray serves the files of that folder."""

READ_ATTEMPTS = 3
BLOCK = 2**20


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """Let Ctrl-C end the block, also where asyncio would lose it.

    By itself `asyncio.run` turns Ctrl-C into the cancelling of its task; a library in which that
    becomes another error, such as a lost connection, would go on.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    noted = False

    def note(number: int, frame: FrameType | None) -> None:
        nonlocal noted
        noted = True
        signal.default_int_handler(number, frame)

    before = signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if noted:
        raise KeyboardInterrupt


class JobsClient:
    """One cluster's Jobs API and log service, with every failure as one clear line.

    Raises:
        InputError: from any method: no answer, no token or another one, or no such job.
    """

    def __init__(self, config: ClusterConfig) -> None:
        check_address(config.address)
        self.address = config.address.rstrip("/")
        token, self._source = find_token(config)
        self.warning = self._risk(token)
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._verify: str | bool = os.environ.get("REQUESTS_CA_BUNDLE") or True
        self._request("/api/version").close()
        mode = "token" if token else os.environ.get("RAY_AUTH_MODE", "disabled")
        variables = {
            "RAY_AUTH_MODE": mode,
            "RAY_USAGE_STATS_ENABLED": "0",
            # Ray would prefer these to the address that was given.
            "RAY_ADDRESS": None,
            "RAY_API_SERVER_ADDRESS": None,
        }
        with self._explained(), environment(variables):
            from ray.job_submission import JobSubmissionClient  # noqa: PLC0415

            for name in ("dashboard_sdk", "job.sdk"):
                logging.getLogger(f"ray.dashboard.modules.{name}").setLevel(logging.WARNING)
            logging.getLogger("ray._private.runtime_env.packaging").setLevel(logging.WARNING)
            self._client: Any = JobSubmissionClient(
                self.address, headers=dict(self._headers), verify=self._verify
            )

    def submit(
        self,
        job_id: str,
        command: str,
        folder: str,
        *,
        pip: Sequence[str] = (),
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        """Send a folder and run a command in it on the head node."""
        runtime_env: dict[str, Any] = {
            "working_dir": folder,
            "env_vars": {
                "OMP_NUM_THREADS": "1",
                "PYTHONUNBUFFERED": "1",
                "RAY_USAGE_STATS_ENABLED": "0",
            },
        }
        if pip:
            runtime_env["pip"] = list(pip)
        with self._explained():
            self._client.submit_job(
                entrypoint=command,
                submission_id=job_id,
                runtime_env=runtime_env,
                metadata=dict(metadata or {}),
            )

    def job(self, job_id: str) -> Job:
        """Return the present state of a job."""
        with self._explained(job_id):
            found = job_of(self._client.get_job_info(job_id))
        return self._truly([found])[0]

    def jobs(self) -> list[Job]:
        """Return the jobs that were submitted by qcbench, oldest first."""
        with self._explained():
            found = self._client.list_jobs()
        jobs = [job_of(details) for details in found if details.submission_id]
        ours = [job for job in jobs if "qcbench" in job.metadata]
        return self._truly(sorted(ours, key=lambda job: job.started_s or float("inf")))

    def _truly(self, jobs: list[Job]) -> list[Job]:
        """Count jobs as failed whose node is dead, as Ray itself will.

        A head that was lost and started again with what it knew in Redis says that the jobs that
        ran there are running, until somebody sends the next job (Ray 2.60).
        """
        if all(job.finished or not job.node_id for job in jobs):
            return jobs
        dead = self._dead_nodes()
        return [
            replace(job, status="FAILED", message="its node is dead")
            if job.node_id in dead and not job.finished
            else job
            for job in jobs
        ]

    def _dead_nodes(self) -> set[str]:
        """Return the nodes that Ray has declared dead; none where it does not say."""
        asked = {"filter_keys": "state", "filter_predicates": "=", "filter_values": "DEAD"}
        with self._request("/api/v0/nodes", {**asked, "limit": "10000"}) as answer:
            if not answer.ok:
                return set()
            try:
                found = answer.json()["data"]["result"]["result"]
                return {str(node["node_id"]) for node in found}
            except (ValueError, LookupError, TypeError):
                return set()

    def stop(self, job_id: str) -> bool:
        """Ask a job to stop; return whether it was running."""
        with self._explained(job_id):
            return bool(self._client.stop_job(job_id))

    def log(self, job_id: str) -> str:
        """Return all that a job has printed.

        Raises:
            NodeGoneError: the node that had it is no longer there.
        """
        job = self.job(job_id)
        if job.node_id in self._dead_nodes():
            raise gone(job)
        with self._explained(job_id):
            return str(self._client.get_job_logs(job_id))

    def follow(self, job_id: str, show: Callable[[str], None]) -> Job:
        """Show what a job prints until it ends; return its last state.

        A connection that breaks is opened again, and nothing is shown twice.

        Raises:
            ConnectionLostError: no answer for a minute.
        """
        seen = 0
        last_answer = time.monotonic()

        def show_new(text: str, begin: int) -> int:
            """Show the part of `text`, which begins at `begin`, that was not shown yet."""
            nonlocal seen
            end = begin + len(text)
            if end > seen:
                show(text[max(0, seen - begin) :])
                seen = end
            return end

        async def tail() -> None:
            position = 0
            async for text in self._client.tail_job_logs(job_id):
                position = show_new(text, position)

        while True:
            try:
                # What breaks here shows in the next question for the job's state.
                with _interruptible(), contextlib.suppress(Exception):
                    asyncio.run(tail())
                job = self.job(job_id)
                if job.finished:
                    with contextlib.suppress(NodeGoneError):
                        show_new(self.log(job_id), 0)
                    return job
                last_answer = time.monotonic()
            except NoAnswerError as error:
                if time.monotonic() - last_answer > LOST_AFTER_S:
                    raise ConnectionLostError(
                        f"{self.address}: {error.reason} for {LOST_AFTER_S:g} s"
                    ) from error
            time.sleep(1.0)

    def wait(self, job_id: str, timeout_s: float) -> Job:
        """Wait until a job ends, or until the time is over; return its state."""
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                job = self.job(job_id)
            except NoAnswerError:
                if time.monotonic() > deadline:
                    raise
            else:
                if job.finished or time.monotonic() > deadline:
                    return job
            time.sleep(0.5)

    def read(self, job: Job, name: str) -> bytes | None:
        """Return a small file of a job's parcel, or None where there is none or an empty one.

        Raises:
            NodeGoneError: the node that had it is no longer there.
        """
        for left in reversed(range(READ_ATTEMPTS)):
            try:
                answer = self._file(job, name)
                if answer is None:
                    return None
                with answer:
                    content = bytes(answer.content)
                # A node that is busy sometimes sends nothing, also for a file that is not there.
                if content or not left:
                    return content or None
            except OSError as error:
                if not left:
                    reason = f"{name} of job {job.job_id} could not be fetched ({error})"
                    raise NoAnswerError(reason, reason) from error
            time.sleep(1.0)
        raise AssertionError("no attempt was made")

    def download(self, job: Job, name: str, file: IO[bytes]) -> None:
        """Write a file of a job's parcel to a stream.

        Raises:
            OSError: the way to it is broken.
            NodeGoneError: the node that had it is no longer there.
        """
        answer = self._file(job, name)
        if answer is None:
            raise FileNotFoundError(f"{name} is not on the cluster")
        with answer:
            for block in answer.iter_content(BLOCK):
                file.write(block)

    def _file(self, job: Job, name: str) -> Any:
        answer = self._request(
            "/api/v0/logs/file",
            {
                "node_id": job.node_id,
                "filename": f"{LOGS_FOLDER}/{job.job_id}/{name}",
                # All lines, that is all bytes, whatever they are.
                "lines": "-1",
                "timeout": str(int(READ_S)),
            },
        )
        if answer.ok:
            return answer
        with answer:
            text = " ".join(answer.text.split())
        if "file is not found" in text:
            return None
        # As Ray says it of a node whose agent has gone with it.
        if "Agent for node id" in text and "doesn't exist" in text:
            raise gone(job)
        raise OSError(f"{self.address} answered {answer.status_code}: {text[:200]}")

    def _request(self, path: str, query: Mapping[str, str] | None = None) -> Any:
        import requests  # noqa: PLC0415 - comes with Ray

        with self._explained():
            answer = requests.get(
                self.address + path,
                params=query,
                headers=self._headers,
                timeout=(CONNECT_S, READ_S),
                verify=self._verify,
                stream=True,
            )
            if answer.status_code in (401, 403):
                with answer:
                    raise InputError(self._refused(f"{answer.status_code} {answer.text}"))
            if path == "/api/version" and not answer.ok:
                with answer:
                    raise InputError(
                        f"{self._where()}: is no Ray dashboard (answer {answer.status_code})"
                    )
            return answer

    @contextlib.contextmanager
    def _explained(self, job_id: str = "") -> Iterator[None]:
        """Turn what Ray and the network raise into one line."""
        import requests  # noqa: PLC0415
        from ray.exceptions import AuthenticationError  # noqa: PLC0415

        try:
            yield
        except InputError:
            raise
        except (requests.exceptions.RequestException, ConnectionError) as error:
            reason = f"no Ray dashboard answers ({_reason(error)})"
            raise NoAnswerError(
                f"{self._where()}: {reason}; start one with `ray start --head`, or forward its "
                "port 8265",
                reason,
            ) from error
        except AuthenticationError as error:
            raise InputError(self._refused(" ".join(str(error).split()))) from None
        except RuntimeError as error:
            text = " ".join(str(error).split())
            if job_id and ("does not exist" in text or "status code 404" in text):
                known = [job.job_id for job in self.jobs()]
                raise UnknownJobError(
                    f"job {job_id}: {self.address} has no such job{nearest(job_id, known)}"
                ) from None
            # Such as an agent that is too busy to answer in time.
            if re.search(r"status code 5\d\d", text):
                raise NoAnswerError(f"{self._where()}: {text[:300]}", text[:300]) from error
            raise InputError(f"{self._where()}: {text[:300]}") from error

    def _refused(self, text: str) -> str:
        if "401" in text or "Missing" in text:
            return f"{self._where()}: asks for a token; give its file as cluster.token_path"
        return (
            f"{self._where()}: refuses the token from {self._source}; give the file of the right "
            "one as cluster.token_path"
        )

    def _where(self) -> str:
        return f"cluster.address={self.address}"

    def _risk(self, token: str | None) -> str:
        url = urlsplit(self.address)
        if token and url.scheme == "http" and url.hostname not in {"127.0.0.1", "localhost", "::1"}:
            return (
                f"{self.address}: the token travels unencrypted; forward the port "
                "(ssh -L, kubectl port-forward) or use https"
            )
        return ""


def check_address(address: str) -> None:
    """Raise an InputError unless the address can be that of a dashboard."""
    try:
        url = urlsplit(address)
        good = url.scheme in {"http", "https"} and bool(url.hostname) and (url.port or 1) > 0
    except ValueError:
        good = False
    else:
        if url.username or url.password:
            raise InputError(
                "cluster.address: holds a password; give a token as cluster.token_path"
            )
    if not good:
        raise InputError(
            f"cluster.address={address}: jobs are sent to a dashboard; give "
            "cluster.address=http://HOST:8265"
        )


def _reason(error: BaseException) -> str:
    """Return the innermost cause in a few words."""
    text = str(error)
    for known in ("refused", "timed out", "Name or service not known", "certificate"):
        if known.lower() in text.lower():
            return known if known != "refused" else "connection refused"
    return type(error).__name__

"""The port to IBM Quantum through qiskit-ibm-runtime, for real accounts and the emulator alike.

What differs between the two is an address and a token. The token lives in the client's memory only;
whatever the client says in errors passes `scrub` before anybody reads it.
"""

import logging
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from qcbench.errors import InputError, nearest
from qcbench.hardware.credentials import scrub
from qcbench.hardware.port import (
    BackendError,
    Calibration,
    DeviceState,
    JobFigures,
    JobOutcome,
    JobStatus,
    JobSummary,
    Label,
)

CHANNEL = "ibm_quantum_platform"
PREFIX = "ibm_"
DEFAULT_REPETITION_DELAY_S = 250e-6
READ_TIMEOUT_S = 120.0
"""The client itself waits for ever."""
RETRY_AFTER_S = 5.0

STATUS: dict[str, JobStatus] = {
    "INITIALIZING": "queued",
    "QUEUED": "queued",
    "RUNNING": "running",
    "DONE": "done",
    "CANCELLED": "cancelled",
    "ERROR": "failed",
}
NOT_ACCEPTED = (400, 402, 403, 404, 409, 422)
SERVER_ERRORS = (500, 502, 503, 504, 520, 521, 522, 524)


class RuntimePort:
    """The port of an account on a service that speaks IBM Quantum's REST API."""

    def __init__(
        self,
        label: Label,
        token: str,
        instance: str,
        *,
        url: str | None = None,
        speed: float = 1.0,
        own_addresses: bool = False,
        retry_posts: bool = False,
    ) -> None:
        """Open the account.

        Args:
            token: kept by the client in memory, and by nobody else.
            instance: CRN of the account's instance.
            url: of another service than IBM's.
            speed: of the service's clock.
            own_addresses: the service has no addresses of its own for each region.
            retry_posts: let the client repeat a submit by itself, as it comes; it makes duplicates,
                which are then found by tag. For tests.

        Raises:
            InputError: the service refuses or cannot be reached.
        """
        from qiskit_ibm_runtime import QiskitRuntimeService  # noqa: PLC0415

        self.label = label
        self.speed = speed
        self._secret = token
        self._backends: dict[str, Any] = {}
        self._jobs: dict[str, Any] = {}
        logging.getLogger("qiskit_ibm_runtime").setLevel(logging.ERROR)
        resolver: Callable[..., str] | None = None
        if own_addresses and url is not None:
            address = url
            resolver = lambda *_arguments, **_named: address  # noqa: E731
        try:
            self._service = QiskitRuntimeService(
                channel=CHANNEL, token=token, instance=instance, url=url, url_resolver=resolver
            )
        except Exception as error:
            # The client lets errors of many libraries through; some have the token in them.
            reason = scrub(error, token)
            raise InputError(f"the service cannot be used: {reason}") from None
        self.posts_once = not retry_posts and _post_once(self._service)

    def now_s(self) -> float:
        """Return the wall clock in seconds of the service."""
        return time.time() * self.speed

    def sleep(self, duration_s: float) -> None:
        """Wait."""
        time.sleep(max(duration_s, 0.0) / self.speed)

    @contextmanager
    def _asking(self, *, submitting: bool = False) -> Iterator[None]:
        """Turn what the client raises into a `BackendError` without a token in it."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                yield
        except (BackendError, InputError, KeyboardInterrupt, SystemExit):
            raise
        except Exception as error:
            raise self._translated(error, submitting=submitting) from None

    def _translated(self, error: Exception, *, submitting: bool) -> BackendError:
        from qiskit_ibm_runtime.exceptions import (  # noqa: PLC0415
            IBMInputValueError,
            RuntimeJobNotFound,
        )

        status = _http_status(error)
        text = scrub(error, self._secret)[:400] or type(error).__name__
        lower = text.lower()
        if status == 429:
            return BackendError(text, kind="busy", may_retry=True, retry_after_s=RETRY_AFTER_S)
        if "quota" in lower or "usage limit" in lower or status == 402:
            return BackendError(text, kind="quota")
        if isinstance(error, RuntimeJobNotFound):
            return BackendError(text, kind="unknown_job")
        if status in NOT_ACCEPTED or status == 401:
            return BackendError(text, kind="refused")
        if status in SERVER_ERRORS or status == -1 or isinstance(error, OSError):
            kind = "unavailable" if status in SERVER_ERRORS else "lost"
            return BackendError(text, kind=kind, may_retry=True, maybe_accepted=submitting)
        if submitting and type(error) not in (IBMInputValueError, ValueError):
            return BackendError(text, kind="lost", may_retry=True, maybe_accepted=True)
        return BackendError(text, kind="refused")

    def _backend(self, device: str) -> Any:
        if device not in self._backends:
            with self._asking():
                names = [str(backend) for backend in self._names()]
                name = device if device in names else f"{PREFIX}{device}"
                if name not in names:
                    raise InputError(
                        f"backend: has no device {device}{nearest(device, names)}; name one for"
                        " each QPU in backend.devices"
                    )
                self._backends[device] = self._service.backend(name)
        return self._backends[device]

    def _names(self) -> list[str]:
        return [backend.name for backend in self._service.backends()]

    def calibration(self, device: str) -> Calibration:
        """Return what the service reports of a device."""
        backend = self._backend(device)
        with self._asking():
            properties = backend.properties()
            date = "" if properties is None else properties.last_update_date.isoformat()
            delay_s = getattr(backend.configuration(), "default_rep_delay", None)
            return Calibration(
                backend.target, date, float(delay_s) if delay_s else DEFAULT_REPETITION_DELAY_S
            )

    def state(self, device: str) -> DeviceState:
        """Return status and queue of a device; `internal` accepts jobs and runs none."""
        backend = self._backend(device)
        with self._asking():
            status = backend.status()
            message = str(status.status_msg)
            working = bool(status.operational) and message in {"", "active", "available"}
            return DeviceState(working, int(status.pending_jobs), message)

    def submit(
        self,
        device: str,
        circuits: Sequence[Any],
        shots: int,
        tags: Sequence[str],
        max_execution_s: int,
    ) -> str:
        """Submit by the client's Sampler."""
        from qiskit_ibm_runtime.executor_sampler import Sampler  # noqa: PLC0415

        backend = self._backend(device)
        with self._asking(submitting=True):
            sampler = Sampler(mode=backend)
            sampler.options.max_execution_time = max_execution_s
            sampler.options.environment.job_tags = list(tags)
            job = sampler.run(list(circuits), shots=shots)
            self._jobs[job.job_id()] = job
            return str(job.job_id())

    def find(self, tag: str, *, pending: bool = False) -> list[JobSummary]:
        """Return the jobs with a tag, of all pages."""
        with self._asking():
            jobs = self._service.jobs(
                limit=None,
                job_tags=[tag],
                pending=True if pending else None,
                descending=False,
            )
            found = []
            for job in jobs:
                self._jobs.setdefault(job.job_id(), job)
                # What the list says is a moment old; a job that is over since is found out later.
                status = STATUS.get(str(job._status), "queued") if pending else self._now(job)
                found.append(JobSummary(str(job.job_id()), status, tuple(job.tags or ())))
            return found

    def _now(self, job: Any) -> JobStatus:
        return STATUS.get(str(job.status()), "queued")

    def _job(self, job_id: str) -> Any:
        if job_id not in self._jobs:
            with self._asking():
                self._jobs[job_id] = self._service.job(job_id)
        return self._jobs[job_id]

    def status(self, job_id: str) -> JobStatus:
        """Return the status of a job."""
        job = self._job(job_id)
        with self._asking():
            return self._now(job)

    def outcome(self, job_id: str) -> JobOutcome:
        """Return counts and figures."""
        job = self._job(job_id)
        with self._asking():
            result = job.result(timeout=READ_TIMEOUT_S)
            counts = tuple(_counts(pub) for pub in result)
        return JobOutcome(counts, self._figures(job, _chunks_s(result)))

    def figures(self, job_id: str) -> JobFigures:
        """Return times and charge."""
        return self._figures(self._job(job_id), None)

    def _figures(self, job: Any, chunks_s: float | None) -> JobFigures:
        with self._asking():
            metrics = job.metrics()
            error = job.error_message() if self._now(job) == "failed" else ""
        return figures_of(metrics, chunks_s, scrub(error or "", self._secret))

    def cancel(self, job_id: str) -> None:
        """Cancel a job; one at its end stays as it is."""
        job = self._job(job_id)
        try:
            with self._asking():
                job.cancel()
        except BackendError as error:
            if error.may_retry:
                raise

    def remaining_s(self) -> float | None:
        """Return what the instance has left."""
        with self._asking():
            usage = self._service.usage()
        left = usage.get("usage_remaining_seconds")
        return None if left is None else float(left)

    def close(self) -> None:
        """Forget the account."""
        self._jobs.clear()
        self._backends.clear()
        self._secret = ""


def figures_of(metrics: dict[str, Any], chunks_s: float | None, error: str) -> JobFigures:
    """Return the figures of a job from its metrics.

    Args:
        metrics: as the service gives them; older jobs have other names for the charge.
        chunks_s: execution time from the result, where it has one.
        error: the reason of a failure.
    """
    stamps = metrics.get("timestamps") or {}
    usage = metrics.get("usage") or {}
    created, running, finished = (
        _seconds(stamps.get(name)) for name in ("created", "running", "finished")
    )
    charge = usage.get("qpu_charge_time_seconds")
    if charge is None:
        charge = usage.get("quantum_seconds", (metrics.get("bss") or {}).get("seconds"))
    settled = usage.get("status", "final") != "pending"
    nanoseconds = metrics.get("circuits_execution_time_ns")  # one number, or one a circuit
    if isinstance(nanoseconds, list):
        nanoseconds = sum(nanoseconds)
    candidates = (
        ("chunk_timing", chunks_s),
        ("circuits_execution", nanoseconds * 1e-9 if nanoseconds else None),
        ("charge", float(charge) if charge and settled else None),
        (
            "running_to_finished",
            None if running is None or finished is None else finished - running,
        ),
    )
    source, execution = next(
        ((name, value) for name, value in candidates if value is not None), ("", None)
    )
    return JobFigures(
        created_s=created,
        running_s=running,
        finished_s=finished,
        execution_s=execution,
        execution_source=source,
        charge_s=float(charge) if charge is not None and settled else None,
        error=error,
    )


def _seconds(stamp: str | None) -> float | None:
    if not stamp:
        return None
    moment = datetime.fromisoformat(stamp.replace("Z", "+00:00"))
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _chunks_s(result: Any) -> float | None:
    """Return the time that a result says its circuits took."""
    executor = (getattr(result, "metadata", None) or {}).get("executor")
    chunks = getattr(executor, "chunk_timing", None)
    if chunks is None and isinstance(executor, dict):
        chunks = executor.get("chunk_timing")
    if not chunks:
        return None
    total = 0.0
    for chunk in chunks:
        start = chunk["start"] if isinstance(chunk, dict) else chunk.start
        stop = chunk["stop"] if isinstance(chunk, dict) else chunk.stop
        if isinstance(start, str):
            began, ended = _seconds(start), _seconds(stop)
            if began is None or ended is None:
                return None
            total += ended - began
        else:
            total += float((stop - start).total_seconds())
    return total


def _counts(pub: Any) -> dict[str, int]:
    """Return the counts of a circuit over all its classical registers, the last one first."""
    registers = [name for name in pub.data if hasattr(pub.data[name], "get_counts")]
    if len(registers) == 1:
        return {key: int(n) for key, n in pub.data[registers[0]].get_counts().items()}
    return {key: int(n) for key, n in pub.join_data(registers).get_counts().items()}


def _http_status(error: BaseException | None) -> int:
    """Return the HTTP status behind an error of the client, -1 where there was no answer, else 0.

    The client wraps its errors several times and says of a 503 only in words what it was.
    """
    seen = 0
    while error is not None and seen < 10:
        seen += 1
        status = getattr(error, "status_code", None)
        response = getattr(error, "response", None)
        if response is not None and getattr(response, "status_code", None):
            return int(response.status_code)
        if isinstance(status, int) and status > 0:
            return status
        words = str(error)
        for code in SERVER_ERRORS:
            if f"{code} Server Error" in words or f"too many {code} error" in words:
                return code
        cause = error.__cause__ or error.__context__
        if cause is None:
            return -1 if status == -1 or isinstance(error, OSError) else 0
        error = cause
    return 0


def _post_once(service: Any) -> bool:
    """Keep the client from repeating a submit by itself; whether that could be done.

    The client repeats every request that ends in a server error five times, and a repeated submit
    is another job. Reads may be repeated.
    """
    from requests.adapters import HTTPAdapter  # noqa: PLC0415
    from urllib3.util.retry import Retry  # noqa: PLC0415

    session = getattr(getattr(service, "_active_api_client", None), "_session", None)
    if session is None:
        return False
    session._timeout = (5.0, READ_TIMEOUT_S)
    retry = Retry(
        total=5,
        connect=3,
        backoff_factor=0.5,
        status_forcelist=SERVER_ERRORS,
        allowed_methods=("GET", "HEAD"),
        raise_on_status=False,
    )
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(max_retries=retry))
    return True

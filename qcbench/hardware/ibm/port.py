"""The port to IBM Quantum through qiskit-ibm-runtime, for real accounts and the emulator alike.

What differs between the two is an address and a token. The token lives in the client's memory only;
whatever the client says in errors passes `scrub` before anybody reads it.
"""

import logging
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any

from qcbench.errors import InputError, nearest
from qcbench.hardware.credentials import scrub
from qcbench.hardware.ibm.errors import SERVER_ERRORS, translated
from qcbench.hardware.ibm.figures import STATUS, chunks_s, counts_of, figures_of, status_of
from qcbench.hardware.ibm.instances import chosen, from_client, of_account, of_service, region_of
from qcbench.hardware.ibm.settings import CHANNEL, JobExecution, Route
from qcbench.hardware.port import (
    Account,
    BackendError,
    Calibration,
    DeviceState,
    Instance,
    JobFigures,
    JobOutcome,
    JobStatus,
    JobSummary,
    Label,
)

PREFIX = "ibm_"
TAG = "qcbench"
"""Of all jobs."""
DEFAULT_REPETITION_DELAY_S = 250e-6
READ_TIMEOUT_S = 120.0
"""The client itself waits for ever."""
PAGE = 100
"""Jobs that are asked for at once."""


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
        route: Route | None = None,
        execution: JobExecution | None = None,
        retry_posts: bool = False,
    ) -> None:
        """Open the account.

        Args:
            token: kept by the client in memory, and by nobody else.
            instance: CRN or name of the account's instance.
            url: of another service than IBM's.
            speed: of the service's clock.
            own_addresses: the service has no addresses of its own for each region.
            route: to the service, where it is not the usual one.
            execution: how jobs are grouped and executed, where that is not by themselves.
            retry_posts: let the client repeat a submit by itself, as it comes; it makes duplicates,
                which are then found by tag. For tests.

        Raises:
            InputError: the service refuses.
            BackendError: it does not answer, or takes nobody now.
        """
        from qiskit_ibm_runtime import QiskitRuntimeService  # noqa: PLC0415
        from qiskit_ibm_runtime.exceptions import IBMInputValueError  # noqa: PLC0415

        self.label = label
        self.speed = speed
        self._secret = token
        self._backends: dict[str, Any] = {}
        self._jobs: dict[str, Any] = {}
        self._execution = execution or JobExecution()
        self._groups: dict[str, Any] = {}
        self._renewed = False
        self._instances: tuple[Instance, ...] = ()
        logging.getLogger("qiskit_ibm_runtime").setLevel(logging.ERROR)
        resolver: Callable[..., str] | None = None
        if own_addresses and url is not None:
            address = url
            resolver = lambda *_arguments, **_named: address  # noqa: E731
        try:
            if own_addresses and url is not None:
                self._instances = of_service(url, token)
                instance = chosen(instance, self._instances)
            self._service = QiskitRuntimeService(
                channel=CHANNEL,
                token=token,
                instance=instance,
                url=url,
                url_resolver=resolver,
                **(route or Route()).for_client(),
            )
        except InputError:
            raise
        except Exception as error:
            if not own_addresses and isinstance(error, IBMInputValueError):
                self._check_instance(instance, route or Route())
            # The client lets errors of many libraries through; some have the token in them.
            found = translated(error, token, submitting=False, renewed=True)
            words = f"the service cannot be used: {scrub(error, token)}"
            if found.may_retry:
                raise BackendError(words, kind=found.kind, may_retry=True) from None
            raise InputError(words) from None
        self.posts_once = not retry_posts and _post_once(self._service)

    def _check_instance(self, instance: str, route: Route) -> None:
        """Say which instances there are, where the account was refused for want of this one."""
        known: tuple[Instance, ...] = ()
        with suppress(Exception):  # then what the client has said before is what counts
            known = of_account(self._secret, route)
        chosen(instance, known)

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
            self._renewed = False
        except (BackendError, InputError, KeyboardInterrupt, SystemExit):
            raise
        except Exception as error:
            found = translated(error, self._secret, submitting=submitting, renewed=self._renewed)
            if found.kind == "closed" and self._execution.mode == "session":
                # Another one would be charged as well, which nobody has confirmed.
                found = BackendError(str(found), kind="refused")
            elif found.kind == "closed":
                self._groups.clear()  # the next job opens another batch
            if found.kind == "login":
                self._renewed = True
                self._forget_token()
            raise found from None

    def _forget_token(self) -> None:
        """Let the client ask for another access token before its next request."""
        self._service._active_api_client._session.auth.tm.expire_time = 0

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
                # None would be all gates; a replay is of the fractional ones or of the others.
                self._backends[device] = self._service.backend(
                    name, use_fractional_gates=self._execution.fractional_gates
                )
        return self._backends[device]

    def _names(self) -> list[str]:
        return [backend.name for backend in self._service.backends()]

    def account(self) -> Account:
        """Return plan, region and devices of the instance."""
        with self._asking():
            crn = str(self._service.active_instance())
            stated = self._service._active_api_client._session.get("/instance").json()
            known = self._instances or from_client(self._service.instances())
            # The service states a plan by its number; its name is where instances are listed.
            plan = next((one.plan for one in known if one.crn == crn), "")
            plan = plan or str(stated.get("plan_id") or "")
            named = tuple(one for one in known if one.plan)
            return Account(plan, region_of(crn), tuple(self._names()), crn, named)

    def calibration(self, device: str) -> Calibration:
        """Return what the service reports of a device."""
        backend = self._backend(device)
        with self._asking():
            properties = backend.properties()
            date = "" if properties is None else properties.last_update_date.isoformat()
            delay_s = self._execution.repetition_delay_s
            if delay_s is None:
                delay_s = getattr(backend.configuration(), "default_rep_delay", None)
            return Calibration(
                backend.target, date, float(delay_s) if delay_s else DEFAULT_REPETITION_DELAY_S
            )

    def calibration_at(self, device: str, moment_s: float) -> Calibration | None:
        """Return what the service reported of a device at a moment."""
        from qiskit_ibm_runtime.utils.backend_converter import (  # noqa: PLC0415
            convert_to_target,
        )

        backend = self._backend(device)
        with self._asking():
            properties = backend.properties(datetime=datetime.fromtimestamp(moment_s, UTC))
            if properties is None:
                return None
            target = convert_to_target(backend.configuration(), properties)
            delay_s = getattr(backend.configuration(), "default_rep_delay", None)
            return Calibration(target, properties.last_update_date.isoformat(), delay_s)

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
        *,
        token: str,
        group: str,
        most: float,
    ) -> str:
        """Submit by the client's Sampler; the service knows the token as a tag alone."""
        from qiskit_ibm_runtime.executor_sampler import Sampler  # noqa: PLC0415

        backend = self._backend(device)
        with self._asking(submitting=True):
            sampler = Sampler(mode=self._group(device, backend))
            if self._execution.repetition_delay_s is not None:
                sampler.options.execution.rep_delay = self._execution.repetition_delay_s
            sampler.options.max_execution_time = int(most)
            sampler.options.environment.job_tags = [TAG, group, token]
            job = sampler.run(list(circuits), shots=shots)
            self._jobs[job.job_id()] = job
            return str(job.job_id())

    def _group(self, device: str, backend: Any) -> Any:
        """Return the batch or session of a device, opened with its first job; else the device."""
        if self._execution.mode == "job":
            return backend
        if device not in self._groups:
            from qiskit_ibm_runtime import Batch, Session  # noqa: PLC0415

            kind = Batch if self._execution.mode == "batch" else Session
            self._groups[device] = kind(backend, max_time=self._execution.longest_s)
        return self._groups[device]

    def find(self, label: str, *, pending: bool = False) -> list[JobSummary]:
        """Return the jobs with a tag, of all pages.

        The list may change between two pages: what comes twice counts once, and a page that
        brings nothing new is the last one, whatever number the service states. A job that was
        missed because an older one came to its end has to be asked for by itself.
        """
        found: dict[str, JobSummary] = {}
        offset = 0
        with self._asking():
            while True:
                # The client's own list of jobs knows no states, and pages until numbers agree.
                page = self._service._active_api_client.jobs_get(
                    limit=PAGE,
                    skip=offset,
                    job_tags=[label],
                    pending=True if pending else None,
                    descending=False,
                )
                before = len(found)
                for raw in page["jobs"]:
                    job_id = str(raw["id"])
                    tags = tuple(str(one) for one in raw.get("tags") or ())
                    found[job_id] = JobSummary(job_id, status_of(raw), tags)
                offset += len(page["jobs"])
                if len(found) == before or offset >= page.get("count", float("inf")):
                    return list(found.values())

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
            counts = tuple(counts_of(pub) for pub in result)
        return JobOutcome(counts, self._figures(job, chunks_s(result)))

    def figures(self, job_id: str) -> JobFigures:
        """Return times and charge."""
        return self._figures(self._job(job_id), None)

    def _figures(self, job: Any, execution_s: float | None) -> JobFigures:
        with self._asking():
            metrics = job.metrics()
            error = job.error_message() if self._now(job) == "failed" else ""
        return figures_of(metrics, execution_s, scrub(error or "", self._secret))

    def cancel(self, job_id: str) -> None:
        """Cancel a job; one at its end stays as it is."""
        job = self._job(job_id)
        try:
            with self._asking():
                job.cancel()
        except BackendError as error:
            if error.may_retry:
                raise

    def remaining(self) -> float | None:
        """Return what the instance has left."""
        with self._asking():
            usage = self._service.usage()
        left = usage.get("usage_remaining_seconds")
        return None if left is None else float(left)

    def close(self) -> None:
        """Take no more jobs into batches and sessions, and forget the account."""
        for group in self._groups.values():
            # One that is closed already, or a service that is gone, ends it by itself.
            with suppress(BackendError), self._asking():
                group.close()
        self._groups.clear()
        self._jobs.clear()
        self._backends.clear()
        self._secret = ""


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
        # A pause that the service asks for is made where nothing else waits for it.
        respect_retry_after_header=False,
    )
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(max_retries=retry))
    return True

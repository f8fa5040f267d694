"""The state of the emulated service: who has which jobs, where they wait, what has been used."""

import secrets
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from datetime import timedelta
from typing import Any

from .calibration import PREFIX
from .circuits import CircuitError
from .clock import ServiceClock
from .config import EmulatorConfig, Maintenance
from .devices import Device, make_device
from .draws import stream
from .execution import PreparedItem, load_of, prepare
from .jobs import TOO_LONG, ServiceJob, Status
from .ledger import ServiceLedger
from .programs import Bits, ProgramError, ServiceProgram, Span, UnknownProgramError, decode
from .queues import BackendQueue, Background
from .sessions import ServiceSession
from .timing import RunTimes
from .workers import Workers

CALIBRATED_S = 6 * 3600.0
"""Age of the reported calibration when the emulator starts."""

INJECTED = "Internal error: the job was stopped by an injected fault"


class Refused(Exception):  # noqa: N818 - an answer of the service, no error of it
    """A request that the service answers with an error.

    Attributes:
        status: of HTTP.
        code: the service's own.
    """

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class Service:
    """Everything behind the REST interface. All methods may be called from any thread."""

    def __init__(
        self, config: EmulatorConfig, clock: ServiceClock, initializer: Callable[[], None] | None
    ) -> None:
        self.config = config
        self.clock = clock
        date = clock.start - timedelta(seconds=CALIBRATED_S)
        names = list(dict.fromkeys(name.removeprefix(PREFIX) for name in config.devices))
        made = [make_device(name, config, date) for name in names]
        self.devices: dict[str, Device] = {device.name: device for device in made}
        self.ledger = ServiceLedger(config.ledger)
        self.jobs: dict[str, ServiceJob] = {}
        self.sessions: dict[str, ServiceSession] = {}
        self._used_s: defaultdict[str, float] = defaultdict(float)
        self._numbers = 0
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._stopping = False
        self._queues = {name: self._queue(name) for name in self.devices}
        self._workers = Workers(config.simulation.workers, initializer)
        self._timekeeper = threading.Thread(target=self._keep_time, name="timekeeper", daemon=True)
        self._timekeeper.start()

    def _queue(self, name: str) -> BackendQueue:
        config = self.config
        windows = tuple(w for w in config.faults.maintenance if _backend(w) == name)
        rng = stream(config.seed, "background", name)
        return BackendQueue(
            Background(config.background, rng),
            windows,
            may_run=self._may_run,
            started=self._started,
            finished=self._finished,
            begin_s=-config.background.warm_up_s,
        )

    # Backends

    def device(self, name: str) -> Device:
        """Return a device by the name of its backend."""
        try:
            return self.devices[name]
        except KeyError:
            raise Refused(404, 1402, f"Backend {name} is not found") from None

    def backend_state(self, name: str) -> tuple[int, bool]:
        """Return how many jobs wait or run at a backend, and whether it is in maintenance."""
        with self._lock:
            now_s = self._advance()
            return self._queues[name].length, self._queues[name].in_maintenance(now_s)

    # Jobs

    def accept(
        self, instance: str, request: Mapping[str, Any], *, fail: bool = False
    ) -> ServiceJob:
        """Take a job.

        Args:
            instance: who pays.
            request: the body of the submit.
            fail: let it fail when it has run.
        """
        device = self.device(str(request.get("backend")))
        program_id = str(request.get("program_id"))
        params = request.get("params") or {}
        with self._lock:
            self._numbers += 1
            number = self._numbers
        seed = self.config.seed
        try:
            program = decode(program_id, params, stream(seed, "twirling", number))
        except UnknownProgramError as error:
            raise Refused(404, 1352, str(error)) from None
        except ProgramError as error:
            raise Refused(400, 1211, str(error)) from None
        prepared, failure = self._prepare(program, device)
        times = self._times(program, prepared, device, number)
        with self._lock:
            session_id = self._session_of(instance, device.name, request)
            now_s = self._advance()
            job = ServiceJob(
                job_id=f"e{number:05d}{secrets.token_hex(7)}",
                number=number,
                instance=instance,
                backend=device.name,
                program_id=program_id,
                params=params,
                tags=[str(tag) for tag in request.get("tags") or []],
                session_id=session_id,
                private=bool(request.get("private")),
                program=None if failure else program,
                prepared=prepared,
                times=times,
                allowed_s=float(request["cost"]) if request.get("cost") else None,
                created_s=now_s,
                failure=failure or (INJECTED if fail else ""),
            )
            self.jobs[job.job_id] = job
            self._write("accepted", job, now_s, shots=[item.shots for item in program.items])
            self._queues[device.name].add(job.job_id, now_s, job.run_s)
            self._advance()
            self._changed.notify()
            return job

    def _prepare(self, program: ServiceProgram, device: Device) -> tuple[list[PreparedItem], str]:
        try:
            return [prepare(item, device, self.config.simulation) for item in program.items], ""
        except CircuitError as error:
            return [], str(error)

    def _times(
        self, program: ServiceProgram, prepared: Sequence[PreparedItem], device: Device, number: int
    ) -> RunTimes:
        rng = stream(self.config.seed, "times", device.name, number)
        if prepared:
            return device.time_model.draw([one.load for one in prepared], rng)
        try:
            return device.time_model.draw([load_of(i, device) for i in program.items], rng)
        except CircuitError:
            return RunTimes(self.config.execution.classical_median_s, (0.0,), 0.0)

    def _session_of(self, instance: str, backend: str, request: Mapping[str, Any]) -> str | None:
        session_id = request.get("session_id")
        if session_id is None and request.get("start_session"):
            longest_s = request.get("session_time")
            return self.open_session(instance, backend, "dedicated", longest_s).session_id
        if session_id is None:
            return None
        session = self.session(instance, str(session_id))
        if session.over(self.clock.now_s()):
            raise Refused(400, 1217, f"Session {session_id} has been closed")
        if session.backend != backend:
            raise Refused(400, 1218, f"Session {session_id} is on {session.backend}")
        return session.session_id

    def job(self, instance: str, job_id: str) -> ServiceJob:
        """Return a job, brought up to the present."""
        with self._lock:
            self._advance()
            job = self.jobs.get(job_id)
            if job is None or job.instance != instance:
                raise Refused(404, 1291, f"Job not found. Job ID: {job_id}")
            return job

    def place(self, job: ServiceJob) -> tuple[int | None, float | None]:
        """Return a waiting job's place in the queue and its estimated start."""
        with self._lock:
            if job.status != "Queued":
                return None, None
            queue = self._queues[job.backend]
            return queue.position(job.job_id), queue.estimated_start_s(job.job_id)

    def select(self, instance: str, keep: Callable[[ServiceJob], bool]) -> list[ServiceJob]:
        """Return an instance's jobs that are wanted, oldest first."""
        with self._lock:
            self._advance()
            return [job for job in self.jobs.values() if job.instance == instance and keep(job)]

    def cancel(self, instance: str, job_id: str) -> None:
        """Stop a job; what it has used of the QPU is charged."""
        with self._lock:
            job = self.job(instance, job_id)
            if job.final:
                raise Refused(409, 1293, f"Job {job_id} cannot be cancelled: it is {job.status}")
            now_s = self.clock.now_s()
            self._queues[job.backend].remove(job_id, now_s)
            elapsed_s = 0.0 if job.started_s is None else now_s - job.started_s
            job.finished_s = now_s
            if job.simulation is not None:
                job.simulation.cancel()
            self._end(job, "Cancelled", job.times.charge_s(elapsed_s))

    def delete(self, instance: str, job_id: str) -> None:
        """Forget a job that is over."""
        with self._lock:
            job = self.job(instance, job_id)
            if not job.final:
                raise Refused(409, 1294, f"Job {job_id} cannot be deleted: it is {job.status}")
            del self.jobs[job_id]
            self._write("deleted", job, self.clock.now_s())

    def tag(self, instance: str, job_id: str, tags: Sequence[str]) -> None:
        """Replace a job's tags."""
        with self._lock:
            self.job(instance, job_id).tags = list(tags)

    # Sessions

    def open_session(
        self, instance: str, backend: str, mode: str, max_s: float | None
    ) -> ServiceSession:
        """Open a session or a batch."""
        with self._lock:
            self.device(backend)
            session = ServiceSession(
                session_id=f"s{secrets.token_hex(9)}",
                instance=instance,
                backend=backend,
                mode=mode,
                max_s=None if max_s is None else float(max_s),
                created_s=self.clock.now_s(),
            )
            self.sessions[session.session_id] = session
            return session

    def session(self, instance: str, session_id: str) -> ServiceSession:
        """Return a session."""
        with self._lock:
            session = self.sessions.get(session_id)
            if session is None or session.instance != instance:
                raise Refused(404, 1216, f"Session not found. Session ID: {session_id}")
            return session

    def close_session(self, instance: str, session_id: str, *, cancel: bool) -> None:
        """Take no more jobs in a session; `cancel` those that wait."""
        with self._lock:
            session = self.session(instance, session_id)
            session.accepting = False
            session.closed_s = session.closed_s or self.clock.now_s()
            if cancel:
                for job in self.of_session(session):
                    if job.status == "Queued":
                        self.cancel(instance, job.job_id)

    def of_session(self, session: ServiceSession) -> list[ServiceJob]:
        """Return a session's jobs, oldest first."""
        return self.select(session.instance, lambda job: job.session_id == session.session_id)

    # Usage

    def used_s(self, instance: str) -> float:
        """Return the QPU seconds that an instance has used."""
        with self._lock:
            self._advance()
            return self._used_s[instance]

    def _may_run(self, job_id: str) -> bool:
        quota_s = self.config.quota_s
        return quota_s is None or self._used_s[self.jobs[job_id].instance] < quota_s

    # Time

    def _advance(self) -> float:
        """Bring all queues up to now."""
        now_s = self.clock.now_s()
        for queue in self._queues.values():
            queue.advance(now_s)
        return now_s

    def _keep_time(self) -> None:
        """Let things happen at their time though nobody asks."""
        with self._changed:
            while not self._stopping:
                now_s = self._advance()
                next_s = min(queue.next_event_s(now_s) for queue in self._queues.values())
                wait_s = 1.0 if next_s == float("inf") else self.clock.real_s(next_s)
                self._changed.wait(min(max(wait_s, 0.001), 1.0))

    def _started(self, job_id: str, moment_s: float) -> None:
        job = self.jobs[job_id]
        job.status = "Running"
        job.started_s = moment_s
        self._write("started", job, moment_s)
        if job.program is not None and not job.too_long:
            rng = stream(self.config.seed, "shots", job.number)
            seeds = [int(rng.integers(2**31)) for _ in job.prepared]
            job.simulation = self._workers.submit(job.prepared, seeds)

    def _result(
        self, job: ServiceJob, program: ServiceProgram, started_s: float, bits: Sequence[Bits]
    ) -> str:
        """Return a job's result, with the times that the queue gave it."""
        at_s = started_s + job.times.lead_s
        spans = []
        for item_s in job.times.items_s:
            spans.append(Span(self.clock.date(at_s), self.clock.date(at_s + item_s)))
            at_s += item_s
        step_s = float(self.devices[job.backend].target.dt or 1e-9)
        durations = [round(one.load.length_s / step_s) for one in job.prepared]
        return program.encode(bits, spans, durations)

    def _finished(self, job_id: str, moment_s: float) -> None:
        """A job leaves the device; its result may take Aer some more real time."""
        job = self.jobs[job_id]
        job.finished_s = moment_s
        if job.allowed_s is not None and job.too_long and job.program is not None:
            job.failure = f"Job ran longer than the {job.allowed_s:g} s that it was allowed"
            job.reason_code = TOO_LONG
            self._end(job, "Cancelled", int(job.allowed_s))
        elif job.simulation is None:
            self._end(job, "Failed", 0)
        else:
            job.simulation.add_done_callback(lambda done: self._deliver(job, done))

    def _deliver(self, job: ServiceJob, done: "Future[list[Bits]]") -> None:
        if done.cancelled() or self._stopping:
            return
        error, charge_s = done.exception(), job.times.charge_s()
        if isinstance(error, CircuitError):
            job.failure, charge_s = str(error), 0
        elif error is not None:
            job.failure = f"Internal error: {' '.join(str(error).split())[:300]}"
        elif not job.failure and job.program is not None and job.started_s is not None:
            job.result = self._result(job, job.program, job.started_s, done.result())
        with self._lock:
            if not job.final:
                self._end(job, "Failed" if job.failure else "Completed", charge_s)
                self._changed.notify()

    def _end(self, job: ServiceJob, status: Status, charge_s: int) -> None:
        """Make a job final and charge it."""
        job.status = status
        job.charge_s = charge_s
        job.simulation = None
        self._used_s[job.instance] += charge_s
        self._write(status.lower(), job, job.finished_s or 0.0, charge_s=charge_s)

    def _write(self, event: str, job: ServiceJob, moment_s: float, **more: Any) -> None:
        self.ledger.write(
            event,
            time_s=round(moment_s, 6),
            job_id=job.job_id,
            backend=job.backend,
            instance=job.instance,
            program=job.program_id,
            tags=job.tags,
            **more,
        )

    def stop(self) -> None:
        """End the threads and workers; jobs that have not ended never will."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._timekeeper.join()
        self._workers.stop()
        self.ledger.close()


def _backend(window: Maintenance) -> str:
    return PREFIX + window.backend.removeprefix(PREFIX)

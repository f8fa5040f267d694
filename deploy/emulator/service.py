"""The state of the emulated service: who has which jobs, where they wait, what has been used."""

import secrets
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from datetime import datetime
from math import ceil
from typing import Any

import numpy as np

from .calibration import PREFIX
from .circuits import INVALID, TOO_MANY_SHOTS, CircuitError, InvalidCircuitError
from .clock import ServiceClock
from .config import EmulatorConfig, InstanceConfig, Maintenance
from .devices import Device
from .draws import of_day
from .execution import MOST_EXECUTIONS, PreparedItem, load_of, prepare
from .history import History
from .jobs import TOO_LONG, ServiceJob, Status
from .ledger import ServiceLedger
from .programs import Bits, ProgramError, ServiceProgram, Span, UnknownProgramError, decode
from .queues import BackendQueue, Background, JobGroup, QueueEntry
from .sessions import CLOSED, ServiceSession, usage_s
from .timing import RunTimes
from .workers import Workers

MINUTE_S = 60.0
LONGEST_S = 10_800
"""No job may have longer on a device."""

INJECTED = "Internal error: the job was stopped by an injected fault"


class Refused(Exception):  # noqa: N818 - an answer of the service, no error of it
    """A request that the service answers with an error.

    Attributes:
        status: of HTTP.
        code: the service's own.
        retry_after_s: real seconds after which it may be asked again, where that is known.
    """

    def __init__(
        self, status: int, code: int, message: str, retry_after_s: int | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.retry_after_s = retry_after_s


class Service:
    """Everything behind the REST interface. All methods may be called from any thread."""

    def __init__(
        self, config: EmulatorConfig, clock: ServiceClock, initializer: Callable[[], None] | None
    ) -> None:
        self.config = config
        self.clock = clock
        self._history = History(config, clock)
        self.devices: dict[str, Device] = self._history.devices
        self.ledger = ServiceLedger(config.ledger)
        self.jobs: dict[str, ServiceJob] = {}
        self.sessions: dict[str, ServiceSession] = {}
        self._submits: defaultdict[str, deque[float]] = defaultdict(deque)
        self._used_s: defaultdict[str, float] = defaultdict(float)
        self._numbers = 0
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._stopping = False
        self._queues = {name: self._queue(name) for name in self.devices}
        self._workers = Workers(config.simulation.workers, initializer)
        self._timekeeper = threading.Thread(target=self._keep_time, name="timekeeper", daemon=True)
        self._timekeeper.start()

    def _drawn(self, *names: str | int) -> np.random.Generator:
        """Return the generator of what no emulator draws as another one of the same day does."""
        config = self.config
        return of_day(config.seed, config.day, *names, restart=config.restart)

    def _queue(self, name: str) -> BackendQueue:
        config = self.config
        windows = tuple(w for w in config.faults.maintenance if _backend(w) == name)
        rng = self._drawn("background", name)
        return BackendQueue(
            Background(config.background, rng),
            windows,
            may_run=self._may_run,
            started=self._started,
            locked=self._locked,
            finished=self._finished,
            begin_s=-config.background.warm_up_s,
            lanes=config.execution.lanes,
        )

    # Backends

    def device(self, name: str, date: datetime | None = None) -> Device:
        """Return a device by the name of its backend, as it is calibrated.

        Args:
            date: as the last calibration before it left the device; as it is now where None.
        """
        if name not in self.devices:
            raise Refused(404, 1402, f"Backend {name} is not found")
        moment_s = self.clock.now_s() if date is None else self.clock.seconds(date)
        found = self._history.at(name, moment_s)
        if found is None:
            raise Refused(404, 1403, f"Backend {name} has no calibration as old as that")
        return found

    def backend_state(self, name: str) -> tuple[int, bool]:
        """Return how many jobs wait or run at a backend, and whether it is in maintenance."""
        with self._lock:
            now_s = self._advance()
            return self._queues[name].length, self._queues[name].in_maintenance(now_s)

    # Instances

    def instance(self, crn: str) -> InstanceConfig:
        """Return what is said of an instance; where none is named all are there, and alike."""
        if not self.config.instances:
            return InstanceConfig(name="", plan=self.config.plan)
        named = {one.crn: one for one in self.config.instances}
        if crn not in named:
            raise Refused(404, 1406, f"Instance {crn} is not found")
        return named[crn]

    def devices_of(self, crn: str) -> list[str]:
        """Return the backends that an instance may use."""
        own = self.instance(crn).devices
        return [name for name in self.devices if not own or name.removeprefix(PREFIX) in own]

    def quota_s(self, crn: str) -> float | None:
        """Return the QPU seconds that an instance may use."""
        own = self.instance(crn).quota_s
        return self.config.quota_s if own is None else own

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
        self._check_rate(instance)
        device = self.device(str(request.get("backend")))
        if device.name not in self.devices_of(instance):
            raise Refused(404, 1402, f"Backend {device.name} is not of this instance")
        program_id = str(request.get("program_id"))
        params = request.get("params") or {}
        with self._lock:
            self._numbers += 1
            number = self._numbers
        try:
            program = decode(program_id, params, self._drawn("twirling", number))
        except UnknownProgramError as error:
            raise Refused(404, 1352, str(error)) from None
        except ProgramError as error:
            raise Refused(400, 1211, str(error)) from None
        allowed_s = _allowed_s(request.get("cost"))
        executions = sum(item.executions for item in program.items)
        if executions > MOST_EXECUTIONS:
            raise Refused(
                400,
                TOO_MANY_SHOTS,
                f"{executions} executions are too many; {MOST_EXECUTIONS} are taken in a job",
            )
        prepared, failure = self._prepare(program, device)
        times = self._times(program, prepared, device, number)
        with self._lock:
            now_s = self._advance()
            self._check_pending(instance)
            session_id = self._session_of(instance, device.name, request)
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
                device=device,
                times=times,
                allowed_s=allowed_s,
                created_s=now_s,
                failure=failure or (INJECTED if fail else ""),
            )
            self.jobs[job.job_id] = job
            self._write("accepted", job, now_s, shots=[item.shots for item in program.items])
            self._queues[device.name].add(self._entry(job))
            self._advance()
            self._changed.notify()
            return job

    def _entry(self, job: ServiceJob) -> QueueEntry:
        """Return a job as its device's queue knows it."""
        group = None
        if job.session_id is not None:
            session = self.sessions[job.session_id]
            group = JobGroup(session.session_id, session.by_clock, session.interactive_s)
        times, cut = job.times, job.run_s != job.times.total_s
        tail_s = 0.0 if cut else times.tail_s
        return QueueEntry(job.created_s, job.run_s, job.job_id, times.lead_s, tail_s, group=group)

    def _check_rate(self, instance: str) -> None:
        """Refuse a submit that comes too soon after others; it does not count then."""
        rate, now_s = self.config.limits.rate, self.clock.now_s()
        if rate is None:
            return
        with self._lock:
            latest = self._submits[instance]
            while latest and latest[0] <= now_s - MINUTE_S:
                latest.popleft()
            if len(latest) >= rate:
                wait_s = self.clock.real_s(latest[0] + MINUTE_S)
                raise Refused(
                    429, 1202, f"Too many submits: {rate} a minute are taken", max(ceil(wait_s), 1)
                )
            latest.append(now_s)

    def _check_pending(self, instance: str) -> None:
        """Refuse a job of an instance that has as many as it may; under the lock."""
        most = self.config.limits.pending
        pending = sum(job.instance == instance and not job.final for job in self.jobs.values())
        if most is not None and pending >= most:
            raise Refused(
                409,
                3458,
                f"The limit of {most} pending jobs is reached; one has to end or to be "
                "cancelled before another is taken",
            )

    def _prepare(self, program: ServiceProgram, device: Device) -> tuple[list[PreparedItem], str]:
        try:
            return [prepare(item, device, self.config.simulation) for item in program.items], ""
        except InvalidCircuitError as error:
            raise Refused(400, error.code, str(error)) from None
        except CircuitError as error:
            return [], str(error)

    def _times(
        self, program: ServiceProgram, prepared: Sequence[PreparedItem], device: Device, number: int
    ) -> RunTimes:
        rng = self._drawn("times", device.name, number)
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
            session_id = self.open_session(instance, backend, "dedicated", longest_s).session_id
        if session_id is None:
            return None
        session = self.session(instance, str(session_id))
        if session.over(self.clock.now_s()):
            raise Refused(400, 1217, f"Session {session_id} has been closed")
        if session.backend != backend:
            raise Refused(400, 1218, f"Session {session_id} is on {session.backend}")
        session.used = True
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
            began_s = job.locked_s
            elapsed_s = 0.0 if began_s is None else now_s - began_s + job.times.lead_s
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
        limits = self.config.limits
        if self.config.instances and mode == "dedicated" and self.instance(instance).plan == "open":
            raise Refused(
                400, 1352, "You are not authorized to run a session when using the open plan"
            )
        with self._lock:
            self.device(backend)
            session = ServiceSession(
                session_id=f"s{secrets.token_hex(9)}",
                instance=instance,
                backend=backend,
                mode=mode,
                max_s=min(limits.session_s if max_s is None else float(max_s), limits.session_s),
                interactive_s=limits.interactive_s,
                unused_s=limits.unused_s,
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
            self._queues[session.backend].release(session_id, self.clock.now_s())

    def of_session(self, session: ServiceSession) -> list[ServiceJob]:
        """Return a session's jobs, oldest first."""
        return self.select(session.instance, lambda job: job.session_id == session.session_id)

    # Usage

    def used_s(self, instance: str) -> float:
        """Return the QPU seconds that an instance has used."""
        with self._lock:
            return self._used(instance, self._advance())

    def _used(self, instance: str, now_s: float) -> float:
        """Jobs, and sessions by the clock instead of theirs."""
        own = [one for one in self.sessions.values() if one.instance == instance and one.by_clock]
        by_clock_s = sum(usage_s(one, self._jobs_of(one), now_s) for one in own)
        return self._used_s[instance] + by_clock_s

    def _may_run(self, job_id: str) -> bool:
        job, now_s = self.jobs[job_id], self.clock.now_s()
        quota_s = self.quota_s(job.instance)
        if job.session_id is not None and now_s > self.sessions[job.session_id].end_s:
            return False
        return quota_s is None or self._used(job.instance, now_s) < quota_s

    # Time

    def _advance(self) -> float:
        """Bring all queues up to now."""
        now_s = self.clock.now_s()
        ending = [one for one in self.sessions.values() if one.closed_s is None]
        for session in sorted(ending, key=lambda one: one.end_s):
            if session.end_s <= now_s:
                self._expire(session)
        for queue in self._queues.values():
            queue.advance(now_s)
        return now_s

    def _expire(self, session: ServiceSession) -> None:
        """End a session by the clock: what runs may end, what waits fails."""
        queue = self._queues[session.backend]
        queue.advance(session.end_s)
        if session.closed_s is not None or session.end_s > self.clock.now_s():
            return  # its first job has started only now
        session.accepting, session.closed_s = False, session.end_s
        for job in self._jobs_of(session):
            if job.status == "Queued":
                queue.remove(job.job_id, session.end_s)
                job.finished_s = session.end_s
                job.failure = f"Session {session.session_id} has reached its maximum time"
                job.reason_code = CLOSED
                self._end(job, "Failed", 0)
        queue.release(session.session_id, session.end_s)

    def _jobs_of(self, session: ServiceSession) -> list[ServiceJob]:
        return [job for job in self.jobs.values() if job.session_id == session.session_id]

    def _keep_time(self) -> None:
        """Let things happen at their time though nobody asks."""
        with self._changed:
            while not self._stopping:
                now_s = self._advance()
                next_s = min(queue.next_event_s(now_s) for queue in self._queues.values())
                ends = [one.end_s for one in self.sessions.values() if one.closed_s is None]
                next_s = min([next_s, *ends])
                wait_s = 1.0 if next_s == float("inf") else self.clock.real_s(next_s)
                self._changed.wait(min(max(wait_s, 0.001), 1.0))

    def _started(self, job_id: str, moment_s: float) -> None:
        job = self.jobs[job_id]
        job.status = "Running"
        job.started_s = moment_s
        if job.session_id is not None:
            session = self.sessions[job.session_id]
            session.first_s = moment_s if session.first_s is None else session.first_s
        self._write("started", job, moment_s)
        device = self._history.at(job.backend, moment_s)
        if (
            job.program is not None and device is not None and device is not job.device
        ):  # calibrated while it waited
            job.prepared, job.device = self._prepare(job.program, device)[0], device
        if job.program is not None and not job.too_long:
            rng = self._drawn("shots", job.number)
            seeds = [int(rng.integers(2**31)) for _ in job.prepared]
            job.simulation = self._workers.submit(job.prepared, seeds)

    def _locked(self, job_id: str, moment_s: float) -> None:
        self.jobs[job_id].locked_s = moment_s

    def _result(
        self, job: ServiceJob, program: ServiceProgram, locked_s: float, bits: Sequence[Bits]
    ) -> str:
        """Return a job's result, with the times that the queue gave it."""
        at_s = locked_s
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
        elif not job.failure and job.program is not None and job.locked_s is not None:
            job.result = self._result(job, job.program, job.locked_s, done.result())
        with self._lock:
            if not job.final:
                self._end(job, "Failed" if job.failure else "Completed", charge_s)
                self._changed.notify()

    def _end(self, job: ServiceJob, status: Status, charge_s: int) -> None:
        """Make a job final and charge it."""
        job.status = status
        job.charge_s = charge_s
        job.simulation = None
        if job.session_id is None or not self.sessions[job.session_id].by_clock:
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


def _allowed_s(cost: Any) -> float | None:
    """Return the time limit that a request asks for; None where it asks for none."""
    if cost is None:
        return None
    if isinstance(cost, bool) or not isinstance(cost, int | float) or not 1 <= cost <= LONGEST_S:
        raise Refused(
            400, INVALID, f"cost: {cost!r}; a time limit is a number from 1 to {LONGEST_S} seconds"
        )
    return float(cost)


def _backend(window: Maintenance) -> str:
    return PREFIX + window.backend.removeprefix(PREFIX)

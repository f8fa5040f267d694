"""What devices were calibrated to when the jobs of a replay ran, asked for after its stream.

Circuits are compiled for the calibration of the beginning; a replay of hours or days sees others.
"""

from collections.abc import Callable, Sequence

from qcbench.hardware.compiling import success_of
from qcbench.hardware.intents import Intent, JobCalibration
from qcbench.hardware.ledger import JobLedger
from qcbench.hardware.plan import CompiledTasks, ReplayWorld
from qcbench.hardware.port import BackendError, Calibration, Port


def keep_calibrations(
    world: ReplayWorld, compiled: CompiledTasks, port: Port, ledger: JobLedger
) -> None:
    """Write down the calibration of each job's own time, of jobs that ran and have none yet.

    What the backend does not tell stays unknown; the next call of the same command asks again.
    """
    began = {
        job.job_id: job.figures.running_s
        for job in ledger.jobs()
        if job.figures.running_s is not None
    }
    known = ledger.calibrations()
    jobs: dict[int, list[tuple[float, Intent]]] = {}
    for intent in ledger.intents():
        job_id = intent.job_id or ""
        if intent.phase == "stream" and job_id in began and job_id not in known:
            jobs.setdefault(intent.qpu, []).append((began[job_id], intent))
    for qpu, found in jobs.items():
        found.sort(key=lambda entry: entry[0])
        device = world.device(qpu)

        def ask(moment_s: float, device: str = device) -> Calibration | None:
            return port.calibration_at(device, moment_s)

        try:
            calibrations = calibrations_of([moment_s for moment_s, _ in found], ask)
        except BackendError as error:
            ledger.event(port.now_s(), error.kind, "", f"calibrations of {device}: {error}")
            continue
        with ledger.together():
            for (_, intent), calibration in zip(found, calibrations, strict=True):
                if calibration is not None and intent.job_id is not None:
                    ledger.calibrated(intent.job_id, _says(compiled, qpu, intent, calibration))


def calibrations_of(
    moments_s: Sequence[float], ask: Callable[[float], Calibration | None]
) -> list[Calibration | None]:
    """Return the calibration in force at each of ascending moments.

    It is asked for as seldom as can be: between two moments with the same one there is no other.
    """
    found: dict[int, Calibration | None] = {}

    def at(place: int) -> Calibration | None:
        if place not in found:
            found[place] = ask(moments_s[place])
        return found[place]

    def fill(first: int, last: int) -> None:
        one, other = at(first), at(last)
        if last - first < 2:
            return
        if (one and one.date) == (other and other.date):
            found.update(dict.fromkeys(range(first + 1, last), one))
            return
        middle = (first + last) // 2
        fill(first, middle)
        fill(middle, last)

    if moments_s:
        fill(0, len(moments_s) - 1)
    return [found[place] for place in range(len(moments_s))]


def _says(
    compiled: CompiledTasks, qpu: int, intent: Intent, calibration: Calibration
) -> JobCalibration:
    """Return what a calibration says of the circuit of a job."""
    digest = intent.circuits[0]
    date, _ = compiled.calibrated[qpu, digest]
    if date == calibration.date:
        figures = compiled.figures[qpu, digest]
        return JobCalibration(date, figures.success_probability, figures.readout_success)
    circuit = compiled.by_digest[digest].circuit
    return JobCalibration(calibration.date, *success_of(circuit, calibration.target))

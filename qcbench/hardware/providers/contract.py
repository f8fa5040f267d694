"""What every provider's port has to do: a small job from its submit to its end, looked at."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, get_args

from qcbench.bench.typed import plain, typed
from qcbench.hardware.compiling import CircuitSource, CompiledCircuit, compile_circuit
from qcbench.hardware.port import FINAL, BackendError, JobStatus, Port
from qcbench.hardware.providers.record import Provider

SHOTS = 100
DEADLINE_S = 600.0
"""Of the wall clock, for the job's end."""


@dataclass(frozen=True)
class PortRule:
    """A rule of the port.

    Attributes:
        name: the rule.
        wrong: how it was broken; empty where it holds.
    """

    name: str
    wrong: str = ""


def check_provider(
    provider: Provider, config: Any, port: Port, device: str, *, token: str, group: str
) -> Iterator[PortRule]:
    """Submit a circuit of two qubits, twice, and give a check for each rule, as they are looked at.

    Args:
        port: open.
        token: that no job has yet.
        group: label of the job.

    Raises:
        BackendError: a request that was refused.
    """
    again = typed(provider.config, plain(config), "backend")
    yield _check("its config survives being written and read", again == config, again)
    yield _check("its kind is its name", config.kind == provider.name, config.kind)
    mode = getattr(config, "mode", "job")
    yield _check("its mode is one that it has", mode in provider.abilities.modes, mode)
    # A device may be called `perth` and listed as `ibm_perth`.
    devices = port.account().devices
    yield _check("it knows its devices", any(device in name for name in devices), devices)
    calibration = port.calibration(device)
    compiled = compile_circuit(CircuitSource("contract bell", "bell", _bell), calibration, level=1)
    yield _check("circuits are compiled for it", compiled.figures.length_s > 0, compiled.figures)
    state = port.state(device)
    yield _check("a device says how it is", state.pending_jobs >= 0, state)
    estimate = provider.price.estimate(
        device, [compiled.figures], SHOTS, calibration.repetition_delay_s
    )
    most = provider.price.reserve(estimate)
    yield _check("no job is reserved less than it is estimated", most >= estimate > 0, most)

    def submit(token: str) -> str:
        circuits = [compiled.circuit]
        return port.submit(device, circuits, SHOTS, token=token, group=group, most=most)

    job_id = submit(token)
    for label in (token, group):
        found = [job.job_id for job in port.find(label)]
        yield _check(
            f"a job is found by its {'token' if label == token else 'group'}",
            job_id in found,
            found,
        )
    if provider.abilities.token == "idempotent":  # noqa: S105 - no password
        twice = submit(token)
        yield _check("a token gives its job again", twice == job_id, twice)
    other = submit(f"{token}-2")
    yield _check("another token gives another job", other != job_id, other)
    port.cancel(other)
    yield from _end(port, job_id, group)
    status = _wait(port, other)[-1]
    # It may have begun, and then have come to its end, before it was cancelled.
    yield _check("a job can be cancelled", status in {"cancelled", "done"}, status)
    if port.status(job_id) == "done":
        yield from _result(provider, port, device, job_id, compiled, most)
    port.cancel(job_id)
    yield _check(
        "a job at its end cannot be cancelled", port.status(job_id) == "done", port.status(job_id)
    )
    yield _unknown(port)


def _end(port: Port, job_id: str, group: str) -> Iterator[PortRule]:
    """Wait for the end of a job."""
    seen = _wait(port, job_id)
    known = get_args(JobStatus)
    yield _check("its states are those of a job", set(seen) <= set(known), seen)
    yield _check("a job comes to its end", seen[-1] == "done", seen[-1])
    pending = [job.job_id for job in port.find(group, pending=True)]
    yield _check("a job at its end is not pending", job_id not in pending, pending)


def _wait(port: Port, job_id: str) -> list[JobStatus]:
    """Wait for the end of a job; return the states that were seen, the last one last."""
    seen = [port.status(job_id)]
    until = time.monotonic() + DEADLINE_S
    while seen[-1] not in FINAL and time.monotonic() < until:
        time.sleep(0.2)
        seen.append(port.status(job_id))
    return seen


def _result(
    provider: Provider, port: Port, device: str, job_id: str, compiled: CompiledCircuit, most: float
) -> Iterator[PortRule]:
    outcome = port.outcome(job_id)
    counts = outcome.counts[0] if len(outcome.counts) == 1 else {}
    widths = {len(word) for word in counts}
    yield _check("every shot is counted", sum(counts.values()) == SHOTS, outcome.counts)
    yield _check(
        "words have a bit for each measurement", widths == {compiled.figures.measurements}, widths
    )
    figures = outcome.figures
    stamps = (figures.created_s, figures.running_s, figures.finished_s)
    told = [stamp for stamp in stamps if stamp is not None]
    yield _check(
        "times are stated, in order", len(told) == len(stamps) and told == sorted(told), stamps
    )
    then = port.calibration_at(device, figures.running_s or 0.0)
    yield _check(
        "the calibration of a job's time is one of the device, or none is kept",
        then is None or then.target.num_qubits == compiled.circuit.num_qubits,
        then,
    )
    yield _check(
        "what was executed took time", (figures.execution_s or 0.0) > 0, figures.execution_s
    )
    fits = figures.charge is None or 0 <= figures.charge <= most or not provider.abilities.stops
    yield _check("a charge stays within its reserve", fits, figures.charge)


def _unknown(port: Port) -> PortRule:
    name = "a job that it does not know is said to be so"
    try:
        port.status("qcbench-no-such-job")
    except BackendError as error:
        return _check(name, error.kind == "unknown_job", error.kind)
    return PortRule(name, "it has a status")


def _check(name: str, holds: bool, found: object) -> PortRule:
    return PortRule(name, "" if holds else f"found {found!r}"[:200])


def _bell() -> Any:
    from qiskit import QuantumCircuit  # noqa: PLC0415

    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.measure_all()
    return circuit

"""Status, times, charge and counts of a job, from what the service says of it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from qcbench.hardware.port import JobFigures, JobStatus

STATUS: dict[str, JobStatus] = {
    "INITIALIZING": "queued",
    "QUEUED": "queued",
    "RUNNING": "running",
    "DONE": "done",
    "COMPLETED": "done",
    "CANCELLED": "cancelled",
    "ERROR": "failed",
    "FAILED": "failed",
}
"""Of the client's words and of the service's own."""
RAN_TOO_LONG = 1305
"""The service calls a job cancelled that it has stopped at its time limit."""


def status_of(raw: Mapping[str, Any]) -> JobStatus:
    """Return the status of a job as the service describes it; one at no known end is queued."""
    state = raw.get("state") or {}
    words = str(state.get("status") or raw.get("status") or "").upper()
    code = state.get("reasonCode") or state.get("reason_code")
    if words.startswith("CANCELLED") and (code == RAN_TOO_LONG or "TOO LONG" in words):
        return "failed"
    return STATUS.get(words.partition(" ")[0], "queued")


def figures_of(metrics: dict[str, Any], execution_s: float | None, error: str) -> JobFigures:
    """Return the figures of a job from its metrics.

    Args:
        metrics: as the service gives them; older jobs have other names for the charge.
        execution_s: execution time from the result, where it has one.
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
        ("chunk_timing", execution_s),
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
        charge=float(charge) if charge is not None and settled else None,
        error=error,
    )


def _seconds(stamp: str | None) -> float | None:
    if not stamp:
        return None
    moment = datetime.fromisoformat(stamp.replace("Z", "+00:00"))
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def chunks_s(result: Any) -> float | None:
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


def counts_of(pub: Any) -> dict[str, int]:
    """Return the counts of a circuit over all its classical registers, the last one first."""
    registers = [name for name in pub.data if hasattr(pub.data[name], "get_counts")]
    if len(registers) == 1:
        return {key: int(n) for key, n in pub.data[registers[0]].get_counts().items()}
    return {key: int(n) for key, n in pub.join_data(registers).get_counts().items()}

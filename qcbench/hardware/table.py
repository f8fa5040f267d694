"""The table of a replay: one row for every task under every policy, whatever became of it."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np

from qcbench.arrays import FloatArray, IntArray
from qcbench.cloud.estimates import estimate
from qcbench.errors import InputError
from qcbench.hardware.cost import OVERHEAD_S
from qcbench.hardware.fidelity_runs import MeasuredFidelity, measured_fidelities, no_mirror
from qcbench.hardware.ledger import Intent, JobLedger, JobRow
from qcbench.hardware.plan import CompiledTasks, ReplayWorld
from qcbench.hardware.stream import session_starts
from qcbench.workload.workload import CompiledFeatures

if TYPE_CHECKING:
    import polars as pl

BLOCKS = 6
"""Time blocks of a replay: jobs of one block on one device share their queue and their noise."""


def fifo_waits(
    submit_s: FloatArray,
    exec_s: FloatArray,
    qpu: IntArray,
    free_s: Mapping[int, float] | None = None,
) -> FloatArray:
    """Return the wait of every task where each QPU serves its tasks one after another.

    Args:
        submit_s: when each task reached its QPU.
        exec_s: its execution time there.
        qpu: its QPU.
        free_s: when a QPU is free first, at the beginning where None.
    """
    free = dict(free_s or {})
    waits = np.zeros(len(submit_s))
    for row in np.argsort(submit_s, kind="stable").tolist():
        start = max(float(submit_s[row]), free.get(int(qpu[row]), -np.inf))
        waits[row] = start - submit_s[row]
        free[int(qpu[row])] = start + float(exec_s[row])
    return waits


def task_table(
    world: ReplayWorld,
    compiled: CompiledTasks,
    ledger: JobLedger,
    *,
    replay: str,
    label: str,
    simulated: bool,
) -> "pl.DataFrame":
    """Return the table; see docs/hardware.md for its columns."""
    import polars as pl  # noqa: PLC0415

    clocks = _Clocks(ledger)
    jobs = {job.job_id: job for job in ledger.jobs()}
    duplicates = Counter(job.hash for job in jobs.values() if job.role == "duplicate")
    fidelities = measured_fidelities(compiled, ledger)
    violations = Counter(
        (decision.policy, decision.task) for decision in ledger.decisions() if not decision.feasible
    )
    rows = []
    for intent in ledger.intents():
        if intent.phase != "stream":
            continue
        row: dict[str, Any] = {"label": label, "replay": replay}
        row |= _what(world, compiled, intent, violations[intent.policy, intent.task])
        row |= _when(intent, jobs.get(intent.job_id or ""), clocks)
        row["duplicates"] = duplicates[intent.hash]
        row |= _quality(world, compiled, intent, fidelities, simulated=simulated)
        rows.append(row)
    if not rows:
        raise InputError("replay: no policy placed any task")
    rows += _truncated(world, ledger, rows[0])
    frame = pl.DataFrame(rows, infer_schema_length=None, schema_overrides=_schema())
    frame = _simulated_queue(frame)
    for part in (_as_compiled(world, frame), _by_policy(world)):
        frame = frame.join(part, on=["policy", "task"], how="left", maintain_order="left")
    first, last = float(frame["decided_s"].min()), float(frame["decided_s"].max())  # type: ignore[arg-type]
    width = max((last - first) / BLOCKS, 1e-9)
    block = ((pl.col("decided_s") - first) / width).floor().clip(0, BLOCKS - 1).cast(pl.Int64)
    return frame.with_columns(block.alias("block")).sort("task", "policy")


def _what(
    world: ReplayWorld, compiled: CompiledTasks, intent: Intent, violations: int
) -> dict[str, Any]:
    workload = world.scenario.workload
    tasks, task, qpu = workload.tasks, intent.task, intent.qpu
    digest = next(iter(intent.circuits), None)
    figures = None if digest is None else compiled.figures[qpu, digest]
    calibration = compiled.calibrations[qpu]
    date, delay_s = calibration.date, calibration.repetition_delay_s
    if digest is not None:
        date, delay_s = compiled.calibrated[qpu, digest]
    family = tasks.compiled[world.scenario.fleet.qpus[qpu].family]
    return {
        "policy": intent.policy,
        "task": task,
        "algorithm": str(tasks.algorithm[task]),
        "qubits": int(tasks.qubits[task]),
        "shots": intent.shots,
        "qpu": world.scenario.fleet.names[qpu],
        "device": intent.device,
        "calibration": date,
        "intent": intent.hash,
        "job_id": intent.job_id,
        "state": intent.state,
        "error_class": intent.error_class,
        "error": intent.error,
        "attempts": intent.attempts,
        "violations": violations,
        "pending_jobs": intent.pending_jobs,
        "compiled": digest,
        "simulated_depth": int(family.depth[task]),
        "simulated_one_qubit_gates": int(family.one_qubit_gates[task]),
        "simulated_two_qubit_gates": int(family.two_qubit_gates[task]),
        "depth": figures and figures.depth,
        "one_qubit_gates": figures and figures.one_qubit_gates,
        "two_qubit_gates": figures and figures.two_qubit_gates,
        "measurements": figures and figures.measurements,
        "active_qubits": figures and figures.active_qubits,
        "circuit_length_s": figures and figures.length_s,
        "repetition_delay_s": delay_s,
        "usage_rule_s": figures and OVERHEAD_S + (delay_s + figures.length_s) * intent.shots,
        "arrival_s": float(workload.arrival_s[task]),
        "decided_s": intent.at_s,
        "estimated_charge_s": figures and intent.estimate_s,
        "reserved_s": intent.reserve_s,
    }


def _truncated(
    world: ReplayWorld, ledger: JobLedger, like: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Return rows of tasks that a policy has not placed: it took all its decisions for others."""
    tasks = world.scenario.workload.tasks
    placed = {(one.policy, one.task) for one in ledger.decisions() if one.feasible}
    tried = Counter((one.policy, one.task) for one in ledger.decisions())
    return [
        {
            **dict.fromkeys(like),
            "label": like["label"],
            "replay": like["replay"],
            "policy": policy,
            "task": task,
            "algorithm": str(tasks.algorithm[task]),
            "qubits": int(tasks.qubits[task]),
            "shots": int(tasks.shots[task]),
            "state": "truncated",
            "error_class": "truncated",
            "error": "the policy took all its decisions without placing it",
            "violations": tried[policy, task],
            "duplicates": 0,
            "attempts": 0,
            "arrival_s": float(world.scenario.workload.arrival_s[task]),
        }
        for policy in world.labels
        for task in range(len(tasks))
        if (policy, task) not in placed
    ]


class _Clocks:
    """From the backend's time stamps to stream time.

    The clocks of client and service differ, by an amount that is the same for a whole session: the
    median over its jobs of creation less submission.
    """

    def __init__(self, ledger: JobLedger) -> None:
        self._starts = session_starts(ledger)
        created = {job.job_id: job.figures.created_s for job in ledger.jobs()}
        gaps: dict[int, list[float]] = {}
        for intent in ledger.intents():
            moment = created.get(intent.job_id or "")
            if intent.phase == "stream" and moment is not None:
                gaps.setdefault(self.session(intent), []).append(moment - intent.planned_s)
        self._gap = {session: median(values) for session, values in gaps.items()}

    def session(self, intent: Intent) -> int:
        """Return which session planned an intent."""
        return max(bisect_right(self._starts, intent.planned_s) - 1, 0)

    def stream_s(self, intent: Intent, moment: float | None) -> float | None:
        """Return a time stamp of an intent's job in stream time."""
        if moment is None:
            return None
        return moment - self._gap[self.session(intent)] - (intent.planned_s - intent.at_s)


def _when(intent: Intent, job: JobRow | None, clocks: _Clocks) -> dict[str, Any]:
    """Measured times in stream time; of a job that is not done, what is known of it."""
    figures = None if job is None else job.figures
    created = running = finished = queue = None
    if figures is not None:
        created, running, finished = (
            clocks.stream_s(intent, moment)
            for moment in (figures.created_s, figures.running_s, figures.finished_s)
        )
        queue = figures.queue_s
    execution = None if figures is None else figures.execution_s
    done = intent.state == "done" and queue is not None and execution is not None
    return {
        "session": clocks.session(intent),
        "submitted_s": created,
        "started_s": running,
        "finished_s": finished,
        "queue_s": queue,
        "execution_s": execution if done else None,
        "execution_source": "" if figures is None else figures.execution_source,
        "completion_s": queue + execution if done else None,  # type: ignore[operator]
        "overhead_s": (
            finished - running - execution  # type: ignore[operator]
            if done and finished is not None
            else None
        ),
        "charge_s": None if figures is None else figures.charge_s,
    }


def _quality(
    world: ReplayWorld,
    compiled: CompiledTasks,
    intent: Intent,
    fidelities: Mapping[tuple[int, str], MeasuredFidelity],
    *,
    simulated: bool,
) -> dict[str, Any]:
    """What simulation says of execution and fidelity, and what the mirror circuit measured."""
    task, qpu = intent.task, intent.qpu
    digest = next(iter(intent.circuits), None)
    figures = None if digest is None else compiled.figures[qpu, digest]
    found = None if digest is None else fidelities.get((qpu, digest))
    if digest is None or figures is None:
        found = MeasuredFidelity(None, reason=f"task {intent.state}")
    elif found is None:
        circuit = compiled.by_digest[digest].circuit
        reason = no_mirror(circuit, figures, intent.shots, simulated=simulated)
        if not reason:
            reason = "not measured" if intent.state == "done" else f"task {intent.state}"
        found = MeasuredFidelity(None, reason=reason)
    return {
        "simulated_execution_s": float(world.estimates.exec_s[task, qpu]),
        "simulated_fidelity": float(world.estimates.fidelity[task, qpu]),
        "fidelity_as_calibrated": figures and figures.success_probability,
        "fidelity": found.fidelity,
        "fidelity_noise": found.noise,
        "fidelity_missing": found.reason,
    }


def _as_compiled(world: ReplayWorld, frame: "pl.DataFrame") -> "pl.DataFrame":
    """Return what the simulator would say of the circuits as they were compiled.

    It separates what compilation did from what the models are wrong about.
    """
    import polars as pl  # noqa: PLC0415

    fleet = world.scenario.fleet
    columns = ("depth", "one_qubit_gates", "two_qubit_gates", "measurements")
    placed = frame.filter(pl.col("compiled").is_not_null())
    compiled = CompiledFeatures(*(placed[name].to_numpy() for name in columns))
    rows = placed["task"].to_numpy()
    tasks = replace(
        world.scenario.workload.tasks.take(rows),
        compiled=dict.fromkeys(fleet.families, compiled),
    )
    found = estimate(tasks, fleet, world.scenario.physics)
    own = (np.arange(len(rows)), np.array([fleet.names.index(name) for name in placed["qpu"]]))
    return placed.select("policy", "task").with_columns(
        execution_as_compiled_s=found.exec_s[own], fidelity_with_profile=found.fidelity[own]
    )


def _by_policy(world: ReplayWorld) -> "pl.DataFrame":
    """Return what simulation gives where every policy decides by itself, a row a task.

    The stream alone: no one else's jobs, and decisions on simulated states.
    """
    import polars as pl  # noqa: PLC0415

    parts = []
    for policy in world.config.policies:
        records = world.simulate(policy)
        names = np.array([*world.scenario.fleet.names, ""])
        parts.append(
            pl.DataFrame(
                {
                    "policy": [policy.label] * len(records),
                    "task": records.row,
                    "policy_simulated_qpu": names[records.qpu],
                    "policy_simulated_queue_s": records.wait_s,
                    "policy_simulated_execution_s": records.exec_s,
                    "policy_simulated_completion_s": records.wait_s + records.exec_s,
                    "policy_simulated_fidelity": records.fidelity,
                },
                nan_to_null=True,
            )
        )
    return pl.concat(parts)


def _simulated_queue(frame: "pl.DataFrame") -> "pl.DataFrame":
    """Add the wait that the simulator expects for the very decisions that were taken.

    Each policy has the devices to itself there; only tasks that a device was given count.
    """
    import polars as pl  # noqa: PLC0415

    waits = np.full(frame.height, np.nan)
    indexed = frame.with_row_index("position")
    ran = pl.col("submitted_s").is_not_null()
    for part in indexed.filter(ran).partition_by("policy"):
        qpu = part["qpu"].rank("dense").to_numpy().astype(np.int64)
        waits[part["position"].to_numpy()] = fifo_waits(
            part["submitted_s"].to_numpy(), part["simulated_execution_s"].to_numpy(), qpu
        )
    wait = pl.Series("simulated_queue_s", waits).fill_nan(None)
    return frame.with_columns(wait).with_columns(
        (pl.col("simulated_queue_s") + pl.col("simulated_execution_s")).alias(
            "simulated_completion_s"
        )
    )


def _schema() -> dict[str, Any]:
    import polars as pl  # noqa: PLC0415

    floats = ("submitted_s", "started_s", "finished_s", "queue_s", "execution_s", "completion_s")
    floats += ("overhead_s", "charge_s", "fidelity", "fidelity_noise", "fidelity_as_calibrated")  # type: ignore[assignment]
    return {
        **dict.fromkeys(floats, pl.Float64),
        **dict.fromkeys(("circuit_length_s", "usage_rule_s", "estimated_charge_s"), pl.Float64),
        "fidelity_as_calibrated": pl.Float64,
        **dict.fromkeys(("depth", "one_qubit_gates", "two_qubit_gates"), pl.Int64),
        **dict.fromkeys(("measurements", "active_qubits"), pl.Int64),
        **dict.fromkeys(("job_id", "compiled"), pl.String),
        "pending_jobs": pl.Int64,
    }

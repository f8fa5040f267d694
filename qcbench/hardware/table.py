"""The table of a replay: one row for every task under every policy, whatever became of it."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from qcbench.arrays import FloatArray, IntArray
from qcbench.cloud.estimates import estimate
from qcbench.errors import InputError
from qcbench.hardware.compiling import CompiledFigures
from qcbench.hardware.cost import OVERHEAD_S, Price
from qcbench.hardware.crossover import start_key
from qcbench.hardware.fidelity_runs import MeasuredFidelity, measured_fidelities, no_mirror
from qcbench.hardware.intents import Intent, JobCalibration
from qcbench.hardware.ledger import JobLedger
from qcbench.hardware.moments import Clocks, when
from qcbench.hardware.plan import CompiledTasks, ReplayWorld
from qcbench.hardware.typical import as_calibrated
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
    finished: bool = True,
) -> "pl.DataFrame":
    """Return the table; see docs/hardware.md for its columns.

    Args:
        finished: else tasks that are not placed yet are `pending`.
    """
    import polars as pl  # noqa: PLC0415

    clocks = Clocks(ledger)
    jobs = {job.job_id: job for job in ledger.jobs()}
    duplicates = Counter(job.hash for job in jobs.values() if job.role == "duplicate")
    fidelities = measured_fidelities(compiled, ledger)
    calibrations = ledger.calibrations()
    arrivals = _arrivals(world, ledger)
    violations = Counter(
        (decision.policy, decision.task) for decision in ledger.decisions() if not decision.feasible
    )
    rows = []
    for intent in ledger.intents():
        if intent.phase != "stream":
            continue
        row: dict[str, Any] = {"label": label, "replay": replay}
        row |= _what(world, compiled, intent, violations[intent.policy, intent.task])
        # In a closed loop a task arrives when it is decided about.
        row["arrival_s"] = (
            intent.at_s if world.config.concurrency else arrivals(intent.policy, intent.task)
        )
        job = jobs.get(intent.job_id or "")
        row |= when(intent, job, clocks, world.config.deadline_s)
        then = calibrations.get(intent.job_id or "")
        row["job_calibration"] = then and then.date
        row["fidelity_as_calibrated_then"] = then and then.success_probability
        row |= _amounts(world.provider.price, "charge", None if job is None else job.figures.charge)
        row["duplicates"] = duplicates[intent.hash]
        row |= _quality(world, compiled, intent, fidelities, then)
        rows.append(row)
    if not rows:
        raise InputError("replay: no policy placed any task")
    rows += _unplaced(world, ledger, arrivals, rows[0], finished=finished)
    frame = pl.DataFrame(rows, infer_schema_length=None, schema_overrides=schema())
    frame = _simulated_queue(frame)
    for part in (_as_compiled(world, compiled, frame), _by_policy(world)):
        frame = frame.join(part, on=["policy", "task"], how="left", maintain_order="left")
    if world.crossover is not None:
        own = pl.Series("block", [world.crossover.block(task) for task in frame["task"]])
        return frame.with_columns(own).sort("task", "policy")
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
    date: str | None = None
    delay_s: float | None = None
    if digest is not None:
        date, delay_s = compiled.calibrated[qpu, digest]
    elif qpu in compiled.calibrations:
        calibration = compiled.calibrations[qpu]
        date, delay_s = calibration.date, calibration.repetition_delay_s
    price = world.provider.price
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
        "usage_rule_s": (
            None
            if figures is None or delay_s is None
            else OVERHEAD_S + (delay_s + figures.length_s) * intent.shots
        ),
        "decided_s": intent.at_s,
        **_amounts(price, "estimated_charge", None if figures is None else intent.estimate),
        "reserved_s": intent.reserve if price.unit == "s" else None,
    }


def _amounts(price: Price, name: str, amount: float | None) -> dict[str, float | None]:
    """Return an amount in QPU seconds, where the provider counts them, and its list price."""
    return {
        f"{name}_s": amount if price.unit == "s" else None,
        f"{name}_usd": None if amount is None else price.usd(amount),
    }


def _arrivals(world: ReplayWorld, ledger: JobLedger) -> Callable[[str, int], float | None]:
    """Return what says when a task arrives for a policy; None where its section has not begun."""
    blocks, arrival_s = world.crossover, world.scenario.workload.arrival_s
    if blocks is None:
        return lambda _, task: float(arrival_s[task])
    begun = [ledger.get(start_key(section)) for section in range(blocks.sections)]
    position = {label: place for place, label in enumerate(world.labels)}

    def arrival_in_section_s(policy: str, task: int) -> float | None:
        began_s = begun[blocks.section(position[policy], task)]
        return None if began_s is None else float(began_s) + blocks.after_start_s(task)

    return arrival_in_section_s


UNPLACED = {
    "truncated": "the policy took all its decisions without placing it",
    "pending": "not arrived, or not decided about yet",
}
"""States of tasks without a placement, and why."""


def _unplaced(
    world: ReplayWorld,
    ledger: JobLedger,
    arrivals: Callable[[str, int], float | None],
    like: Mapping[str, Any],
    *,
    finished: bool,
) -> list[dict[str, Any]]:
    """Return rows of tasks that a policy has not placed.

    At the end that is since it took all its decisions for others.
    """
    state = "truncated" if finished else "pending"
    tasks = world.scenario.workload.tasks
    decisions = list(ledger.decisions())
    placed = {(one.policy, one.task) for one in decisions if one.feasible}
    tried = Counter((one.policy, one.task) for one in decisions)
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
            "state": state,
            "error_class": state,
            "error": UNPLACED[state],
            "violations": tried[policy, task],
            "duplicates": 0,
            "attempts": 0,
            "arrival_s": arrivals(policy, task),
        }
        for policy in world.labels
        for task in range(len(tasks))
        if (policy, task) not in placed
    ]


def _quality(
    world: ReplayWorld,
    compiled: CompiledTasks,
    intent: Intent,
    fidelities: Mapping[tuple[int, str], MeasuredFidelity],
    then: JobCalibration | None,
) -> dict[str, Any]:
    """What simulation says of execution and fidelity, and what the mirror circuit measured.

    Args:
        then: the calibration of the job's own time, where it is known.
    """
    task, qpu = intent.task, intent.qpu
    digest = next(iter(intent.circuits), None)
    figures = None if digest is None else compiled.figures[qpu, digest]
    found = None if digest is None else fidelities.get((qpu, digest))
    if digest is None or figures is None:
        found = MeasuredFidelity(None, reason=f"task {intent.state}")
    elif found is None:
        circuit = compiled.by_digest[digest].circuit
        reason = no_mirror(circuit, figures, intent.shots, world.too_large)
        if not reason:
            reason = "not measured" if intent.state == "done" else f"task {intent.state}"
        found = MeasuredFidelity(None, reason=reason)
    return {
        "simulated_execution_s": float(world.estimates.exec_s[task, qpu]),
        "simulated_fidelity": float(world.estimates.fidelity[task, qpu]),
        "fidelity_as_calibrated": figures and figures.success_probability,
        "fidelity_with_readout": _with_readout(then or figures, found.readout),
        "fidelity": found.fidelity,
        "fidelity_noise": found.noise,
        "fidelity_missing": found.reason,
    }


def _with_readout(
    figures: CompiledFigures | JobCalibration | None, readout: float | None
) -> float | None:
    """Return the fidelity by calibrated gates and the readout that anchor circuits measured."""
    if figures is None or readout is None:
        return None
    success, calibrated = figures.success_probability, figures.readout_success
    return None if success is None or not calibrated else success / calibrated * readout


def _as_compiled(
    world: ReplayWorld, compiled: CompiledTasks, frame: "pl.DataFrame"
) -> "pl.DataFrame":
    """Return what the simulator would say of the circuits as they were compiled.

    It separates what compilation did from what the models are wrong about. The fidelity is also
    that with the typical errors as calibrated now, which separates drift from the choice of qubits.
    """
    import polars as pl  # noqa: PLC0415

    fleet = world.scenario.fleet
    columns = ("depth", "one_qubit_gates", "two_qubit_gates", "measurements")
    placed = frame.filter(pl.col("compiled").is_not_null())
    features = CompiledFeatures(*(placed[name].to_numpy() for name in columns))
    rows = placed["task"].to_numpy()
    tasks = replace(
        world.scenario.workload.tasks.take(rows),
        compiled=dict.fromkeys(fleet.families, features),
    )
    found = estimate(tasks, fleet, world.scenario.physics)
    now = estimate(
        tasks, as_calibrated(fleet, compiled.calibrations), world.scenario.physics
    ).fidelity
    own = (np.arange(len(rows)), np.array([fleet.names.index(name) for name in placed["qpu"]]))
    return placed.select("policy", "task").with_columns(
        execution_as_compiled_s=found.exec_s[own],
        fidelity_with_profile=found.fidelity[own],
        fidelity_with_medians=now[own],
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


def schema() -> dict[str, Any]:
    """Return the types of the columns that may be without any value."""
    import polars as pl  # noqa: PLC0415

    floats = ("submitted_s", "started_s", "finished_s", "queue_s", "execution_s", "completion_s")
    floats += (
        "waited_s",
        "watched_s",
        "overhead_s",
        "charge_s",
        "fidelity",
        "fidelity_noise",
        "fidelity_as_calibrated",
    )  # type: ignore[assignment]
    return {
        **dict.fromkeys(floats, pl.Float64),
        **dict.fromkeys(("circuit_length_s", "usage_rule_s", "estimated_charge_s"), pl.Float64),
        **dict.fromkeys(("charge_usd", "estimated_charge_usd", "reserved_s"), pl.Float64),
        **dict.fromkeys(("repetition_delay_s", "arrival_s"), pl.Float64),
        **dict.fromkeys(("calibration", "job_calibration"), pl.String),
        "fidelity_as_calibrated": pl.Float64,
        "fidelity_as_calibrated_then": pl.Float64,
        "fidelity_with_readout": pl.Float64,
        **dict.fromkeys(("depth", "one_qubit_gates", "two_qubit_gates"), pl.Int64),
        **dict.fromkeys(("measurements", "active_qubits"), pl.Int64),
        **dict.fromkeys(("job_id", "compiled"), pl.String),
        "pending_jobs": pl.Int64,
    }

"""What physics says of every task on every QPU, computed once for a whole workload."""

from dataclasses import dataclass
from typing import assert_never

import numpy as np

from qcbench.arrays import BoolArray, FloatArray
from qcbench.cloud.plugged import fidelity_of, time_s
from qcbench.errors import InputError, nearest
from qcbench.fleet.profile import ERRORS, Fleet
from qcbench.physics import fidelity, price, timing
from qcbench.physics.config import (
    AffineTime,
    ClopsTime,
    D1cpsTime,
    GivenTime,
    IbmUsageTime,
    Noiseless,
    PartsFidelity,
    PhysicsConfig,
    PluginFidelity,
    PluginTime,
    SuccessProbability,
)
from qcbench.policies.view import TaskTable
from qcbench.workload.workload import CompiledFeatures, Tasks

SECONDS_PER_MINUTE = 60.0


@dataclass(frozen=True)
class Estimates:
    """Figures of shape (tasks, QPUs), read-only.

    Attributes:
        feasible: the task has no more qubits than the QPU.
        exec_s: execution time; infinite where infeasible.
        fidelity: expected fidelity; 0 where infeasible.
        price: price of the execution; infinite where infeasible, NaN where the QPU has no price.
    """

    feasible: BoolArray
    exec_s: FloatArray
    fidelity: FloatArray
    price: FloatArray

    def __post_init__(self) -> None:
        for array in (self.feasible, self.exec_s, self.fidelity, self.price):
            array.flags.writeable = False


def task_table(tasks: Tasks, estimates: Estimates) -> TaskTable:
    """Return what views show of the tasks of a workload."""
    return TaskTable(
        qubits=tasks.qubits,
        depth=tasks.depth,
        shots=tasks.shots,
        two_qubit_gates=tasks.two_qubit_gates,
        feasible=list(estimates.feasible),
        exec_s=list(estimates.exec_s),
        fidelity=list(estimates.fidelity),
        price=list(estimates.price),
    )


NO_FIDELITY = "choose another model (physics.fidelity.model=none needs no figures)"
"""What else the user can do than state an error that a model of the fidelity needs."""

TIME_FIGURES = {
    "ibm_usage": ("two_qubit_duration_s", "readout_duration_s"),
    "d1cps": ("d1cps",),
}
"""The figures of a QPU that a time model of compiled circuits needs, the better model first."""


def _other_time_model(tasks: Tasks, fleet: Fleet) -> str:
    """What else the user can do than state a figure that a time model needs.

    A model is named where it has all that it needs, so that the advice works as it stands.
    """
    for model, figures in TIME_FIGURES.items():
        stated = not any(np.isnan(fleet.figures(name)).any() for name in figures)
        if stated and all(family in tasks.compiled for family in fleet.families):
            return f"choose another model (physics.time.model={model})"
    return "choose another model"


def _check_errors(
    tasks: Tasks, fleet: Fleet, model: SuccessProbability | PartsFidelity, feasible: BoolArray
) -> None:
    """Check that every QPU states the errors that a fidelity model multiplies.

    A QPU of one qubit has no error of two-qubit gates, and needs none unless it has a part of a
    circuit with such gates. In the study's code two-qubit gates are perfect, so that its model
    needs no error of theirs.
    """
    need = f"the fidelity model `{model.model}`"
    readout, one_qubit, two_qubit = ERRORS
    fleet.known(readout, need, NO_FIDELITY)
    fleet.known(one_qubit, need, NO_FIDELITY)
    if model.model != "icpp2025":
        gates = feasible & (tasks.two_qubit_gates > 0)[:, np.newaxis]
        has_some = (fleet.qubits > 1) | gates.any(axis=0)
        fleet.known(two_qubit, need, NO_FIDELITY, has_some)


def _compiled(tasks: Tasks, fleet: Fleet, feasible: BoolArray) -> CompiledFeatures:
    """Return compiled features as (tasks, QPUs) arrays, 0 where infeasible."""
    missing = [family for family in fleet.families if family not in tasks.compiled]
    if missing:
        raise InputError(
            f"fleet {fleet.name}: QPU {next(q.name for q in fleet if q.family == missing[0])} is "
            f"of family {missing[0]}, for which the workload has no transpiled circuits "
            f"({missing[0]}_depth, ...); it has "
            f"{', '.join(sorted(tasks.compiled)) or 'none'}: state such a family for the QPU"
        )
    features = [tasks.compiled[qpu.family] for qpu in fleet]
    depth = np.stack([f.depth for f in features], axis=1)
    lacking = feasible & (depth < 0)
    if lacking.any():
        row, column = (int(index) for index in np.argwhere(lacking)[0])
        qpu = fleet.qpus[column]
        why = (
            f"although it fits {qpu.name} ({qpu.qubits} qubits)"
            if tasks.qubits[row] <= qpu.qubits
            else f"and can be split only under models that need none ({qpu.name} has fewer qubits)"
        )
        raise InputError(
            f"task {row} ({tasks.algorithm[row]}, {tasks.qubits[row]} qubits) has no "
            f"{qpu.family}_depth {why}"
        )

    def masked(name: str) -> "np.ndarray[tuple[int, int], np.dtype[np.int64]]":
        stacked = np.stack([getattr(f, name) for f in features], axis=1)
        return np.where(feasible, stacked, 0)

    return CompiledFeatures(
        depth=masked("depth"),
        one_qubit_gates=masked("one_qubit_gates"),
        two_qubit_gates=masked("two_qubit_gates"),
        measurements=masked("measurements"),
    )


def _exec_s(
    tasks: Tasks,
    fleet: Fleet,
    physics: PhysicsConfig,
    compiled: CompiledFeatures | None,
    feasible: BoolArray,
) -> FloatArray:
    """Return execution times of shape (tasks, QPUs)."""
    model = physics.time
    shots = tasks.shots[:, np.newaxis]
    otherwise = _other_time_model(tasks, fleet)
    if isinstance(model, GivenTime):
        if tasks.duration_s is None:
            raise InputError("the time model `given` needs a workload that states durations")
        return np.repeat(tasks.duration_s[:, np.newaxis], len(fleet), axis=1)
    if isinstance(model, ClopsTime):
        need = "the time model `clops`"
        tasks.require_circuits(need, "take physics.time.model=given")
        volume = fleet.known("quantum_volume", need, otherwise)
        clops = fleet.known(model.scale, need, otherwise)
        exec_s = timing.clops_time_s(shots, volume, clops)
        return exec_s / SECONDS_PER_MINUTE if model.variant == "icpp2025" else exec_s
    if isinstance(model, PluginTime):
        return time_s(model.name, model.parameters, tasks, fleet, feasible)
    if compiled is None:
        raise TypeError(f"the time model {model.model} needs compiled circuits")
    if isinstance(model, D1cpsTime):
        rate = fleet.known("d1cps", "the time model `d1cps`", otherwise)
        return timing.d1cps_time_s(compiled.depth, rate, shots)
    if isinstance(model, IbmUsageTime):
        need = "the time model `ibm_usage`"
        gate_s, readout_s = (
            fleet.known(figure, need, otherwise) for figure in TIME_FIGURES[model.model]
        )
        delay_s = fleet.figures("repetition_delay_s")
        length_s = timing.circuit_length_s(compiled.depth, gate_s, readout_s)
        overhead_s = _overheads_s(model, fleet)
        return timing.ibm_usage_time_s(length_s, shots, delay_s, overhead_s)
    if isinstance(model, AffineTime):
        operations = (compiled.depth * shots).astype(np.float64)
        return timing.affine_time_s(operations, model.intercept_s, model.slope_s)
    assert_never(model)


def _overheads_s(model: IbmUsageTime, fleet: Fleet) -> FloatArray:
    """Return what a job takes besides its executions on every QPU."""
    for name in model.overheads_s:
        if name not in fleet.names:
            raise InputError(
                f"physics.time.overheads_s: fleet {fleet.name} has no QPU {name}"
                f"{nearest(name, fleet.names)}"
            )
    return np.array([model.overheads_s.get(name, model.overhead_s) for name in fleet.names])


def _fidelity(
    tasks: Tasks,
    fleet: Fleet,
    physics: PhysicsConfig,
    compiled: CompiledFeatures | None,
    feasible: BoolArray,
) -> FloatArray:
    """Return the fidelity of every task, whole, of shape (tasks, QPUs)."""
    model = physics.fidelity
    if isinstance(model, Noiseless):
        return np.ones((len(tasks), len(fleet)))
    if isinstance(model, PluginFidelity):
        return fidelity_of(model.name, model.parameters, tasks, fleet, feasible)
    tasks.require_circuits(
        f"the fidelity model `{model.model}`", "take physics.fidelity.model=none"
    )
    _check_errors(tasks, fleet, model, feasible)
    readout, one_qubit, two_qubit = fleet.errors().T
    qubits, gates = tasks.qubits[:, np.newaxis], tasks.two_qubit_gates[:, np.newaxis]
    depth = tasks.depth[:, np.newaxis]
    if isinstance(model, PartsFidelity):
        return fidelity.parts_fidelity(
            qubits,
            depth,
            gates,
            1,
            one_qubit,
            two_qubit,
            readout,
            with_two_qubit_gates=model.model == "with_2q",
        )
    if model.gates == "compiled":
        if compiled is None:
            raise TypeError("compiled gates are counted in compiled circuits")
        return fidelity.estimated_success_probability(
            compiled.one_qubit_gates,
            compiled.two_qubit_gates,
            compiled.measurements,
            one_qubit,
            two_qubit,
            readout,
        )
    return fidelity.estimated_success_probability(
        fidelity.one_qubit_gates_as_written(qubits, depth, gates),
        gates,
        qubits,
        one_qubit,
        two_qubit,
        readout,
    )


def _check_times(
    exec_s: FloatArray, tasks: Tasks, fleet: Fleet, physics: PhysicsConfig, feasible: BoolArray
) -> None:
    wrong = feasible & ~((exec_s >= 0) & np.isfinite(exec_s))
    if wrong.any():
        row, column = (int(index) for index in np.argwhere(wrong)[0])
        raise InputError(
            f"the time model `{physics.time.model}` gives task {row} ({tasks.algorithm[row]}) "
            f"{exec_s[row, column]:g} s on {fleet.qpus[column].name}; an execution time is finite "
            "and not negative"
        )


def estimate(
    tasks: Tasks, fleet: Fleet, physics: PhysicsConfig, *, splits: bool = False
) -> Estimates:
    """Evaluate a scenario's models for all tasks and QPUs.

    Args:
        splits: tasks may be split, so that every QPU can execute a part of every task.

    Raises:
        InputError: where a model needs a figure that the fleet or the workload lacks, or a task
            fits nowhere.
    """
    offered = np.full(len(fleet), fleet.qubits.sum()) if splits else fleet.qubits
    feasible = tasks.qubits[:, np.newaxis] <= offered
    homeless = np.flatnonzero(~feasible.any(axis=1))
    if len(homeless):
        row = int(homeless[0])
        raise InputError(
            f"task {row} ({tasks.algorithm[row]}) needs {tasks.qubits[row]} qubits and fits no QPU "
            f"of fleet {fleet.name}, whose {'total is' if splits else 'largest has'} "
            f"{offered.max()}"
        )
    needs_circuits = not isinstance(physics.time, GivenTime | ClopsTime | PluginTime) or (
        isinstance(physics.fidelity, SuccessProbability) and physics.fidelity.gates == "compiled"
    )
    compiled = _compiled(tasks, fleet, feasible) if needs_circuits else None
    exec_s = np.where(feasible, _exec_s(tasks, fleet, physics, compiled, feasible), np.inf)
    _check_times(exec_s, tasks, fleet, physics, feasible)
    success = _fidelity(tasks, fleet, physics, compiled, feasible)
    cost = price.usage_price(np.where(feasible, exec_s, 0.0), fleet.prices())
    return Estimates(
        feasible=feasible,
        exec_s=exec_s,
        fidelity=np.where(feasible, success, 0.0),
        price=np.where(feasible, cost, np.inf),
    )

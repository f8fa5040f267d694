"""Time and fidelity models of other packages.

An entry point of the group `qcbench.time_models` refers to a function `model(tasks, fleet, *, ...)`
that returns what every task takes on every QPU in seconds, shape (tasks, QPUs); one of the group
`qcbench.fidelity_models` to one that returns fidelities in 0..1 of the same shape. Both are asked
once for a whole workload, before the clock starts, for any engine. Where a task does not fit a QPU
(it has more qubits) the value does not count. `tasks` is a `qcbench.workload.workload.Tasks`,
`fleet` a `qcbench.fleet.profile.Fleet`.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np

from qcbench import signatures
from qcbench.arrays import BoolArray, FloatArray
from qcbench.errors import shown
from qcbench.fleet.profile import Fleet
from qcbench.plugins import SINGULAR, Kind, PluginError, called, find
from qcbench.workload.workload import Tasks

Model: TypeAlias = Callable[..., FloatArray]
GIVEN = 2
"""Arguments of a model that its config does not give: tasks and fleet."""


def time_s(
    name: str, parameters: Mapping[str, Any], tasks: Tasks, fleet: Fleet, feasible: BoolArray
) -> FloatArray:
    """Return what a time model of another package says, shape (tasks, QPUs) [s].

    Raises:
        InputError: there is none, or a parameter does not fit.
        PluginError: it raises, or returns something else.
    """
    model = _loaded("time_models", name, parameters)
    return timed(f"time model {name}", model, parameters, tasks, fleet, feasible)


def fidelity_of(
    name: str, parameters: Mapping[str, Any], tasks: Tasks, fleet: Fleet, feasible: BoolArray
) -> FloatArray:
    """Return what a fidelity model of another package says, shape (tasks, QPUs).

    Raises:
        InputError: there is none, or a parameter does not fit.
        PluginError: it raises, or returns something else.
    """
    model = _loaded("fidelity_models", name, parameters)
    return judged(f"fidelity model {name}", model, parameters, tasks, fleet, feasible)


def timed(
    title: str,
    model: Model,
    parameters: Mapping[str, Any],
    tasks: Tasks,
    fleet: Fleet,
    feasible: BoolArray,
) -> FloatArray:
    """Ask a time model and check its answer; errors as of `time_s`."""
    found = _asked(title, model, parameters, tasks, fleet)
    _check(title, found, feasible & ~(np.isfinite(found) & (found >= 0)), tasks, fleet, TIME)
    return found


def judged(
    title: str,
    model: Model,
    parameters: Mapping[str, Any],
    tasks: Tasks,
    fleet: Fleet,
    feasible: BoolArray,
) -> FloatArray:
    """Ask a fidelity model and check its answer; errors as of `fidelity_of`."""
    found = _asked(title, model, parameters, tasks, fleet)
    _check(title, found, feasible & ~((found >= 0) & (found <= 1)), tasks, fleet, FIDELITY)
    return found


TIME = "an execution time is finite and not negative"
FIDELITY = "a fidelity is in 0..1"


def _loaded(kind: Kind, name: str, parameters: Mapping[str, Any]) -> Model:
    key = "time" if kind == "time_models" else "fidelity"
    model: Model = find(kind, name, f"physics.{key}.name").function()
    title = f"{SINGULAR[kind]} {name}"
    signatures.check_given(title, signatures.parameters_of(title, model, GIVEN), parameters)
    return model


def _asked(
    title: str, model: Model, parameters: Mapping[str, Any], tasks: Tasks, fleet: Fleet
) -> FloatArray:
    answer = called(title, model, tasks, fleet, **parameters)
    shape = (len(tasks), len(fleet))
    try:
        found = np.array(answer, dtype=np.float64)
    except (TypeError, ValueError):
        raise PluginError(
            f"{title}: returned {shown(answer)}; it is an array of numbers of shape {shape}"
        ) from None
    if found.shape != shape:
        raise PluginError(
            f"{title}: returned an array of shape {found.shape}; for {shape[0]} tasks and "
            f"{shape[1]} QPUs it is {shape}"
        )
    return found


def _check(
    title: str, found: FloatArray, wrong: BoolArray, tasks: Tasks, fleet: Fleet, right: str
) -> None:
    if wrong.any():
        row, column = (int(index) for index in np.argwhere(wrong)[0])
        raise PluginError(
            f"{title}: gives task {row} ({tasks.algorithm[row]}) {found[row, column]:g} on "
            f"{fleet.qpus[column].name}; {right}"
        )

"""The rules of a scenario as numbers, for all kernels; see `qcbench.cloud.rules`."""

from collections.abc import Sequence
from typing import Any, NamedTuple, get_args
from weakref import WeakValueDictionary

import numpy as np

from qcbench.arrays import FloatArray
from qcbench.cloud.admission import VARIANTS
from qcbench.cloud.rules import OnFailure, Rules
from qcbench.cloud.scenario import Scenario
from qcbench.policies.features.deadlines import value_share
from qcbench.workload.workload import Workload

ON_FAILURE: tuple[OnFailure, ...] = get_args(OnFailure)
NEVER_FAILS, RESTART, RESUBMIT, FAIL = range(-1, 3)
"""Positions in `ON_FAILURE`; the first where QPUs never fail."""


class Limits(NamedTuple):
    """The rules as numbers; infinite or the largest integer where there is no limit.

    Attributes:
        delay_s: shift of a task's arrival after a violation.
        max_decisions: decisions after which a trial is truncated.
        horizon_s, warm_up_s: ends of the observation and of the warm-up.
        exact: nothing fails and execution times are as estimated.
        on_failure: position in `ON_FAILURE`, or `NEVER_FAILS`.
        mean_down_s: mean time to repair.
        admission: position in `qcbench.cloud.admission.VARIANTS`.
        classical_limit, quantum_limit: of the tasks on the platform when a job arrives.
        burst: tokens of a user's bucket; negative where there are no quotas.
        drops: tasks that can no longer meet their due times are dropped.
    """

    delay_s: float
    max_decisions: int
    horizon_s: float
    warm_up_s: float
    exact: bool
    on_failure: int
    mean_down_s: float
    admission: int
    classical_limit: int
    quantum_limit: int
    burst: float
    drops: bool


def limits_of(rules: Rules) -> Limits:
    """Return the rules as numbers."""
    failures, admission = rules.failures, rules.admission
    most = rules.rescheduling.max_decisions
    return Limits(
        delay_s=float(rules.rescheduling.delay_s),
        max_decisions=np.iinfo(np.int64).max if most is None else int(most),
        horizon_s=np.inf if rules.horizon_s is None else float(rules.horizon_s),
        warm_up_s=float(rules.warm_up_s) if rules.warm_up_s > 0 else np.inf,
        exact=failures is None and not rules.execution_sigma > 0,
        on_failure=NEVER_FAILS if failures is None else ON_FAILURE.index(failures.on_failure),
        mean_down_s=0.0 if failures is None else float(failures.mean_down_s),
        admission=VARIANTS.index(admission.variant),
        classical_limit=int(admission.classical_limit),
        quantum_limit=int(admission.quantum_limit),
        burst=-1.0 if admission.per_user is None else float(admission.per_user.burst),
        drops=rules.deadlines == "drop",
    )


def due_of(workload: Workload) -> FloatArray:
    """Return when each job is due, infinite where it has no due time, shape (jobs,) [s]."""
    return _all(np.inf, len(workload)) if workload.due_s is None else workload.due_s


def value_of(workload: Workload) -> FloatArray:
    """Return what each job is worth as a share of the highest, shape (jobs,)."""
    if workload.value is None:
        return _all(1.0, len(workload))
    highest = workload.highest_value()
    return np.array([value_share(value, highest) for value in workload.value.tolist()])


def latest_of(scenario: Scenario, exec_s: FloatArray) -> FloatArray:
    """Return when a decision on each job of one task must be due lest it is dropped [s].

    Args:
        exec_s: estimates, shape (tasks, QPUs).
    """
    due_s = due_of(scenario.workload)
    if scenario.rules.deadlines != "drop":
        return _all(np.inf, len(due_s))
    latest_s: FloatArray = due_s - exec_s.min(axis=1)
    return latest_s


def _all(value: float, count: int) -> FloatArray:
    """Return the same number so many times, of which there is one in memory; read-only."""
    return np.broadcast_to(np.float64(value), count)


_FILLED: "WeakValueDictionary[tuple[float, int, type], Any]" = WeakValueDictionary()


def filled(value: float, count: int, kind: type = np.float64) -> Any:
    """Return the same number so many times: an array that all share who have one; none writes it.

    A kernel asks every task for its due time, its value and its slowdown, of which most worlds have
    none; of a million tasks each would be 8 MB of new memory.
    """
    found = _FILLED.get((value, count, kind))
    if found is None:
        found = _FILLED[value, count, kind] = np.full(count, value, dtype=kind)
    return found


def side_by_side(parts: Sequence[Any], width: int, kind: type = np.float64) -> Any:
    """Return columns of several worlds as one array, each with zeros up to a width.

    Args:
        parts: of each world, shape (tasks,); nobody changes what is returned, for it may be one.
    """
    first = parts[0]
    if len(parts) > 1 or len(first) < width:
        found: Any = np.zeros((len(parts), width), dtype=kind)
        for world, part in enumerate(parts):
            found[world, : len(part)] = part
        return found.reshape(-1)
    if first.strides == (0,):
        return filled(first.item(0), width, kind)
    # What cannot be written is another type to Numba, which would compile everything anew.
    return np.require(first, dtype=kind, requirements=["C", "W"])

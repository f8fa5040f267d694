"""Metrics of an allocation trial."""

from typing import Any

import numpy as np

from qcbench.arrays import FloatArray
from qcbench.bench.metrics import common
from qcbench.bench.metrics.bounded import Bounded, counted
from qcbench.bench.metrics.common import real_exec_s, task_metrics
from qcbench.cloud.execution import DONE
from qcbench.cloud.records import Records
from qcbench.cloud.scenario import Scenario

NAMES = (
    *common.NAMES,
    "sd_fidelity",
    "total_communication_s",
    "mean_parts",
)
"""What every trial has."""
PREFIXES: tuple[str, ...] = ()
"""How the names begin that depend on the fleet or the workload."""
MORE_IS_BETTER = common.MORE_IS_BETTER


def metrics(records: Records, warm_up_s: float) -> dict[str, Any]:
    """Return the metrics; communication is summed over tasks, parts are means over them.

    `makespan_s` (of all tracks) is the study's total simulation time; its fidelities are given as
    `mean_fidelity` and `sd_fidelity`, the standard deviation over tasks.
    """
    done = (records.status == DONE) & (records.arrival_s >= warm_up_s)
    parts = np.array([len(p) for p in records.parts])[done]
    return {
        **task_metrics(records, records.summary(warm_up_s), warm_up_s),
        "sd_fidelity": float(records.fidelity[done].std()) if done.any() else None,
        "total_communication_s": float(records.comm_s[done].sum()),
        "mean_parts": float(parts.mean()) if len(parts) else None,
    }


def bounded(world: Scenario, slowdown: FloatArray | None) -> Bounded | None:
    """Return how early the last of the tasks after the warm-up can end.

    Args:
        world: with everything drawn.
        slowdown: real over estimated execution time of each task, None where they are equal.
    """
    from qcbench.stats.bounds import makespan_lower_bound  # noqa: PLC0415 - Numba

    workload, rules = world.workload, world.rules
    seen = counted(world)
    if workload.phases is not None or rules.dispatch.qpus != "shared" or not seen.any():
        return None
    bound = makespan_lower_bound(
        real_exec_s(world, slowdown)[seen],
        workload.arrival_s[seen],
        workload.tasks.qubits[seen],
        world.fleet.qubits,
    )
    return Bounded(metric="makespan_s", bound=bound, method="fractional assignment")

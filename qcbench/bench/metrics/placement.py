"""Metrics of a placement trial."""

from functools import lru_cache
from typing import Any

from qcbench.arrays import FloatArray
from qcbench.bench.metrics import common
from qcbench.bench.metrics.bounded import Bounded, counted
from qcbench.bench.metrics.common import (
    Columns,
    balance_columns,
    due_columns,
    real_exec_s,
    rows_of,
    shares_of,
    some,
    task_columns,
)
from qcbench.cloud.execution import DONE
from qcbench.cloud.records import Records
from qcbench.cloud.scenario import Scenario
from qcbench.cloud.summary import Summaries, by_field
from qcbench.fleet.profile import Fleet

SHARES_SHOWN = 16
"""Fleets up to this size have a column for each QPU's share of the tasks."""

NAMES = (
    *common.NAMES,
    *("total_completion_s", "total_turnaround_s", "mean_estimate_error_s"),
    *common.BALANCE_NAMES,
)
"""What every trial has."""
PREFIXES: tuple[str, ...] = ("share_",)
"""How the names begin that depend on the fleet or the workload."""
MORE_IS_BETTER = common.MORE_IS_BETTER | {"choice_entropy"}


def metrics(records: Records, warm_up_s: float) -> dict[str, Any]:
    """Return the metrics; totals are over tasks that are done.

    `total_completion_s` is QSimPy's metric, the sum of wait and execution without the delays that
    violations cause; `total_turnaround_s` counts them.
    """
    of = by_field([records.summary(warm_up_s)])
    due = due_columns([records], warm_up_s)
    return metrics_of_summaries(of, records.fleet, due=due)[0]


def metrics_of_summaries(
    of: Summaries, fleet: Fleet, *, before: Columns | None = None, due: Columns | None = None
) -> list[dict[str, Any]]:
    """Return the same of trials of one scenario, column by column.

    Args:
        of: the trials, after the warm-up.
        before: columns that stand before the metrics.
        due: see `common.due_columns`.
    """
    shares = shares_of(of.placed)
    return rows_of(
        {
            **(before or {}),
            **task_columns(of),
            **(due or {}),
            "total_completion_s": of.spent_s,
            "total_turnaround_s": of.completion_s,
            "mean_estimate_error_s": of.estimate_error_s / some(of.statuses[:, DONE]),
            **balance_columns(shares),
            **dict(zip(_share_names(fleet.names), shares.T, strict=False)),
        }
    )


def bounded(world: Scenario, slowdown: FloatArray | None) -> Bounded | None:
    """Return what the mean completion time of the tasks after the warm-up can be at best.

    Args:
        world: with everything drawn.
        slowdown: real over estimated execution time of each task, None where they are equal.
    """
    from qcbench.stats.best_known import MOST_TASKS, best_known_completion  # noqa: PLC0415 - Numba
    from qcbench.stats.bounds import completion_lower_bound  # noqa: PLC0415

    workload, rules = world.workload, world.rules
    if workload.phases is not None or rules.dispatch.qpus != "exclusive":
        return None  # a task arrives when others have ended
    seen = counted(world)
    exec_s, arrival_s = real_exec_s(world, slowdown)[seen], workload.arrival_s[seen]
    tasks = len(arrival_s)
    if not tasks:
        return None
    # What takes no time is no part of a bound, and is at best done at once.
    long = exec_s.min(axis=1) > 0
    bound = completion_lower_bound(exec_s[long], arrival_s[long]) / tasks
    # Of QPUs that fail nobody knows a schedule, and of a warm-up one would need all tasks.
    known = rules.failures is None and rules.warm_up_s == 0 and tasks <= MOST_TASKS
    return Bounded(
        metric="mean_completion_s",
        bound=bound,
        method="capacity prices",
        best=best_known_completion(exec_s, arrival_s) / tasks if known else None,
        best_method="local search" if known else None,
    )


@lru_cache(maxsize=8)
def _share_names(qpus: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names of each QPU's share of the tasks that were placed; none of too many."""
    return tuple(f"share_{name}" for name in qpus) if len(qpus) <= SHARES_SHOWN else ()

"""Names of the metrics, known before any trial has run, and which of them should be large."""

from collections.abc import Mapping

from qcbench.cloud.rules import Track

_COMMON = (
    *("tasks", "done", "dropped", "failed", "censored", "decisions", "violations", "restarts"),
    *("mean_completion_s", "p50_completion_s", "p95_completion_s", "p99_completion_s"),
    *("mean_wait_s", "mean_exec_s", "mean_slowdown", "mean_fidelity"),
    *("total_cost", "makespan_s", "utilisation"),
)
_BALANCE = ("choice_entropy", "largest_share")

NAMES: Mapping[Track, tuple[str, ...]] = {
    "placement": (
        *_COMMON,
        *("total_completion_s", "total_turnaround_s", "mean_estimate_error_s", "gap_lb"),
        *_BALANCE,
    ),
    "allocation": (*_COMMON, "sd_fidelity", "total_communication_s", "mean_parts"),
    "queueing": (
        *_COMMON,
        *("jobs", "jobs_done", "jobs_censored"),
        *("drop_probability", "drop_probability_after_warm_up"),
        *("mean_job_s", "p25_job_s", "p50_job_s", "p75_job_s", "p99_job_s"),
        *("mean_jobs", "mean_classical", "mean_pending", "mean_running"),
        *_BALANCE,
    ),
    "partition": (
        *("total_node_cost", "mean_node_cost", "max_node_cost", "gap_opt"),
        *("partitions_per_circuit", "remote_gates_per_circuit", "remote_share"),
        *("equilibrium_g1", "equilibrium_g2", "load"),
        *_COMMON,
        "total_communication_s",
    ),
}
"""Metrics that every trial of a track has."""

PREFIXES: Mapping[Track, tuple[str, ...]] = {
    "placement": ("share_",),
    "allocation": (),
    "queueing": ("size_", "priority_"),
    "partition": ("node_cost_",),
}
"""How the names begin that depend on the fleet or the workload."""

_LARGE = frozenset({"done", "jobs_done", "mean_fidelity", "choice_entropy"})


def is_metric(track: Track, name: str) -> bool:
    """Whether trials of a track have, or may have, this metric."""
    return name in NAMES[track] or name.startswith(PREFIXES[track])


def goal_of(name: str) -> str:
    """Return `max` for a metric of which more is better, `min` for every other."""
    return "max" if name in _LARGE else "min"

"""How many jobs a CPU second the allocation track simulates: `python -m tests.perf.allocation`.

The case study (1,000 large circuits, drawn) under our dispatch and under the published one, then
100,000 jobs, one core each. Exits with 1 where a rate is below what is promised: 2,000 jobs a CPU
second, 500 with `icpp2025`, 100,000 jobs in 60 s.
"""

import sys
from time import process_time

from qcbench.api import simulate

CASE_STUDY_JOBS = 1_000
MANY_JOBS = 100_000
MANY_JOBS_S = 60.0
LEAST_JOBS_PER_S = {"fifo": 2_000, "backfill": 2_000, "icpp2025": 500}
POLICIES = {
    "fifo": ("speed", "fidelity", "fair", "random", "proportional", "weighted", "best_tradeoff"),
    "backfill": ("speed", "fidelity", "weighted", "best_tradeoff"),
    "icpp2025": ("speed", "fidelity", "fair"),
}


def cpu_s(order: str, policy: str, jobs: int) -> float:
    """Return the processor time of one trial, config and workload included [s]."""
    scenario = "allocation/eagle5-icpp2025" if order == "icpp2025" else "allocation/eagle5"
    overrides = [
        f"workload.tasks={jobs}",
        f"rules.dispatch.order={order}",
        "rules.dispatch.backfill_depth=16",
    ]
    began = process_time()
    records = simulate(scenario, policy, overrides=overrides)
    taken = process_time() - began
    if len(records) != jobs:
        raise RuntimeError(f"{len(records)} rows for {jobs} jobs")
    return taken


def main() -> int:
    """Measure and print; return the exit code."""
    missed = 0
    cpu_s("fifo", "speed", 10)  # imports
    print(f"{'dispatch':10}{'policy':16}{'jobs':>8}{'CPU s':>8}{'jobs/CPU s':>12}")
    for order, policies in POLICIES.items():
        for policy in policies:
            taken = min(cpu_s(order, policy, CASE_STUDY_JOBS) for _ in range(2))
            rate = CASE_STUDY_JOBS / taken
            missed += rate < LEAST_JOBS_PER_S[order]
            print(f"{order:10}{policy:16}{CASE_STUDY_JOBS:8}{taken:8.2f}{rate:12.0f}", flush=True)
    for policy in ("speed", "best_tradeoff"):
        taken = cpu_s("fifo", policy, MANY_JOBS)
        missed += taken > MANY_JOBS_S
        rate = MANY_JOBS / taken
        print(f"{'fifo':10}{policy:16}{MANY_JOBS:8}{taken:8.2f}{rate:12.0f}", flush=True)
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())

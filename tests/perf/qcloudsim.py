"""The allocation study's table, 30 orders of its jobs, and the front on them, as Markdown.

    python -m tests.perf.qcloudsim JOBS.csv [--orders 30]

JOBS.csv is a job file of QCloudSim, such as the published one with 1,000 jobs. Units of time are
the published ones: minutes of execution and seconds of communication added up.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence

import numpy as np

from qcbench.api import simulate
from qcbench.cloud.records import Records

MODES = ("speed", "fidelity", "fair")
WORTHS = (0.0, 4.0, 10.0, 40.0, 100.0, 150.0, 200.0, 300.0, 400.0, 600.0, 5000.0)


def run(
    path: str, policy: str, order: str, *, seed: int | None = None, **parameters: float
) -> Records:
    """Run a job file, in its own order or in that of a seed."""
    selection = "in_order" if seed is None else "shuffled"
    named: Mapping[str, object] = {"name": policy, "parameters": parameters}
    return simulate(
        "allocation/job-file",
        named,
        seed=seed or 0,
        overrides=[
            f'workload.circuits.path="{path}"',
            f"workload.circuits.selection={selection}",
            f"rules.dispatch.order={order}",
            "rules.dispatch.backfill_depth=16",
        ],
    )


def figures(records: Records) -> tuple[float, float, float, float]:
    """Return total time, mean and standard deviation of the fidelity, total communication."""
    fidelity = records.fidelity
    return (
        float(records.finish_s.max()),
        float(fidelity.mean()),
        float(fidelity.std()),
        float(records.comm_s.sum()),
    )


def spread(values: Sequence[float], digits: int) -> str:
    """Return mean, least and greatest of values."""
    least, mean, greatest = min(values), float(np.mean(values)), max(values)
    return f"{mean:.{digits}f} | {least:.{digits}f} to {greatest:.{digits}f}"


def main() -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("jobs", help="a job file, CSV or JSON")
    parser.add_argument("--orders", type=int, default=30)
    told = parser.parse_args()

    print("| mode | T_sim | fidelity | communication |\n|---|---|---|---|")
    for mode in MODES:
        time, mean, deviation, comm = figures(run(told.jobs, mode, "icpp2025"))
        print(f"| {mode} | {time:.3f} | {mean:.5f} +- {deviation:.5f} | {comm:.2f} |", flush=True)

    print(f"\n{told.orders} orders of the same jobs\n")
    print("| dispatch | mode | T, mean | T, range | fidelity, mean | fidelity, range |")
    print("|---|---|---|---|---|---|")
    for order in ("icpp2025", "fifo", "backfill"):
        for mode in MODES:
            found = [figures(run(told.jobs, mode, order, seed=seed)) for seed in range(told.orders)]
            times = spread([row[0] for row in found], 0)
            fidelities = spread([row[1] for row in found], 4)
            print(f"| `{order}` | {mode} | {times} | {fidelities} |", flush=True)

    print("\n| `fidelity_worth` | T, fifo | fidelity | T, backfill | fidelity |")
    print("|---|---|---|---|---|")
    for worth in WORTHS:
        cells = []
        for order in ("fifo", "backfill"):
            records = run(told.jobs, "best_tradeoff", order, fidelity_worth=worth)
            time, mean, _, _ = figures(records)
            cells += [f"{time:,.0f}", f"{mean:.4f}"]
        print(f"| {worth:g} | {' | '.join(cells)} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The allocation study's table, 30 orders of its jobs, and the front on them, as Markdown.

    python -m tests.perf.qcloudsim JOBS.csv [--orders 30] [--table published|agent|orders|front]

JOBS.csv is a job file of QCloudSim, such as the published one with 1,000 jobs. Units of time are
the published ones: minutes of execution and seconds of communication added up.
"""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from qcbench.api import simulate
from qcbench.cloud.records import Records
from qcbench.policies.protocol import PolicyContext
from qcbench.policies.view import AllocationView

MODES = ("speed", "fidelity", "fair")
AGENT_ORDER = "icpp2025_rlbase"
EVEN = (1, 1, 1, 1, 1)
RECORDED = (143, 209, 190, 197, 261)
"""Mean shares in the recorded splits of the published agent, of 100 jobs, in thousandths."""
UNDER_AGENT_ORDER = ("packaged:front-8000", "packaged:front-20000", "speed", "fidelity", "fair")
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


def in_shares(path: str, shares: Sequence[int]) -> Records:
    """Run a job file with splits in fixed shares, leftovers to the first, under rlbase."""

    def factory(_context: PolicyContext) -> Callable[[AllocationView], list[int]]:
        def decide(view: AllocationView) -> list[int]:
            parts = [view.task_qubits * share // sum(shares) for share in shares]
            parts[0] += view.task_qubits - sum(parts)
            return parts

        return decide

    overrides = [f'workload.circuits.path="{path}"', f"rules.dispatch.order={AGENT_ORDER}"]
    return simulate("allocation/job-file", factory, overrides=overrides)


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
    parser.add_argument("--table", choices=TABLES, action="append", help="all where not given")
    parser.add_argument(
        "--policy", action="append", default=[], help="folder of one more policy for table agent"
    )
    told = parser.parse_args()
    for table in told.table or TABLES:
        match table:
            case "published":
                published(told.jobs)
            case "agent":
                agent(told.jobs, told.policy)
            case "orders":
                orders(told.jobs, told.orders)
            case _:
                front(told.jobs)
        print(flush=True)
    return 0


TABLES = ("published", "agent", "orders", "front")


def line(name: str, records: Records) -> None:
    """Print a row of the published kind."""
    time, mean, deviation, comm = figures(records)
    print(f"| {name} | {time:.3f} | {mean:.5f} +- {deviation:.5f} | {comm:.2f} |", flush=True)


def published(path: str) -> None:
    """Print the rows that need no decisions of an agent."""
    print("| mode | T_sim | fidelity | communication |\n|---|---|---|---|")
    for mode in MODES:
        line(mode, run(path, mode, "icpp2025"))


def agent(path: str, policies: Sequence[str]) -> None:
    """Print what other splits give under the dispatch of the published agent."""
    print("| splits | T_sim | fidelity | communication |\n|---|---|---|---|")
    line("even over all five", in_shares(path, EVEN))
    line("in the mean recorded shares", in_shares(path, RECORDED))
    for policy in (*policies, *UNDER_AGENT_ORDER):
        line(f"`{policy}`", run(path, policy, AGENT_ORDER))


def orders(path: str, count: int) -> None:
    """Print what other orders of the jobs give."""
    print(f"{count} orders of the same jobs\n")
    print("| dispatch | mode | T, mean | T, range | fidelity, mean | fidelity, range |")
    print("|---|---|---|---|---|---|")
    for order in ("icpp2025", "fifo", "backfill"):
        for mode in MODES:
            found = [figures(run(path, mode, order, seed=seed)) for seed in range(count)]
            times = spread([row[0] for row in found], 0)
            fidelities = spread([row[1] for row in found], 4)
            print(f"| `{order}` | {mode} | {times} | {fidelities} |", flush=True)


def front(path: str) -> None:
    """Print what `best_tradeoff` reaches."""
    print("| `fidelity_worth` | T, fifo | fidelity | T, backfill | fidelity |")
    print("|---|---|---|---|---|")
    for worth in WORTHS:
        cells = []
        for order in ("fifo", "backfill"):
            records = run(path, "best_tradeoff", order, fidelity_worth=worth)
            time, mean, _, _ = figures(records)
            cells += [f"{time:,.0f}", f"{mean:.4f}"]
        print(f"| {worth:g} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    sys.exit(main())

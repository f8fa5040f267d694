"""The claims of QC-PRAGM and QC-PRAGM++ measured: `python -m tests.perf.partition_claims`.

Prints the tables of docs/partition.md: means over 30 worlds of each setting with 95 % bootstrap
intervals, shares of small instances with Wilson intervals.
"""

import sys
from dataclasses import dataclass
from time import process_time

import numpy as np

from qcbench.arrays import FloatArray
from qcbench.bench.compose import compose_scenario
from qcbench.bench.scenario import build_scenario
from qcbench.bench.seeds import policy_stream, stream
from qcbench.cloud.partition import batch_of, make_plan
from qcbench.fleet.draw import draw_sizes
from qcbench.fleet.load import load_fleet
from qcbench.physics.node_cost import CostDefinition, node_costs
from qcbench.policies import registry
from qcbench.policies.batch.games import Game
from qcbench.policies.batch.small import small_games
from qcbench.policies.config import PolicyConfig
from qcbench.policies.protocol import PolicyContext
from qcbench.stats.intervals import percentile_interval, wilson_interval
from qcbench.workload.generate import make_workload

WORLDS = 30
SMALL = 300
SETTINGS = {8: (30, 40), 10: (23, 33), 14: (15, 25)}
POLICIES = {
    "frontier": PolicyConfig(name="frontier"),
    "fewest": PolicyConfig(name="pragm_pp"),
    "vertex": PolicyConfig(name="pragm_pp", parameters={"split": "vertex"}),
    "pragm": PolicyConfig(name="pragm"),
    "round_robin": PolicyConfig(name="round_robin"),
    "random": PolicyConfig(name="random"),
}


@dataclass(frozen=True)
class Measured:
    """One figure per world, of one policy in one setting."""

    total: FloatArray
    highest: FloatArray
    partitions: FloatArray
    remote: FloatArray
    gap: FloatArray
    cpu_s: FloatArray


def measure(circuits: int, definition: str) -> dict[str, Measured]:
    """Run all policies in the worlds of a setting."""
    low, high = SETTINGS[circuits]
    scenario = compose_scenario(
        "partition/nodes20",
        [
            f"workload.tasks={circuits}",
            f"workload.circuits.min_qubits={low}",
            f"workload.circuits.max_qubits={high}",
            f"physics.node_cost={definition}",
        ],
    )
    rows: dict[str, list[tuple[float, ...]]] = {name: [] for name in POLICIES}
    for world in range(WORLDS):
        drawn = build_scenario(scenario, "claims", world, 0)
        batch = batch_of(drawn.workload.tasks, drawn.fleet, drawn.physics.node_cost)
        for name, config in POLICIES.items():
            rng = policy_stream("claims", scenario.name, world, name)
            decide = registry.make("partition", config, PolicyContext(drawn.fleet, rng))
            began = process_time()
            plan = make_plan(batch, decide)  # type: ignore[arg-type]
            cpu_s = process_time() - began
            costs = node_costs(batch.weights, plan.allocation.sum(axis=0))
            rows[name].append(
                (
                    costs.sum(),
                    costs.max(),
                    (plan.allocation > 0).sum() / circuits,
                    plan.remote_gates.sum() / circuits,
                    costs.sum() / batch.optimal_cost - 1,
                    cpu_s,
                )
            )
    return {name: Measured(*np.array(found).T) for name, found in rows.items()}


def change(ours: FloatArray, theirs: FloatArray) -> str:
    """Ratio of the means minus 1, with its paired bootstrap interval [%]."""
    draws = np.random.default_rng(0).integers(len(ours), size=(20_000, len(ours)))
    ratios = ours[draws].mean(axis=1) / theirs[draws].mean(axis=1)
    low, high = percentile_interval(100 * (ratios - 1), sizes=[len(ours)])
    return f"{100 * (ours.mean() / theirs.mean() - 1):+.1f} % [{low:+.1f}, {high:+.1f}]"


def mean(values: FloatArray, digits: int = 2) -> str:
    """Mean with its bootstrap interval."""
    draws = np.random.default_rng(0).integers(len(values), size=(20_000, len(values)))
    low, high = percentile_interval(values[draws].mean(axis=1), sizes=[len(values)])
    return f"{values.mean():.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"


def anarchy() -> list[str]:
    """Measure the price of anarchy of small instances by complete enumeration."""
    lines = [
        "| game | cost | above 4/3 | largest ratio | several equilibria | optimum is one |",
        "|---|---|---|---|---|---|",
    ]
    games: tuple[Game, ...] = ("G1", "G2")
    definitions: tuple[CostDefinition, ...] = ("P", "Q", "M")
    for game in games:
        for definition in definitions:
            worst, several, optimal, without = [], 0, 0, 0
            for found in small_games(game, definition, SMALL):
                if found.worst is None or found.best is None:
                    without += 1
                    continue
                worst.append(found.worst)
                several += found.equilibria > 1
                optimal += found.best <= 1 + 1e-9
            ratios = np.array(worst)
            note = f" ({without} without any)" if without else ""
            lines.append(
                f"| {game} | {definition} | {share(float((ratios > 4 / 3 + 1e-9).mean()))} | "
                f"{ratios.max():.2f} | {share(several / SMALL)}{note} | {share(optimal / SMALL)} |"
            )
    return lines


def share(value: float) -> str:
    """A share of the small instances with its Wilson interval [%]."""
    low, high = wilson_interval(value, SMALL)
    return f"{100 * value:.0f} % [{100 * low:.0f}, {100 * high:.0f}]"


def infeasible_draws() -> str:
    """Share of the first draws of the published setting that do not fit."""
    scenario = compose_scenario("partition/nodes20")
    listed = load_fleet(scenario.fleet)
    misses, tries = 0, SMALL
    for world in range(tries):
        sizes, circuits, arrivals = (
            stream("claims", "draws", world, name) for name in ("fleet", "circuits", "arrivals")
        )
        capacity = draw_sizes(scenario.fleet, listed, sizes).qubits.sum()
        demand = make_workload(scenario.workload, 0, circuits, arrivals).tasks.qubits.sum()
        misses += demand > capacity
    return share(misses / tries)


def main() -> None:
    """Print everything."""
    compared = [
        "| m | cost | total cost: optimal vs round robin | maximum node cost | "
        "partitions: vertex vs round robin | remote gates: fewest vs round robin |",
        "|---|---|---|---|---|---|",
    ]
    ours = [
        "| m | cost | remote gates vs vertex | vs fewest | partitions, frontier | fewest | vertex "
        "| round robin | gap to the least cost | CPU, largest [s] |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for circuits in SETTINGS:
        for definition in ("P", "Q"):
            found = measure(circuits, definition)
            best, vertex, fewest = found["frontier"], found["vertex"], found["fewest"]
            robin = found["round_robin"]
            head = f"| {circuits} | {definition} | "
            compared.append(
                head
                + f"{change(best.total, robin.total)} | {change(best.highest, robin.highest)} | "
                + f"{change(vertex.partitions, robin.partitions)} | "
                + f"{change(fewest.remote, robin.remote)} |"
            )
            ours.append(
                head
                + f"{change(best.remote, vertex.remote)} | {change(best.remote, fewest.remote)} | "
                + f"{mean(best.partitions)} | {mean(fewest.partitions)} | "
                + f"{mean(vertex.partitions)} | {mean(robin.partitions)} | "
                + f"{best.gap.max():.0e} | {best.cpu_s.max():.2f} |"
            )
            print(f"m = {circuits}, {definition} done", file=sys.stderr)
    print("\n".join([*ours, "", *compared, "", *anarchy(), ""]))
    print(f"First draws that do not fit: {infeasible_draws()}")


if __name__ == "__main__":
    main()

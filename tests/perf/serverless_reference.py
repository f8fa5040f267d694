"""The published means of the serverless study: `python -m tests.perf.serverless_reference`.

100 replications of every cell take most of an hour on two cores; results are kept in a file, so
that it can be stopped and started again. `--replications 20` asks for fewer, `--only small` for a
part.
"""

import argparse
import json
import math
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from qcbench.bench.compose import compose_scenario
from qcbench.bench.config import ScenarioConfig
from qcbench.bench.run import run_trial
from qcbench.bench.scenario import resolve_scenario
from qcbench.bench.trial import Trial
from qcbench.bench.typed import plain

PUBLISHED_REPLICATIONS = 100
DAY = ("rules.horizon_s=86400.0", "rules.warm_up_s=3600.0")


class Cell(NamedTuple):
    """A published mean, with the 95 % half-width where one was published."""

    part: str
    scenario: str
    overrides: tuple[str, ...]
    policy: str
    metric: str
    published: float
    half_width: float | None = None

    @property
    def world(self) -> str:
        return " ".join((self.scenario, *self.overrides, self.policy))


def cells() -> Iterator[Cell]:
    times = {
        "fifo_legacy": (3143, 5248, 9150, 209_000),
        "lifo": (2610, 4524, 8239, 217_000),
        "random": (16217, 24709, 36073, 59_200),
        "weighted": (13115, 21792, 35474, 88_500),
        "fifo": (16164, 24715, 36075, 58_900),
    }
    for policy, published in times.items():
        small = ("small", "serverless/small", (), policy)
        yield Cell(*small, "drop_probability", 0.145, 0.002)
        for name, value in zip(("p25", "p50", "p75", "p99"), published, strict=True):
            yield Cell(*small, f"{name}_job_s", value)
    for priority, value in {1: 39568, 2: 21879, 4: 12634}.items():
        metric = f"priority_{priority}_job_s_p50"
        yield Cell("small", "serverless/small", (), "weighted", metric, value)
    drops = {
        600: (0.855, 0.734, 0.611, 0.489, 0.368, 0.248),
        900: (0.782, 0.600, 0.417, 0.237, 0.068, 0.0016),
        150: (0.963, 0.933, 0.902, 0.871, 0.840, 0.810),
    }
    for interval, row in drops.items():
        for qpus, value in enumerate(row, start=1):
            changes = (
                f"fleet.qpus=[{{name: qpu, count: {qpus}, qubits: 27}}]",
                f"workload.arrivals.interval_s={interval}",
            )
            yield Cell("big-q", "serverless/big-q", changes, "random", "drop_probability", value)
    drops = {
        450: (0.650, 0.430, 0.469, 0.504, 0.507, 0.505),
        900: (0.339, 0.023, 0.049, 0.051, 0.052, 0.053),
    }
    for interval, row in drops.items():
        for workers, value in enumerate(row, start=1):
            yield Cell(*slow(workers, interval, DAY), "drop_probability", value)
    # The truth over a week: C=4 is no worse than C=2, by -0.05 +- 0.20 points.
    for workers in (2, 4):
        yield Cell(*slow(workers, 450, ()), "drop_probability", math.nan)


def slow(
    workers: int, interval: int, horizon: tuple[str, ...]
) -> tuple[str, str, tuple[str, ...], str]:
    changes = (
        f"rules.classical.workers={workers}",
        f"workload.arrivals.interval_s={interval}",
        *horizon,
    )
    return "big-c" if horizon else "big-c-week", "serverless/big-c", changes, "random"


@cache
def resolved(scenario: str, overrides: tuple[str, ...]) -> ScenarioConfig:
    return resolve_scenario(compose_scenario(scenario, list(overrides)), "reference", 0)


def simulate(scenario: str, overrides: tuple[str, ...], policy: str, replicate: int) -> dict:
    config = resolved(scenario, overrides)
    trial = Trial(
        ordinal=0,
        suite="reference",
        scenario=" ".join((scenario, *overrides)),
        policy=policy,
        replicate=replicate,
        scenario_config=plain(config),
        policy_config={"name": policy},
    )
    result = run_trial(trial)
    kept = {
        k: v for k, v in result.row.items() if (isinstance(v, float) and "_s" in k) or "drop" in k
    }
    return {**kept, "cpu_s": result.cpu_s}


def tolerance(values: np.ndarray, half_width: float | None) -> float:
    """Three standard errors of the difference of two means.

    Where no interval was published, the published mean has the standard error of as many
    replications as were published.
    """
    variance = values.var(ddof=1)
    error = half_width / 1.96 if half_width else math.sqrt(variance / PUBLISHED_REPLICATIONS)
    return 3.0 * math.sqrt(variance / len(values) + error**2)


def verdict(cell: Cell, values: np.ndarray) -> bool:
    return bool(abs(values.mean() - cell.published) <= tolerance(values, cell.half_width))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replications", type=int, default=100)
    parser.add_argument("--only", default="")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--file", type=Path, default=Path("runs/serverless_reference.json"))
    told = parser.parse_args()
    wanted = [cell for cell in cells() if told.only in ("", cell.part)]
    known: dict[str, dict[str, dict]] = (
        json.loads(told.file.read_text()) if told.file.is_file() else {}
    )
    todo = {
        (cell.scenario, cell.overrides, cell.policy, replicate): cell.world
        for replicate in range(told.replications)
        for cell in wanted
        if str(replicate) not in known.get(cell.world, {})
    }
    told.file.parent.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(told.workers) as pool:
        futures = {pool.submit(simulate, *job): (world, job[3]) for job, world in todo.items()}
        for count, (future, (world, replicate)) in enumerate(futures.items(), start=1):
            known.setdefault(world, {})[str(replicate)] = future.result()
            if count % 10 == 0 or count == len(futures):
                temporary = told.file.with_suffix(".tmp")
                temporary.write_text(json.dumps(known))
                temporary.replace(told.file)
                print(f"{count}/{len(futures)}", flush=True)
    show(wanted, known)


def show(wanted: list[Cell], known: dict[str, dict[str, dict]]) -> None:
    print("| scenario | policy | metric | n | published | ours | difference | allowed | |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for cell in wanted:
        rows = known.get(cell.world, {})
        values = np.array(
            [row[cell.metric] for row in rows.values() if row[cell.metric] is not None]
        )
        if len(values) < 2:
            continue
        words = [word.split("=", 1)[1] for word in cell.overrides]
        name = " ".join((cell.scenario, *words))
        mean, allowed = values.mean(), tolerance(values, cell.half_width)
        met = "met" if verdict(cell, values) else "NOT MET"
        met = "" if math.isnan(cell.published) else met
        print(
            f"| {name} | {cell.policy} | {cell.metric} | {len(values)} | {cell.published:g} | "
            f"{mean:.5g} | {mean - cell.published:+.3g} | {allowed:.2g} | {met} |"
        )
    cpu = [row["cpu_s"] for rows in known.values() for row in rows.values()]
    print(f"\nCPU of a trial: mean {np.mean(cpu):.2f} s, greatest {np.max(cpu):.2f} s")


if __name__ == "__main__":
    main()

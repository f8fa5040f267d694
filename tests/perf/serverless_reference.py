"""The published means of the serverless study: `python -m tests.perf.serverless_reference`.

100 replications of every cell take a few minutes; with `--engine simpy` they take three hours of
processor time and give the same numbers. Results are kept in a file, so that it can be stopped and
started again. `--replications 20` asks for fewer, `--only small` for a part, or `--only
interval_s=600` for the cells with that in their overrides, `--first 100` for other worlds.

The published quantiles of job times are over the jobs of all replications together that were done
after the warm-up, whenever they had arrived: only so are they met. Quantiles of each replication,
averaged, or over jobs that arrived after the warm-up, are others where few jobs take very long.
"""

import argparse
import json
import math
import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from qcbench.bench.compose import compose_scenario
from qcbench.bench.config import ScenarioConfig
from qcbench.bench.run import row_of, simulate_trial
from qcbench.bench.scenario import resolve_scenario
from qcbench.bench.trial import Trial
from qcbench.bench.typed import plain
from qcbench.cloud.execution import DONE
from qcbench.cloud.records import Records

PUBLISHED_REPLICATIONS = 100
BOOTSTRAPS = 200
DAY = ("rules.horizon_s=86400.0", "rules.warm_up_s=3600.0")


class Cell(NamedTuple):
    """A published figure, with the 95 % half-width where one was published.

    Attributes:
        metric: of a trial, of which the mean is meant, or `p25` and so on for the quantile of job
            times, `p50 of 4` for that of jobs of priority 4.
    """

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
            yield Cell(*small, name, value)
    for priority, value in {1: 39568, 2: 21879, 4: 12634}.items():
        yield Cell("small", "serverless/small", (), "weighted", f"p50 of {priority}", value)
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


def records_of(
    scenario: str,
    overrides: tuple[str, ...],
    policy: str,
    replicate: int,
    engine: str = "compiled",
) -> tuple[Records, float]:
    """Simulate a replication; its warm-up comes with its records."""
    trial, config = trial_of(scenario, overrides, policy, replicate, engine)
    return simulate_trial(trial), config.rules.warm_up_s


def trial_of(
    scenario: str, overrides: tuple[str, ...], policy: str, replicate: int, engine: str
) -> tuple[Trial, ScenarioConfig]:
    config = resolved(scenario, overrides)
    return Trial(
        ordinal=0,
        suite="reference",
        scenario=" ".join((scenario, *overrides)),
        policy=policy,
        replicate=replicate,
        engine=engine,
        scenario_config=plain(config),
        policy_config={"name": policy},
    ), config


def simulate(
    scenario: str,
    overrides: tuple[str, ...],
    policy: str,
    replicate: int,
    engine: str = "compiled",
) -> dict:
    trial, config = trial_of(scenario, overrides, policy, replicate, engine)
    begun = time.process_time()
    records = simulate_trial(trial)
    row = row_of(trial, records)
    found = {"drop_probability": row["drop_probability"], "cpu_s": time.process_time() - begun}
    if scenario == "serverless/small":
        found["times"] = _job_times(records, config.rules.warm_up_s)
    return found


def _job_times(records: Records, warm_up_s: float) -> dict[str, list[float]]:
    """Times of the jobs that were done after the warm-up, by priority, to a tenth of a second."""
    workload, finish_s = records.workload, records.job_finish_s
    done = (records.job_status == DONE) & (finish_s >= warm_up_s)
    job_s = np.round(finish_s - workload.arrival_s[: len(finish_s)], 1)
    priority = workload.priority[: len(finish_s)]
    return {str(p): job_s[done & (priority == p)].tolist() for p in np.unique(priority)}


class Estimate(NamedTuple):
    """Our figure of a cell, and the standard deviation of that of one replication."""

    value: float
    spread: float
    replications: int


def estimate(cell: Cell, rows: Sequence[dict]) -> Estimate:
    if not cell.metric.startswith("p"):
        return _mean_of([row[cell.metric] for row in rows])
    share, _, priority = cell.metric[1:].partition(" of ")
    groups = [
        np.concatenate([row["times"][p] for p in row["times"] if priority in ("", p)])
        for row in rows
    ]
    level = int(share) / 100.0
    rng = np.random.default_rng(0)
    drawn = [
        np.quantile(
            np.concatenate([groups[i] for i in rng.integers(len(rows), size=len(rows))]), level
        )
        for _ in range(BOOTSTRAPS)
    ]
    value = float(np.quantile(np.concatenate(groups), level))
    return Estimate(value, float(np.std(drawn) * math.sqrt(len(rows))), len(rows))


def _mean_of(values: Sequence[float]) -> Estimate:
    return Estimate(float(np.mean(values)), float(np.std(values, ddof=1)), len(values))


def tolerance(own: Estimate, half_width: float | None) -> float:
    """Three standard errors of the difference of two figures.

    Where no interval was published, the published one has the error of as many of our replications
    as were published.
    """
    variance = own.spread**2
    error = half_width / 1.96 if half_width else math.sqrt(variance / PUBLISHED_REPLICATIONS)
    return 3.0 * math.sqrt(variance / own.replications + error**2)


def met(cell: Cell, own: Estimate) -> bool:
    return abs(own.value - cell.published) <= tolerance(own, cell.half_width)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replications", type=int, default=100)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--only", default="")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--engine", choices=("compiled", "simpy"), default="compiled")
    parser.add_argument("--file", type=Path, default=None)
    told = parser.parse_args()
    told.file = told.file or Path(f"runs/serverless_reference_{told.engine}.json")
    asked = range(told.first, told.first + told.replications)
    parts = {cell.part for cell in cells()}
    wanted = [
        cell
        for cell in cells()
        if told.only == cell.part or (told.only not in parts and told.only in cell.world)
    ]
    known: dict[str, dict[str, dict]] = (
        json.loads(told.file.read_text()) if told.file.is_file() else {}
    )
    todo = {
        (cell.scenario, cell.overrides, cell.policy, replicate): cell.world
        for replicate in asked
        for cell in wanted
        if str(replicate) not in known.get(cell.world, {})
    }
    told.file.parent.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(told.workers) as pool:
        futures = {
            pool.submit(simulate, *job, told.engine): (world, job[3]) for job, world in todo.items()
        }
        for count, (future, (world, replicate)) in enumerate(futures.items(), start=1):
            known.setdefault(world, {})[str(replicate)] = future.result()
            if count % 100 == 0 or count == len(futures):
                temporary = told.file.with_suffix(".tmp")
                temporary.write_text(json.dumps(known))
                temporary.replace(told.file)
                print(f"{count}/{len(futures)}", flush=True)
    kept = set(map(str, asked))
    show(wanted, {w: {r: row for r, row in own.items() if r in kept} for w, own in known.items()})


def show(wanted: list[Cell], known: dict[str, dict[str, dict]]) -> None:
    print("| scenario | policy | metric | n | published | ours | difference | allowed | |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for cell in wanted:
        rows = list(known.get(cell.world, {}).values())
        if len(rows) < 2:
            continue
        own = estimate(cell, rows)
        name = " ".join((cell.scenario, *map(_short, cell.overrides))).strip()
        allowed = tolerance(own, cell.half_width)
        verdict = "" if math.isnan(cell.published) else "met" if met(cell, own) else "NOT MET"
        print(
            f"| {name} | {cell.policy} | {cell.metric} | {own.replications} | "
            f"{cell.published:g} | {own.value:.5g} | {own.value - cell.published:+.3g} | "
            f"{allowed:.2g} | {verdict} |"
        )
    for hours, part in ((24, "big-c"), (168, "big-c-week")):
        change = transient(part, known)
        if change is not None:
            print(f"\nC=4 against C=2 at 450 s over {hours} h: {change[0]:+.2f} +- {change[1]:.2f}")
    cpu = [row["cpu_s"] for rows in known.values() for row in rows.values()]
    print(f"\nCPU of a trial: mean {np.mean(cpu):.3f} s, greatest {np.max(cpu):.2f} s")


def transient(part: str, known: dict[str, dict[str, dict]]) -> tuple[float, float] | None:
    """Return what four workers drop more than two at 450 s, in points, and its 95 % half-width.

    The replications of both have the same arrivals and jobs, so they are compared one by one.
    """
    two, four = (
        next(
            known.get(cell.world, {})
            for cell in cells()
            if cell.part == part and f"={workers}" in cell.overrides[0] and "450" in cell.world
        )
        for workers in (2, 4)
    )
    both = sorted(set(two) & set(four))
    if len(both) < 2:
        return None
    change = [100 * (four[r]["drop_probability"] - two[r]["drop_probability"]) for r in both]
    own = _mean_of(change)
    return own.value, 1.96 * own.spread / math.sqrt(own.replications)


def _short(override: str) -> str:
    """Return what matters of an override."""
    key, value = override.split("=", 1)
    if key == "fleet.qpus":
        return "Q=" + value.split("count: ")[1].split(",")[0]
    return {
        "rules.classical.workers": f"C={value}",
        "workload.arrivals.interval_s": f"{value} s",
        "rules.horizon_s": "24 h",
        "rules.warm_up_s": "",
    }[key]


if __name__ == "__main__":
    main()

"""Which draw decides the quantiles of job times: `python -m tests.perf.serverless_draws`.

`serverless/small` under one policy, with all quantities drawn from the packaged figures, and with
one of them at a time drawn from another source; jobs, arrivals and random numbers are the same.
Quantiles are over the jobs of one size of all replications that were done after the warm-up.

`deciles`: as the table's deciles, mean and spread tell, without the percentiles of its tails.
`rows`: the rows of a folder of measurements (`--folder`). `lognormal`: what durations are where a
folder has estimates only.
"""

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import numpy as np

from qcbench.arrays import FloatArray
from qcbench.cloud.execution import DONE
from qcbench.workload.hybrid import phased
from qcbench.workload.hybrid.figures import (
    QUANTITIES,
    Figures,
    Inverse,
    interpolated,
    packaged_figures,
    packaged_rows,
)
from qcbench.workload.hybrid.measurements import read_measurements
from tests.perf.serverless_reference import records_of

SCENARIO = "serverless/small"
LEVELS = (0.01, 0.05, 0.25, 0.5)


def deciles_only() -> dict[int, Inverse]:
    """Durations as deciles, mean and spread tell."""
    found = {}
    for row in packaged_rows():
        if row["quantity"] == "duration_s":
            mean, std = float(row["mean"]), float(row["std"])
            deciles = [float(row[f"d{tenth}"]) / mean for tenth in range(11)]
            found[int(row["qubits"])] = interpolated(deciles, 1.0, std / mean)
    return found


def sources(folder: Path | None) -> Iterator[tuple[str, Figures]]:
    """Figures by name, the packaged ones first."""
    own = packaged_figures()

    def with_(quantity: str, inverse: dict[int, Inverse]) -> Figures:
        return replace(own, inverse={**own.inverse, quantity: inverse})

    yield "packaged", own
    yield "duration_s: deciles", with_("duration_s", deciles_only())
    yield "duration_s: lognormal", with_("duration_s", {})
    if folder is not None:
        rows = read_measurements(folder)
        for quantity in QUANTITIES:
            if rows.inverse[quantity]:
                yield f"{quantity}: rows", with_(quantity, dict(rows.inverse[quantity]))
        yield "all: the folder", rows


def job_times(figures: Figures, policy: str, worlds: range) -> list[dict[int, FloatArray]]:
    """Job times by size of every world [s]."""
    found = []
    with patch.object(phased, "packaged_figures", lambda: figures):
        for replicate in worlds:
            records, warm_up_s = records_of(SCENARIO, (), policy, replicate)
            finish_s = records.job_finish_s
            done = (records.job_status == DONE) & (finish_s >= warm_up_s)
            times = finish_s - records.workload.arrival_s[: len(finish_s)]
            sizes = records.workload.tasks.qubits[: len(finish_s)]
            found.append({size: times[done & (sizes == size)] for size in (4, 6, 8, 10)})
    return found


def quantiles(worlds: list[dict[int, FloatArray]], size: int) -> FloatArray:
    pooled: FloatArray = np.quantile(np.concatenate([world[size] for world in worlds]), LEVELS)
    return pooled


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=None)
    parser.add_argument("--policy", default="lifo")
    parser.add_argument("--replications", type=int, default=40)
    told = parser.parse_args()
    titles = [f"p{100 * level:g}" for level in LEVELS]
    print(f"| qubits | draws | {' | '.join(titles)} | p5 against packaged |")
    print("| --- " * (3 + len(titles)) + "|")
    base: dict[int, list[dict[int, FloatArray]]] = {}
    for name, figures in sources(told.folder):
        worlds = job_times(figures, told.policy, range(told.replications))
        for size in (4, 6, 8, 10):
            base.setdefault(size, worlds)
            own, change = quantiles(worlds, size), change_of(worlds, base[size], size)
            cells = " | ".join(f"{value:.0f}" for value in own)
            print(f"| {size} | {name} | {cells} | {change} |", flush=True)


def change_of(
    worlds: list[dict[int, FloatArray]], base: list[dict[int, FloatArray]], size: int
) -> str:
    """The change of the 5 % quantile [%] and its standard error, worlds compared one by one."""
    if worlds is base:
        return ""
    rng = np.random.default_rng(0)
    drawn = []
    for _ in range(200):
        picked = rng.integers(len(worlds), size=len(worlds))
        one, other = (quantiles([w[i] for i in picked], size)[1] for w in (worlds, base))
        drawn.append(100.0 * (one / other - 1.0))
    value = 100.0 * (quantiles(worlds, size)[1] / quantiles(base, size)[1] - 1.0)
    return f"{value:+.1f} ± {np.std(drawn):.1f} %"


if __name__ == "__main__":
    main()

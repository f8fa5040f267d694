"""What a cluster costs beside the trials, and what that means for one of 10,000 cores.

    python -m tests.perf.scaling [--workers 1 8 25] [--seconds 20] [--nodes 0]

Trials sleep, so that many workers fit on few cores: what is measured is the driver. Each line is a
suite on a cluster of as many workers, nodes of one logical CPU with `--nodes`, else one node with
all of them. The driver's processor time is this process's, Ray's threads in it included; it is
split into a part a trial and a part a chunk by a least-squares fit over suites of short and long
chunks. The model then says what the last line should have been, and what 10,000 cores would do.
"""

import argparse
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from qcbench.bench.config import ClusterConfig
from qcbench.bench.driver import run_trials
from qcbench.bench.progress import Silent
from qcbench.bench.run_folder import create_run
from qcbench.bench.trial import Trial, TrialResult

ROOT = Path(__file__).resolve().parents[2]
SLEEPS_S = (0.01, 0.1)
CHUNKS_S = (0.1, 0.5)
START_S = 1200.0
"""How long the first of many workers may take to start on few cores."""


def sleeping_trial(trial: Trial) -> TrialResult:
    """Take the time that the trial says, and no processor; a row as wide as those of suites."""
    sleep_s = float(trial.scenario_config["sleep_s"])
    time.sleep(sleep_s)
    row = {f"metric_{index}_s": sleep_s * index for index in range(40)}
    return TrialResult(row={"status": "done", **row}, wall_s=sleep_s, cpu_s=0.0)


@dataclass(frozen=True)
class Measured:
    """One suite on one cluster.

    Attributes:
        workers: that worked at the same time.
        sleep_s: of a trial.
        trials: of the suite.
        chunks: in which they were handed out.
        run_s: from the first dispatch to the last result.
        driver_s: processor time of the driver in the whole session after the cluster was joined.
        start_s: until the first dispatch.
    """

    workers: int
    sleep_s: float
    trials: int
    chunks: int
    run_s: float
    driver_s: float
    start_s: float

    @property
    def busy(self) -> float:
        """Share of the workers' time in which a trial ran."""
        return self.trials * self.sleep_s / self.workers / self.run_s


@dataclass(frozen=True)
class Model:
    """The driver's processor time: so much a trial and so much a chunk [s]."""

    trial_s: float
    chunk_s: float

    def trials_per_s(self, chunk: float) -> float:
        """Return the most trials a second that the driver keeps up with, in chunks of so many."""
        return 1.0 / (self.trial_s + self.chunk_s / chunk)

    def busy(self, workers: int, sleep_s: float, chunk: float) -> float:
        """Return the share of the workers that such trials keep busy at most."""
        return min(1.0, self.trials_per_s(chunk) * sleep_s / workers)


@contextmanager
def emulated(nodes: int, cpus: int) -> Iterator[tuple[str, float, float]]:
    """Start a cluster on this machine; give its address, seconds a node and megabytes a node."""
    os.environ |= {"RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0"}
    os.environ["PYTHONPATH"] = str(ROOT)
    # So many processes on few cores answer late, and there is no room for such as wait for work.
    os.environ |= {
        "RAY_worker_register_timeout_seconds": "1200",
        "RAY_prestart_worker_first_driver": "0",
        "RAY_health_check_timeout_ms": "60000",
        "RAY_raylet_start_wait_time_s": "600",
        "RAY_agent_register_timeout_ms": "600000",
    }
    from ray.cluster_utils import Cluster  # noqa: PLC0415 - after the variables that it reads

    cluster = Cluster()
    options: dict[str, Any] = {"object_store_memory": 80 * 2**20, "include_dashboard": False}
    try:
        cluster.add_node(num_cpus=0 if nodes else cpus, **options)
        before_mb, started = used_mb(), time.perf_counter()
        for _ in range(nodes):
            cluster.add_node(num_cpus=1, wait=False, **options)
        cluster.wait_for_nodes(timeout=600)
        took_s = (time.perf_counter() - started) / max(1, nodes)
        yield str(cluster.address), took_s, (used_mb() - before_mb) / max(1, nodes)
    finally:
        head = cluster.head_node
        cluster.shutdown()
        if head is not None:
            shutil.rmtree(head.get_session_dir_path(), ignore_errors=True)


def used_mb() -> float:
    """Return the memory of this machine that is in use [MB]."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    kb = {name: float(rest.split()[0]) for name, _, rest in (x.partition(":") for x in lines)}
    return (kb["MemTotal"] - kb["MemAvailable"]) / 1024


def measure(address: str, workers: int, sleep_s: float, chunk_s: float, seconds: float) -> Measured:
    """Run a suite that takes so many workers about so many seconds."""
    count = max(workers, int(seconds * workers / sleep_s))
    trials = [
        Trial(
            ordinal=ordinal,
            suite="scaling",
            scenario="s",
            policy="p",
            replicate=ordinal,
            scenario_config={"track": "placement", "sleep_s": sleep_s},
            policy_config={},
        )
        for ordinal in range(count)
    ]
    config = ClusterConfig(address=address, workers=workers, chunk_s=chunk_s, timeout_s=START_S)
    with (
        tempfile.TemporaryDirectory() as folder,
        create_run(Path(folder), {}, trials, track="placement") as store,
    ):
        counted = Counted()
        summary = run_trials(store.trials, sleeping_trial, store, config, counted)
        present = store.timings()["worker"].n_unique()
        chunks = len(list((store.folder / "shards").iterdir()))
    if summary.done != count:
        raise SystemExit(f"only {summary.done} of {count} trials done")
    return Measured(
        workers=present,
        sleep_s=sleep_s,
        trials=count,
        chunks=max(chunks, 1),
        run_s=summary.run_s,
        driver_s=counted.spent_s,
        start_s=summary.setup_s,
    )


class Counted(Silent):
    """Takes the processor time from the first result to the last."""

    def __init__(self) -> None:
        self._first: float | None = None
        self.spent_s = 0.0

    def update(self, done: int, text: str = "") -> None:
        """Note the time."""
        now = time.process_time()
        self._first = self._first if self._first is not None else now
        self.spent_s = now - self._first


def fitted(measured: Sequence[Measured]) -> Model:
    """Return the model that the figures fit best, relative to their size."""
    left = np.array([[each.trials, each.chunks] for each in measured], dtype=float)
    right = np.array([each.driver_s for each in measured])
    trial_s, chunk_s = np.linalg.lstsq(left / right[:, None], np.ones(len(right)), rcond=None)[0]
    return Model(max(float(trial_s), 0.0), max(float(chunk_s), 0.0))


def shown(each: Measured) -> str:
    """Return a line of figures."""
    return (
        f"{each.workers:4} workers, trials of {1e3 * each.sleep_s:4.0f} ms: {each.trials:6} in "
        f"{each.chunks:5} shards, {each.run_s:5.1f} s, {each.trials / each.run_s:6.0f} trials/s, "
        f"busy {each.busy:4.0%}, driver {1e3 * each.driver_s / each.trials:5.2f} ms a trial, "
        f"first dispatch after {each.start_s:4.1f} s"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, fit and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--workers", type=int, nargs="+", default=[2, 8])
    parser.add_argument("--seconds", type=float, default=8.0, help="about what a suite takes")
    parser.add_argument("--nodes", type=int, default=0, help="also an emulated cluster of so many")
    told = parser.parse_args(arguments)
    # Ended by a time-out, it takes its nodes along.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    print(f"load of the machine {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores", flush=True)
    found = []
    with emulated(0, max(told.workers)) as (address, _, _):
        for workers in told.workers:
            for sleep_s in SLEEPS_S:
                for chunk_s in CHUNKS_S:
                    found.append(measure(address, workers, sleep_s, chunk_s, told.seconds))
                    print(shown(found[-1]), flush=True)
    model = fitted(found)
    print(
        f"driver: {1e3 * model.trial_s:.3f} ms a trial and {1e3 * model.chunk_s:.1f} ms a chunk",
        flush=True,
    )
    if told.nodes:
        with emulated(told.nodes, 0) as (address, node_s, node_mb):
            print(f"{told.nodes} nodes: {node_s:.1f} s and {node_mb:.0f} MB a node", flush=True)
            there = measure(address, told.nodes, 0.1, 0.5, told.seconds)
            print(shown(there))
            expected_s = model.trial_s * there.trials + model.chunk_s * there.chunks
            print(f"driver {there.driver_s:.2f} s; the model says {expected_s:.2f} s")
    print("10,000 cores, trials a second that the driver keeps up with, and share of cores busy:")
    for sleep_s in (0.05, 1.0, 10.0, 60.0):
        for chunk_s in (0.5, 5.0, 60.0):
            chunk = min(1000.0, max(1.0, chunk_s / sleep_s))
            print(
                f"  trials of {sleep_s:5.2f} s, cluster.chunk_s={chunk_s:4.1f}: "
                f"{model.trials_per_s(chunk):6.0f}/s of {10_000 / sleep_s:6.0f}/s, "
                f"busy {model.busy(10_000, sleep_s, chunk):4.0%}"
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())

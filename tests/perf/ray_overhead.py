"""What Ray and the driver cost: 1,000 trials of about 50 ms on two workers against two busy cores.

    python -m tests.perf.ray_overhead [--trials 1000] [--trial-ms 50] [--workers 2]

The ideal is measured in the same run: the same loops in as many plain processes, once before and
once after the suite. On a machine that is busy with other things the two differ and the loss says
little; then look at the two parts that it is made of, which do not depend on other processes: how
long workers had nothing to do, and the processor time of driver and Ray beside the trials. Exits
with 1 if the loss from the first dispatch to the last result is 10 % or more.
"""

import argparse
import multiprocessing
import os
import sys
import tempfile
import time
from multiprocessing.synchronize import Barrier
from pathlib import Path

from qcbench.bench.config import ClusterConfig
from qcbench.bench.driver import run_trials
from qcbench.bench.manifest import usable_cores
from qcbench.bench.progress import Silent
from qcbench.bench.run_folder import create_run
from qcbench.bench.trial import Trial, TrialResult

ALLOWED_LOSS = 0.10


def spin(loops: int) -> int:
    """Keep a core busy for a fixed amount of work, so that a slower core takes longer."""
    value = 1
    for _ in range(loops):
        value = (value * 1103515245 + 12345) & 0x7FFFFFFF
    return value


def spinning_trial(trial: Trial) -> TrialResult:
    """Run one trial: nothing but work."""
    started, processor = time.perf_counter(), time.process_time()
    row = {"status": "done", "value": spin(trial.scenario_config["loops"])}
    return TrialResult(
        row=row,
        wall_s=time.perf_counter() - started,
        cpu_s=time.process_time() - processor,
    )


def calibrate(seconds: float) -> int:
    """Return how many loops keep a core busy for so long."""
    loops = 100_000
    times = []
    for _ in range(5):
        started = time.process_time()
        spin(loops)
        times.append(time.process_time() - started)
    return round(loops * seconds / min(times))


def ideal_s(trials: int, loops: int, workers: int) -> float:
    """Return the time that plain processes take for the same work, without starting them [s]."""
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(workers + 1)
    shares = [trials // workers + (rank < trials % workers) for rank in range(workers)]
    processes = [
        context.Process(target=_spin_share, args=(barrier, share, loops)) for share in shares
    ]
    for process in processes:
        process.start()
    barrier.wait(60)
    started = time.perf_counter()
    for process in processes:
        process.join()
    return time.perf_counter() - started


def _spin_share(barrier: Barrier, trials: int, loops: int) -> None:
    # A session of its own, as each of Ray's workers has: Linux shares cores out by session, and on
    # a busy machine processes of one session would get less.
    os.setsid()
    barrier.wait(60)
    for _ in range(trials):
        spin(loops)


class Meter(Silent):
    """Samples the processor time of this process and all below it, while results come in."""

    def __init__(self) -> None:
        self.samples: list[tuple[float, float, int]] = []

    def update(self, done: int, failed: int) -> None:
        """Take a sample; only the first and the last are kept."""
        del self.samples[1:]
        self.samples.append((time.perf_counter(), tree_cpu_s(os.getpid()), done + failed))


def tree_cpu_s(root: int) -> float:
    """Return the processor time of a process and its living descendants [s]."""
    parents, used = {}, {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended since
            continue
        parents[int(stat.parent.name)] = int(fields[1])
        used[int(stat.parent.name)] = int(fields[11]) + int(fields[12])
    found = {root}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return sum(used[pid] for pid in found) / os.sysconf("SC_CLK_TCK")


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--trial-ms", type=float, default=50.0)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()

    loops = calibrate(arguments.trial_ms / 1e3)
    trials = [
        Trial(
            ordinal=ordinal,
            suite="overhead",
            scenario=f"s{ordinal // 250}",
            policy=f"p{ordinal // 50 % 5}",
            replicate=ordinal % 50,
            scenario_config={"loops": loops},
            policy_config={"name": str(ordinal // 250)},
        )
        for ordinal in range(arguments.trials)
    ]
    cluster = ClusterConfig(workers=arguments.workers)
    meter = Meter()
    before_s = ideal_s(arguments.trials, loops, arguments.workers)
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        with create_run(Path(folder), {"name": "overhead"}, trials, track="placement") as store:
            summary = run_trials(trials, spinning_trial, store, cluster, meter)
            timings = store.timings()
            shards = len(list((store.folder / "shards").iterdir()))
        whole_s = time.perf_counter() - started
    after_s = ideal_s(arguments.trials, loops, arguments.workers)
    if summary.done != arguments.trials:
        raise SystemExit(f"only {summary.done} trials done")

    ideal = (before_s + after_s) / 2
    loss = summary.run_s / ideal - 1
    with_start = (summary.setup_s + summary.run_s) / ideal - 1
    idle = 1 - timings["wall_s"].sum() / arguments.workers / summary.run_s
    (begin, cpu_begin, done_begin), (end, cpu_end, done_end) = meter.samples
    trial_cpu_s = timings["cpu_s"].mean() * (done_end - done_begin)
    beside = (cpu_end - cpu_begin - trial_cpu_s) / (end - begin) / arguments.workers

    print(f"{usable_cores()} cores, {arguments.workers} workers, {arguments.trials} trials")
    print(f"one trial, median                 {timings['wall_s'].median() * 1e3:8.1f} ms")
    print(f"plain processes, before and after {before_s:8.2f} s {after_s:8.2f} s")
    print(f"first dispatch to last result     {summary.run_s:8.2f} s  loss {loss:7.1%}")
    print(f"with the start of Ray             {summary.setup_s:8.2f} s  loss {with_start:7.1%}")
    print(f"everything, to the stopped Ray    {whole_s:8.2f} s  loss {whole_s / ideal - 1:7.1%}")
    print(f"workers without a trial           {idle:8.1%}")
    print(f"processor time beside the trials  {beside:8.1%} of {arguments.workers} cores")
    print(f"shards                            {shards:8}")
    if abs(before_s - after_s) > 0.1 * ideal:
        print("the machine is busy with other things: repeat before believing the loss")
    return 0 if loss < ALLOWED_LOSS else 1


if __name__ == "__main__":
    sys.exit(main())

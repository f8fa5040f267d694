"""What `agent=ppo` learns in one process and with actors, judged in the same held-out worlds.

    python -m tests.perf.actors_quality [--env-runners 2] [--learners 2] [--seeds 3] [--worlds 400]
        [--scenario placement/qce5] [--runs FOLDER] [agent.environments=256 agent.minibatch=4096]

Each seed is trained both ways, one after the other, in the worlds that `qcbench train` would draw.
The policy at the end, not the best of some evaluations, is then run in the same worlds of split
`test`, which no training saw. Printed is the mean over these worlds as a difference to the
baseline's, with a 95 % interval by a paired bootstrap over worlds, and for each seed the ratio of
the two ways likewise. The last line is the geometric mean of these ratios with an interval by
Student's t: of other seeds, not of other worlds. What an earlier call has left in `--runs` is not
trained again, so that a call that was stopped goes on.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from scipy import stats

import qcbench
from qcbench.agents.config import compose_train
from qcbench.agents.learners import make_learner
from qcbench.agents.training import SUITE
from qcbench.arrays import FloatArray
from qcbench.bench.cluster import connect
from qcbench.bench.config import ClusterConfig
from qcbench.bench.environments import world_source
from qcbench.policies.exported.folder import write_folder
from qcbench.stats.bootstrap import RESAMPLES, column_means, generator_of, resample_counts
from qcbench.stats.intervals import percentile_interval
from qcbench.stats.table import world_matrix
from qcbench.tracks import TRACKS

ONE, ACTORS = "one", "actors"
INFO = TRACKS["placement"]


def exported(folder: Path, overrides: Sequence[str], seed: int) -> Path:
    """Return a folder with the policy at the end of a training; train if it is not there yet."""
    if (folder / "policy.json").exists():
        return folder
    told = compose_train(overrides)
    began = time.perf_counter()
    learner = make_learner(told.agent, [world_source(told.scenario, suite=SUITE, seed=seed)], seed)
    try:
        for _ in learner.run(lambda: False):
            pass
        card, tensors = learner.policy()
        steps = learner.steps
    finally:
        learner.close()
    folder.mkdir(parents=True, exist_ok=True)
    write_folder(folder, card, tensors)
    print(f"{folder.name}: {steps:,} decisions, {time.perf_counter() - began:.0f} s", flush=True)
    return folder


def judged(scenario: str, folders: dict[str, Path], worlds: int, runs: Path) -> FloatArray:
    """Return the track's metric of the baseline and of each policy, shape (worlds, policies)."""
    labelled = [
        {"name": "learned", "label": label, "parameters": {"path": str(folder)}}
        for label, folder in folders.items()
    ]
    run = qcbench.run_suite(
        "learned-v1",
        [
            f"suite.scenarios=[{{base: {scenario}, name: judged}}]",
            *(f"suite.replicates={worlds}", "suite.engine=compiled", "suite.bounds=false"),
            *("tracking=none", "cluster=inline", f"runs_dir={runs / 'judged'}"),
        ],
        policies=[INFO.baseline, *labelled],
        progress="silent",
    )
    return world_matrix(run.trials, "judged", [INFO.baseline, *folders], INFO.metric)


def relative(own: FloatArray, other: FloatArray) -> str:
    """Return the difference of means over worlds in percent, with its interval."""
    counts = resample_counts(len(own), RESAMPLES, generator_of(0, "judged"))
    means = column_means(np.column_stack([own, other]), counts)
    low, high = percentile_interval(means[:, 0] / means[:, 1], sizes=[len(own)])
    shown = (100.0 * (each - 1.0) for each in (own.mean() / other.mean(), low, high))
    return "{:+.2f} % [{:+.2f}, {:+.2f}]".format(*shown)


def over_seeds(ratios: FloatArray) -> str:
    """Return the geometric mean of ratios as a difference in percent, with its interval."""
    logs = np.log(ratios)
    half = stats.t.ppf(0.975, len(logs) - 1) * logs.std(ddof=1) / np.sqrt(len(logs))
    shown = (
        100.0 * np.expm1(each) for each in (logs.mean(), logs.mean() - half, logs.mean() + half)
    )
    return "{:+.2f} % [{:+.2f}, {:+.2f}]".format(*shown)


def main() -> None:
    """Train, judge, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--env-runners", type=int, default=2)
    parser.add_argument("--learners", type=int, default=2)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--worlds", type=int, default=400)
    parser.add_argument("--scenario", default="placement/qce5")
    parser.add_argument("--runs", type=Path, help="where trainings are kept; nowhere if not told")
    parser.add_argument("overrides", nargs="*", help="of all trainings")
    told = parser.parse_args()
    actors = [f"agent.env_runners={told.env_runners}", f"agent.learners={told.learners}"]
    ways = {ONE: [], ACTORS: actors}
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # Ray gives way to all other processes, and where there are any its actors would hardly begin.
    os.environ.setdefault("RAY_worker_niceness", "0")
    with tempfile.TemporaryDirectory(prefix="qcbench-") as temporary:
        runs = told.runs or Path(temporary)
        seeds = range(told.first_seed, told.first_seed + told.seeds)
        print(f"{datetime.now(UTC):%Y-%m-%d}, `{told.scenario}`, {' '.join(told.overrides)}")
        common = ["agent=ppo", f"scenario={told.scenario}", "tracking=none", *told.overrides]
        # Ray shares out names of cores and no cores: all actors there at once.
        cores = 1 + told.env_runners + told.learners
        with connect(ClusterConfig(address="local", object_store_mb=128), cores):
            folders = {
                f"{way}-{seed}": exported(runs / f"{way}-{seed}", [*common, *overrides], seed)
                for seed in seeds
                for way, overrides in ways.items()
            }
        found = judged(told.scenario, folders, told.worlds, runs)
    values = dict(zip(folders, found.T[1:], strict=True))
    head = f"one process | {told.env_runners} env runners, {told.learners} learners"
    print(f"\n{len(found)} worlds of `test`, {INFO.metric} against `{INFO.baseline}`\n")
    print(f"| seed | {head} | the latter to the former |\n|---|---|---|---|")
    ratios = []
    for seed in seeds:
        one, other = (values[f"{way}-{seed}"] for way in ways)
        ratios.append(other.mean() / one.mean())
        cells = [*(relative(each, found[:, 0]) for each in (one, other)), relative(other, one)]
        print(f"| {seed} | {' | '.join(cells)} |")
    if len(ratios) > 1:
        print(f"\nover seeds: {over_seeds(np.array(ratios))}")


if __name__ == "__main__":
    main()

"""What a run of very many trials costs beside them: driver, tables, leaderboard, MLflow, resume.

    python -m tests.perf.many_trials [--replicates 1000] [--folder FOLDER]

Nothing is simulated: 10 scenarios x 10 policies x 1,000 replicates have rows like those of
`placement-v1`, dealt out in chunks as by Ray and pickled on their way. Every stage is a process of
its own, with its processor time, time and greatest memory. Exits with 1 where a stage is over its
limit, in processor time: the machine may be busy.
"""

import argparse
import json
import os
import pickle
import resource
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

SCENARIOS, POLICIES, WORKERS = 10, 10, 2
TRIAL_S = 0.005
LIMITS = {
    "driver": 0.3,  # ms of processor time a trial
    "table": 10.0,
    "table again": 10.0,
    "leaderboard": 10.0,
    "leaderboard again": 10.0,
    "report": 60.0,
    "publish": 60.0,
    "resume": 2.0,
}
MEMORY_MB = 1000.0


def trials_of(replicates: int) -> list[Any]:
    """Return trials in the order of a suite."""
    from qcbench.bench.trial import Trial  # noqa: PLC0415

    return [
        Trial(
            ordinal=(scenario * POLICIES + policy) * replicates + replicate,
            suite="many",
            scenario=f"scenario-{scenario}",
            policy=f"policy-{policy}",
            replicate=replicate,
            scenario_config=config,
            policy_config={"name": "greedy", "parameters": {}},
        )
        for scenario in range(SCENARIOS)
        for config in [{"track": "placement", "offered_load": scenario / 10, "rules": {}}]
        for policy in range(POLICIES)
        for replicate in range(replicates)
    ]


def outcome_of(trial: Any) -> Any:
    """Return an outcome as a worker gives it: 40 metrics."""
    from qcbench.bench.outcome import Outcome, plain_row  # noqa: PLC0415

    rng = np.random.default_rng([trial.ordinal])
    world = np.random.default_rng([int(trial.scenario[9:]), trial.replicate]).lognormal(5, 0.3)
    total = float(world * (1 + 0.05 * int(trial.policy[7:])) * rng.lognormal(0, 0.05))
    row = {"status": "done", "offered_load": 0.5, "truncated": False, "tasks": 25, "done": 25}
    row |= {"mean_completion_s": total, "mean_fidelity": float(rng.random()), "violations": 3}
    row |= {f"metric_{index}_s": float(value) for index, value in enumerate(rng.random(32))}
    return Outcome(
        trial_id=trial.trial_id,
        row=plain_row(trial, "placement", row),
        wall_s=TRIAL_S,
        cpu_s=TRIAL_S,
        elapsed_s=TRIAL_S,
        worker="host:1",
    )


def suite_of(replicates: int) -> dict[str, Any]:
    """Return the suite as plain data."""
    return {
        "name": "many",
        "description": "",
        "track": "placement",
        "scenarios": [
            {"base": "placement/qce5", "name": f"scenario-{n}"} for n in range(SCENARIOS)
        ],
        "policies": [{"name": "greedy", "label": f"policy-{n}"} for n in range(POLICIES)],
        "replicates": replicates,
        "primary_metric": "mean_completion_s",
        "baseline": "policy-0",
    }


def driver(folder: Path, replicates: int) -> dict[str, float]:
    """Run all trials; the workers' part, the making of outcomes, is not counted."""
    from qcbench.bench.config import ClusterConfig  # noqa: PLC0415
    from qcbench.bench.progress import Silent  # noqa: PLC0415
    from qcbench.bench.run_folder import create_run, missing  # noqa: PLC0415
    from qcbench.bench.session import Session  # noqa: PLC0415

    started = time.process_time()
    trials = trials_of(replicates)
    made_s = time.process_time() - started
    with create_run(folder, suite_of(replicates), trials, track="placement") as store:
        del trials
        ready_s = time.process_time() - started
        session = Session(store, ClusterConfig(), Silent(), missing(store.trials, store))
        ledger = session.ledger(WORKERS)
        spent_s, chunks = 0.0, 0
        flying: deque[tuple[Any, bytes]] = deque()
        while ledger.unresolved:
            started = time.process_time()
            while len(flying) < 2 * WORKERS and (chunk := ledger.next_chunk()) is not None:
                sent = pickle.dumps(list(chunk.trials))
                spent_s += time.process_time() - started
                outcomes = [outcome_of(trial) for trial in pickle.loads(sent)]
                flying.append((chunk, pickle.dumps(outcomes)))
                started = time.process_time()
            chunk, answer = flying.popleft()
            session.accept(ledger.settle(chunk, pickle.loads(answer)))
            chunks += 1
            spent_s += time.process_time() - started
        started = time.process_time()
        store.finish()
        table_s = time.process_time() - started
    total = len(store.trials)
    return {
        "ms a trial": 1000 * spent_s / total,
        "chunks": chunks,
        "trials made s": made_s,
        "run made s": ready_s - made_s,
        "table s": table_s,
    }


def table_again(folder: Path) -> dict[str, float]:
    """Make the table of the shards, as where a run was continued or some of it has failed."""
    from qcbench.bench.run_folder import open_run  # noqa: PLC0415
    from qcbench.bench.run_names import find  # noqa: PLC0415

    with open_run(find("run", folder), write=True) as store:
        opened_s = time.process_time()
        store.finish()
    return {"opened s": opened_s}


def leaderboard(folder: Path) -> dict[str, float]:
    """Print the leaderboard from the stored run."""
    from qcbench.api import open_run  # noqa: PLC0415
    from qcbench.report.leaderboard import as_text  # noqa: PLC0415

    run = open_run(runs_dir=str(folder))
    opened_s = time.process_time()
    summary = run.summary()
    (folder / "leaderboard.md").write_text(as_text(summary, "markdown"))
    return {"opened s": opened_s}


def report(folder: Path) -> dict[str, float]:
    """Write the report in this process."""
    from qcbench.api import open_run  # noqa: PLC0415

    open_run(runs_dir=str(folder)).report()
    return {}


def publish(folder: Path) -> dict[str, float]:
    """Publish to a new SQLite store."""
    from qcbench.api import open_run  # noqa: PLC0415
    from qcbench.tracking.config import TrackingConfig  # noqa: PLC0415
    from qcbench.tracking.mlflow_view import publish as show  # noqa: PLC0415

    run = open_run(runs_dir=str(folder))
    summary = run.summary()
    loaded_s = time.process_time()
    shown = show(
        run.folder,
        trials=run.trials,
        summary=summary,
        suite=run.suite,
        tracking=TrackingConfig(),
    )
    return {"loaded s": loaded_s, "runs": float(shown.written)}


def resume(folder: Path) -> dict[str, float]:
    """Open a run that lacks one shard, up to the first chunk."""
    from qcbench.bench.config import ClusterConfig  # noqa: PLC0415
    from qcbench.bench.progress import Silent  # noqa: PLC0415
    from qcbench.bench.run_folder import missing, open_run  # noqa: PLC0415
    from qcbench.bench.run_names import find  # noqa: PLC0415
    from qcbench.bench.session import Session  # noqa: PLC0415

    found = find("run", folder)
    shard = next((found / "shards").iterdir())
    away = shard.rename(folder / shard.name)
    imported_s = time.process_time()
    with open_run(found, write=True) as store:
        session = Session(store, ClusterConfig(), Silent(), missing(store.trials, store))
        chunk = session.ledger(WORKERS).next_chunk()
        if chunk is None or not session.todo:
            raise AssertionError("nothing is missing")
    away.rename(shard)
    return {"imports s": imported_s, "missing": float(len(session.todo))}


STAGES: dict[str, Callable[..., dict[str, float]]] = {
    "driver": driver,
    "table again": table_again,
    "leaderboard": leaderboard,
    "leaderboard again": leaderboard,
    "report": report,
    "publish": publish,
    "resume": resume,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run every stage in a process of its own and print what each cost."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--replicates", type=int, default=1000)
    parser.add_argument("--folder", type=Path, help="where the run is kept; temporary if none")
    parser.add_argument("--only", nargs="*", choices=[*STAGES], default=[*STAGES])
    parser.add_argument("--stage", help=argparse.SUPPRESS)
    told = parser.parse_args(arguments)
    if told.stage:
        more = [told.replicates] if told.stage == "driver" else []
        began = time.perf_counter()
        figures = STAGES[told.stage](told.folder, *more)
        figures |= {"cpu": time.process_time(), "wall": time.perf_counter() - began}
        figures["mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps(figures))
        return 0
    with tempfile.TemporaryDirectory() as temporary:
        folder = told.folder or Path(temporary)
        folder.mkdir(exist_ok=True)
        over = [name for name in told.only if not measured(name, folder, told.replicates)]
    print(f"over the limit: {', '.join(over)}" if over else "all within their limits")
    return 1 if over else 0


def measured(stage: str, folder: Path, replicates: int) -> bool:
    """Run one stage, print its figures, and return whether they are within the limits."""
    command = [sys.executable, "-m", "tests.perf.many_trials", "--stage", stage]
    command += ["--folder", str(folder), "--replicates", str(replicates)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, env={**os.environ})
    figures = json.loads(done.stdout)
    cpu_s, wall_s, mb = (figures.pop(name) for name in ("cpu", "wall", "mb"))
    more = ", ".join(f"{name} {value:.3g}" for name, value in figures.items())
    print(
        f"{stage:18} {cpu_s:6.1f} s processor, {wall_s:6.1f} s, {mb:5.0f} MB   {more}", flush=True
    )
    limited = figures["ms a trial"] if stage == "driver" else cpu_s
    fits = figures.get("table s", 0.0) <= LIMITS["table"]
    return bool(fits and limited <= LIMITS[stage] and mb <= MEMORY_MB)


if __name__ == "__main__":
    sys.exit(main())

"""A driver in a process of its own, for tests that kill it: RUN_FOLDER ADDRESS WORKERS."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from qcbench.bench.config import ClusterConfig
from qcbench.bench.driver import run_trials
from qcbench.bench.progress import make_progress
from qcbench.bench.run_folder import open_run
from qcbench.errors import InputError


def main() -> int:
    folder, address, workers = sys.argv[1:]
    config = ClusterConfig(address=address, workers=int(workers), chunk_s=0.1)
    try:
        with open_run(Path(folder), write=True) as store:
            print("open", flush=True)
            progress = make_progress("lines", sys.stdout)
            summary = run_trials(store.trials, "tests.bench.toys:work", store, config, progress)
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    return 130 if summary.interrupted else 0


if __name__ == "__main__":
    raise SystemExit(main())

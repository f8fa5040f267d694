"""Toy trials and stores for the driver's tests."""

import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from toys import INLINE, WORK

from qcbench.bench.driver import RunSummary, run_trials
from qcbench.bench.run_folder import create_run
from qcbench.bench.trial import Trial

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    # The toy trials are given as an import path, as the real ones are.
    sys.path.insert(0, str(ROOT))

Run = Callable[[Sequence[Trial]], RunSummary]


@pytest.fixture
def runs(tmp_path: Path) -> Iterator[Path]:
    """A folder of runs."""
    return tmp_path / "runs"


@pytest.fixture
def run_inline(runs: Path) -> Run:
    """Runs trials in a new run, in this process."""

    def run(trials: Sequence[Trial]) -> RunSummary:
        with create_run(runs, {"name": "toy"}, trials, track="placement") as store:
            return run_trials(store.trials, WORK, store, INLINE)

    return run

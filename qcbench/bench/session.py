"""What one call of the driver has done so far; the one place that hands results to the store."""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from qcbench.bench.config import ClusterConfig
from qcbench.bench.facts import FactsOf
from qcbench.bench.growing import Growing
from qcbench.bench.ledger import Chunk, Ledger
from qcbench.bench.manifest import versions
from qcbench.bench.outcome import Outcome
from qcbench.bench.progress import Progress
from qcbench.bench.run_names import told_name
from qcbench.bench.store import RunStore
from qcbench.bench.trial import Trial
from qcbench.bench.trial_metrics import TrialMetrics
from qcbench.errors import StoppedError


class RunError(StoppedError):
    """A run that could not go on. One line; what is stored stays, and `resume` runs the rest."""


@dataclass(frozen=True, kw_only=True)
class RunSummary:
    """What a session did.

    Attributes:
        folder: where the run lies.
        total: trials of the run.
        done: trials of the run that gave numbers, in this session or before.
        failed: trials of the run recorded as failed.
        ran: trials that this session ran.
        lost_workers: worker processes that died on the way.
        setup_s: wall-clock time until the first trial was handed out [s].
        run_s: wall-clock time from then to the last result [s].
        interrupted: whether it was stopped before all trials had a result.
    """

    folder: Path
    total: int
    done: int
    failed: int
    ran: int
    lost_workers: int
    setup_s: float
    run_s: float
    interrupted: bool


class Session:
    """What one call of `run_trials` has done so far, and the one place that stores results."""

    def __init__(
        self,
        store: RunStore,
        config: ClusterConfig,
        progress: Progress,
        todo: Sequence[Trial],
        facts: str | FactsOf | None = None,
        growing: Growing | None = None,
    ) -> None:
        self.store = store
        self.facts = facts
        self.config = config
        self.progress = progress
        self.todo = todo
        self.workers = 1
        self.ran = 0
        self.lost_workers = 0
        self.interrupted = False
        self.metrics: TrialMetrics | None = None
        self._growing = growing
        self._ledger: Ledger | None = None
        self._again = {trial.trial_id for trial in todo}
        self._again_finished = len(self._again & store.finished)
        self._again_failed = len(self._again & store.failed)
        self._started = datetime.now(UTC).isoformat()
        self._clock = time.perf_counter()
        self._first_dispatch: float | None = None
        self._last_result: float | None = None

    def bearers_of(self, chunk: Chunk) -> list[str]:
        """Return which trials of a chunk bring the facts of their world along."""
        if self.facts is None:
            return []
        return [trial.trial_id for trial in chunk.trials if self.store.bears(trial)]

    def ledger(self, workers: int) -> Ledger:
        """Open the books for a number of workers."""
        self._ledger = Ledger(
            self.todo,
            workers=workers,
            chunk_s=self.config.chunk_s,
            retries=self.config.retries,
            track=self.store.manifest.track,
        )
        return self._ledger

    @property
    def coming(self) -> int:
        """Trials that may follow those of the books, for which workers are kept."""
        return self._growing.coming if self._growing is not None else 0

    @property
    def never_began(self) -> bool:
        """Whether the run is new and no trial of it was handed out."""
        return self.store.is_new and self._first_dispatch is None

    def dispatching(self) -> None:
        """Note when the first trial was handed out."""
        if self._first_dispatch is None:
            self._first_dispatch = time.perf_counter()

    def accept(self, outcomes: Sequence[Outcome]) -> None:
        """Store outcomes and show them."""
        if not outcomes:
            return
        here = {outcome.trial_id for outcome in outcomes} & self._again
        finished, failed = len(here & self.store.finished), len(here & self.store.failed)
        self.store.append(outcomes)
        self._again_finished -= finished
        self._again_failed -= failed
        self._again -= here
        self.ran += len(outcomes)
        if self.metrics is not None:
            self.metrics.count(outcomes)
        self._last_result = time.perf_counter()
        for outcome in outcomes:
            if outcome.failed:
                row = outcome.row
                self.progress.note(
                    f"failed: {row['scenario']}, {row['policy']}, replicate {row['replicate']}: "
                    f"{outcome.error}"
                )
            if outcome.facts is not None and outcome.facts["error"] is not None:
                about = f"{outcome.facts['scenario']}, replicate {outcome.facts['replicate']}"
                if outcome.facts["jobs"] is None:
                    about = f"nothing is known of {about}"
                self.progress.note(f"{about}: {outcome.facts['error']}")
        if self._growing is not None:
            self._growing.take(outcomes)
            self._grow(self._growing)
        self.progress.update(*self.counts())

    def _grow(self, growing: Growing) -> None:
        """Put what follows from complete rounds into the books."""
        trials, lines = growing.advance()
        for line in lines:
            self.progress.note(line)
        if trials and self._ledger is not None:
            self._again |= {trial.trial_id for trial in trials}
            self._ledger.add(trials)
            self.progress.grow(len(self.store.trials))

    def counts(self) -> tuple[int, str]:
        """Return how many trials have a result, and in words how many of them failed.

        Without those that this session will run again.
        """
        failed = len(self.store.failed) - self._again_failed
        finished = len(self.store.finished) - self._again_finished
        return finished, f"{failed} failed" if failed else ""

    def resume_line(self, why: str) -> str:
        """Return why the run stopped and how to go on."""
        if self.never_began:
            return f"{why}; no trial was run, and nothing is kept"
        finished = len(self.store.trials) - len(self._again)
        return (
            f"{why}: {finished} of {len(self.store.trials)} trials have a result; go on with "
            f"`qcbench resume {told_name(self.store.folder)}`"
        )

    def log(self, finished: bool = False) -> None:
        """Write this session to the run's `machine.json`."""
        entry: dict[str, Any] = {
            "started": self._started,
            "host": os.uname().nodename,
            "address": self.config.address,
            "versions": versions(),
            "trials": len(self.todo),
        }
        if finished:
            summary = self.summary()
            entry |= {
                "finished": datetime.now(UTC).isoformat(),
                "workers": self.workers,
                "ran": summary.ran,
                "lost_workers": summary.lost_workers,
                "setup_s": round(summary.setup_s, 3),
                "run_s": round(summary.run_s, 3),
                "interrupted": summary.interrupted,
            }
        self.store.log_session(entry)

    def summary(self) -> RunSummary:
        """Return what was done up to now."""
        begun = self._first_dispatch or time.perf_counter()
        failed = len(self.store.failed)
        return RunSummary(
            folder=self.store.folder,
            total=len(self.store.trials),
            done=len(self.store.finished) - failed,
            failed=failed,
            ran=self.ran,
            lost_workers=self.lost_workers,
            setup_s=begun - self._clock,
            run_s=(self._last_result or begun) - begun,
            interrupted=self.interrupted,
        )

"""Runs that are in the store: their results, summaries and reports."""

import re
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qcbench.api.arguments import checks_arguments
from qcbench.api.notebook import table
from qcbench.bench.config import SuiteConfig
from qcbench.bench.run_folder import open_run as open_store
from qcbench.bench.run_names import find, told_name
from qcbench.bench.typed import plain, typed
from qcbench.errors import InputError, QcbenchError
from qcbench.extras import door
from qcbench.files import write_text
from qcbench.stats.gaps import gaps_of, with_gaps
from qcbench.stats.summary import Summary
from qcbench.storage.mirror import push
from qcbench.storage.places import runs_folder, shown_path

if TYPE_CHECKING:
    import polars as pl

    from qcbench.bench.manifest import Manifest
    from qcbench.report.chosen_worlds import Which
    from qcbench.report.drawers import Drawers
    from qcbench.stats.settled import Growth


class Run:
    """A run in the store: what it is, its result table, its summary.

    Attributes:
        folder: where it lies.
        suite: the resolved suite.
    """

    @checks_arguments
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._store = open_store(folder)
        self.suite = typed(SuiteConfig, self._store.manifest.suite, "suite")
        self._summaries: dict[str, Summary] = {}

    def __repr__(self) -> str:
        failed = f", {len(self._store.failed)} failed" if self._store.failed else ""
        return f"<Run {self.folder.name}: {self.state}{failed}>"

    def _repr_html_(self) -> str:
        about = self._store.manifest.provenance
        rows: list[tuple[str, object]] = [
            ("suite", self.suite.headed),
            ("state", self.state),
            ("failed", len(self._store.failed)),
            ("policies", ", ".join(dict.fromkeys(t.policy for t in self._store.trials))),
            ("scenarios", ", ".join(dict.fromkeys(t.scenario for t in self._store.trials))),
            ("command", about.get("command")),
            ("qcbench", about.get("versions", {}).get("qcbench")),
            ("folder", shown_path(self.folder)),
        ]
        return table(("run", self.folder.name), rows)

    @property
    def state(self) -> str:
        """Whether it is complete, and how many of its trials have a result."""
        word = "complete" if self.complete else "unfinished"
        return f"{word}, {len(self._store.finished):,} of {self.expected:,} trials"

    @cached_property
    def trials(self) -> "pl.DataFrame":
        """The result table, one row a trial that has a result, in the order of the suite.

        Where bounds of the worlds are known, with the gaps to them; see `qcbench.stats.gaps`.
        """
        return with_gaps(self._store.table(), self.worlds)

    @cached_property
    def worlds(self) -> "pl.DataFrame":
        """What is known of the worlds, one row each; see `qcbench.bench.facts`."""
        return self._store.worlds()

    @property
    def timings(self) -> "pl.DataFrame":
        """Times, worker and attempt of each trial."""
        return self._store.timings()

    @property
    def failures(self) -> list[dict[str, Any]]:
        """Failed trials with their tracebacks."""
        return self._store.failures()

    @property
    def manifest(self) -> "Manifest":
        """Suite, trials and software of the run."""
        return self._store.manifest

    @property
    def complete(self) -> bool:
        """Whether every trial has a result and no further ones will follow."""
        return self._store.complete

    @property
    def expected(self) -> int:
        """Trials that the run has, with a result or without; one that grows may get more."""
        return len(self._store.trials)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is wrong with the run's files, one line each."""
        return tuple(self._store.warnings)

    @checks_arguments
    def records(self, trial_id: str) -> "pl.DataFrame":
        """Return one row a task of a trial, where the run kept them."""
        return self._store.records(trial_id)

    @door()
    @checks_arguments
    def report(self, drawers: "Drawers | None" = None, *, worlds: "Which" = "quick") -> Path:
        """Write `report.html` and `figures/` into the run's folder; return the page's path.

        Args:
            drawers: processes that draw the figures; this one where None.
            worlds: which scenarios show one of their worlds over time. Of trials whose records are
                not kept those are simulated again that are quick and no code of somebody's
                (`quick`), whatever there is (`all`), or nothing is shown (`none`).
        """
        from qcbench.report.chosen_worlds import chosen_worlds  # noqa: PLC0415
        from qcbench.report.html import write_report  # noqa: PLC0415
        from qcbench.report.run import describe_run  # noqa: PLC0415

        page = write_report(
            self.folder,
            trials=self.trials,
            summary=self.summary(),
            run=describe_run(self.folder, self.expected, self.manifest),
            worlds=chosen_worlds(self._store, self.trials, self.summary(), worlds),
            drawers=drawers,
        )
        push(self.folder / "figures", page)
        return page

    @door()
    @checks_arguments
    def summary(self, metric: str | None = None) -> Summary:
        """Summarise the results per scenario and policy.

        The summary of a complete run is kept beside its results and read the next time.

        Args:
            metric: column of the result table; the suite's primary metric where None, with the
                suite's goal. Of another one, less is better unless it is known to be a gain.
        """
        from qcbench.stats import kept  # noqa: PLC0415
        from qcbench.stats.summary import summarise  # noqa: PLC0415

        if not self._store.finished:
            raise InputError(
                f"run {self.folder.name}: no trial has a result yet; go on with `qcbench resume "
                f"{told_name(self.folder)}`"
            )
        metric = metric or self.suite.primary_metric
        own = metric == self.suite.primary_metric
        goal = self.suite.goal if own else _goal_of(metric)
        baseline, seed = self.suite.baseline, self.suite.seed
        growth = self._growth
        goals = self.suite.goals if own else []
        key = kept.key_of(
            self._store.fingerprint,
            metric=metric,
            goal=goal,
            baseline=baseline,
            seed=seed,
            growth=growth and [growth.half_width, dict(growth.why)],
            goals=[plain(each) for each in goals],
        )
        if key not in self._summaries:
            path = self.folder / f"summary-{re.sub(r'[^A-Za-z0-9_-]', '-', metric)}.json"
            found = None
            if path.is_file():
                with suppress(OSError, UnicodeDecodeError):
                    found = kept.from_text(path.read_text(), key)
            if found is None:
                found = summarise(
                    gaps_of(self.trials, self.worlds, metric),
                    metric=metric,
                    goal=goal,
                    baseline=baseline,
                    seed=seed,
                    growth=growth,
                    goals=goals,
                )
                if self.complete:
                    with suppress(QcbenchError):  # a place that cannot be written keeps none
                        write_text(path, kept.to_text(found, key))
                        push(path)
            self._summaries[key] = found
        return self._summaries[key]

    @property
    def _growth(self) -> "Growth | None":
        """How its worlds came to be as many as they are, where it grows."""
        from qcbench.stats.settled import Growth  # noqa: PLC0415

        until, rounds = self.suite.until, self._store.rounds
        if until is None or rounds is None:
            return None
        return Growth(until.half_width, rounds.ended)


def _goal_of(metric: str) -> str:
    from qcbench.bench.metrics.names import goal_of  # noqa: PLC0415 - it loads those of all tracks

    return goal_of(metric)


@door()
@checks_arguments
def open_run(run: str | None = None, *, runs_dir: str = "runs") -> Run:
    """Return a stored run by id, by the beginning of one, or by path; the latest where None."""
    return Run(find("run", runs_folder(runs_dir), run))

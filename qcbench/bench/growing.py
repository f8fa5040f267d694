"""Deciding the rounds of a run that grows, as its results come in."""

import time
from collections.abc import Sequence
from math import nan

import numpy as np
import polars as pl

from qcbench.arrays import FloatArray
from qcbench.bench.config import SuiteConfig, UntilConfig
from qcbench.bench.outcome import Outcome
from qcbench.bench.rounds import Rounds, following, more_of
from qcbench.bench.store import RunStore
from qcbench.bench.trial import Trial
from qcbench.bench.typed import typed
from qcbench.stats.settled import DECIDED, NARROW, settled

REPLICATES, SECONDS, FAILED = "replicates", "seconds", "failed"
"""What may end a scenario before its comparisons are settled: as many worlds as it may have; the
time that was given; no policy with a result in a world of the baseline."""


class Growing:
    """A scenario's next round begins when its last one is complete, whatever the others do."""

    def __init__(
        self, store: RunStore, rounds: Rounds, suite: SuiteConfig, until: UntilConfig
    ) -> None:
        self._store = store
        self._rounds = rounds
        self._until = until
        self._metric = suite.primary_metric
        policies = dict.fromkeys(trial.policy for trial in store.trials)
        self._columns = {policy: place for place, policy in enumerate(policies)}
        self._baseline = self._columns[suite.baseline]
        self._ends_s = time.monotonic() + until.seconds if until.seconds is not None else None
        self._firsts: dict[str, list[Trial]] = {name: [] for name in rounds.worlds}
        self._lacking: dict[str, set[str]] = {name: set() for name in rounds.worlds}
        self._values: dict[str, dict[tuple[int, int], float]] = {n: {} for n in rounds.worlds}
        for trial in store.trials:
            if trial.replicate == 0:
                self._firsts[trial.scenario].append(trial)
            if trial.trial_id not in store.finished:
                self._lacking[trial.scenario].add(trial.trial_id)
        if store.finished:
            self._take_table(store.table())

    @classmethod
    def of(cls, store: RunStore) -> "Growing | None":
        """Return what decides for a run; None where it does not grow."""
        if store.rounds is None:
            return None
        suite = typed(SuiteConfig, store.manifest.suite, "suite")
        if suite.until is None:
            raise TypeError("rounds of a suite that does not grow")
        return cls(store, store.rounds, suite, suite.until)

    @property
    def coming(self) -> int:
        """Trials that will follow at once if nothing is settled in what runs now."""
        now = [self._rounds.worlds[name] for name in self._rounds.open]
        more = (following(worlds, self._until.replicates[1]) - worlds for worlds in now)
        return len(self._columns) * sum(more)

    def take(self, outcomes: Sequence[Outcome]) -> None:
        """Take in results."""
        for outcome in outcomes:
            row = outcome.row
            self._lacking[str(row["scenario"])].discard(outcome.trial_id)
            value = nan if outcome.failed else row.get(self._metric)
            self._note(row["scenario"], row["policy"], row["replicate"], value)

    def advance(self) -> tuple[list[Trial], list[str]]:
        """Decide for every scenario whose round is complete, and write that down.

        Returns:
            The trials that follow, and a line for every scenario that gets no more.
        """
        rounds, trials, lines = self._rounds, list[Trial](), list[str]()
        for name in rounds.open:
            if self._lacking[name]:
                continue
            worlds = rounds.worlds[name]
            if why := self._why(name, worlds):
                rounds = rounds.end(name, why)
                lines.append(f"{name}: {worlds} worlds, {why}")
                continue
            end = following(worlds, self._until.replicates[1])
            rounds = rounds.grown(name, end)
            more = [trial for one in self._firsts[name] for trial in more_of(one, worlds, end)]
            self._lacking[name] = {trial.trial_id for trial in more}
            trials += more
        if rounds != self._rounds:
            self._store.begin(rounds)
            self._rounds = rounds
        return trials, lines

    def _why(self, scenario: str, worlds: int) -> str:
        """Return what ends a scenario after a complete round; nothing where another one follows."""
        matrix: FloatArray = np.full((worlds, len(self._columns)), nan)
        for place, value in self._values[scenario].items():
            matrix[place] = value
        states = settled(matrix, self._baseline, self._until.half_width)
        known = [state for state in states if state is not None]
        if not known:
            return FAILED
        if all(known):
            return NARROW if NARROW in known else DECIDED
        if worlds >= self._until.replicates[1]:
            return REPLICATES
        late = self._ends_s is not None and time.monotonic() >= self._ends_s
        return SECONDS if late else ""

    def _take_table(self, table: pl.DataFrame) -> None:
        done = table.filter(pl.col("status") == "done")
        if self._metric in done.columns:
            columns = ("scenario", "policy", "replicate", self._metric)
            for row in done.select(columns).iter_rows():
                self._note(*row)

    def _note(self, scenario: object, policy: object, replicate: object, value: object) -> None:
        number = float(value) if isinstance(value, int | float) else nan
        if isinstance(replicate, int) and np.isfinite(number):
            self._values[str(scenario)][replicate, self._columns[str(policy)]] = number

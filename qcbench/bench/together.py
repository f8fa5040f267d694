"""Trials that are run at a time: those on one world have most of what they need in common."""

import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from itertools import groupby

from qcbench.bench.trial import Trial, TrialResult
from qcbench.sums import added


class RunTrials:
    """Runs one trial, or several that have something in common: the results are the same.

    Args:
        run: runs trials that `alike` is equal for, or one; of several it leaves out those that
            fail, a single one raises.
        alike: says what a trial has in common with others, None of one that is run alone.
    """

    def __init__(
        self,
        run: Callable[[Sequence[Trial]], dict[str, TrialResult]],
        alike: Callable[[Trial], Hashable],
    ) -> None:
        self.run = run
        self.alike = alike

    def __call__(self, trial: Trial) -> TrialResult:
        """Run a trial."""
        return self.run([trial])[trial.trial_id]


def batches(
    run_trial: Callable[[Trial], TrialResult], trials: Sequence[Trial]
) -> Iterator[list[Trial]]:
    """Return trials in their order, those together that can be run at a time."""
    if not isinstance(run_trial, RunTrials):
        yield from ([trial] for trial in trials)
        return
    for common, some in groupby(trials, run_trial.alike):
        if common is None:
            yield from ([trial] for trial in some)
        else:
            yield list(some)


class ShareClock:
    """The time of trials that run together: what each takes, and an equal share of all else."""

    def __init__(self) -> None:
        self._began = self._last = _now()
        self._own: list[tuple[float, float]] = []

    def begin(self) -> None:
        """Begin with the next of them, which begins at once where one has ended."""
        self._last = _now()

    def lap(self) -> None:
        """End it."""
        wall_s, cpu_s = self._last
        self._last = _now()
        self._own.append((self._last[0] - wall_s, self._last[1] - cpu_s))

    def times(self) -> Iterator[tuple[float, float]]:
        """Return wall-clock and processor time of each up to now [s]."""
        wall_s, cpu_s = (
            (ended - began - added(own)) / len(self._own)
            for ended, began, own in zip(
                _now(), self._began, zip(*self._own, strict=True), strict=True
            )
        )
        return ((wall_s + own[0], cpu_s + own[1]) for own in self._own)


def _now() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()

"""Trials that are run at a time: those of one scenario have much of what they need in common.

Those on one world share all that does not depend on the policy; what is told of trials is computed
for those of many worlds at once.
"""

import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from typing import TypeAlias

from qcbench.bench.trial import Trial, TrialResult
from qcbench.sums import added

Turn: TypeAlias = Callable[[Sequence[Trial]], None]
"""What is to be done with trials on one world while it is there."""
AT_A_TIME = 128
"""Trials that are run together at most: who wants to stop waits for them."""


class RunTrials:
    """Runs one trial, or several that have something in common: the results are the same.

    Args:
        run: runs trials that `alike` is equal for, or one; of several it leaves out those that
            fail, a single one raises. Takes its turn with each world, whose time counts for none
            of the trials.
        alike: says what a trial has in common with others, None of one that is run alone.
    """

    def __init__(
        self,
        run: Callable[[Sequence[Trial], Turn], dict[str, TrialResult]],
        alike: Callable[[Trial], Hashable],
    ) -> None:
        self.run = run
        self.alike = alike

    def __call__(self, trial: Trial) -> TrialResult:
        """Run a trial."""
        return self.run([trial], no_turn)[trial.trial_id]


def no_turn(trials: Sequence[Trial]) -> None:
    """Do nothing with a world."""


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
            alike = list(some)
            yield from (alike[at : at + AT_A_TIME] for at in range(0, len(alike), AT_A_TIME))


class ShareClock:
    """The time of trials that run together: what each takes, and an equal share of all else."""

    def __init__(self) -> None:
        self._began = self._last = _now()
        self._own: list[tuple[float, float]] = []

    def begin(self) -> None:
        """Begin with the next of them."""
        self._last = _now()

    def end(self) -> None:
        """End it."""
        wall_s, cpu_s = _now()
        self.took(wall_s - self._last[0], cpu_s - self._last[1])

    def took(self, wall_s: float, cpu_s: float) -> None:
        """Take in what the next of them took, as somebody else has measured it [s]."""
        self._own.append((wall_s, cpu_s))

    @contextmanager
    def left_out(self) -> Iterator[None]:
        """Take what goes by for the time of none."""
        wall_s, cpu_s = _now()
        yield
        until = _now()
        self._began = self._began[0] + until[0] - wall_s, self._began[1] + until[1] - cpu_s

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

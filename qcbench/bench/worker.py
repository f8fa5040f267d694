"""The process that runs trials: a plain class, which the driver makes a Ray actor of."""

import os
from collections.abc import Sequence

from qcbench.bench.outcome import Outcome, RunTrial, attempt_trial, resolve
from qcbench.bench.trial import Trial


class Worker:
    """Runs chunks of trials one after the other."""

    def __init__(self, target: str | RunTrial, track: str) -> None:
        self._target = target
        self._track = track
        self._name = f"{os.uname().nodename}:{os.getpid()}"

    def ready(self) -> str:
        """Import what runs a trial, so that a worker that cannot is found out before it is used."""
        resolve(self._target)
        return self._name

    def run(self, trials: Sequence[Trial]) -> list[Outcome]:
        """Run the trials; one that raises is a failed outcome."""
        function = resolve(self._target)
        return [attempt_trial(function, trial, self._track, self._name) for trial in trials]

"""A line for every trial that comes to an end."""

from collections.abc import Callable
from typing import Any

from ray.tune import Callback


class SweepLines(Callback):
    """Says what Tune's trials do."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **_: Any) -> None:
        """Say which settings a trial has."""
        del iteration, trials
        self._say(f"{trial.trial_id}: {_settings(trial)}")

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **_: Any) -> None:
        """Say what came of a trial."""
        del iteration
        last = trial.last_result or {}
        ended = sum(t.is_finished() for t in trials)
        self._say(
            f"{trial.trial_id}: {last.get('relative_percent', float('nan')):+.2f} % after "
            f"{last.get('steps', 0):,} steps ({ended} of {len(trials)} begun have ended)"
        )

    def on_trial_recover(self, iteration: int, trials: list[Any], trial: Any, **_: Any) -> None:
        """Say that a trial begins again."""
        del iteration, trials
        self._say(f"{trial.trial_id}: was lost or failed; it begins again where it was")

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **_: Any) -> None:
        """Say that a trial failed; the others go on."""
        del iteration, trials
        self._say(f"{trial.trial_id}: failed; the others go on")


def _settings(trial: Any) -> str:
    return ", ".join(
        f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in trial.config.items()
    )

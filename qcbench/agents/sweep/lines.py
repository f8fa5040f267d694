"""What Tune tells of its trials while they run: lines for whoever watches, and a full disk."""

from collections.abc import Callable
from math import isfinite
from typing import Any

import ray
from ray.exceptions import RayActorError
from ray.tune import Callback

from qcbench.agents.sweep.courier import SweepPlace
from qcbench.errors import StoppedError, UnwritableError, reason_of


class SweepLines(Callback):
    """Says what Tune's trials do, and ends Tune where the sweep's folder cannot be written.

    It ends as by a kill: what ran goes on when the sweep does, and no trial is lost by the disk.
    """

    def __init__(self, say: Callable[[str], None], place: SweepPlace) -> None:
        self._say, self._place = say, place
        self._asked: Any = None

    def on_step_end(self, iteration: int, trials: list[Any], **_: Any) -> None:
        """Ask the courier whether somebody met a full disk, without waiting for it to answer.

        Raises:
            UnwritableError: so it is. Tune would log what other methods raise.
            StoppedError: the courier has died.
        """
        del iteration, trials
        if fault := self._fault(patient=False):
            raise UnwritableError(fault)

    def _fault(self, *, patient: bool = True) -> str:
        """Return what the courier has been told.

        Args:
            patient: wait for the answer; nothing is known before it comes otherwise.

        Raises:
            StoppedError: it has died, and with it the way to the folder.
        """
        try:
            if patient:
                return str(ray.get(self._place.courier.fault.remote()))
            self._asked = self._asked or self._place.courier.fault.remote()
            if not ray.wait([self._asked], timeout=0)[0]:
                return ""
            asked, self._asked = self._asked, None
            return str(ray.get(asked))
        except (ValueError, RayActorError) as error:
            raise StoppedError(f"the courier of the sweep has died ({reason_of(error)})") from error

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **_: Any) -> None:
        """Say which settings a trial has."""
        del iteration, trials
        self._say(f"{trial.trial_id}: {_settings(trial)}")

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **_: Any) -> None:
        """Say what came of a trial."""
        del iteration
        last = trial.last_result or {}
        relative = last.get("relative_percent", float("nan"))
        told = f"{relative:+.2f} %" if isfinite(relative) else "no ratio to the baseline"
        ended = sum(t.is_finished() for t in trials)
        self._say(
            f"{trial.trial_id}: {told} after {last.get('steps', 0):,} steps ({ended} of "
            f"{len(trials)} begun have ended)"
        )

    def on_trial_recover(self, iteration: int, trials: list[Any], trial: Any, **_: Any) -> None:
        """Say that a trial begins again."""
        del iteration, trials
        if not self._fault():
            self._say(f"{trial.trial_id}: was lost or failed; it begins again where it was")

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **_: Any) -> None:
        """Say that a trial failed; the others go on."""
        del iteration, trials
        if not self._fault():
            self._say(f"{trial.trial_id}: failed; the others go on")


def _settings(trial: Any) -> str:
    return ", ".join(
        f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in trial.config.items()
    )

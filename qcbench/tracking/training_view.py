"""The curves of a training run in MLflow, written in batches by the process that trains.

The run's `progress.jsonl` is the truth. A store that cannot be reached stops no training: what
could not be written waits for the next batch.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from qcbench.errors import InputError
from qcbench.locks import turn
from qcbench.tracking.children import BATCH
from qcbench.tracking.client import begin_run, mlflow_errors, open_client, store_uri
from qcbench.tracking.config import TrackingConfig
from qcbench.tracking.content import KIND_TAG, RUN_TAG, SCENARIO_TAG, metric_name
from qcbench.tracking.failures import SQLITE
from qcbench.tracking.links import BROWSER, browse_command
from qcbench.tracking.mlflow_view import experiment_id

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

EXPERIMENT = "train"
LONGEST = 500
"""Characters of a parameter's value that are kept."""


class Curves(Protocol):
    """Receiver of a training's figures."""

    def add(self, steps: int, figures: Mapping[str, Any]) -> None:
        """Take figures after so many decisions; what is not finite is left out."""

    def flush(self, say: Callable[[str], None]) -> None:
        """Write what was added; `say` takes a line where that cannot be."""

    def close(self, status: str, say: Callable[[str], None]) -> None:
        """Write the rest and MLflow's status of the run."""


def open_curves(
    tracking: TrackingConfig, folder: Path, config: Mapping[str, Any], baseline: str
) -> Curves:
    """Return where curves go: MLflow, or nowhere with `tracking=none`.

    Args:
        folder: of the run; its name is the run's, and a run that goes on writes to the same.
        config: the config of the run, whose values become parameters.
        baseline: that it is compared with.
    """
    if not tracking.enabled:
        return NoCurves()
    params = {**_flat(config), "baseline": baseline}
    return MlflowCurves(tracking, folder, params)


@dataclass(frozen=True)
class CurvePoint:
    """What was found after so many decisions, and when [s since 1970]."""

    steps: int
    time_s: float
    named: Mapping[str, Any]


@dataclass(frozen=True)
class PublishedTraining:
    """Where the curves of a training can be looked at.

    Attributes:
        run: of MLflow.
        written: whether anything was new.
        link: of the run; of an SQLite store, once `command` is running.
        command: starts a server that shows an SQLite store; empty where the store is a server.
    """

    run: str
    written: bool
    link: str
    command: str


def publish_training(
    tracking: TrackingConfig,
    folder: Path,
    config: Mapping[str, Any],
    baseline: str,
    figures: Sequence[CurvePoint],
    status: str,
) -> PublishedTraining:
    """Write the curves of a training that is stored, in place of what was written of it before.

    Nothing is written where MLflow has the same points already.

    Args:
        folder: of the run; its name is the run's.
        config: the config of the run, whose values become parameters.
        baseline: that it is compared with.
        figures: of all curves, in the order in which they were found.
        status: of the run in MLflow: `FINISHED`, `KILLED`.

    Raises:
        InputError: the store cannot be reached.
    """
    params = {**_flat(config), "baseline": baseline}
    return MlflowCurves(tracking, folder, params).publish(figures, status)


class NoCurves:
    """Keeps nothing."""

    def add(self, steps: int, figures: Mapping[str, Any]) -> None:
        """Do nothing."""

    def flush(self, say: Callable[[str], None]) -> None:
        """Do nothing."""

    def close(self, status: str, say: Callable[[str], None]) -> None:
        """Do nothing."""


class MlflowCurves:
    """Writes to one run of MLflow, which is made with the first batch."""

    def __init__(self, tracking: TrackingConfig, folder: Path, params: Mapping[str, str]) -> None:
        self._tracking, self._folder, self._params = tracking, folder, params
        self._waiting: list[tuple[str, float, int, int]] = []
        self._client: MlflowClient | None = None
        self._run = ""

    def add(self, steps: int, figures: Mapping[str, Any]) -> None:
        """Take figures."""
        self._take(CurvePoint(steps, time.time(), figures))

    def _take(self, found: CurvePoint) -> None:
        at = int(found.time_s * 1000)
        for name, value in found.named.items():
            if isinstance(value, int | float) and isfinite(value):
                self._waiting.append((metric_name(name), float(value), at, found.steps))

    def publish(self, figures: Sequence[CurvePoint], status: str) -> PublishedTraining:
        """Write these figures alone, see `publish_training`."""
        for found in figures:
            self._take(found)
        uri = store_uri(self._tracking, self._folder.resolve().parent)
        self._client = client = open_client(uri)
        with mlflow_errors(uri), turn(self._folder):
            experiment, known = self._known(client, uri)
            if written := not (len(known) == 1 and self._has_all(client, known[0])):
                for run in known:
                    client.delete_run(run)
                self._write()
            else:
                self._run = known[0]
                self._waiting.clear()
            client.set_terminated(self._run, status=status)
        local = uri.startswith(SQLITE)
        link = f"{BROWSER if local else uri}/#/experiments/{experiment}/runs/{self._run}"
        return PublishedTraining(self._run, written, link, browse_command(uri) if local else "")

    def _has_all(self, client: "MlflowClient", run: str) -> bool:
        """Whether MLflow has the waiting points, each once, and no others."""
        wanted = sorted((name, steps, value) for name, value, _, steps in self._waiting)
        names = client.get_run(run).data.metrics
        found = [(n, p.step, p.value) for n in names for p in client.get_metric_history(run, n)]
        return sorted(found) == wanted

    def _known(self, client: "MlflowClient", uri: str) -> tuple[str, list[str]]:
        """Return the experiment, and what it has of this training."""
        experiment = experiment_id(client, self._tracking.experiment_of(EXPERIMENT), uri)
        name = self._folder.resolve().name
        found = client.search_runs([experiment], f"tags.`{RUN_TAG}` = '{name}'")
        return experiment, [str(run.info.run_id) for run in found]

    def flush(self, say: Callable[[str], None]) -> None:
        """Write what was added."""
        try:
            with turn(self._folder):
                self._write()
        except InputError as error:
            say(f"tracking: {error}; training goes on, and the curves wait")

    def close(self, status: str, say: Callable[[str], None]) -> None:
        """Write the rest and the status."""
        self.flush(say)
        if self._client is not None and self._run:
            uri = store_uri(self._tracking, self._folder.resolve().parent)
            try:
                with mlflow_errors(uri):
                    self._client.set_terminated(self._run, status=status)
            except InputError as error:
                say(f"tracking: {error}")

    def _write(self) -> None:
        uri = store_uri(self._tracking, self._folder.resolve().parent)
        if self._client is None:
            self._client = open_client(uri)
        with mlflow_errors(uri):
            from mlflow.entities import Metric  # noqa: PLC0415 - heavy

            if not self._run:
                self._run = self._found_or_made(self._client, uri)
            while self._waiting:
                batch = self._waiting[:BATCH]
                self._client.log_batch(self._run, metrics=[Metric(*point) for point in batch])
                del self._waiting[: len(batch)]

    def _found_or_made(self, client: "MlflowClient", uri: str) -> str:
        """Return the run in MLflow, the same one when a training goes on."""
        from mlflow.entities import Param  # noqa: PLC0415

        experiment, known = self._known(client, uri)
        if known:
            client.update_run(known[0], status="RUNNING")
            return known[0]
        name = self._folder.resolve().name
        tags = {
            RUN_TAG: name,
            KIND_TAG: "training",
            SCENARIO_TAG: self._params.get("scenario.name", ""),
            "mlflow.source.name": "qcbench",
            "mlflow.source.type": "LOCAL",
        }
        run = begin_run(client, experiment, tags, name)
        params = [Param(metric_name(k), v[:LONGEST]) for k, v in self._params.items()]
        for start in range(0, len(params), 100):
            client.log_batch(run, params=params[start : start + 100])
        return run


def _flat(data: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Return the values of a config by dotted key, without tables of circuits and devices."""
    found: dict[str, str] = {}
    for key, value in data.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{prefix}{key}.")
        elif not isinstance(value, list) or len(str(value)) <= LONGEST:
            found[f"{prefix}{key}"] = str(value)
    return found

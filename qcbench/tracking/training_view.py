"""The curves of a training run in MLflow, written in batches by the process that trains.

The run's `progress.jsonl` is the truth. A store that cannot be reached stops no training: what
could not be written waits for the next batch.
"""

import time
from collections.abc import Callable, Mapping
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from qcbench.bench.typed import plain
from qcbench.errors import InputError
from qcbench.tracking.client import mlflow_errors, open_client, store_uri
from qcbench.tracking.config import TrackingConfig
from qcbench.tracking.content import KIND_TAG, RUN_TAG, SCENARIO_TAG, metric_name
from qcbench.tracking.mlflow_view import BATCH, experiment_id

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


def open_curves(tracking: TrackingConfig, folder: Path, told: object, baseline: str) -> Curves:
    """Return where curves go: MLflow, or nowhere with `tracking=none`.

    Args:
        folder: of the run; its name is the run's, and a run that goes on writes to the same.
        told: the config of the run, whose values become parameters.
        baseline: that it is compared with.
    """
    if not tracking.enabled:
        return NoCurves()
    params = {**_flat(plain(told)), "baseline": baseline}
    return MlflowCurves(tracking, folder, params)


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
        now = int(time.time() * 1000)
        for name, value in figures.items():
            if isinstance(value, int | float) and isfinite(value):
                self._waiting.append((metric_name(name), float(value), now, steps))

    def flush(self, say: Callable[[str], None]) -> None:
        """Write what was added."""
        try:
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

        experiment = experiment_id(client, self._tracking.experiment or EXPERIMENT, uri)
        name = self._folder.resolve().name
        known = client.search_runs([experiment], f"tags.`{RUN_TAG}` = '{name}'", max_results=1)
        if known:
            run = str(known[0].info.run_id)
            client.update_run(run, status="RUNNING")
            return run
        tags = {
            RUN_TAG: name,
            KIND_TAG: "training",
            SCENARIO_TAG: self._params.get("scenario.name", ""),
            "mlflow.source.name": "qcbench",
            "mlflow.source.type": "LOCAL",
        }
        run = str(client.create_run(experiment, tags=tags, run_name=name).info.run_id)
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

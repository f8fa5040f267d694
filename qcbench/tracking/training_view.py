"""The curves of a training run in MLflow, written in batches by the process that trains.

The run's `progress.jsonl` is the truth. A store that cannot be reached stops no training: what
could not be written waits for the next batch.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from qcbench.errors import InputError
from qcbench.locks import TakenError
from qcbench.tracking.children import BATCH, PARAMS
from qcbench.tracking.client import open_client, store_uri
from qcbench.tracking.config import TrackingConfig
from qcbench.tracking.content import (
    DIGEST_TAG,
    KIND_TAG,
    RUN_TAG,
    SCENARIO_TAG,
    SOURCE,
    Content,
    metric_name,
)
from qcbench.tracking.failures import SQLITE
from qcbench.tracking.identity import identity_of, name_of
from qcbench.tracking.links import BROWSER, browse_command
from qcbench.tracking.mlflow_view import experiment_id
from qcbench.tracking.written_once import find_or_begin, publishing, until_settled, write_alone

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
        folder: of the run; one that goes on, also as a copy elsewhere, writes to the same.
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

    Nothing is written where MLflow has the same points already, also from a copy of the folder.

    Args:
        folder: of the run.
        config: the config of the run, whose values become parameters.
        baseline: that it is compared with.
        figures: of all curves, in the order in which they were found.
        status: of the run in MLflow: `FINISHED`, `KILLED`.

    Raises:
        InputError: the store cannot be reached.
    """
    content = _content(folder, {**_flat(config), "baseline": baseline}, status)
    series: dict[str, list[tuple[int, float]]] = {}
    times_ms: dict[str, dict[int, int]] = {}
    for found in figures:
        for point in points_of(found):
            series.setdefault(point.name, []).append((point.steps, point.value))
            times_ms.setdefault(point.name, {})[point.steps] = point.at_ms
    content = replace(content, series=series, times_ms=times_ms)
    uri = store_uri(tracking, folder.resolve().parent)
    client = open_client(uri)
    with publishing(uri, folder):
        experiment = experiment_id(client, tracking.experiment_of(EXPERIMENT), uri)
        run, written = write_alone(
            client,
            uri,
            experiment,
            content,
            lambda known: _has_all(client, known.info.run_id, content),
        )
    local = uri.startswith(SQLITE)
    link = f"{BROWSER if local else uri}/#/experiments/{experiment}/runs/{run}"
    return PublishedTraining(run, written, link, browse_command(uri) if local else "")


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
        self._tracking, self._folder = tracking, folder
        self._content = _content(folder, params)
        self._points: list[Point] = []
        self._client: MlflowClient | None = None
        self._run = ""
        self._sent = 0
        self._there: dict[str, set[tuple[int, float]]] | None = None

    def add(self, steps: int, figures: Mapping[str, Any]) -> None:
        """Take figures."""
        self._points += points_of(CurvePoint(steps, time.time(), figures))

    def flush(self, say: Callable[[str], None]) -> None:
        """Write what was added; where others are publishing, the next time does it."""
        try:
            self._write("")
        except TakenError:
            return
        except InputError as error:
            say(f"tracking: {error}; training goes on, and the curves wait")

    def close(self, status: str, say: Callable[[str], None]) -> None:
        """Write the rest and the status."""
        try:
            self._write(status)
        except InputError as error:
            say(f"tracking: {error}")

    def _write(self, status: str) -> None:
        """Write what was added, and the status if there is one.

        Raises:
            TakenError: others are publishing, and there is no status to write.
            InputError: the store cannot be used.
        """
        uri = store_uri(self._tracking, self._folder.resolve().parent)
        if self._client is None:
            self._client = open_client(uri)
        client = self._client
        with publishing(uri, self._folder, wait=bool(status)):
            until_settled(lambda: self._write_once(client, uri, status))

    def _write_once(self, client: "MlflowClient", uri: str, status: str) -> None:
        from mlflow.entities import Metric  # noqa: PLC0415 - heavy

        experiment = experiment_id(client, self._tracking.experiment_of(EXPERIMENT), uri)
        run, begun = find_or_begin(client, experiment, self._content)
        if run != self._run:
            self._take(client, run, begun)
        while self._sent < len(self._points):
            batch = self._points[self._sent : self._sent + BATCH]
            lacking = [point for point in batch if not self._has(client, point)]
            if lacking:
                metrics = [Metric(p.name, p.value, p.at_ms, p.steps) for p in lacking]
                client.log_batch(run, metrics=metrics)
            self._sent += len(batch)
        if status:
            client.set_terminated(run, status=status)

    def _take(self, client: "MlflowClient", run: str, begun: bool) -> None:
        """Write to a run from now on: a new one, or that of who trained or published before.

        Where another machine has begun one at the same time, or has published a copy meanwhile,
        this is not the run that was written to; then all that was found is written to it.
        """
        from mlflow.entities import Param  # noqa: PLC0415
        from mlflow.exceptions import MlflowException  # noqa: PLC0415

        if begun:
            params = [Param(name, value) for name, value in self._content.params.items()]
            for start in range(0, len(params), PARAMS):
                client.log_batch(run, params=params[start : start + PARAMS])
        else:
            client.update_run(run, status="RUNNING")
            client.set_tag(run, DIGEST_TAG, "")  # it will have more than it says
        if self._run:
            with suppress(MlflowException):  # it may be gone already
                client.delete_run(self._run)
        self._run, self._sent, self._there = run, 0, None if begun else {}

    def _has(self, client: "MlflowClient", point: "Point") -> bool:
        """Whether a run that was taken over has a point already."""
        if self._there is None:
            return False
        if point.name not in self._there:
            history = client.get_metric_history(self._run, point.name)
            self._there[point.name] = {(each.step, each.value) for each in history}
        return (point.steps, point.value) in self._there[point.name]


class Point(NamedTuple):
    """A value of a metric after so many decisions, and when it was found [since 1970]."""

    name: str
    value: float
    at_ms: int
    steps: int


def _content(folder: Path, params: Mapping[str, str], status: str = "") -> Content:
    """Return what a training's run in MLflow holds besides its curves."""
    return Content(
        name=name_of(folder),
        tags={
            RUN_TAG: identity_of(folder),
            KIND_TAG: "training",
            SCENARIO_TAG: params.get("scenario.name", ""),
            **SOURCE,
        },
        params={metric_name(name): value[:LONGEST] for name, value in params.items()},
        status=status,
    )


def points_of(found: CurvePoint) -> list[Point]:
    """Return what can be shown."""
    at_ms = int(found.time_s * 1000)
    return [
        Point(metric_name(name), float(value), at_ms, found.steps)
        for name, value in found.named.items()
        if isinstance(value, int | float) and isfinite(value)
    ]


def _has_all(client: "MlflowClient", run: str, content: Content) -> bool:
    """Whether a run in MLflow has these curves, each point once, and no others."""
    wanted = sorted(
        (n, step, value) for n, points in content.series.items() for step, value in points
    )
    names = client.get_run(run).data.metrics
    found = [(n, p.step, p.value) for n in names for p in client.get_metric_history(run, n)]
    return sorted(found) == wanted


def _flat(data: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Return the values of a config by dotted key, without tables of circuits and devices."""
    found: dict[str, str] = {}
    for key, value in data.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{prefix}{key}.")
        elif not isinstance(value, list) or len(str(value)) <= LONGEST:
            found[f"{prefix}{key}"] = str(value)
    return found

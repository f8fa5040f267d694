"""A sweep in MLflow: one parent run and a child for each trial, written when the sweep has ended.

The sweep's folder is the truth; publishing it again replaces what is there.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path

from qcbench.locks import turn
from qcbench.tracking.children import BATCH
from qcbench.tracking.client import begin_run, mlflow_errors, open_client, store_uri
from qcbench.tracking.config import TrackingConfig
from qcbench.tracking.content import KIND_TAG, RUN_TAG, metric_name
from qcbench.tracking.mlflow_view import experiment_id

EXPERIMENT = "sweep"
PARENT_TAG = "mlflow.parentRunId"
STATUS = {"done": "FINISHED", "stopped": "FINISHED", "failed": "FAILED", "unfinished": "KILLED"}


@dataclass(frozen=True)
class SweptTrial:
    """A trial as MLflow shows it.

    Attributes:
        name: its id.
        status: `done`, `stopped`, `failed` or `unfinished`.
        params: its settings.
        points: figures after so many decisions.
    """

    name: str
    status: str
    params: Mapping[str, str]
    points: Sequence[tuple[int, Mapping[str, float]]]


def publish_sweep(
    tracking: TrackingConfig,
    folder: Path,
    *,
    params: Mapping[str, str],
    trials: Sequence[SweptTrial],
) -> str:
    """Write a sweep, in place of what was written of it before; return the parent's id.

    Args:
        folder: of the sweep; its name is the run's.
        params: of the parent.
        trials: the best first.

    Raises:
        InputError: the store cannot be reached.
    """
    from mlflow.entities import Metric, Param, RunTag  # noqa: PLC0415 - heavy

    uri = store_uri(tracking, folder.resolve().parent)
    client = open_client(uri)
    with mlflow_errors(uri), turn(folder):
        experiment = experiment_id(client, tracking.experiment_of(EXPERIMENT), uri)
        name = folder.resolve().name
        for old in client.search_runs([experiment], f"tags.`{RUN_TAG}` = '{name}'"):
            client.delete_run(old.info.run_id)
        common = {RUN_TAG: name, "mlflow.source.name": "qcbench", "mlflow.source.type": "LOCAL"}
        parent = begin_run(client, experiment, {**common, KIND_TAG: "sweep"}, name)
        client.log_batch(parent, params=[Param(metric_name(k), v) for k, v in params.items()])
        now = int(time.time() * 1000)
        for rank, trial in enumerate(trials, 1):
            tags = {**common, KIND_TAG: "trial", PARENT_TAG: parent, "qcbench.trial": trial.name}
            run = client.create_run(experiment, tags=tags, run_name=trial.name).info.run_id
            points = [
                Metric(metric_name(key), value, now, steps)
                for steps, figures in trial.points
                for key, value in figures.items()
                if isfinite(value)
            ]
            points.append(Metric("rank", float(rank), now, 0))
            settings = [Param(metric_name(k), v) for k, v in trial.params.items()]
            client.log_batch(run, params=settings, tags=[RunTag("qcbench.status", trial.status)])
            for start in range(0, len(points), BATCH):
                client.log_batch(run, metrics=points[start : start + BATCH])
            client.set_terminated(run, status=STATUS[trial.status])
        client.set_terminated(parent)
    return parent

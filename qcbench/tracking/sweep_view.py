"""A sweep in MLflow: one parent run and a child for each trial, written when the sweep has ended.

The sweep's folder is the truth; publishing it again, or a copy of it, replaces what has changed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path

from qcbench.tracking.client import open_client, store_uri
from qcbench.tracking.config import TrackingConfig
from qcbench.tracking.content import (
    KIND_TAG,
    PARENT_TAG,
    RUN_TAG,
    SOURCE,
    TRIAL_TAG,
    Content,
    metric_name,
)
from qcbench.tracking.identity import identity_of, name_of
from qcbench.tracking.mlflow_view import experiment_id
from qcbench.tracking.written_once import publishing, write_family

EXPERIMENT = "sweep"
STATUS_TAG = "qcbench.status"
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
        folder: of the sweep.
        params: of the parent.
        trials: the best first.

    Raises:
        InputError: the store cannot be reached.
    """
    uri = store_uri(tracking, folder.resolve().parent)
    client = open_client(uri)
    common = {RUN_TAG: identity_of(folder), **SOURCE}
    swept = Content(
        name=name_of(folder),
        tags={**common, KIND_TAG: "sweep"},
        params={metric_name(key): value for key, value in params.items()},
    )

    def children(parent: str) -> list[Content]:
        tags = {**common, PARENT_TAG: parent}
        return [_content(trial, rank, tags) for rank, trial in enumerate(trials, 1)]

    with publishing(uri, folder):
        experiment = experiment_id(client, tracking.experiment_of(EXPERIMENT), uri)
        family = write_family(client, uri, experiment, swept, children, lambda _: swept, folder)
    return family.parent


def _content(trial: SweptTrial, rank: int, tags: Mapping[str, str]) -> Content:
    series: dict[str, list[tuple[int, float]]] = {}
    for steps, figures in trial.points:
        for name, value in figures.items():
            if isfinite(value):
                series.setdefault(metric_name(name), []).append((steps, value))
    return Content(
        name=trial.name,
        tags={
            **tags,
            KIND_TAG: "trial",
            TRIAL_TAG: trial.name,
            STATUS_TAG: trial.status,
        },
        params={metric_name(key): value for key, value in trial.params.items()},
        metrics={"rank": float(rank)},
        # What a trial took over from another one is noted by both, and stands once in MLflow.
        series={name: list(dict.fromkeys(points)) for name, points in series.items()},
        status=STATUS[trial.status],
    )

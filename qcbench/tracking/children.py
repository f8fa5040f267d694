"""Writing many runs into MLflow: to an SQLite file in one transaction, else by the client.

The client would do for both, but takes seven transactions a run with a wait for the disk each, and
some 80 ms of processor time: two minutes for a suite of 100 scenarios and 10 policies, which the
one transaction writes in a second. It is also there whole or not at all.
"""

import sqlite3
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qcbench.tracking.content import DIGEST_TAG, Content
from qcbench.tracking.failures import SQLITE, schema_of

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

BATCH = 1000
"""Metrics that one request may carry."""
PARAMS = 100
"""Parameters that one request may carry."""
LONGEST_PARAM = 6000
"""Characters of a parameter that MLflow stores."""
TABLES = "dc11669786a5"
"""MLflow's name for the version of its tables that is written here; others go by the client."""
CONNECTIONS = 4
"""Runs that a server is sent at the same time."""
PATIENCE_S = 60.0
"""How long another process may hold the file."""


def write_children(
    client: "MlflowClient", uri: str, experiment: str, new: Sequence[Content], old: Sequence[str]
) -> list[str]:
    """Write new runs, delete old ones, and return the ids of the new ones.

    Args:
        client: of the store.
        uri: its address.
        experiment: id of the experiment.
        new: what the runs hold; they end as finished.
        old: ids of runs that are deleted.
    """
    if not new and not old:
        return []
    file = Path(uri.removeprefix(SQLITE)) if uri.startswith(SQLITE) else None
    if file is not None and schema_of(file) == TABLES:
        root = str(client.get_experiment(experiment).artifact_location).rstrip("/")
        return _in_one_transaction(file, experiment, root, new, old)
    with ThreadPoolExecutor(1 if file is not None else CONNECTIONS) as requests:
        ids = list(requests.map(lambda content: _by_client(client, experiment, content), new))
        list(requests.map(client.delete_run, old))
    return ids


def status_of(content: Content) -> str:
    """Return how a run ended: as failed where no trial gave a number, if it says nothing else."""
    if content.status:
        return content.status
    return "FAILED" if content.metrics.get("trials_done", 1.0) == 0 else "FINISHED"


def log(client: "MlflowClient", run_id: str, content: Content) -> None:
    """Add metrics, parameters and the digest to a run."""
    from mlflow.entities import Metric, Param, RunTag  # noqa: PLC0415 - heavy

    now = int(time.time() * 1000)
    points = [Metric(name, value, at, step) for name, step, value, at in _points(content, now)]
    params = [Param(name, value[:LONGEST_PARAM]) for name, value in content.params.items()]
    tags = [RunTag(DIGEST_TAG, content.digest)]
    for start in range(PARAMS, len(params), PARAMS):
        client.log_batch(run_id, params=params[start : start + PARAMS])
    room = BATCH - len(params[:PARAMS]) - len(tags)
    client.log_batch(run_id, metrics=points[:room], params=params[:PARAMS], tags=tags)
    for start in range(room, len(points), BATCH):
        client.log_batch(run_id, metrics=points[start : start + BATCH])


def _by_client(client: "MlflowClient", experiment: str, content: Content) -> str:
    run = client.create_run(experiment, tags=dict(content.tags), run_name=content.name)
    log(client, run.info.run_id, content)
    # Last of all: a run that is not finished is written again by the next publication.
    client.set_terminated(run.info.run_id, status=status_of(content))
    return str(run.info.run_id)


def _points(content: Content, now_ms: int) -> Iterable[tuple[str, int, float, int]]:
    """Return name, step, value and time of every metric."""
    for name, value in content.metrics.items():
        yield name, 0, value, now_ms
    for name, series in content.series.items():
        times = content.times_ms.get(name, {})
        for step, value in series:
            yield name, step, value, times.get(step, now_ms)


def _in_one_transaction(
    path: Path, experiment: str, root: str, new: Sequence[Content], old: Sequence[str]
) -> list[str]:
    """Write to the tables as MLflow's own SQLAlchemy store does; see its `dbmodels`."""
    now = int(time.time() * 1000)
    ids = [uuid.uuid4().hex for _ in new]
    named = list(zip(ids, new, strict=True))
    with closing(sqlite3.connect(path, timeout=PATIENCE_S)) as database, database:
        _insert(database, "runs", [_run(run, each, experiment, root, now) for run, each in named])
        for run, content in named:
            tags = {**content.tags, "mlflow.runName": content.name, DIGEST_TAG: content.digest}
            _insert(database, "tags", _pairs(run, tags))
            params = {name: value[:LONGEST_PARAM] for name, value in content.params.items()}
            _insert(database, "params", _pairs(run, params))
            points: list[dict[str, Any]] = [
                {
                    "run_uuid": run,
                    "key": name,
                    "value": value,
                    "timestamp": at,
                    "step": step,
                    "is_nan": False,
                }
                for name, step, value, at in _points(content, now)
            ]
            _insert(database, "metrics", points)
            latest = {point["key"]: point for point in sorted(points, key=lambda p: p["step"])}
            _insert(database, "latest_metrics", list(latest.values()))
        database.executemany(
            "UPDATE runs SET lifecycle_stage = 'deleted', deleted_time = ? WHERE run_uuid = ?",
            [(now, run) for run in old],
        )
    return ids


def _run(run: str, content: Content, experiment: str, root: str, now: int) -> dict[str, Any]:
    return {
        "run_uuid": run,
        "name": content.name,
        "source_type": "UNKNOWN",
        "source_name": "",
        "entry_point_name": "",
        "source_version": "",
        "user_id": "unknown",
        "status": status_of(content),
        "start_time": now,
        "end_time": now,
        "lifecycle_stage": "active",
        "artifact_uri": f"{root}/{run}/artifacts",
        "experiment_id": int(experiment),
    }


def _pairs(run: str, values: Mapping[str, str]) -> list[dict[str, Any]]:
    return [{"run_uuid": run, "key": key, "value": value} for key, value in values.items()]


def _insert(database: sqlite3.Connection, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
    if rows:
        names = ", ".join(rows[0])
        places = ", ".join(f":{name}" for name in rows[0])
        database.executemany(
            f"INSERT INTO {table} ({names}) VALUES ({places})",  # noqa: S608 - own names
            rows,
        )

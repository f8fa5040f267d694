"""A run as MLflow shows it: one parent run, and below it one run per scenario and policy.

The store of the run is the truth and MLflow a view of it, which can be thrown away and made again.
Publishing the same run again writes nothing where nothing has changed, and replaces what has.
"""

import hashlib
import json
import re
import shlex
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from qcbench.bench.config import SuiteConfig
from qcbench.errors import InputError
from qcbench.stats.summary import Summary
from qcbench.tracking.client import mlflow_errors, open_client, store_uri
from qcbench.tracking.config import TrackingConfig
from qcbench.tracking.content import (
    DIGEST_TAG,
    KIND_TAG,
    POLICY_TAG,
    RUN_TAG,
    SCENARIO_TAG,
    Content,
    child_contents,
    metric_name,
    parent_content,
)
from qcbench.tracking.failures import SQLITE

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient

BATCH = 1000
"""Metrics that one request may carry."""
PARENT = ("", "")
"""Key of the parent where children have scenario and policy."""

BROWSER = "http://127.0.0.1:5000"


@dataclass(frozen=True)
class Published:
    """What was written, and where to look at it.

    Attributes:
        uri: the store.
        experiment_id: the experiment in MLflow.
        parent_id: run of the whole suite.
        child_ids: run of every (scenario, policy).
        written: runs that were new or had changed.
        link: the runs of this run as a table, best rank first; of an SQLite store, once `command`
            is running.
        command: starts a server that shows an SQLite store on this machine alone; empty where the
            store is a server.
    """

    uri: str
    experiment_id: str
    parent_id: str
    child_ids: Mapping[tuple[str, str], str]
    written: int
    link: str
    command: str


def publish(
    folder: Path,
    *,
    trials: pl.DataFrame,
    summary: Summary,
    suite: SuiteConfig,
    tracking: TrackingConfig,
    note: str = "",
) -> Published:
    """Show a run in MLflow.

    Args:
        folder: of the run; its name is the run's, and `trials.parquet`, `report.html`,
            `manifest.json` and `figures/` in it become artifacts where they exist.
        trials: result table.
        summary: of those trials.
        suite: what was run.
        tracking: where to.
        note: description of the parent run in Markdown, such as the leaderboard.

    Raises:
        InputError: a store that cannot be reached, read or written; whatever was published before
            can be completed by publishing again.
    """
    uri = store_uri(tracking, folder.resolve().parent)
    client = open_client(uri)
    with mlflow_errors(uri):
        experiment = experiment_id(client, tracking.experiment or suite.name, uri)
        identity = _identity(folder)
        known = _known(client, experiment, identity)
        parent_run = parent_content(folder, trials, suite, summary, identity, note)
        parent, written = _write_parent(client, experiment, known, parent_run, folder)
        child_ids: dict[tuple[str, str], str] = {}
        for content in child_contents(
            trials, summary, suite, tracking.replicates, identity, parent
        ):
            key = (content.tags[SCENARIO_TAG], content.tags[POLICY_TAG])
            child_ids[key], new = _write_child(client, experiment, known.pop(key, []), content)
            written += new
        for key, left_over in known.items():
            if key != PARENT:
                _delete(client, left_over)
        path = _show_table(client, experiment, identity, summary)
    local = uri.startswith(SQLITE)
    return Published(
        uri=uri,
        experiment_id=experiment,
        parent_id=parent,
        child_ids=child_ids,
        written=written,
        link=f"{BROWSER if local else uri}{path}",
        command=browse_command(uri) if local else "",
    )


def browse_command(uri: str) -> str:
    """Return the command that shows an SQLite store to a browser on this machine alone."""
    words = ["mlflow", "server", "--workers", "1", "--host", "127.0.0.1", "--port", "5000"]
    words += ["--backend-store-uri", uri]
    # Without these the server makes a folder for artifacts wherever it is started.
    words += ["--no-serve-artifacts", "--default-artifact-root", _artifacts(uri)]
    return f"MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false {shlex.join(words)}"


def _artifacts(uri: str) -> str:
    """Where the artifacts of an SQLite store lie."""
    return str(Path(uri.removeprefix(SQLITE)).parent / "mlartifacts")


def _show_table(client: "MlflowClient", experiment: str, identity: str, summary: Summary) -> str:
    """Store a view of the run table with its columns chosen, and return the path to it.

    MLflow's own table hides every metric. A shared view is a tag of the experiment that holds the
    table's settings as JSON; the page finds it by its key.
    """
    metric = metric_name(summary.metric)
    columns = [metric, f"{metric}_ci_low", f"{metric}_ci_high", "relative_percent"]
    columns += [name for name in ("violations", "mean_fidelity") if name in summary.means.columns]
    state = {
        "searchFilter": f"tags.`{RUN_TAG}` = '{identity}' AND tags.`{KIND_TAG}` = 'policy'",
        "orderByKey": "metrics.`rank`",
        "orderByAsc": True,
        "selectedColumns": [f"metrics.`{name}`" for name in ("rank", *columns)],
    }
    key = f"qcbench-{hashlib.sha256(identity.encode()).hexdigest()[:12]}"
    tag, value = f"mlflow.sharedViewState.{key}", json.dumps(state)
    if client.get_experiment(experiment).tags.get(tag) != value:
        client.set_experiment_tag(experiment, tag, value)
    return f"/#/experiments/{experiment}/runs?viewStateShareKey={key}"


def experiment_id(client: "MlflowClient", name: str, uri: str) -> str:
    """Return the id of an experiment, made where there is none.

    Raises:
        InputError: it was deleted.
    """
    found = client.get_experiment_by_name(name)
    if found is not None:
        if found.lifecycle_stage != "active":
            raise InputError(
                f"MLflow experiment {name!r}: was deleted; restore it with "
                f"`MLFLOW_TRACKING_URI={shlex.quote(uri)} mlflow experiments restore "
                f"--experiment-id {found.experiment_id}` or choose another tracking.experiment"
            )
        return str(found.experiment_id)
    place = None
    if uri.startswith(SQLITE):
        # Not the name itself, which may be `../elsewhere`.
        place = (Path(_artifacts(uri)) / folder_name(name)).as_uri()
    kind = {"mlflow.experimentKind": "custom_model_development"}  # else the pages are about agents
    return str(client.create_experiment(name, artifact_location=place, tags=kind))


def folder_name(experiment: str) -> str:
    """Return the name of the folder with an experiment's artifacts."""
    return re.sub(r"[^\w.-]+", "-", experiment).strip("-.") or "experiment"


def _identity(folder: Path) -> str:
    """Name of a run that is the same wherever its folder lies, and another for another run."""
    manifest = folder / "manifest.json"
    name = folder.resolve().name
    if not manifest.is_file():
        return name
    return f"{name}-{hashlib.sha256(manifest.read_bytes()).hexdigest()[:12]}"


def _known(
    client: "MlflowClient", experiment: str, identity: str
) -> dict[tuple[str, str], list["Run"]]:
    """Runs in MLflow that show this run, by scenario and policy; the parent's are both empty."""
    found: dict[tuple[str, str], list[Run]] = {}
    token = None
    while True:
        page = client.search_runs(
            [experiment], f"tags.`{RUN_TAG}` = '{identity}'", max_results=1000, page_token=token
        )
        for run in page:
            tags = run.data.tags
            key = (tags.get(SCENARIO_TAG, ""), tags.get(POLICY_TAG, ""))
            found.setdefault(key, []).append(run)
        token = page.token
        if not token:
            return found


def _write_parent(
    client: "MlflowClient",
    experiment: str,
    known: Mapping[tuple[str, str], list["Run"]],
    content: Content,
    folder: Path,
) -> tuple[str, int]:
    """Write the parent, in place where it exists: its id stays. Returns id and runs written."""
    runs = known.get(PARENT, [])
    if runs and _is_current(runs[0], content):
        return runs[0].info.run_id, 0
    if runs:
        run_id = runs[0].info.run_id
        client.update_run(run_id, status="RUNNING")
        for name, value in content.tags.items():
            client.set_tag(run_id, name, value)
    else:
        run_id = _create(client, experiment, content)
    _log(client, run_id, content)
    for name in content.files:
        if (folder / name).is_dir():
            client.log_artifacts(run_id, str(folder / name), name)
        else:
            client.log_artifact(run_id, str(folder / name))
    _finish(client, run_id, content)
    return run_id, 1


def _write_child(
    client: "MlflowClient", experiment: str, runs: list["Run"], content: Content
) -> tuple[str, int]:
    """Keep the child that is as it should be, or write it anew: histories cannot be rewritten."""
    current = [run for run in runs if _is_current(run, content)]
    _delete(client, [run for run in runs if run not in current[:1]])
    if current:
        return current[0].info.run_id, 0
    run_id = _create(client, experiment, content)
    _log(client, run_id, content)
    _finish(client, run_id, content)
    return run_id, 1


def _is_current(run: "Run", content: Content) -> bool:
    ended = run.info.status in ("FINISHED", "FAILED")
    return bool(ended and run.data.tags.get(DIGEST_TAG) == content.digest)


def _create(client: "MlflowClient", experiment: str, content: Content) -> str:
    run = client.create_run(experiment, tags=dict(content.tags), run_name=content.name)
    return str(run.info.run_id)


def _log(client: "MlflowClient", run_id: str, content: Content) -> None:
    from mlflow.entities import Metric, Param, RunTag  # noqa: PLC0415 - heavy

    now = int(time.time() * 1000)
    points = [Metric(name, value, now, 0) for name, value in content.metrics.items()]
    for name, series in content.series.items():
        points += [Metric(name, value, now, step) for step, value in series]
    params = [Param(name, value[:6000]) for name, value in content.params.items()]
    tags = [RunTag(DIGEST_TAG, content.digest)]
    room = BATCH - len(params) - len(tags)
    client.log_batch(run_id, metrics=points[:room], params=params, tags=tags)
    for start in range(room, len(points), BATCH):
        client.log_batch(run_id, metrics=points[start : start + BATCH])


def _finish(client: "MlflowClient", run_id: str, content: Content) -> None:
    """Last of all: a run that is not finished is written again by the next publication."""
    failed = content.metrics.get("trials_done", 1.0) == 0
    client.set_terminated(run_id, status="FAILED" if failed else "FINISHED")


def _delete(client: "MlflowClient", runs: Sequence["Run"]) -> None:
    for run in runs:
        client.delete_run(run.info.run_id)

"""A run as MLflow shows it: one parent run, and below it one run per scenario and policy.

The store of the run is the truth and MLflow a view of it, which can be thrown away and made again.
Publishing the same run again writes nothing where nothing has changed, and replaces what has.
"""

import re
import shlex
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from qcbench.bench.config import SuiteConfig
from qcbench.errors import InputError
from qcbench.stats.summary import Summary
from qcbench.tracking.client import open_client, store_uri
from qcbench.tracking.config import TrackingConfig
from qcbench.tracking.content import (
    Content,
    artifact_hashes,
    child_contents,
    parent_content,
    with_report,
)
from qcbench.tracking.failures import SQLITE, explained
from qcbench.tracking.identity import Key, identity_of, name_of
from qcbench.tracking.links import BROWSER, artifacts_of, browse_command
from qcbench.tracking.run_table import show_table, view_path, view_tag
from qcbench.tracking.written_once import publishing, write_family

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient


@dataclass(frozen=True)
class PublishedSuite:
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
    child_ids: Mapping[Key, str]
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
    wait: Callable[[], object] = lambda: None,
) -> PublishedSuite:
    """Show a run in MLflow.

    Args:
        folder: of the run; its name is the run's, and `trials.parquet`, `worlds.parquet`,
            `report.html`, `manifest.json` and `figures/` in it become artifacts where they exist.
        trials: result table.
        summary: of those trials.
        suite: what was run.
        tracking: where to.
        note: description of the parent run in Markdown, such as the leaderboard, of
            `LONGEST_NOTE` characters at most; a link to the report comes to it.
        wait: returns when the files of the folder are there, at the latest; called when all but
            they is written.

    Raises:
        InputError: a store that cannot be reached, read or written; whatever was published before
            can be completed by publishing again.
    """
    uri = store_uri(tracking, folder.resolve().parent)
    client = open_client(uri)
    local = uri.startswith(SQLITE)
    with publishing(uri, folder):
        experiment = experiment_id(client, tracking.experiment_of(suite.name), uri)
        identity = identity_of(folder)
        suite_run = parent_content(folder, name_of(folder), trials, suite, summary, identity, note)

        def children(parent: str) -> list[Content]:
            return child_contents(trials, summary, suite, tracking.replicates, identity, parent)

        def whole(parent: str) -> Content:
            wait()
            content = replace(suite_run, files=artifact_hashes(folder))
            return with_report(content, f"#/experiments/{experiment}/runs/{parent}/artifacts")

        family = write_family(client, uri, experiment, suite_run, children, whole, folder)
        path = show_table(client, experiment, identity, summary)
    return PublishedSuite(
        uri=uri,
        experiment_id=experiment,
        parent_id=family.parent,
        child_ids=family.children,
        written=family.written,
        link=f"{BROWSER if local else uri}{path}",
        command=browse_command(uri) if local else "",
    )


def link_in_file(folder: Path, store: Path | None = None) -> tuple[str, str]:
    """Return link and command of a run as an SQLite store shows it.

    Without MLflow, which takes seconds. Both are empty where the file does not show the run.

    Args:
        folder: of the run.
        store: the file; `mlflow.db` beside all runs if None.
    """
    told = TrackingConfig(uri=f"{SQLITE}{store}" if store else None)
    uri = store_uri(told, folder.resolve().parent)
    path, tag = Path(uri.removeprefix(SQLITE)), view_tag(identity_of(folder))
    if not path.is_file():
        return "", ""
    asked = "SELECT experiment_id FROM experiment_tags WHERE key = ?"
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as database:
            found = database.execute(asked, (tag,)).fetchone()
    except sqlite3.Error:  # no store of MLflow; whoever publishes to it is told
        found = None
    return (f"{BROWSER}{view_path(found[0], tag)}", browse_command(uri)) if found else ("", "")


def trouble_in_file(folder: Path) -> str:
    """Return why `mlflow.db` beside all runs cannot be asked whether it shows one; mostly empty."""
    uri = store_uri(TrackingConfig(), folder.resolve().parent)
    path = Path(uri.removeprefix(SQLITE))
    if not path.exists():
        return ""
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as database:
            database.execute("SELECT experiment_id FROM experiment_tags").fetchone()
    except sqlite3.Error as error:
        # An empty file has no table: MLflow makes them, so that nothing is in the way.
        empty = path.is_file() and not path.stat().st_size
        return "" if empty else f"{path}: {explained(uri, error)}"
    return ""


def is_published(folder: Path, tracking: TrackingConfig) -> bool:
    """Whether a store shows a run, as far as can be told without asking a server."""
    uri = store_uri(tracking, folder.resolve().parent) if tracking.enabled else ""
    if not uri.startswith(SQLITE):
        return True
    link, _ = link_in_file(folder, Path(uri.removeprefix(SQLITE)))
    return bool(link)


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
        place = (artifacts_of(Path(uri.removeprefix(SQLITE))) / folder_name(name)).as_uri()
    kind = {"mlflow.experimentKind": "custom_model_development"}  # else the pages are about agents
    from mlflow.exceptions import MlflowException  # noqa: PLC0415 - heavy

    try:
        return str(client.create_experiment(name, artifact_location=place, tags=kind))
    except MlflowException:
        # Somebody else, who publishes at the same time, has just made it.
        made = client.get_experiment_by_name(name)
        if made is None or made.lifecycle_stage != "active":
            raise
        return str(made.experiment_id)


def folder_name(experiment: str) -> str:
    """Return the name of the folder with an experiment's artifacts."""
    return re.sub(r"[^\w.-]+", "-", experiment).strip("-.") or "experiment"

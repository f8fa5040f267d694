"""A run as MLflow shows it: one parent run, and below it one run per scenario and policy.

The store of the run is the truth and MLflow a view of it, which can be thrown away and made again.
Publishing the same run again writes nothing where nothing has changed, and replaces what has.
"""

import re
import shlex
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from qcbench.bench.config import SuiteConfig
from qcbench.errors import InputError
from qcbench.locks import turn
from qcbench.stats.summary import Summary
from qcbench.tracking.children import log, status_of, write_children
from qcbench.tracking.client import begin_run, mlflow_errors, open_client, store_uri
from qcbench.tracking.config import TrackingConfig
from qcbench.tracking.content import (
    DIGEST_TAG,
    NOTE_TAG,
    POLICY_TAG,
    RUN_TAG,
    SCENARIO_TAG,
    Content,
    artifact_hashes,
    child_contents,
    parent_content,
    with_report,
)
from qcbench.tracking.failures import SQLITE
from qcbench.tracking.identity import (
    NOT_THERE,
    PARENT,
    Key,
    OvertakenError,
    identity_of,
    name_of,
    shown,
)
from qcbench.tracking.links import BROWSER, artifacts_of, browse_command
from qcbench.tracking.run_table import show_table, view_path, view_tag

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient

TRIES = 5
"""Times that a run is written while other machines publish it, too."""
PAUSE_S = 0.5


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
    # Two that publish the same run at once would each find nothing and make it. Copies of it may
    # be published to one file from several folders; a server is also asked again, see `_settle`.
    with mlflow_errors(uri), turn(Path(uri.removeprefix(SQLITE)).parent if local else folder):
        experiment = experiment_id(client, tracking.experiment_of(suite.name), uri)
        identity = identity_of(folder)
        suite_run = parent_content(folder, name_of(folder), trials, suite, summary, identity, note)

        def written_once() -> tuple[str, dict[Key, str], int]:
            parent, known, old = _parent(client, experiment, suite_run)
            content = child_contents(trials, summary, suite, tracking.replicates, identity, parent)
            ids, count = _write_children(client, uri, experiment, known, content)
            wait()
            whole = replace(suite_run, files=artifact_hashes(folder))
            whole = with_report(whole, f"#/experiments/{experiment}/runs/{parent}/artifacts")
            count += _write_parent(client, parent, old, whole, folder)
            return parent, ids if local else _settle(client, experiment, parent, content), count

        parent, child_ids, written = _until_settled(written_once)
        path = show_table(client, experiment, identity, summary)
    return PublishedSuite(
        uri=uri,
        experiment_id=experiment,
        parent_id=parent,
        child_ids=child_ids,
        written=written,
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


def _until_settled(
    write: Callable[[], tuple[str, dict[Key, str], int]],
) -> tuple[str, dict[Key, str], int]:
    """Write, and once more what another machine, which publishes the same run, has removed."""
    from mlflow.exceptions import MlflowException  # noqa: PLC0415 - heavy

    for further in reversed(range(TRIES)):
        try:
            return write()
        except (OvertakenError, MlflowException) as error:
            if isinstance(error, MlflowException) and NOT_THERE not in str(error):
                raise
            if not further:
                break
        time.sleep(PAUSE_S)
    raise InputError("another machine publishes the same run; publish it again when that has ended")


def _parent(
    client: "MlflowClient", experiment: str, content: Content
) -> tuple[str, dict[Key, list["Run"]], list["Run"]]:
    """Find the parent or make it; return its id, the children, and it as it was found."""
    identity = content.tags[RUN_TAG]
    known = shown(client, experiment, identity)
    own = ""
    if PARENT not in known:
        own = begin_run(client, experiment, content.tags, content.name)
        known = shown(client, experiment, identity)  # another machine may have made it meanwhile
    parents = known.pop(PARENT, [])
    if not parents:
        raise OvertakenError
    parent = str(parents[0].info.run_id)
    for double in parents[1:]:
        client.delete_run(double.info.run_id)
    return parent, known, [] if parent == own else parents[:1]


def _settle(
    client: "MlflowClient", experiment: str, parent: str, contents: Sequence[Content]
) -> dict[Key, str]:
    """Remove what several machines have written twice; return the children that stay.

    What is not finished yet is left to the one that writes it and looks again, too.

    Raises:
        OvertakenError: not all is there.
    """
    wanted = {(each.tags[SCENARIO_TAG], each.tags[POLICY_TAG]): each for each in contents}
    known = shown(client, experiment, contents[0].tags[RUN_TAG])
    parents = known.pop(PARENT, [])
    if not parents or parents[0].info.run_id != parent:
        raise OvertakenError
    doubles, kept = parents[1:], {}
    for key, content in wanted.items():
        current = [run for run in known.get(key, []) if _is_current(run, content)]
        if not current:
            raise OvertakenError
        kept[key] = str(current[0].info.run_id)
        doubles += current[1:]
    for double in doubles:
        client.delete_run(double.info.run_id)
    return kept


def _write_parent(
    client: "MlflowClient", run_id: str, before: Sequence["Run"], content: Content, folder: Path
) -> int:
    """Write the parent, in place where it was there before: its id stays. Returns runs written."""
    if before and _is_current(before[0], content):
        return 0
    if before:
        client.update_run(run_id, status="RUNNING")
    for name, value in content.tags.items():
        if before or name == NOTE_TAG:  # the others were there from the beginning
            client.set_tag(run_id, name, value)
    log(client, run_id, content)
    for name in content.files:
        if (folder / name).is_dir():
            client.log_artifacts(run_id, str(folder / name), name)
        else:
            client.log_artifact(run_id, str(folder / name))
    # Last of all: a run that is not finished is written again by the next publication.
    client.set_terminated(run_id, status=status_of(content))
    return 1


def _write_children(
    client: "MlflowClient",
    uri: str,
    experiment: str,
    known: Mapping[Key, Sequence["Run"]],
    contents: Sequence[Content],
) -> tuple[dict[Key, str], int]:
    """Keep children that are as they should be; write the others anew: histories stay as they are.

    Returns:
        The run of every scenario and policy, and how many were written.
    """
    wanted = {(each.tags[SCENARIO_TAG], each.tags[POLICY_TAG]): each for each in contents}
    kept = {
        key: next((run.info.run_id for run in known.get(key, []) if _is_current(run, each)), None)
        for key, each in wanted.items()
    }
    current = set(kept.values())
    old = [run.info.run_id for runs in known.values() for run in runs]
    new = [each for key, each in wanted.items() if kept[key] is None]
    ids = iter(
        write_children(client, uri, experiment, new, [run for run in old if run not in current])
    )
    return {key: run or next(ids) for key, run in kept.items()}, len(new)


def _is_current(run: "Run", content: Content) -> bool:
    ended = run.info.status in ("FINISHED", "FAILED")
    return bool(ended and run.data.tags.get(DIGEST_TAG) == content.digest)

"""What a run of a suite, a training or a sweep is in MLflow, wherever its folder lies.

A server has no lock that publishers on several machines could take turns by. So each writes what is
missing, and then looks again: of what is there twice, all keep the same one.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from qcbench.bench.run_names import HEADS
from qcbench.storage.stored_run import ABOUT
from qcbench.tracking.content import POLICY_TAG, RUN_TAG, SCENARIO_TAG, TRIAL_TAG

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient

BEGUN = (HEADS["run"], ABOUT, HEADS["sweep"])
"""The file that a run of a suite, a training, a sweep began with, which nobody changes after."""
NAME = "run_id"
"""Key of the name in it."""

Key: TypeAlias = tuple[str, str]
"""Scenario and policy of a child, or nothing and the trial of a sweep."""
PARENT: Key = ("", "")
"""Key of the parent, and of what has no children."""
NOT_THERE = "must be in the 'active' state"
"""What MLflow says of a run that another publisher has removed meanwhile."""


class OvertakenError(Exception):
    """Another publisher of the same run came between; what is missing is to be written again."""


def key_of(tags: Mapping[str, str]) -> Key:
    """Return which of all that belong to a run is meant."""
    child = tags.get(POLICY_TAG) or tags.get(TRIAL_TAG)
    return (tags.get(SCENARIO_TAG, ""), child) if child else PARENT


def name_of(folder: Path) -> str:
    """Return the name that a run was given when it began, whatever its folder is called now."""
    file = _begun(folder)
    try:
        text = "" if file is None else file.read_text(encoding="utf-8")
        first = text.partition("\n")[0]
        # Where the file is a config, what it began as stands in its first line.
        told = json.loads(first.lstrip("# ") if first.startswith("#") else text).get(NAME)
    except (OSError, ValueError, AttributeError):
        told = None
    return told if isinstance(told, str) and told else folder.resolve().name


def identity_of(folder: Path) -> str:
    """Return a name that all copies of a run share, and no other run has."""
    file = _begun(folder)
    if file is None:
        return name_of(folder)
    return f"{name_of(folder)}-{hashlib.sha256(file.read_bytes()).hexdigest()[:12]}"


def _begun(folder: Path) -> Path | None:
    return next((folder / name for name in BEGUN if (folder / name).is_file()), None)


def shown(client: "MlflowClient", experiment: str, identity: str) -> dict[Key, list["Run"]]:
    """Return what MLflow has of a run by key, in an order that all agree on."""
    found: dict[Key, list[Run]] = {}
    token = None
    while True:
        page = client.search_runs(
            [experiment], f"tags.`{RUN_TAG}` = '{identity}'", max_results=1000, page_token=token
        )
        for run in page:
            found.setdefault(key_of(run.data.tags), []).append(run)
        token = page.token
        if not token:
            return {key: in_order(runs) for key, runs in found.items()}


def in_order(runs: Iterable["Run"]) -> list["Run"]:
    """Return runs with the one first that everybody keeps."""
    return sorted(runs, key=lambda run: (run.info.start_time or 0, run.info.run_id))

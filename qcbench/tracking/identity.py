"""What a suite's run is in MLflow, wherever its folder lies: one name, one parent.

A server has no lock that publishers on several machines could take turns by. So each writes what is
missing, and then looks again: of what is there twice, all keep the same one.
"""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from qcbench.tracking.content import POLICY_TAG, RUN_TAG, SCENARIO_TAG

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient

Key: TypeAlias = tuple[str, str]
"""Scenario and policy of a child."""
PARENT: Key = ("", "")
"""Key of the parent."""
NOT_THERE = "must be in the 'active' state"
"""What MLflow says of a run that another publisher has removed meanwhile."""


class OvertakenError(Exception):
    """Another publisher of the same run came between; what is missing is to be written again."""


def name_of(folder: Path) -> str:
    """Return the name that a run was given when it began, whatever its folder is called now."""
    try:
        told = json.loads((folder / "manifest.json").read_bytes()).get("run_id")
    except (OSError, ValueError, AttributeError):
        told = None
    return told if isinstance(told, str) and told else folder.resolve().name


def identity_of(folder: Path) -> str:
    """Return a name that all copies of a run share, and no other run has."""
    manifest = folder / "manifest.json"
    name = name_of(folder)
    if not manifest.is_file():
        return name
    return f"{name}-{hashlib.sha256(manifest.read_bytes()).hexdigest()[:12]}"


def shown(client: "MlflowClient", experiment: str, identity: str) -> dict[Key, list["Run"]]:
    """Return what MLflow has of a run by scenario and policy, in an order that all agree on."""
    found: dict[Key, list[Run]] = {}
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
            return {key: in_order(runs) for key, runs in found.items()}


def in_order(runs: Iterable["Run"]) -> list["Run"]:
    """Return runs with the one first that everybody keeps."""
    return sorted(runs, key=lambda run: (run.info.start_time or 0, run.info.run_id))

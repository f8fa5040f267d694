"""The curves of a training run as points with names: noted while it trains, or read back later."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from qcbench.agents.config import baseline_of, stored, total_steps
from qcbench.agents.evaluation import Evaluation
from qcbench.agents.run_folder import (
    RunFolder,
    evaluations,
    open_folder,
    read_progress,
)
from qcbench.errors import InputError
from qcbench.storage.stored_run import ABOUT
from qcbench.tracking.config import TrackingConfig
from qcbench.tracking.training_view import CurvePoint, PublishedTraining, publish_training

NO_FIGURES = frozenset({"kind", "steps", "time_s"})
"""Keys of a line of the curves that are no figures of an update."""


def of_update(figures: Mapping[str, Any]) -> dict[str, Any]:
    """Return the points of an update by name."""
    return {f"train/{name}": value for name, value in figures.items()}


def of_evaluation(found: Evaluation) -> dict[str, Any]:
    """Return the points of an evaluation by name."""
    figures = {
        found.metric: found.mean,
        "relative_percent": found.relative_percent,
        "relative_percent_low": found.low,
        "relative_percent_high": found.high,
        "violations": float(found.violations),
        "collapsed": float(found.collapsed),
        **found.figures,
    }
    return {f"validation/{name}": value for name, value in figures.items()}


def publish(path: Path, tracking: TrackingConfig) -> PublishedTraining:
    """Show a training run in MLflow as `progress.jsonl` has it, in place of what is there.

    Raises:
        InputError: no training run, one that is being trained, lines that are damaged, or a store
            that cannot be reached.
    """
    with open_folder(path) as folder:
        config = folder.config
        lines = read_progress(path)
        last = max(
            (int(line["steps"]) for line in lines if line["kind"] == "evaluation"), default=0
        )
        return publish_training(
            tracking,
            path,
            stored(config),
            baseline_of(config),
            list(points(folder, lines)),
            "FINISHED" if last >= total_steps(config) else "KILLED",
        )


def points(folder: RunFolder, lines: list[dict[str, Any]]) -> Iterator[CurvePoint]:
    """Give what the lines of a run's curves say, in their order.

    Raises:
        InputError: the folder does not say when the run was started.
    """
    started_s = _started_s(folder)
    judged = evaluations(lines)
    for line in lines:
        if line["kind"] == "evaluation":
            steps, found = next(judged)
            named = of_evaluation(found)
        else:
            steps = int(line["steps"])
            named = of_update({k: v for k, v in line.items() if k not in NO_FIGURES})
        yield CurvePoint(steps, started_s + float(line["time_s"]), named)


def _started_s(folder: RunFolder) -> float:
    try:
        return datetime.fromisoformat(folder.started).timestamp()
    except ValueError:
        raise InputError(
            f"{folder.path / ABOUT}: started is {folder.started!r}; it must be an ISO time"
        ) from None

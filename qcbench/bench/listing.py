"""What there is among runs, each at a glance: nothing is opened for that, and little is read."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, TypeAlias

import polars as pl

from qcbench.bench import manifest as manifests
from qcbench.bench import rounds as round_files
from qcbench.bench import tables
from qcbench.bench.manifest import Manifest
from qcbench.bench.run_names import (
    HEADS,
    PROMOTION,
    PROMOTION_SUITE,
    VERDICT,
    Kind,
    began,
    folders,
    told_name,
)
from qcbench.bench.store import TABLE
from qcbench.bench.tables import ShardError
from qcbench.errors import InputError
from qcbench.files import read_json
from qcbench.locks import is_running
from qcbench.parquet import frame_at
from qcbench.storage import mirror
from qcbench.storage.stored_run import ABOUT

State: TypeAlias = Literal["complete", "unfinished", "running", "damaged"]


@dataclass(frozen=True, kw_only=True, repr=False)
class Listed:
    """A run, training, sweep or replay, as a list shows it; what is not known is None or empty.

    Attributes:
        id: name of its folder.
        kind: what it is.
        subject: what was run: the suite, else the scenario.
        state: `running` where a process of this machine writes it; `damaged` where its files cannot
            be read, see `problem`.
        trials: trials it has, with a result or without.
        done, failed: trials with numbers, and with an error.
        policies: by their labels; of a training its agent.
        began: when.
        version: of qcbench.
        folder: where it lies.
        problem: why it is damaged, in one line.
        left: what there is left to do where all has a result: of a replay whose rows were refused
            for now, of a promotion that is not judged; in words.
    """

    id: str
    kind: Kind
    subject: str = ""
    state: State
    trials: int | None = None
    done: int | None = None
    failed: int | None = None
    policies: tuple[str, ...] = ()
    began: datetime | None = None
    version: str = ""
    folder: Path
    problem: str = ""
    left: str = ""

    def __repr__(self) -> str:
        return f"<{self.kind} {self.id}: {self.state}>"


def list_all(runs: Path, replays: Path | None = None) -> list[Listed]:
    """Return all that lies in the folder of all runs, and in that of replays, oldest first.

    Of runs at a URL their tables are fetched, of unfinished ones their shards.

    Raises:
        InputError: the URL cannot be used.
    """
    roots = [runs, *([replays] if replays else [])]
    found = [look_at(folder, kind) for folder, kind in folders(*roots)]
    return sorted(found, key=lambda one: (one.began.timestamp() if one.began else 0.0, one.id))


def look_at(folder: Path, kind: Kind) -> Listed:
    """Return what there is to know of a folder at a glance, also where it is damaged."""
    try:
        found = LOOKS[kind](folder)
    except (InputError, KeyError, TypeError, AttributeError, ValueError, OSError) as error:
        problem = str(error) if isinstance(error, InputError) else f"{folder}: is no {kind}"
        found = {"state": "damaged", "problem": problem}
    if is_running(folder):
        found["state"] = "running"
    return Listed(
        **{"began": began(folder.name), **found, "id": folder.name}, kind=kind, folder=folder
    )


def _run(folder: Path) -> dict[str, Any]:
    manifest = manifests.load(folder / HEADS["run"])
    expected, grows = _expected(folder, manifest)
    about = {
        "subject": str(manifest.suite.get("name", "")),
        "policies": tuple(dict.fromkeys(trial.policy for trial in manifest.trials)),
        "version": str((manifest.provenance.get("versions") or {}).get("qcbench", "")),
        "trials": expected,
    }
    statuses = _statuses(folder, expected)
    if statuses is None:
        again = f"qcbench resume {told_name(folder)}"
        problem = f"{folder}: holds shards that cannot be read; run them again with `{again}`"
        return {**about, "state": "damaged", "problem": problem}
    done = int((statuses == "done").sum())
    complete = not grows and len(statuses) == expected
    is_promotion = about["subject"] == PROMOTION_SUITE
    left = _not_judged(folder) if complete and is_promotion else ""
    return {
        **about,
        "state": "complete" if complete and not left else "unfinished",
        "left": left,
        "done": done,
        "failed": len(statuses) - done,
    }


def _not_judged(folder: Path) -> str:
    """Return in words what is left to do of a promotion that has all trials and no verdict."""
    for name in (PROMOTION, VERDICT):
        mirror.pull(folder / name)
    if not (folder / PROMOTION).is_file() or (folder / VERDICT).is_file():
        return ""
    return f"all trials are there and no verdict; `qcbench resume {told_name(folder)}` judges"


def _expected(folder: Path, manifest: Manifest) -> tuple[int, bool]:
    """Return how many trials a run has by now, and whether it may get more."""
    if not manifest.grows:
        return len(manifest.trials), False
    mirror.pull(folder / round_files.FILE)
    rounds = round_files.load(folder, manifest.trials)
    return len(round_files.trials_of(manifest.trials, rounds)), bool(rounds.open)


def _statuses(folder: Path, expected: int) -> pl.Series | None:
    """Return the status of each trial that has a row: from the table, else from the shards."""
    mirror.pull(folder / TABLE)
    if (folder / TABLE).is_file():
        try:
            found = frame_at(folder / TABLE, ["status"]).get_column("status")
        except (Exception, pl.exceptions.PanicException):  # as of a damaged shard
            found = pl.Series([], dtype=pl.String)
        if len(found) == expected:
            return found
    mirror.pull(folder / "shards")
    try:
        rows = tables.read_shards(sorted((folder / "shards").glob("[!.]*")), ("trial_id", "status"))
    except (Exception, ShardError, pl.exceptions.PanicException):
        return None
    # A trial that failed once and was done once is done.
    return rows.sort(pl.col("status") != "done").unique("trial_id").get_column("status")


def _training(folder: Path) -> dict[str, Any]:
    from omegaconf import OmegaConf  # noqa: PLC0415 - where there is a training

    about = read_json(folder / ABOUT)
    try:
        config: Any = OmegaConf.to_container(OmegaConf.load(folder / HEADS["training"]))
    except Exception as error:  # whatever YAML and OmegaConf make of a file that is no config
        raise InputError(f"{folder / HEADS['training']}: is no config of a training") from error
    mirror.pull(folder / "progress.jsonl")
    agent = config["agent"]
    total = agent["ppo"]["steps"] if "ppo" in agent else agent["steps"]
    return {
        "subject": str(config["scenario"]["name"]),
        "policies": (str(agent["name"]),),
        "version": str(about.get("versions", {}).get("qcbench", "")),
        "state": "complete" if _judged(folder / "progress.jsonl") >= total else "unfinished",
    }


def _judged(progress: Path) -> int:
    """Return after how many decisions the policy of a training was judged last."""
    last = 0
    for line in progress.read_text().splitlines() if progress.is_file() else ():
        if line.startswith('{"kind": "evaluation"') and line.endswith("}"):
            last = int(json.loads(line)["steps"])
    return last


def _sweep(folder: Path) -> dict[str, Any]:
    mirror.pull(folder / "results.json")
    path = folder / "results.json"
    results: Sequence[Mapping[str, Any]] = read_json(path) if path.is_file() else []
    statuses = [str(trial["status"]) for trial in results]
    ended = bool(statuses) and "unfinished" not in statuses
    return {
        "state": "complete" if ended else "unfinished",
        "trials": len(statuses) or None,
        "done": statuses.count("done") + statuses.count("stopped") if statuses else None,
        "failed": statuses.count("failed") if statuses else None,
    }


def _replay(folder: Path) -> dict[str, Any]:
    about = read_json(folder / HEADS["replay"])
    told = about["told"]
    table = folder / "tasks.parquet"
    left = _not_taken(table) if table.is_file() else ""
    return {
        "subject": str(told["scenario"]["name"]),
        "policies": tuple(str(each["label"] or each["name"]) for each in told["policies"]),
        "state": "complete" if table.is_file() and not left else "unfinished",
        "began": datetime.fromisoformat(about["date"]),
        "left": left,
    }


TAKEN_LATER = ("budget", "quota", "unavailable")
"""Why rows of a replay are refused that the same command submits when there is more."""


def _not_taken(table: Path) -> str:
    """Return in words what of a replay was refused for now; empty where nothing was.

    Raises:
        InputError: the table cannot be read.
    """
    try:
        rows = frame_at(table, ["state", "error_class"])
    except (OSError, pl.exceptions.PolarsError) as error:
        raise InputError(f"{table}: is no Parquet file, or a torn one ({error})") from error
    refused = rows.filter((pl.col("state") == "refused") & pl.col("error_class").is_in(TAKEN_LATER))
    if refused.is_empty():
        return ""
    reasons = ", ".join(refused["error_class"].unique().sort())
    return (
        f"{refused.height} of {rows.height} rows were refused for now ({reasons}); the same"
        " `qcbench replay` goes on with them when there is more"
    )


LOOKS: Mapping[Kind, Callable[[Path], dict[str, Any]]] = {
    "run": _run,
    "training": _training,
    "sweep": _sweep,
    "replay": _replay,
}

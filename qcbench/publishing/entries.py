"""Entries: what is published of a run, as plain data, and the numbers that pages show of it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import polars as pl

from qcbench.bench.manifest import Manifest
from qcbench.bench.trial import marked
from qcbench.content import hash_of
from qcbench.errors import InputError, one_line
from qcbench.files import parse_json, to_json
from qcbench.policies.exported.card import CARD
from qcbench.policies.exported.folder import digest, folder_of
from qcbench.policies.exported.reference import LEARNED
from qcbench.policies.source import SOURCE
from qcbench.report.leaderboard import as_data, printable
from qcbench.report.run import RunDescription
from qcbench.stats.gaps import SHOWN
from qcbench.stats.summary import Summary

FORMAT = 1
TEXTS = ("scenario", "policy", "until")
WHOLE = (
    *("n", "failed", "missing", "pairs", "scenarios", "wins", "rank_low", "rank_high"),
    "collapsed",
)
"""Columns of a leaderboard that are no floats."""


def content_hash(data: Mapping[str, Any]) -> str:
    """Return the SHA-256 of plain data, whatever the order of its keys and its blanks."""
    text = to_json(data, "an entry", sort_keys=True, compact=True)
    return hash_of(text.encode())


def published_id(run_id: str) -> str:
    """Return the id of a run as the name of a file that every system and server takes."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", run_id)[-100:].lstrip("-._") or "run"


def sealed(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return an entry with the hash of its content."""
    content = {key: value for key, value in data.items() if key != "sha256"}
    return {**content, "sha256": content_hash(content)}


@dataclass(frozen=True)
class PublishedRun:
    """An entry that has been checked: what was published of a run.

    Attributes:
        data: of its file.
    """

    data: Mapping[str, Any]

    @property
    def id(self) -> str:
        """Of the run."""
        return str(self.data["id"])

    @property
    def date(self) -> str:
        """When the run began, to the minute; empty where unknown."""
        started = self.data["run"]["started"]
        return f"{started[:10]} {started[11:16]} UTC" if started else ""

    @cached_property
    def summary(self) -> Summary:
        """Its leaderboard, as statistics gave it."""
        board = self.data["leaderboard"]
        scenarios = _frame(board["scenarios"])
        known = [name for name in SHOWN if name in scenarios.columns]
        return Summary(
            metric=board["metric"],
            goal=board["goal"],
            baseline=board["baseline"],
            level=board["level"],
            scenarios=scenarios.drop(known),
            overall=_frame(board["overall"]),
            means=scenarios.select("scenario", "policy", *known),
            ended=board.get("ended"),
        )


def _frame(rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """Return rows as the frame that they are from; keys that only some have are null elsewhere."""
    names = dict.fromkeys(name for row in rows for name in row)
    columns = {}
    for name in names:
        values = [row.get(name) for row in rows]
        if name in TEXTS:
            kind: Any = pl.String
        elif name == "collapsed" and isinstance(values[0], bool):
            kind = pl.Boolean
        else:
            kind = pl.Int64 if name in WHOLE else pl.Float64
            number = int if name in WHOLE else float
            values = [None if value is None else number(value) for value in values]
        columns[name] = pl.Series(name, values, dtype=kind)
    return pl.DataFrame(columns)


def make_entry(
    *,
    run: RunDescription,
    manifest: Manifest,
    summary: Summary,
    done: int,
    failed: int,
    author: str | None,
    report: str | None,
) -> dict[str, Any]:
    """Return what is published of a run: the JSON of its leaderboard, and what it was.

    The text of somebody's own policy stays with its author; its hash is published.

    Args:
        run: from `describe_run`.
        manifest: of the run.
        summary: by its primary metric.
        done: trials that have a result.
        failed: trials that do not.
        author: who publishes.
        report: SHA-256 of its report.
    """
    board = as_data(printable(summary))
    board.pop("fronts", None)
    policies: dict[str, dict[str, Any]] = {}
    scenarios: dict[str, str] = {}
    configs: dict[str, Any] = {}
    for trial in manifest.trials:
        policy, scenario = one_line(trial.policy), one_line(trial.scenario)
        if policy not in policies:
            policies[policy] = {
                "policy": policy,
                "config": _without_text(trial.policy_config),
                "card": _card(manifest.track, trial.policy_config),
            }
        if scenario not in scenarios:
            # Numbers that were wrong, which entries have always been without a mark, are not shown
            # as of the same scenario.
            config = trial.scenario_config
            config = dict(config) if trial.is_uncorrected else marked(config)
            scenarios[scenario] = key = content_hash(config)
            configs[key] = config
    suite = manifest.suite
    entry = {
        "format": FORMAT,
        "id": published_id(run.run_id),
        "author": author,
        "run": {
            "started": run.started or None,
            "track": manifest.track,
            "expected": run.expected,
            "done": done,
            "failed": failed,
            "trials_sha256": hash_of("\n".join(manifest.trial_ids).encode()),
            "command": run.command,
            "versions": dict(run.versions),
            "commit": run.commit,
            "machine": dict(run.machine),
            "run_s": run.run_s,
        },
        "suite": {
            "name": one_line(run.name),
            "description": run.description,
            "seed": suite.get("seed", 0),
            "engine": suite.get("engine", "simpy"),
        },
        "leaderboard": board,
        "policies": list(policies.values()),
        "scenarios": [{"scenario": name, "config": key} for name, key in scenarios.items()],
        "configs": configs,
        "report": report,
    }
    # As a reader will have it: without NaN, and with lists for tuples.
    return sealed(parse_json(to_json(entry, "the entry", null=True), "the entry"))


def _without_text(config: Mapping[str, Any]) -> dict[str, Any]:
    parameters = dict(config.get("parameters", {}))
    if isinstance(text := parameters.pop(SOURCE, None), str):
        parameters[f"{SOURCE}_sha256"] = hash_of(text.encode())
    return {**config, "parameters": parameters}


def _card(track: str, config: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the card of a learned policy, if its files are still those that the run read."""
    parameters = config.get("parameters", {})
    path, expected = parameters.get("path"), parameters.get("sha256")
    if config.get("name") != LEARNED or not isinstance(path, str) or not expected:
        return None
    try:
        folder = folder_of(track, path)
        if digest(folder) != expected:
            return None
        card: dict[str, Any] = parse_json((folder / CARD).read_bytes(), CARD, finite=True)
    except (InputError, OSError):
        return None
    return card

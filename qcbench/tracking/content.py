"""What the runs in MLflow hold: a parent for the suite, a child per scenario and policy."""

import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import polars as pl

from qcbench.bench.config import SuiteConfig
from qcbench.policies.source import brief
from qcbench.stats.summary import Summary

ARTIFACTS = (
    *("trials.parquet", "worlds.parquet", "timings.parquet", "failures.jsonl"),
    *("manifest.json", "rounds.json", "report.html"),
)
FOLDERS = ("figures",)
RUN_TAG, KIND_TAG, DIGEST_TAG = "qcbench.run", "qcbench.kind", "qcbench.digest"
SCENARIO_TAG, POLICY_TAG = "qcbench.scenario", "qcbench.policy"
TRIAL_TAG = "qcbench.trial"
PARENT_TAG = "mlflow.parentRunId"
SOURCE = {"mlflow.source.name": "qcbench", "mlflow.source.type": "LOCAL"}
UNTIL_TAG = "qcbench.until"
NOTE_TAG = "mlflow.note.content"
"""What MLflow shows as a run's description, in Markdown."""
LONGEST_NOTE = 7_500
"""Characters that a description has room for: a tag has 8,000, and a link comes to it."""
COUNTS = {"done": "n", "failed": "failed", "missing": "missing"}


@dataclass(frozen=True)
class Content:
    """What a run in MLflow holds.

    Attributes:
        name: as it is shown.
        tags, params, metrics: by name.
        series: steps and values of metrics that have several.
        files: artifacts, and hashes of their content.
        status: how it ended; empty where its metrics say so.
        times_ms: when points of a series were found [since 1970], by name and step; where that is
            not said it is the present.
    """

    name: str
    tags: Mapping[str, str]
    params: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    series: Mapping[str, Sequence[tuple[int, float]]] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    status: str = ""
    times_ms: Mapping[str, Mapping[int, int]] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """Equal for equal content."""
        content = [self.name, self.tags, self.params, self.metrics, self.series, self.files]
        content += [self.status] if self.status else []
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:32]


def parent_content(
    folder: Path,
    name: str,
    trials: pl.DataFrame,
    suite: SuiteConfig,
    summary: Summary,
    identity: str,
    note: str,
) -> Content:
    """Return what the parent holds: the suite, the outcome in short, and the run's files."""
    done = int((trials.get_column("status") == "done").sum())
    best = summary.overall.row(0, named=True)
    tags = {
        RUN_TAG: identity,
        KIND_TAG: "suite",
        "qcbench.trials": str(trials.height),
        "qcbench.best": str(best["policy"]),
        **SOURCE,
    }
    if note:
        tags[NOTE_TAG] = note
    return Content(
        name=name,
        tags=tags,
        params={
            "suite": suite.name,
            "track": suite.track,
            "engine": suite.engine,
            "seed": str(suite.seed),
            "replicates": " to ".join(dict.fromkeys(map(str, suite.replicate_range))),
            "primary_metric": suite.primary_metric,
            "goal": suite.goal,
            "baseline": suite.baseline,
        },
        metrics={
            "trials_done": float(done),
            "trials_failed": float(trials.height - done),
            "scenarios": float(trials.get_column("scenario").n_unique()),
            "policies": float(trials.get_column("policy").n_unique()),
        },
        series={},
        files=artifact_hashes(folder),
    )


def with_report(content: Content, path: str) -> Content:
    """Return a parent whose description leads to the report, where there is one.

    Args:
        content: of the parent.
        path: of its artifacts in MLflow's pages.
    """
    if "report.html" not in content.files:
        return content
    link = f"[Report]({path}/report.html)"
    note = "\n\n".join(part.rstrip() for part in (content.tags.get(NOTE_TAG, ""), link) if part)
    return replace(content, tags={**content.tags, NOTE_TAG: note})


def artifact_hashes(folder: Path) -> dict[str, str]:
    """Artifacts that exist, and a hash of their content."""
    found: dict[str, str] = {}
    for name in (*ARTIFACTS, *FOLDERS):
        path = folder / name
        parts = [path] if path.is_file() else sorted(path.glob("*")) if path.is_dir() else []
        if parts:
            content = hashlib.sha256()
            for part in parts:
                content.update(part.name.encode() + part.read_bytes())
            found[name] = content.hexdigest()
    return found


def child_contents(
    trials: pl.DataFrame,
    summary: Summary,
    suite: SuiteConfig,
    replicates: bool,
    identity: str,
    parent: str,
) -> list[Content]:
    """Return what each child holds: a policy's parameters and numbers in one scenario."""
    policies = {policy.label or policy.name: policy for policy in suite.policies}
    means = {(str(row["scenario"]), str(row["policy"])): row for row in summary.means.to_dicts()}
    series = _series(trials, summary.metric) if replicates else {}
    found = []
    for row in summary.scenarios.iter_rows(named=True):
        scenario, name = str(row["scenario"]), str(row["policy"])
        policy = policies.get(name)
        parameters = brief(policy.parameters) if policy is not None else {}
        found.append(
            Content(
                name=f"{name} · {scenario}",
                tags={
                    RUN_TAG: identity,
                    KIND_TAG: "policy",
                    SCENARIO_TAG: scenario,
                    POLICY_TAG: name,
                    PARENT_TAG: parent,
                    **SOURCE,
                    **({UNTIL_TAG: str(row["until"])} if row.get("until") else {}),
                },
                params={
                    "scenario": scenario,
                    "policy": name,
                    "policy_name": policy.name if policy is not None else name,
                    "seed": str(suite.seed),
                    "baseline": summary.baseline,
                    **{f"policy.{key}": str(value) for key, value in parameters.items()},
                },
                metrics=_metrics(row, means.get((scenario, name), {}), summary.metric),
                series=series.get((scenario, name), {}),
                files={},
            )
        )
    return found


def _metrics(row: Mapping[str, Any], means: Mapping[str, Any], metric: str) -> dict[str, float]:
    """Aggregates of a scenario and policy: the mean of every metric, and the comparison."""
    values = {name: value for name, value in means.items() if name not in ("scenario", "policy")}
    values |= {f"{metric}_{end}": row[end] for end in ("iqm", "ci_low", "ci_high")}
    values |= {name: row[name] for name in row if name.startswith(("rank", "relative_"))}
    values |= {name: row[name] for name in ("difference", "p_value", "probability_of_improvement")}
    values |= {f"trials_{kind}": row[key] for kind, key in COUNTS.items()}
    values["collapsed"] = int(row["collapsed"])
    return {
        metric_name(name): float(value)
        for name, value in values.items()
        if value is not None and math.isfinite(value)
    }


def _series(
    trials: pl.DataFrame, metric: str
) -> dict[tuple[str, str], dict[str, list[tuple[int, float]]]]:
    """The metric of every replicate of a scenario and policy, with the replicate as the step."""
    values = (
        trials.filter(pl.col("status") == "done")
        .select("scenario", "policy", "replicate", pl.col(metric).cast(pl.Float64))
        .drop_nulls(metric)
        .filter(pl.col(metric).is_finite())
        .sort("replicate")
    )
    found: dict[tuple[str, str], dict[str, list[tuple[int, float]]]] = {}
    name = f"replicate/{metric_name(metric)}"
    for scenario, policy, step, value in values.iter_rows():
        found.setdefault((scenario, policy), {name: []})[name].append((step, value))
    return found


def metric_name(name: str) -> str:
    """A name that MLflow accepts."""
    return re.sub(r"[^A-Za-z0-9_\-. :/]", "_", name)

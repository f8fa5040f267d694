"""Somebody who publishes to a shared server; importable, so that processes of their own can."""

import os
from dataclasses import dataclass
from pathlib import Path

from synthetic_trials import synthetic_trials

from qcbench.bench.config import ScenarioEntry, SuiteConfig
from qcbench.policies.config import PolicyConfig
from qcbench.stats.summary import summarise
from qcbench.tracking.config import TrackingConfig
from qcbench.tracking.mlflow_view import PublishedSuite, publish
from qcbench.tracking.sweep_view import SweptTrial, publish_sweep
from qcbench.tracking.training_view import CurvePoint, PublishedTraining, publish_training

METRIC, BASELINE = "total_completion_s", "earliest_completion"
POLICIES = ("greedy", "lookahead", BASELINE)
SCENARIO = "qce5-paper"
SUITE = SuiteConfig(
    name="mini",
    track="placement",
    scenarios=[ScenarioEntry(base=SCENARIO)],
    policies=[PolicyConfig(name=name) for name in POLICIES],
    replicates=5,
    primary_metric=METRIC,
    baseline=BASELINE,
)
SWEPT = [
    SweptTrial(
        name=f"trial-{number}",
        status="done",
        params={"learning_rate": str(number)},
        points=[(step, {"mean": float(10 * number + step)}) for step in range(3)],
    )
    for number in range(3)
]


CONFIG = {"agent": {"name": "mine"}, "scenario": {"name": SCENARIO}}
CURVES = [
    CurvePoint(steps, 1.7e9 + steps, {"train/reward": steps / 7, "validation/mean": 1.0 + steps})
    for steps in range(0, 2400, 8)
]


@dataclass(frozen=True)
class Person:
    """A user of a server, and where their experiments are; one for everything if it is named."""

    name: str
    password: str
    uri: str
    experiment: str | None = None

    @property
    def tracking(self) -> TrackingConfig:
        return TrackingConfig(uri=self.uri, prefix=self.name, experiment=self.experiment)


def trials_of(number: int):
    """The result table of run `number`; no two are alike."""
    return synthetic_trials(replicates=5, policies=POLICIES, scenarios=(SCENARIO,), seed=number)


def publish_run(
    person: Person, folder: Path, number: int, tracking: TrackingConfig | None = None
) -> PublishedSuite:
    """Publish a made-up run as `qcbench track` does."""
    log_in(person)
    folder.mkdir(parents=True, exist_ok=True)
    trials = trials_of(number)
    manifest = f'{{"number": {number}, "run_id": "mini-{number}"}}'
    (folder / "manifest.json").write_text(manifest)
    trials.write_parquet(folder / "trials.parquet")
    summary = summarise(trials, metric=METRIC, baseline=BASELINE, resamples=100)
    told = tracking or person.tracking
    return publish(folder, trials=trials, summary=summary, suite=SUITE, tracking=told)


def publish_swept(person: Person, folder: Path, number: int = 0) -> str:
    """Publish a made-up sweep as `qcbench sweep` does."""
    log_in(person)
    begin_sweep(folder, number)
    return publish_sweep(person.tracking, folder, params={"seed": "1"}, trials=SWEPT)


def publish_trained(person: Person, folder: Path, number: int = 0) -> PublishedTraining:
    """Publish a made-up training as `qcbench track` does."""
    log_in(person)
    begin_training(folder, number)
    return publish_training(person.tracking, folder, CONFIG, BASELINE, CURVES, "FINISHED")


def begin_sweep(folder: Path, number: int = 0) -> None:
    """Make the file that sweep `number` began with; copies have the same."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sweep.yaml").write_text(f'# {{"run_id": "sweep-{number}"}}\nseed: 1\n')


def begin_training(folder: Path, number: int = 0) -> None:
    """Make the file that training `number` began with; copies have the same."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "training.json").write_text(f'{{"run_id": "train-{number}", "started": "then"}}')


def log_in(person: Person) -> None:
    os.environ["MLFLOW_TRACKING_USERNAME"] = person.name
    os.environ["MLFLOW_TRACKING_PASSWORD"] = person.password

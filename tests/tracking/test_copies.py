"""A training or a sweep that is copied, renamed, published at once or killed is one in MLflow."""

import shutil
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from publishers import (
    BASELINE,
    CONFIG,
    CURVES,
    SCENARIO,
    SWEPT,
    begin_sweep,
    begin_training,
)

from qcbench.tracking import children, written_once
from qcbench.tracking.client import open_client
from qcbench.tracking.config import TrackingConfig
from qcbench.tracking.identity import identity_of, name_of
from qcbench.tracking.sweep_view import SweptTrial, publish_sweep
from qcbench.tracking.training_view import MlflowCurves, open_curves, publish_training


@dataclass(frozen=True)
class Kind:
    """What is published: how it begins, and how it is shown; returns the id of the first run."""

    begin: Callable[[Path], None]
    show: Callable[[TrackingConfig, Path], str]
    count: int


def swept(tracking: TrackingConfig, folder: Path, trials: list[SweptTrial] = SWEPT) -> str:
    return publish_sweep(tracking, folder, params={"seed": "1"}, trials=trials)


def trained(tracking: TrackingConfig, folder: Path) -> str:
    return publish_training(tracking, folder, CONFIG, BASELINE, CURVES, "FINISHED").run


KINDS = {
    "sweep": Kind(begin_sweep, swept, 1 + len(SWEPT)),
    "training": Kind(begin_training, trained, 1),
}


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    return KINDS[request.param]


@pytest.fixture
def tracking(tmp_path: Path, mlflow_store: Path) -> TrackingConfig:
    """One file to which everybody publishes."""
    (tmp_path / "store").mkdir()
    shutil.copy(mlflow_store, tmp_path / "store" / "mlflow.db")
    return TrackingConfig(uri=f"sqlite:///{tmp_path}/store/mlflow.db")


def runs(tracking: TrackingConfig) -> list[Any]:
    """What there is in MLflow."""
    client = open_client(str(tracking.uri))
    return list(client.search_runs([each.experiment_id for each in client.search_experiments()]))


def curve(tracking: TrackingConfig, run: str, name: str = "train/reward") -> list[Any]:
    history = open_client(str(tracking.uri)).get_metric_history(run, name)
    return sorted((point.step, point.value, point.timestamp) for point in history)


def copies(kind: Kind, tmp_path: Path) -> list[Path]:
    """Two folders of one name and of another, as on two machines."""
    first = tmp_path / "here" / "began-20261102-140501"
    kind.begin(first)
    return [first, Path(shutil.copytree(first, tmp_path / "there" / "called-otherwise"))]


def test_a_copy_is_the_same_run(kind: Kind, tracking: TrackingConfig, tmp_path: Path) -> None:
    one, other = copies(kind, tmp_path)
    assert identity_of(one) == identity_of(other)
    first = kind.show(tracking, one)
    before = {run.info.run_id for run in runs(tracking)}
    assert kind.show(tracking, other) == first
    assert {run.info.run_id for run in runs(tracking)} == before, "nothing is written again"
    assert len(before) == kind.count
    assert {run.info.status for run in runs(tracking)} == {"FINISHED"}


def test_what_is_only_alike_is_another_run(
    kind: Kind, tracking: TrackingConfig, tmp_path: Path
) -> None:
    one, other = copies(kind, tmp_path)
    for path in other.iterdir():
        path.write_text(path.read_text().replace("-0", "-1"))
    first, second = kind.show(tracking, one), kind.show(tracking, other)
    assert first != second
    assert len(runs(tracking)) == 2 * kind.count


def test_one_that_notes_no_name_is_called_as_its_folder(tmp_path: Path) -> None:
    for file, text in (
        ("training.json", '{"command": "qcbench train"}'),
        ("sweep.yaml", "# qcbench sweep\nseed: 1\n"),
        ("sweep.yaml", "seed: 1\n"),
        ("manifest.json", "[]"),
    ):
        folder = tmp_path / "some-name"
        folder.mkdir()
        (folder / file).write_text(text)
        assert name_of(folder) == "some-name"
        assert identity_of(folder).startswith("some-name-")
        shutil.rmtree(folder)


def test_copies_that_are_published_at_once_are_there_once(
    kind: Kind, tracking: TrackingConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked, between = written_once.shown, threading.Barrier(2)

    def slow(*arguments: Any) -> Any:
        found = looked(*arguments)
        with suppress(threading.BrokenBarrierError):
            between.wait(0.5)  # both have looked before either writes, where both may
        return found

    monkeypatch.setattr(written_once, "shown", slow)
    with ThreadPoolExecutor(2) as pool:
        shown = pool.map(lambda folder: kind.show(tracking, folder), copies(kind, tmp_path))
        assert len(set(shown)) == 1
    assert len(runs(tracking)) == kind.count


@pytest.mark.parametrize("after", ["runs", "params", "metrics"])
def test_a_publication_that_was_killed_is_completed_from_a_copy(
    kind: Kind,
    tracking: TrackingConfig,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    after: str,
) -> None:
    one, other = copies(kind, tmp_path)
    insert = children._insert

    def stop(database: Any, table: str, rows: Any) -> None:
        insert(database, table, rows)
        if table == after:
            raise KeyboardInterrupt

    monkeypatch.setattr(children, "_insert", stop)
    with pytest.raises(KeyboardInterrupt):
        kind.show(tracking, one)
    monkeypatch.setattr(children, "_insert", insert)
    kind.show(tracking, other)
    assert len(runs(tracking)) == kind.count
    assert {run.info.status for run in runs(tracking)} == {"FINISHED"}


def test_a_publication_by_the_client_that_was_killed_is_completed(
    kind: Kind, tracking: TrackingConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As to a server: one request after the other."""
    one, other = copies(kind, tmp_path)
    monkeypatch.setattr(children, "TABLES", "another version")
    logged = children.log

    def stop(*arguments: Any) -> None:
        logged(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(children, "log", stop)
    with pytest.raises(KeyboardInterrupt):
        kind.show(tracking, one)
    left = {run.info.run_id for run in runs(tracking) if run.info.status == "RUNNING"}
    assert left
    monkeypatch.setattr(children, "log", logged)
    kind.show(tracking, other)
    assert len(runs(tracking)) == kind.count
    assert {run.info.status for run in runs(tracking)} == {"FINISHED"}


def test_both_ways_write_the_same_curve(
    tracking: TrackingConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = copies(KINDS["training"], tmp_path)[0]
    at_once = curve(tracking, trained(tracking, one))
    assert at_once[1] == (8, 8 / 7, 1_700_000_008_000)
    assert len(at_once) == len(CURVES)
    begin_training(other := tmp_path / "other", 1)
    monkeypatch.setattr(children, "TABLES", "another version")
    assert curve(tracking, trained(tracking, other)) == at_once


def test_a_sweep_that_went_on_elsewhere_keeps_what_has_not_changed(
    tracking: TrackingConfig, tmp_path: Path
) -> None:
    one, other = copies(KINDS["sweep"], tmp_path)
    unfinished = [*SWEPT[:2], replace(SWEPT[2], status="unfinished", points=SWEPT[2].points[:1])]
    parent = swept(tracking, one, unfinished)
    before = {run.info.run_name: run for run in runs(tracking)}
    assert before["trial-2"].info.status == "KILLED"
    assert swept(tracking, other) == parent
    after = {run.info.run_name: run for run in runs(tracking)}
    assert len(after) == 1 + len(SWEPT)
    changed = [name for name in after if after[name].info.run_id != before[name].info.run_id]
    assert changed == ["trial-2"]
    assert after["trial-2"].info.status == "FINISHED"


def test_a_trial_that_took_over_points_of_another_has_them_once(
    tracking: TrackingConfig, tmp_path: Path
) -> None:
    points = [(1, {"mean": 2.0}), (1, {"mean": 2.0}), (2, {"mean": 3.0})]
    begin_sweep(tmp_path / "sweep-0")
    swept(tracking, tmp_path / "sweep-0", [SweptTrial("a", "done", {}, points)])
    (trial,) = [run for run in runs(tracking) if run.info.run_name == "a"]
    history = open_client(str(tracking.uri)).get_metric_history(trial.info.run_id, "mean")
    assert [(point.step, point.value) for point in history] == [(1, 2.0), (2, 3.0)]


class Live:
    """A training that writes its curves as it goes."""

    def __init__(self, tracking: TrackingConfig, folder: Path) -> None:
        curves = open_curves(tracking, folder, CONFIG, BASELINE)
        assert isinstance(curves, MlflowCurves)
        self.curves, self.said = curves, list[str]()

    def train(self, points: Iterator[Any] | list[Any]) -> None:
        for point in points:
            self.curves.add(point.steps, point.named)
        self.curves.flush(self.said.append)

    def close(self, status: str) -> None:
        self.curves.close(status, self.said.append)
        assert self.said == []


def test_a_training_that_goes_on_as_a_copy_writes_to_the_same_run(
    tracking: TrackingConfig, tmp_path: Path
) -> None:
    one, other = copies(KINDS["training"], tmp_path)
    first = Live(tracking, one)
    first.train(CURVES[:100])
    first.close("KILLED")
    second = Live(tracking, other)
    second.train(CURVES[100:])
    second.close("FINISHED")
    (run,) = runs(tracking)
    assert (run.info.status, run.info.run_name) == ("FINISHED", "train-0")
    assert run.data.tags["qcbench.scenario"] == SCENARIO
    assert [step for step, _, _ in curve(tracking, run.info.run_id)] == [p.steps for p in CURVES]
    published = publish_training(tracking, one, CONFIG, BASELINE, CURVES, "FINISHED")
    assert (published.run, published.written) == (run.info.run_id, False)


def test_a_training_goes_on_where_a_copy_was_published_meanwhile(
    tracking: TrackingConfig, tmp_path: Path
) -> None:
    """What it wrote itself is deleted, then; what stands in its place gets what it lacks."""
    one, other = copies(KINDS["training"], tmp_path)
    live = Live(tracking, one)
    live.train(CURVES[:100])
    publish_training(tracking, other, CONFIG, BASELINE, CURVES[:90], "KILLED")
    live.train(CURVES[100:])
    live.close("FINISHED")
    (run,) = runs(tracking)
    assert run.info.status == "FINISHED"
    assert [step for step, _, _ in curve(tracking, run.info.run_id)] == [p.steps for p in CURVES]
    published = publish_training(tracking, one, CONFIG, BASELINE, CURVES, "FINISHED")
    assert (published.run, published.written) == (run.info.run_id, False)


def test_a_training_does_not_wait_for_who_publishes(
    tracking: TrackingConfig, tmp_path: Path
) -> None:
    folder, _ = copies(KINDS["training"], tmp_path)
    live = Live(tracking, folder)
    with written_once.publishing(str(tracking.uri), folder):
        live.train(CURVES[:100])
    assert (runs(tracking), live.said) == ([], [])
    live.train(CURVES[100:])
    (run,) = runs(tracking)
    assert [step for step, _, _ in curve(tracking, run.info.run_id)] == [p.steps for p in CURVES]


def test_two_copies_that_begin_to_train_at_once_have_one_run(
    tracking: TrackingConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a server, which has no turns."""
    one, other = copies(KINDS["training"], tmp_path)
    looked, between = written_once.shown, threading.Barrier(2)
    begun = threading.local()

    def slow(*arguments: Any) -> Any:
        found = looked(*arguments)
        if not getattr(begun, "once", False):
            begun.once = True
            between.wait(20)
        return found

    @written_once.contextmanager
    def without_turns(uri: str, folder: Path, *, wait: bool) -> Iterator[None]:
        assert isinstance(wait, bool)
        with written_once.mlflow_errors(uri):
            yield

    from qcbench.tracking import training_view  # noqa: PLC0415

    monkeypatch.setattr(written_once, "shown", slow)
    monkeypatch.setattr(training_view, "publishing", without_turns)
    lives = [Live(tracking, one), Live(tracking, other)]
    parts = [CURVES[:50], CURVES[50:]]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda live, part: live.train(part), lives, parts))
    monkeypatch.undo()
    for live in lives:
        live.train([])
        live.close("FINISHED")
    (run,) = runs(tracking)
    assert len(curve(tracking, run.info.run_id)) == len(CURVES)

"""Curves as event files of TensorBoard: what they say, and that no point is there twice."""

import resource
import shutil
import struct
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("tensorboardX")

from omegaconf import OmegaConf
from tensorboardX.proto.event_pb2 import Event, SessionLog

from qcbench.agents import training
from qcbench.agents.checkpoints import checkpoints
from qcbench.agents.config import compose_train, meant
from qcbench.agents.run_folder import read_progress
from qcbench.agents.tensorboard import EVENTS, Events
from qcbench.errors import UnwritableError
from qcbench.tracking.training_view import CurvePoint

SMALL = [
    "agent.worlds=8",
    "agent.network.encoder=[8]",
    "agent.network.context=[]",
    "agent.network.head=[]",
    "agent.ppo.environments=8",
    "agent.ppo.steps=600",
    "agent.ppo.threads=1",
    "validation.worlds=2",
    "validation.every_steps=400",
    "tracking=none",
    "tensorboard=true",
]


def events(run: Path) -> list[Event]:
    """Return the events of a run, which has one file with them."""
    (file,) = (run / EVENTS).iterdir()
    assert file.name.startswith("events.out.tfevents.")
    data, found, at = file.read_bytes(), [], 0
    while at < len(data):
        (length,) = struct.unpack_from("<Q", data, at)
        found.append(Event.FromString(data[at + 12 : at + 12 + length]))
        at += 12 + length + 4
    return found


def points(run: Path) -> Counter[tuple[str, int]]:
    """Return how often each point of a curve is there."""
    return Counter(
        (value.tag, event.step) for event in events(run) for value in event.summary.value
    )


def noted(run: Path) -> set[int]:
    return {int(line["steps"]) for line in read_progress(run)}


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training that came to its end."""
    told = compose_train([*SMALL, f"runs_dir={tmp_path_factory.mktemp('runs')}"])
    return training.start(told, progress="silent").folder


@pytest.mark.e2e
def test_curves_are_events(done: Path) -> None:
    first, start, *rest = events(done)
    assert first.file_version == "brain.Event:2"
    assert start.session_log.status == SessionLog.START
    assert len(rest) == len(read_progress(done))
    found = points(done)
    assert {"train/reward", "train/entropy", "validation/mean_completion_s"} <= {
        t for t, _ in found
    }
    assert {steps for _, steps in found} == noted(done)
    assert set(found.values()) == {1}
    shown = {
        e.step: v.simple_value
        for e in rest
        for v in e.summary.value
        if v.tag == "validation/mean_completion_s"
    }
    judged = {n["steps"]: n["mean"] for n in read_progress(done) if n["kind"] == "evaluation"}
    assert shown == pytest.approx(judged)


@pytest.mark.e2e
def test_who_goes_on_writes_no_point_twice(done: Path, tmp_path: Path) -> None:
    run = tmp_path / done.name
    shutil.copytree(done, run)
    shutil.rmtree(checkpoints(run)[-1])  # what came after the one before has to be learned again
    (file,) = (run / EVENTS).iterdir()
    file.write_bytes(file.read_bytes()[:-7])  # torn by a kill
    before = points(done)
    training.go_on(run, progress="silent")
    found = points(run)
    assert set(found.values()) == {1}
    assert found.keys() == before.keys()


@pytest.mark.e2e
def test_a_training_that_is_not_asked_has_none(tmp_path: Path) -> None:
    told = compose_train([*SMALL[:-1], f"runs_dir={tmp_path}", "agent.ppo.steps=200"])
    run = training.start(told, progress="silent").folder
    assert not (run / EVENTS).exists()
    assert "tensorboard" not in OmegaConf.load(run / "config.yaml")
    assert meant(told) == meant(compose_train([*SMALL, "agent.ppo.steps=200"])), (
        "it is the same one"
    )


def test_figures_without_a_value_are_left_out(tmp_path: Path) -> None:
    written = Events(tmp_path)
    named: dict[str, Any] = {"a": 1.0, "b": float("nan"), "c": None, "d": "text"}
    written.begin([CurvePoint(5, 1.0, named)])
    written.add(6, {"a": 2.0})
    assert points(tmp_path) == {("a", 5): 1, ("a", 6): 1}
    written.close()
    written.close()


def test_a_place_that_cannot_be_written_is_told_in_a_line(tmp_path: Path) -> None:
    with pytest.raises(UnwritableError, match="cannot be written"):
        Events(tmp_path / "gone").begin([])


def many(found: Events) -> None:
    """Write more than there is room for."""
    for step in range(1000):
        found.add(step, {"reward": 1.0})


def test_a_disk_that_fills_up_is_told_once(tmp_path: Path) -> None:
    found = Events(tmp_path)
    found.begin([])
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200, hard[1]))
    try:
        with pytest.raises(UnwritableError, match="tensorboard: cannot be written"):
            many(found)
        found.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, hard)

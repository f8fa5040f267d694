"""Training from beginning to end: curves, checkpoints, the exported policy, crashes, bad input."""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

pytest.importorskip("torch")
pytest.importorskip("gymnasium")

import torch

import qcbench
from qcbench.agents import reference_agent, training
from qcbench.agents.agent import DivergedError, LostError, Update
from qcbench.agents.checkpoints import checkpoints, prune, read_torch, write_checkpoint
from qcbench.agents.config import compose_train
from qcbench.agents.curves import publish
from qcbench.agents.evaluation import Evaluation, Validation
from qcbench.agents.run_folder import evaluations, open_folder, read_progress
from qcbench.bench.driver import RunError
from qcbench.bench.environments import world_source
from qcbench.bench.progress import Silent
from qcbench.cli.main import main
from qcbench.cloud.execution import DONE
from qcbench.errors import InputError
from qcbench.policies.exported.card import CARD, WEIGHTS
from qcbench.policies.exported.folder import digest, read_folder
from qcbench.tracking.client import open_client, store_uri
from qcbench.tracking.config import TrackingConfig

pytestmark = pytest.mark.e2e

SMALL = [
    "agent.worlds=64",
    "agent.network.encoder=[8]",
    "agent.network.context=[8]",
    "agent.network.head=[8]",
    "agent.ppo.environments=32",
    "agent.ppo.steps=2400",
    "agent.ppo.threads=1",
    "validation.worlds=12",
    "validation.every_steps=1600",
]
UPDATE = 800
UNTRACKED = "tracking=none"
FEW_WORLDS = ["agent.worlds=8", "validation.worlds=2"]


def train(runs: Path, *more: str) -> training.Trained:
    told = compose_train([*SMALL, UNTRACKED, f"runs_dir={runs}", *more])
    return training.start(told, command="qcbench train ...", progress="silent")


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> training.Trained:
    """A training that came to its end."""
    return train(tmp_path_factory.mktemp("runs"))


@pytest.fixture
def copied(done: training.Trained, tmp_path: Path) -> Path:
    """The folder of that run, to be damaged."""
    folder = tmp_path / "runs" / done.folder.name
    shutil.copytree(done.folder, folder)
    return folder


def lines(folder: Path, kind: str) -> list[dict[str, Any]]:
    return [line for line in read_progress(folder) if line["kind"] == kind]


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["scenario=placement/qce5-unreliable"], "rules.failures is set; take cost"),
        (["agent=ppo", "rules.execution_sigma=0.2"], "rules.execution_sigma is set; take cost"),
        (["rules.horizon_s=3600.0"], "rules.horizon_s is set; take cost"),
        (["agent.reward.kind=makespan"], "makespan is of track allocation, not placement"),
    ],
)
def test_a_reward_that_cannot_be_had_is_refused_before_a_world_is_drawn(
    tmp_path: Path,
    overrides: list[str],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(training, "_parts", lambda *_: pytest.fail("worlds are drawn"))
    assert main(["train", f"runs_dir={tmp_path}", UNTRACKED, *overrides]) == 2
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
    told = compose_train(["scenario=placement/qce5-unreliable", "agent.reward.kind=cost"])
    assert told.scenario.rules.failures is not None


def test_a_run_leaves_curves_checkpoints_and_a_policy(done: training.Trained) -> None:
    assert done.complete
    assert done.steps == 2400
    assert [line["steps"] for line in lines(done.folder, "update")] == [800, 1600, 2400]
    assert [steps for steps, _ in evaluations(read_progress(done.folder))] == [0, 1600, 2400]
    times = [line["time_s"] for line in read_progress(done.folder)]
    assert times == sorted(times)
    update = lines(done.folder, "update")[0]
    assert {"reward", "entropy", "rate_per_s", "value_loss", "explained"} <= update.keys()
    kept = {path.name for path in checkpoints(done.folder)}
    assert {"step-000000001600", "step-000000002400"} <= kept
    assert compose_train([*SMALL, UNTRACKED, f"runs_dir={done.folder.parent}"]) == (
        open_folder(done.folder).config
    )


@pytest.mark.parametrize(
    ("track", "overrides"),
    [
        ("placement", ["scenario=placement/qce5", "agent.reward.kind=cost"]),
        (
            "allocation",
            [
                *("agent=reference_ppo_allocation", "scenario=allocation/eagle5"),
                *("workload.tasks=20", "agent.sets=false"),
            ],
        ),
    ],
)
def test_an_agent_that_sees_due_times_says_so_in_what_it_exports(
    tmp_path: Path, track: Any, overrides: list[str]
) -> None:
    law = "workload.deadlines={law: slack, least: 2.0, most: 6.0, value: best}"
    small = ["agent.worlds=4", "validation.worlds=2", "agent.observation=deadlines"]
    trained = train(tmp_path, *overrides, law, *small)
    assert trained.complete
    exported = trained.folder / "exported"
    card = read_folder(exported).card
    assert card.observation.layout == f"{track}-deadlines"
    assert "slack" in (*card.observation.shared, *card.observation.each)
    config = open_folder(trained.folder).config
    simulated = qcbench.simulate(config.scenario, str(exported), engine="compiled")
    assert simulated.workload.due_s is not None
    assert (simulated.job_status == DONE).any()


def test_the_exported_file_reproduces_the_figure(done: training.Trained) -> None:
    source = world_source("placement/qce5", suite=training.SUITE)
    again = Validation(source, count=12).judge(done.folder / "exported")
    assert asdict(again) == asdict(done.best)
    world = source.splits.replicate("validation", 3)
    records = qcbench.simulate(
        policy=str(done.folder), suite=training.SUITE, seed=world, engine="simpy"
    )
    assert records.completion_s.mean() > 0
    totals = [
        float(
            qcbench.simulate(
                policy=str(done.folder),
                suite=training.SUITE,
                seed=source.splits.replicate("validation", index),
            ).completion_s.mean()
        )
        for index in range(12)
    ]
    assert sum(totals) / 12 == pytest.approx(done.best.mean)


def test_the_card_says_where_the_policy_is_from(done: training.Trained) -> None:
    card = read_folder(done.folder / "exported").card
    told = card.provenance
    assert told.command == "qcbench train ..."
    assert told.scenario == "placement/qce5"
    assert told.seeds == {"training": 0}
    assert told.versions["torch"] == torch.__version__
    assert told.evaluation["mean_completion_s"] == done.best.mean
    assert told.evaluation["steps"] == done.best_steps
    assert told.evaluation["baseline"] == "earliest_completion"


def test_the_untrained_offset_is_earliest_completion(done: training.Trained) -> None:
    first = next(found for _, found in evaluations(read_progress(done.folder)))
    assert first.relative_percent == pytest.approx(0.0, abs=0.5)
    assert first.violations == 0
    assert 0 < first.figures["largest_share"] < 1
    shares = [value for name, value in first.figures.items() if name.startswith("share_")]
    assert sum(shares) == pytest.approx(1.0)


def test_equal_seeds_train_equally(done: training.Trained, tmp_path: Path) -> None:
    again = train(tmp_path)
    one, other = (read_folder(run.folder / "exported").tensors for run in (done, again))
    assert all((one[name] == other[name]).all() for name in one)
    assert asdict(again.best) == asdict(done.best)


def test_a_killed_run_goes_on(tmp_path: Path) -> None:
    """`kill -9` in the middle; the rest is run, and nothing is there twice."""
    arguments = [*SMALL, UNTRACKED, f"runs_dir={tmp_path}", "validation.every_steps=2400"]
    arguments += ["agent.ppo.steps=80000", "checkpoints.every_s=0.01"]
    process = subprocess.Popen(
        [sys.executable, "-m", "qcbench.cli.main", "train", *arguments],
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    try:
        wait_for(lambda: len(updates_below(tmp_path)) >= 5, process)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    folder = next(tmp_path.glob("train-*"))
    reached = checkpoints(folder)[-1]
    with (folder / "progress.jsonl").open("a") as file:
        file.write('{"kind": "update", "steps": 79999, "time_s": 1.0}\n{"kind": "upd')
    shutil.rmtree(folder / "exported", ignore_errors=True)
    (folder / "checkpoints" / ".step-000000999999-x.tmp").mkdir()
    config = folder / "config.yaml"
    steps = int(reached.name.removeprefix("step-"))
    config.write_text(config.read_text().replace("steps: 80000", f"steps: {steps + 1600}"))
    result = training.go_on(folder, progress="silent")
    assert result.complete
    assert result.steps == steps + 1600
    found = [line["steps"] for line in lines(folder, "update")]
    assert found == list(range(UPDATE, steps + 1601, UPDATE))
    judged = [line["steps"] for line in lines(folder, "evaluation")]
    assert judged == sorted(set(judged))
    assert not list((folder / "checkpoints").glob(".*"))
    assert read_folder(folder / "exported").card.provenance.evaluation["steps"] == result.best_steps


def updates_below(runs: Path) -> list[str]:
    return [
        line
        for path in runs.glob("train-*/progress.jsonl")
        for line in path.read_text().splitlines()
        if '"update"' in line
    ]


def wait_for(there: Callable[[], bool], process: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + 200
    while not there():
        assert process.poll() is None, "training ended by itself"
        assert time.monotonic() < until, "no update within 200 s"
        time.sleep(0.05)


def test_an_interrupted_run_keeps_what_it_learned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learned = reference_agent.ReferenceLearner.run

    def interrupted(self: Any, should_stop: Callable[[], bool]) -> Iterator[Update]:
        for update in learned(self, should_stop):
            if update.steps == UPDATE:
                os.kill(os.getpid(), signal.SIGINT)
            yield update

    monkeypatch.setattr(reference_agent.ReferenceLearner, "run", interrupted)
    stopped = train(tmp_path)
    assert not stopped.complete
    assert stopped.steps == UPDATE
    assert checkpoints(stopped.folder)[-1].name == "step-000000000800"
    monkeypatch.undo()
    ended = training.go_on(stopped.folder, progress="silent")
    assert (ended.complete, ended.steps) == (True, 2400)
    again = training.go_on(stopped.folder, progress="silent")
    assert (again.complete, again.best) == (True, ended.best)
    assert [line["steps"] for line in lines(stopped.folder, "update")] == [800, 1600, 2400]


class Filling:
    """A display that fills the disk once so many steps are done: no file can get longer."""

    def __init__(self, steps: int, size: int) -> None:
        self._steps, self._size = steps, size

    def start(self, total: int, done: int) -> None:
        pass

    def update(self, done: int, text: str) -> None:
        if done >= self._steps:
            hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
            resource.setrlimit(resource.RLIMIT_FSIZE, (self._size, hard))

    def note(self, line: str) -> None:
        pass

    def stop(self) -> None:
        pass


@pytest.mark.parametrize("size", [10, 1500], ids=["curves", "checkpoint"])
def test_a_disk_that_fills_up_is_a_fault_that_says_how_to_go_on(
    done: training.Trained, tmp_path: Path, size: int
) -> None:
    config = compose_train([*SMALL, UNTRACKED, f"runs_dir={tmp_path}"])
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        with pytest.raises(RunError, match="cannot be written") as caught:
            training.start(config, display=Filling(800, size))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    (folder,) = tmp_path.glob("train-*")
    assert f"go on from the latest checkpoint with `qcbench train {folder}`" in str(caught.value)
    again = training.go_on(folder, progress="silent")
    assert again.complete
    weights = [each / "exported" / WEIGHTS for each in (folder, done.folder)]
    assert weights[0].read_bytes() == weights[1].read_bytes()


def test_what_diverges_stops_in_one_line_and_keeps_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def diverging(self: Any, should_stop: Callable[[], bool]) -> Iterator[Update]:
        yield Update(UPDATE, {"reward": float("nan")})
        raise DivergedError("update 2: the loss is nan")

    monkeypatch.setattr(reference_agent.ReferenceLearner, "run", diverging)
    with pytest.raises(RunError, match=r"train-.*: update 2: the loss is nan; what it had"):
        train(tmp_path)
    folder = next(tmp_path.glob("train-*"))
    assert lines(folder, "update")[0]["reward"] is None
    assert (folder / "exported" / CARD).is_file()
    assert (folder / "exported" / WEIGHTS).is_file()


@pytest.mark.parametrize("times", [2, 100])
def test_a_training_whose_actors_die_goes_on_from_its_checkpoint_some_times(
    times: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learned, lost = reference_agent.ReferenceLearner.run, []

    def dying(self: Any, should_stop: Callable[[], bool]) -> Iterator[Update]:
        for update in learned(self, should_stop):
            if update.steps == 2400 and len(lost) < times:
                lost.append(update)
                raise LostError("an actor has died")
            yield update

    class Told(Silent):
        notes: ClassVar[list[str]]

        def note(self, line: str) -> None:
            self.notes.append(line)

    Told.notes = []
    monkeypatch.setattr(reference_agent.ReferenceLearner, "run", dying)
    config = compose_train([*SMALL, *FEW_WORLDS, UNTRACKED, f"runs_dir={tmp_path}"])
    if times == 100:
        with pytest.raises(RunError, match="an actor has died; go on from the latest checkpoint"):
            training.start(config, display=Told())
        assert len(lost) == 4, "one, and cluster.retries and two more"
        return
    done = training.start(config, display=Told())
    said = "an actor has died; going on from the checkpoint after 1,600"
    assert Told.notes.count(said) == len(lost) == 2
    assert done.complete
    assert [line["steps"] for line in lines(done.folder, "update")] == [800, 1600, 2400]
    assert [line["steps"] for line in lines(done.folder, "evaluation")] == [0, 1600, 2400]


def test_curves_are_in_mlflow_once(tmp_path: Path, mlflow_store: Path) -> None:
    shutil.copy(mlflow_store, tmp_path / "mlflow.db")
    told = compose_train([*SMALL, f"runs_dir={tmp_path}"])
    done = training.start(told, progress="silent")
    again = training.go_on(done.folder, progress="silent")
    assert again.best == done.best
    client = open_client(store_uri(TrackingConfig(), tmp_path))
    experiment = client.get_experiment_by_name("train")
    runs = client.search_runs([experiment.experiment_id])
    assert [run.info.status for run in runs] == ["FINISHED"]
    assert runs[0].info.run_name == done.folder.name
    assert runs[0].data.params["agent.ppo.environments"] == "32"
    history = client.get_metric_history(runs[0].info.run_id, "train/reward")
    written = {point.step: point.value for point in history}
    assert written == {line["steps"]: line["reward"] for line in lines(done.folder, "update")}
    judged = client.get_metric_history(runs[0].info.run_id, "validation/relative_percent")
    assert [point.step for point in judged] == [0, 1600, 2400]


def points(runs: Path) -> tuple[str, str, dict[str, list[tuple[int, float]]]]:
    """MLflow's only training: its id, its status, and its curves."""
    client = open_client(store_uri(TrackingConfig(), runs))
    experiment = client.get_experiment_by_name("train")
    (run,) = client.search_runs([experiment.experiment_id])
    named = run.data.metrics
    curves = {
        n: [(p.step, p.value) for p in client.get_metric_history(run.info.run_id, n)] for n in named
    }
    return run.info.run_id, run.info.status, curves


def test_curves_are_rebuilt_from_what_was_noted(
    copied: Path, mlflow_store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = copied.parent
    shutil.copy(mlflow_store, runs / "mlflow.db")
    told = ["track", copied.name, f"runs_dir={runs}"]
    assert main(told) == 0
    shown = capsys.readouterr().out
    first, status, curves = points(runs)
    assert status == "FINISHED"
    assert f"/runs/{first}" in shown
    assert "qcbench browse store=" in shown
    assert curves["train/reward"] == [(x["steps"], x["reward"]) for x in lines(copied, "update")]
    assert [step for step, _ in curves["validation/relative_percent"]] == [0, 1600, 2400]
    assert main(told) == 0
    assert points(runs)[0] == first, "nothing was new"
    kept = (copied / "progress.jsonl").read_text().splitlines(keepends=True)
    (copied / "progress.jsonl").write_text("".join(kept[:-2]))
    assert main(["track", str(copied), f"runs_dir={runs}"]) == 0
    again, status, fewer = points(runs)
    assert (again != first, status) == (True, "KILLED")
    assert fewer["train/reward"] == curves["train/reward"][:2]
    with open_folder(copied):
        assert main(told) == 2
    assert "is being trained by process" in capsys.readouterr().err


def test_what_a_training_wrote_is_what_would_be_rebuilt(tmp_path: Path, mlflow_store: Path) -> None:
    shutil.copy(mlflow_store, tmp_path / "mlflow.db")
    done = training.start(compose_train([*SMALL, f"runs_dir={tmp_path}"]), progress="silent")
    before = points(tmp_path)
    published = publish(done.folder, TrackingConfig())
    assert not published.written
    assert points(tmp_path) == before


def test_a_lost_tracking_store_stops_no_training(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_text("this is no database")
    told = compose_train([*SMALL, f"runs_dir={tmp_path}", "agent.ppo.steps=800"])
    notes = Notes()
    done = training.start(told, display=notes)
    assert done.complete
    assert any("is no SQLite file" in line and "curves wait" in line for line in notes.lines)


class Notes:
    """A display that remembers."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def start(self, total: int, done: int) -> None:
        pass

    def update(self, done: int, text: str) -> None:
        pass

    def note(self, line: str) -> None:
        self.lines.append(line)

    def stop(self) -> None:
        pass


def test_two_processes_do_not_train_one_run(copied: Path) -> None:
    with (
        open_folder(copied),
        pytest.raises(InputError, match="is being trained by process"),
    ):
        open_folder(copied)


def test_a_checkpoint_that_is_no_data_is_refused(copied: Path, tmp_path: Path) -> None:
    state = checkpoints(copied)[-1] / reference_agent.STATE
    whole = read_torch(state)
    torch.save({"update": os.system}, state)
    with pytest.raises(InputError, match=r"trainer\.pt: is no checkpoint"):
        training.go_on(copied, progress="silent")
    state.write_bytes(b"torn")
    with pytest.raises(InputError, match=r"trainer\.pt: is no checkpoint"):
        training.go_on(copied, progress="silent")
    for other in ({"network": {}}, *({**whole, name: 5} for name in whole if name != "steps")):
        torch.save({**other, "update": "1"}, state)
        with pytest.raises(InputError, match=r"trainer\.pt: is not of this agent"):
            training.go_on(copied, progress="silent")
    torch.save([1], state)
    with pytest.raises(InputError, match="it holds a list"):
        read_torch(state)
    with pytest.raises(InputError, match="does not exist"):
        read_torch(tmp_path / "nothing.pt")


def test_a_checkpoint_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    def fails(folder: Path) -> None:
        (folder / "half").write_text("half")
        raise InputError("disk is full")

    with pytest.raises(InputError, match="disk is full"):
        write_checkpoint(tmp_path, 5, fails)
    assert checkpoints(tmp_path) == []
    assert list((tmp_path / "checkpoints").iterdir()) == []
    for steps in (30, 100, 7, 9):
        write_checkpoint(tmp_path, steps, lambda folder: (folder / "x").touch())
    prune(tmp_path, keep=1, best=9)
    assert [path.name for path in checkpoints(tmp_path)] == [
        "step-000000000009",
        "step-000000000100",
    ]


GOOD = Evaluation("mean_completion_s", 9, 20.0, 22.0, -9.0, -10.0, -8.0, "min", 0, 0, False, {})


def test_a_sound_policy_is_better_than_a_faster_one_that_is_not() -> None:
    faster = replace(GOOD, mean=10.0)
    assert GOOD.better_than(None)
    assert faster.better_than(GOOD)
    assert not GOOD.better_than(faster)
    for fault in ({"violations": 1}, {"truncated": 1}, {"collapsed": True}, {"unknown": 1}):
        assert not replace(faster, **fault).better_than(GOOD)
        assert GOOD.better_than(replace(faster, **fault))
    assert GOOD.better_than(replace(GOOD, mean=float("nan")))
    assert not replace(GOOD, mean=float("nan")).better_than(GOOD)
    assert replace(GOOD, mean=25.0, goal="max").better_than(replace(GOOD, goal="max"))
    assert "COLLAPSED" in replace(GOOD, collapsed=True).line
    assert replace(GOOD, unknown=2).line.endswith("; 2 of 9 worlds without a value")


def test_one_world_has_no_interval() -> None:
    alone = replace(GOOD, worlds=1, low=float("nan"), high=float("nan"))
    assert alone.line == "mean_completion_s 20, -9.00 % (one world, no interval)"
    assert replace(alone, worlds=2).line.endswith("-9.00 % (no interval)")
    unknown = replace(alone, mean=float("nan"), relative_percent=float("nan"))
    assert unknown.line == "mean_completion_s unknown, no ratio to the baseline"


def test_a_best_checkpoint_that_is_gone(done: training.Trained, copied: Path) -> None:
    """What is exported is that policy; where it is another, one line says what is missing."""
    last = checkpoints(copied)[-1]
    assert last.name == f"step-{done.steps:012d}"
    entries = [json.loads(line) for line in (copied / "progress.jsonl").read_text().splitlines()]
    for entry in entries:  # the best was that of before
        if entry["kind"] == "evaluation":
            entry["mean"] = 1.0 if entry["steps"] == 1600 else 50.0
    progress = "".join(json.dumps(entry) + "\n" for entry in entries)
    (copied / "progress.jsonl").write_text(progress)
    for each in checkpoints(copied)[:-1]:
        shutil.rmtree(each)
    card = copied / "exported" / CARD
    told = json.loads(card.read_text())
    told["provenance"]["evaluation"]["steps"] = 800.0
    card.write_text(json.dumps(told))
    missing = (
        f"{copied}: the best policy, after 1,600 steps, is gone: there is no checkpoints/step-0"
    )
    with pytest.raises(InputError, match=missing):
        training.go_on(copied, progress="silent")
    assert (copied / "progress.jsonl").read_text() == progress
    told["provenance"]["evaluation"]["steps"] = 1600.0
    card.write_text(json.dumps(told))
    assert training.go_on(copied, progress="silent").best_steps == 1600


def test_checkpoints_that_are_gone(
    done: training.Trained, copied: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A training that had ended says what came of it; another one cannot go on."""
    shutil.rmtree(copied / "checkpoints")
    assert main(["train", str(copied)]) == 0
    assert f"best      {done.best.line} after {done.best_steps:,} steps" in capsys.readouterr().out
    progress = copied / "progress.jsonl"
    *kept, last = progress.read_text().splitlines(keepends=True)
    assert json.loads(last)["kind"] == "evaluation"
    progress.write_text("".join(kept))
    assert main(["train", str(copied)]) == 2
    said = capsys.readouterr().err
    assert f"{copied}: has no checkpoint in checkpoints any more" in said
    assert said.count("\n") == 1
    assert progress.read_text() == "".join(kept)


def test_best_export_is_restored_after_a_crash_between_two_files(
    done: training.Trained, copied: Path
) -> None:
    (copied / "exported" / CARD).unlink()
    result = training.go_on(copied, progress="silent")
    assert result.best_steps == done.best_steps
    assert digest(copied / "exported") == digest(done.folder / "exported")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["agent=reference_pp"], ["agent=reference_pp", "reference_ppo"]),
        (["agent.kind=reference"], ["agent.kind", "reference"]),
        (["agent.ppo.learning_rat=1"], ["learning_rat", "learning_rate"]),
        (["agent.ppo.steps=0"], ["agent.ppo.steps", "0", "at least 1"]),
        (["agent.ppo.clip=nan"], ["agent.ppo.clip", "finite"]),
        (["agent.network.encoder=[]"], ["agent.network.encoder"]),
        (["agent.network.offset={speed: 1.0}"], ["agent.network.offset", "at most 1"]),
        (["~agent.network.offset.regret", "agent.network.offset.speed=1"], ["speed", "regret"]),
        (["scenario=allocation/eagle5"], ["reference_ppo", "placement", "allocation"]),
        (["scenario=partition/nodes20"], ["reference_ppo", "placement", "partition"]),
        (["scenario=placement/qce5-unreliable", *FEW_WORLDS], ["hindsight", "failures"]),
        (["validation.worlds=0"], ["validation.worlds", "0"]),
        (["validation.metric=speed"], ["validation.metric", "speed"]),
        (["validation.baseline=gredy"], ["gredy", "greedy"]),
        (["checkpoints.keep=0"], ["checkpoints.keep", "0"]),
        (["seed=-1"], ["seed", "-1"]),
        (["agent.reward.time_scale_s=0"], ["time_scale_s", "0"]),
        (["train-nothing"], ["train-nothing", "no such training run"]),
        (["train-nothing", "seed=3"], ["seed=3", "runs_dir"]),
    ],
)
def test_bad_input_is_one_line(
    arguments: Sequence[str],
    words: Sequence[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["train", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(captured.err.strip().splitlines()) == 1, captured.err
    for word in words:
        assert word in captured.err
    assert list(tmp_path.iterdir()) == []


def test_a_config_that_was_damaged_is_named(copied: Path) -> None:
    (copied / "config.yaml").write_text("agent: [")
    with pytest.raises(InputError, match=r"config\.yaml: cannot be read"):
        open_folder(copied)
    (copied / "config.yaml").write_text("agent: {}\n")
    with pytest.raises(InputError, match="is missing"):
        open_folder(copied)


def test_curves_with_a_damaged_line_are_named(copied: Path) -> None:
    path = copied / "progress.jsonl"
    path.write_text("no json\n" + path.read_text())
    with pytest.raises(InputError, match=r"progress\.jsonl: line 1 is no JSON"):
        read_progress(copied)
    path.write_text(json.dumps({"kind": "update"}) + "\n")
    with pytest.raises(InputError, match=r"line 1 has no kind, steps"):
        read_progress(copied)

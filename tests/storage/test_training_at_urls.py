"""Training runs at a URL: killed here, gone on with elsewhere, the same policy."""

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from s3_server import delete_object, environment, keys_of, object_of

pytest.importorskip("torch")
pytest.importorskip("gymnasium")

from qcbench.agents import training
from qcbench.agents.checkpoints import checkpoints
from qcbench.agents.config import compose_train
from qcbench.agents.run_folder import create_folder, open_folder, read_progress
from qcbench.agents.tensorboard import EVENTS
from qcbench.bench.run_names import find
from qcbench.cli.main import main
from qcbench.errors import InputError
from qcbench.policies.exported.card import CARD, WEIGHTS
from qcbench.policies.exported.folder import digest
from qcbench.storage import mirror
from qcbench.storage.stored_run import objects_at

SMALL = [
    "agent.worlds=32",
    "agent.network.encoder=[8]",
    "agent.network.context=[8]",
    "agent.network.head=[8]",
    "agent.ppo.environments=32",
    "agent.ppo.steps=4000",
    "agent.ppo.threads=1",
    "validation.worlds=6",
    "validation.every_steps=800",
    "tracking=none",
]

Machine = Callable[..., Path]


def curves(run: Path) -> list[dict[str, object]]:
    """What a run's curves say but for the time that it took."""
    timed = ("time_s", "rate_per_s")
    return [{k: v for k, v in line.items() if k not in timed} for line in read_progress(run)]


@pytest.mark.e2e
@pytest.mark.timeout(600)
def test_a_killed_training_goes_on_from_an_empty_cache(
    machine: Machine,
    s3: str,
    bucket: str,
    tmp_path: Path,
) -> None:
    url = f"s3://{bucket}/runs"
    process = subprocess.Popen(
        [sys.executable, "-m", "qcbench.cli.main", "train", *SMALL, f"runs_dir={url}"],
        env=environment(s3, tmp_path / "here" / "cache"),
        cwd=tmp_path,
        stderr=subprocess.PIPE,
    )
    while sum(f"/exported/{CARD}" in key and "step-" in key for key in keys_of(s3, bucket)) < 2:
        assert process.poll() is None, process.stderr and process.stderr.read()
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    (run,) = {key.split("/")[1] for key in keys_of(s3, bucket)}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["here"]

    there = machine("there")
    # Put before its policy's card: not a checkpoint.
    objects_at(url).put(f"{run}/checkpoints/step-000000900000/state.pt", b"half")
    mirror.pull(there / run)
    shutil.copytree(there / run, tmp_path / "copy")
    local = training.go_on(tmp_path / "copy", progress="silent").folder
    done = training.go_on(find("training", there, run), progress="silent")
    assert done.complete
    assert curves(done.folder) == curves(local)
    assert [c.name for c in checkpoints(done.folder)] == [c.name for c in checkpoints(local)]
    for policy in ("exported", *(f"checkpoints/{c.name}/exported" for c in checkpoints(local))):
        weights = (done.folder / policy / WEIGHTS).read_bytes()
        assert weights == (local / policy / WEIGHTS).read_bytes()
    keys = {key.removeprefix(f"runs/{run}/") for key in keys_of(s3, bucket)}
    assert keys == {str(p.relative_to(local)) for p in local.rglob("*") if p.is_file()} - {
        "run.lock"
    }
    for name in ("progress.jsonl", f"exported/{CARD}"):
        assert object_of(s3, bucket, f"runs/{run}/{name}") == (done.folder / name).read_bytes()

    # A third machine uses the policy by the name of its run.
    machine("third")
    assert main(["export", run, "--to", str(tmp_path / "policy"), f"runs_dir={url}"]) == 0
    assert digest(tmp_path / "policy") == digest(done.folder / "exported")
    last = checkpoints(local)[-1].name
    words = [f"checkpoint={last}", f"to={tmp_path / 'last'}", f"runs_dir={url}"]
    assert main(["export", run, *words]) == 0
    assert digest(tmp_path / "last") == digest(done.folder / "checkpoints" / last / "exported")


@pytest.mark.e2e
def test_event_files_are_there_too(machine: Machine, s3: str, bucket: str) -> None:
    machine("here")
    few = ["agent.ppo.steps=800", "tensorboard=true", f"runs_dir=s3://{bucket}/runs"]
    done = training.start(compose_train([*SMALL, *few]), progress="silent")
    (file,) = (done.folder / EVENTS).iterdir()
    (key,) = [key for key in keys_of(s3, bucket) if f"/{EVENTS}/" in key]
    assert key.endswith(file.name)
    assert object_of(s3, bucket, key) == file.read_bytes()


def test_a_training_that_never_began_leaves_nothing(
    machine: Machine, s3: str, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = machine("here")

    def fail(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(training._Session, "run", fail)
    with pytest.raises(KeyboardInterrupt):
        training.start(compose_train([*SMALL, f"runs_dir=s3://{bucket}/runs"]), progress="silent")
    assert keys_of(s3, bucket) == []
    assert list(runs.glob("[!.]*")) == []


def test_one_trainer(machine: Machine, s3: str, bucket: str) -> None:
    machine("here")
    config = compose_train([*SMALL, f"runs_dir=s3://{bucket}/runs"])
    with create_folder(config, "qcbench train ...") as folder:
        name = folder.path.name
        other = find("training", machine("there"), name)
        with pytest.raises(InputError, match="is being written by process"):
            open_folder(other)
        assert f"runs/{name}/run.lock" in keys_of(s3, bucket)
    delete_object(s3, bucket, f"runs/{name}/training.json")
    with pytest.raises(InputError, match=r"training\.json: cannot be read"):
        open_folder(other)
    assert keys_of(s3, bucket) == [f"runs/{name}/config.yaml"]

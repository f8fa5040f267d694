"""A sweep at a URL: stopped here, gone on with elsewhere; what is done is not done again."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from s3_server import environment, keys_of, object_of

pytest.importorskip("torch")
pytest.importorskip("ray")

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(600)]

TINY = [
    *("agent.ppo.steps=2048", "agent.ppo.environments=32", "agent.ppo.horizon=16"),
    *("agent.ppo.threads=1", "agent.worlds=8", "agent.network.encoder=[8]"),
    *("agent.network.context=[]", "agent.network.head=[]"),
    *("validation.worlds=2", "validation.every_steps=1024", "tracking=none"),
    *("sweep=optuna", "sweep.trials=12", "sweep.concurrent=1"),
]


def start(s3: str, folder: Path, *words: str) -> subprocess.Popen[str]:
    folder.mkdir()
    return subprocess.Popen(
        [sys.executable, "-m", "qcbench.cli.main", "sweep", *words],
        env=environment(s3, folder / "cache"),
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def trained(s3: str, bucket: str) -> dict[str, bytes]:
    """The curves of the trials that have come to their end."""
    curves = [key for key in keys_of(s3, bucket) if key.endswith("/progress.jsonl")]
    found = {key: object_of(s3, bucket, key) for key in curves}
    return {key: data for key, data in found.items() if b'"evaluation", "steps": 2048' in data}


def trial_of(key: str) -> str:
    """The id of the trial that a file of its training lies below."""
    return key.split("/trials/")[1].partition("/")[0]


def noted(s3: str, bucket: str) -> bool:
    """Whether Tune's state in the store knows of a trial that has ended."""
    states = [key for key in keys_of(s3, bucket) if "/experiment_state-" in key]
    return any(b"TERMINATED" in object_of(s3, bucket, key) for key in states)


def test_a_sweep_goes_on_from_an_empty_cache(
    machine: Callable[..., Path], s3: str, bucket: str, tmp_path: Path
) -> None:
    url = f"s3://{bucket}/runs"
    here = start(s3, tmp_path / "first", *TINY, f"runs_dir={url}")
    until = time.monotonic() + 300
    while not (noted(s3, bucket) and (before := trained(s3, bucket))):
        assert here.poll() is None, here.stderr and here.stderr.read()
        assert time.monotonic() < until
        time.sleep(0.1)
    here.kill()
    here.communicate()
    held = any(key.endswith("/run.lock") for key in keys_of(s3, bucket))  # not if it had just ended
    (name,) = {key.split("/")[1] for key in keys_of(s3, bucket)}
    there = start(s3, tmp_path / "second", name, f"runs_dir={url}")
    _, err = there.communicate(timeout=400)
    assert there.returncode == 0, err
    results = json.loads(object_of(s3, bucket, f"runs/{name}/results.json"))
    assert [trial["status"] for trial in results] == ["done"] * 12
    # What began after Tune last wrote down what it knew is begun anew, under another id.
    assert {trial["trial"] for trial in results} <= {trial_of(key) for key in trained(s3, bucket)}
    for key, data in before.items():
        assert object_of(s3, bucket, key) == data, "it was not trained again"
    assert ("taken over from process" in err) == held
    assert f"runs/{name}/conf/agent/best.yaml" in keys_of(s3, bucket)

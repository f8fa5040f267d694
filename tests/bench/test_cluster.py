"""Around Ray, without starting it: environment variables and temporary folders."""

import fcntl
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from qcbench.bench.cluster import environment, remove_dead, temporary_folder


def test_the_environment_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QCBENCH_A", "old")
    monkeypatch.setenv("QCBENCH_B", "old")
    monkeypatch.delenv("QCBENCH_C", raising=False)
    before = dict(os.environ)
    with environment({"QCBENCH_A": "new", "QCBENCH_B": None, "QCBENCH_C": "new"}):
        assert (os.environ["QCBENCH_A"], os.environ["QCBENCH_C"]) == ("new", "new")
        assert "QCBENCH_B" not in os.environ
    assert dict(os.environ) == before
    with pytest.raises(ZeroDivisionError), environment({"QCBENCH_A": "new"}):
        1 / 0  # noqa: B018
    assert dict(os.environ) == before


def test_the_temporary_folder_is_short_private_and_removed() -> None:
    with temporary_folder() as folder:
        assert len(str(folder)) < 32
        assert folder.stat().st_mode & 0o077 == 0
        (folder / "session" / "logs").mkdir(parents=True)
    assert not folder.exists()


def test_only_folders_of_dead_processes_are_removed(tmp_path: Path) -> None:
    script = """
import fcntl, os, sys, time
folder = sys.argv[1]
os.mkdir(folder)
lock = open(folder + "/lock", "w")
fcntl.flock(lock, fcntl.LOCK_EX)
print("locked", flush=True)
time.sleep(60)
"""
    dead, living, foreign = (tmp_path / name for name in ("qcb-dead", "qcb-living", "other"))
    foreign.mkdir()
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(dead)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "locked\n"
    living.mkdir()
    with (living / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        remove_dead(tmp_path, older_than_s=0.0)
        assert dead.exists()
        process.kill()
        process.communicate(timeout=10)
        remove_dead(tmp_path, older_than_s=60.0)
        assert dead.exists(), "too young to be sure"
        time.sleep(0.01)
        remove_dead(tmp_path, older_than_s=0.0)
        assert not dead.exists()
        assert living.exists()
        assert foreign.exists()

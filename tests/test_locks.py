"""A folder that is worked on is locked, and free again as soon as the one who held it is gone."""

import subprocess
import sys

import pytest

from qcbench.errors import InputError
from qcbench.locks import TakenError, take_lock

HOLD = "import sys; from pathlib import Path; from qcbench.locks import take_lock; "
HOLD += "file = take_lock(Path(sys.argv[1]), 'taken'); print('held', flush=True); sys.stdin.read()"


def test_a_lock_is_held_by_one_at_a_time(tmp_path) -> None:
    path = tmp_path / "run.lock"
    with take_lock(path, "unused"), pytest.raises(TakenError, match="wait for it"):
        take_lock(path, "wait for it")
    take_lock(path, "unused").close()


def test_a_process_that_is_killed_holds_nothing(tmp_path) -> None:
    path = tmp_path / "run.lock"
    command = [sys.executable, "-c", HOLD, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(TakenError):
            take_lock(path, "taken")
        holder.kill()
    take_lock(path, "unused").close()


def test_a_folder_that_is_not_there_is_named(tmp_path) -> None:
    with pytest.raises(InputError, match="gone: cannot be written"):
        take_lock(tmp_path / "gone" / "run.lock", "unused")

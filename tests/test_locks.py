"""A folder that is worked on is locked, and free again as soon as the one who held it is gone."""

import errno
import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from qcbench.errors import InputError
from qcbench.locks import LOCKS, TakenError, is_running, take_lock

HOLD = "import sys; from pathlib import Path; from qcbench.locks import take_lock; "
HOLD += "file = take_lock(Path(sys.argv[1]), 'taken'); print('held', flush=True); sys.stdin.read()"


def test_a_lock_is_held_by_one_at_a_time(tmp_path) -> None:
    path = tmp_path / "run.lock"
    with (
        take_lock(path, "unused"),
        pytest.raises(TakenError, match=f"x: is being held by process {os.getpid()} on .*; wait"),
    ):
        take_lock(path, "x: is being held")
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


@pytest.mark.parametrize("name", LOCKS)
def test_a_folder_is_running_while_one_of_its_locks_is_held(tmp_path: Path, name: str) -> None:
    assert not is_running(tmp_path)
    with take_lock(tmp_path / name, "unused"):
        assert is_running(tmp_path)
    assert (tmp_path / name).is_file()
    assert not is_running(tmp_path)


def test_a_file_system_without_locks_is_no_other_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(InputError, match="cannot be locked") as told:
        take_lock(tmp_path / "run.lock", "unused")
    assert not isinstance(told.value, TakenError)

"""Caches and homes that are not there, or not to be written to."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from qcbench import caches


@pytest.mark.parametrize("told", ["", "relative/folder", None])
def test_a_cache_home_that_is_none_is_unset(
    told: str | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    if told is not None:
        monkeypatch.setenv("XDG_CACHE_HOME", told)
    assert caches.user_cache().is_relative_to(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "own"))
    assert caches.user_cache() == tmp_path / "own" / "qcbench"


def homeless(monkeypatch: pytest.MonkeyPatch, temporary: Path) -> None:
    """Be a user without `HOME` and without an entry."""
    for name in ("HOME", "XDG_CACHE_HOME", "LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))

    def unknown(number: int) -> None:
        raise KeyError(number)

    monkeypatch.setattr("pwd.getpwuid", unknown)


def test_a_process_without_a_home_gets_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    homeless(monkeypatch, tmp_path)
    assert caches.user_cache().is_relative_to(tmp_path)
    caches.ensure_home()
    assert Path.home().is_relative_to(tmp_path)
    assert Path.home().stat().st_mode & 0o077 == 0
    assert os.environ["LOGNAME"] == f"user-{os.getuid()}"


@pytest.mark.parametrize("taken", ["file", "open to all", "link"])
def test_a_private_folder_is_nobody_elses(
    taken: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    place = tmp_path / f"qcbench-{os.getuid()}"
    if taken == "file":
        place.write_text("")
    elif taken == "link":
        place.symlink_to(tmp_path / "nowhere")
    else:
        place.mkdir()
        place.chmod(0o777)
    found = caches.private_folder()
    assert found != place
    assert found.is_dir()


def test_kernels_without_a_place_for_compiled_code(root: Path, tmp_path: Path) -> None:
    """The install, the home and the folder that Numba is told cannot be written."""
    script = (
        "from numba import config\n"
        "from qcbench.kernels.compiling import kernel\n"
        "def add(a, b):\n    return a + b\n"
        "assert kernel(add)(2, 3) == 5\n"
        "print(config.CACHE_DIR)\n"
    )
    (tmp_path / "script.py").write_text(script)
    done = subprocess.run(
        [sys.executable, "script.py"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={
            **os.environ,
            "PYTHONPATH": str(root),
            "HOME": "/proc/home",
            "TMPDIR": str(tmp_path),
            "NUMBA_CACHE_DIR": "/proc/numba",
            "NUMBA_CACHE_LOCATOR_CLASSES": "UserProvidedCacheLocator",
        },
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(tmp_path / f"qcbench-{os.getuid()}" / "numba")


def test_a_cache_that_becomes_full_or_torn_costs_no_result() -> None:
    from qcbench.kernels import compiling  # noqa: PLC0415 - numba

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    def torn(*_: object) -> None:
        raise EOFError

    class Cache:
        save_overload = staticmethod(full)
        load_overload = staticmethod(torn)

    class Compiled:
        _cache = Cache()

    compiled = compiling._forgiving(Compiled())
    assert compiled._cache.save_overload(1, 2) is None
    assert compiled._cache.load_overload(1, 2) is None

"""Standard output and error that are full, closed or left: no traceback, a sensible exit code."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from qcbench.cli.main import VERBS

SIMULATE = "simulate workload.tasks=3"


def shell(command: str, root: Path, folder: Path, **env: str) -> subprocess.CompletedProcess[bytes]:
    """Run a line of shell in which QCB is the command line."""
    qcb = f"{sys.executable} -m qcbench.cli.main"
    return subprocess.run(
        ["bash", "-c", command.replace("QCB", qcb)],
        capture_output=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(root), **env},
        check=False,
        timeout=120,
    )


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (f"{SIMULATE} >/dev/full", b"No space left"),
        (f"{SIMULATE} >&-", b"closed"),
        ("fleet list >/dev/full", b"No space left"),
        ("--help >&-", b"closed"),
        ("completion zsh >/dev/full", b"No space left"),
    ],
)
def test_output_that_cannot_be_written(line: str, words: bytes, root: Path, tmp_path: Path) -> None:
    done = shell(f"QCB {line}", root, tmp_path)
    assert done.returncode == 1
    assert words in done.stderr.splitlines()[-1]
    assert b"Traceback" not in done.stderr


@pytest.mark.e2e
def test_an_error_output_that_cannot_be_written_changes_nothing(root: Path, tmp_path: Path) -> None:
    expected = shell(f"QCB {SIMULATE}", root, tmp_path).stdout
    for redirect in ("2>&-", "2>/dev/full", "2>&1 2>/dev/full"):
        done = shell(f"QCB {SIMULATE} {redirect}", root, tmp_path)
        assert (done.returncode, done.stdout) == (0, expected)
    assert shell("QCB simulate seed=x 2>/dev/full", root, tmp_path).returncode == 2


def test_everything_closed(root: Path, tmp_path: Path) -> None:
    done = shell(f"QCB {SIMULATE} output=records.csv <&- >&- 2>&-", root, tmp_path)
    assert done.returncode == 0
    assert len((tmp_path / "records.csv").read_text().splitlines()) == 4


def test_a_reader_who_leaves(root: Path, tmp_path: Path) -> None:
    line = f"set -o pipefail; QCB {SIMULATE.replace('=3', '=3000')} | head -1"
    done = shell(line, root, tmp_path)
    assert done.returncode == 0
    assert done.stdout.startswith(b"trial_id")
    assert b"Traceback" not in done.stderr
    assert b"ignored" not in done.stderr


@pytest.mark.e2e
def test_a_run_keeps_its_results_without_any_output(root: Path, tmp_path: Path) -> None:
    run = "QCB run suite=quickstart suite.replicates=2 cluster.address=inline tracking=none"
    done = shell(f"{run} >/dev/full 2>&-", root, tmp_path)
    assert done.returncode == 1
    (folder,) = (tmp_path / "runs").iterdir()
    assert (folder / "trials.parquet").is_file()
    assert (folder / "report.html").is_file()


@pytest.mark.parametrize("encoding", ["ascii:strict", "latin-1"])
def test_any_encoding(encoding: str, root: Path, tmp_path: Path) -> None:
    name = os.fsdecode(b"\xff\xe2\x82\xac.csv")
    done = shell(
        f"QCB workload show $'\\xff\\xe2\\x82\\xac.csv'; QCB simulate output='{name}/x.csv'",
        root,
        tmp_path,
        PYTHONIOENCODING=encoding,
    )
    assert b"Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 2
    assert shell(f"QCB {SIMULATE}", root, tmp_path, PYTHONIOENCODING=encoding).returncode == 0


def test_help_of_every_verb(root: Path, tmp_path: Path) -> None:
    """In one process, whose standard output is full at each call."""
    script = (
        "import sys; from qcbench.cli.main import VERBS, main; "
        "sys.exit(sum(main([verb, '--help']) != 1 for verb in VERBS))"
    )
    done = shell(f'{sys.executable} -c "{script}" >/dev/full', root, tmp_path)
    assert done.returncode == 0
    assert done.stderr.count(b"\n") == len(VERBS)
    assert list(tmp_path.iterdir()) == []

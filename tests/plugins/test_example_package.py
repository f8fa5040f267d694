"""The example of the documentation, installed as a user would: it runs, and keeps its contracts."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]
pytest.importorskip("setuptools")


@pytest.fixture(scope="module")
def site(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the package is installed into, from a copy of its source."""
    folder = tmp_path_factory.mktemp("example")
    shutil.copytree(root / "examples" / "plugin", folder / "source")
    options = ["--no-deps", "--no-build-isolation", "--quiet", "--target", str(folder / "site")]
    words = [sys.executable, "-m", "pip", "install", *options, str(folder / "source")]
    subprocess.run(words, check=True, timeout=300)
    return folder


def run(site: Path, root: Path, words: list[str], cwd: Path) -> subprocess.CompletedProcess[str]:
    paths = os.pathsep.join([str(root), str(site / "site")])
    environment = {**os.environ, "PYTHONPATH": paths, "XDG_CACHE_HOME": str(cwd / "cache")}
    return subprocess.run(
        [sys.executable, *words],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=800,
    )


def command(site: Path, root: Path, cwd: Path, *words: str) -> str:
    done = run(site, root, ["-m", "qcbench.cli.main", *words], cwd)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.ray
def test_its_suite_runs_and_is_shown(site: Path, root: Path, tmp_path: Path) -> None:
    shown = command(site, root, tmp_path, "plugins")
    assert shown.count("qcbench-example 0.1.0") == 6
    assert "cannot be used" not in shown
    assert "qcbench-example 0.1.0" in command(site, root, tmp_path, "fleets")
    # On workers of a Ray of its own.
    small = ["suite.replicates=2", "suite.scenario_overrides=['workload.tasks=50']"]
    command(
        site, root, tmp_path, "run", "suite=example", "tracking=none", "cluster.workers=1", *small
    )
    board = command(site, root, tmp_path, "leaderboard", "format=table")
    assert "prompt share, more is better, 2 replicates" in board
    assert "good_enough-99" in board
    (table,) = tmp_path.glob("runs/*/trials.parquet")
    rows = pl.read_parquet(table)
    assert rows["status"].to_list() == ["done"] * 8
    assert rows["prompt_share"].is_between(0.0, 1.0).all()
    verified = command(site, root, tmp_path, "verify", "sample=2")
    assert "equal to the last bit" in verified


def test_its_own_tests_call_the_contracts(site: Path, root: Path, tmp_path: Path) -> None:
    words = ["-m", "pytest", "-q", "-p", "no:cacheprovider", str(site / "source" / "tests")]
    done = run(site, root, words, tmp_path)
    assert done.returncode == 0, done.stdout
    assert "6 passed" in done.stdout


def test_without_the_package_its_run_is_not_gone_on_with(
    site: Path, root: Path, tmp_path: Path
) -> None:
    told = ["run", "suite=example", "tracking=none", "cluster=inline", "suite.replicates=1"]
    small = ["suite.policies=[random,greedy]", "suite.baseline=random"]
    command(site, root, tmp_path, *told, *small, "suite.scenario_overrides=['workload.tasks=20']")
    (folder,) = (path.parent for path in tmp_path.glob("runs/*/manifest.json"))
    words = ["-m", "qcbench.cli.main", "verify", folder.name, "sample=1"]
    done = run(tmp_path, root, words, tmp_path)
    assert done.returncode != 0
    told_lines = done.stdout + done.stderr
    assert "is not installed here; the trial was made with it (qcbench-example 0.1.0" in told_lines
    assert "Traceback" not in told_lines
    again = run(tmp_path, root, ["-m", "qcbench.cli.main", "rerun", "cluster=inline"], tmp_path)
    assert (again.returncode, again.stderr.count("\n")) == (2, 1)
    assert "is not installed here" in again.stderr
    assert len(list(tmp_path.glob("runs/*"))) == 1


def test_it_is_no_part_of_the_wheel(root: Path) -> None:
    import tomllib  # noqa: PLC0415

    built = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["hatch"]["build"]
    wheel = built["targets"]["wheel"]
    assert wheel["packages"] == ["qcbench"]
    assert not [source for source in wheel["force-include"] if source.startswith("examples")]

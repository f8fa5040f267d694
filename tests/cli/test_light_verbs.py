"""Help, lists and completion import no library that takes long."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from qcbench.cli.main import VERBS

HEAVY = {
    *("ray", "torch", "mlflow", "hydra", "omegaconf", "qiskit", "gymnasium", "pydantic", "scipy"),
    *("matplotlib", "pyarrow", "pandas", "numba", "jinja2"),
}
LISTS = (
    ["suites"],
    ["suites", "quickstart"],
    ["scenarios"],
    ["policies"],
    ["fleets"],
    ["fleets", "qce5"],
    ["fleet", "list"],
)
LINES = (
    *("qcbench ", "qcbench run suite=", "qcbench run cluster.", "qcbench simulate policy="),
    *("qcbench simulate workload.", "qcbench promote ", "qcbench leaderboard ", "qcbench submit "),
    *("qcbench suites ", "qcbench train agent="),
)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


def modules_after(commands: list[list[str]], cache: Path) -> set[str]:
    program = (
        "import json, sys\nfrom qcbench.cli.main import main\n"
        f"for command in {commands!r}:\n    assert main(command) == 0, command\n"
        "print()\nprint(json.dumps(sorted(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "XDG_CACHE_HOME": str(cache)},
        cwd=Path(__file__).parent.parent.parent,
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_help_imports_nothing_heavy(cache: Path) -> None:
    submit = [["submit", verb, "--help"] for verb in ("run", "replay", "follow", "list", "token")]
    loaded = modules_after([["--help"], *([verb, "--help"] for verb in VERBS), *submit], cache)
    assert loaded.isdisjoint(HEAVY)


@pytest.mark.e2e
def test_lists_that_are_kept_import_nothing_heavy(cache: Path) -> None:
    commands = [*LISTS, *(["completion", "suggest", line] for line in LINES)]
    first = modules_after(commands, cache)
    assert {"hydra", "pydantic"} <= first
    again = modules_after(commands, cache)
    assert again.isdisjoint(HEAVY | {"numpy", "polars"})
    assert "qcbench.cli.kept" in again

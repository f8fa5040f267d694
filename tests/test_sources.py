"""What is kept by the code that made it depends on all of that code, and on nothing else."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from qcbench.sources import TOP, sources_of
from qcbench.stats import kept

MADE_UP = {
    "__init__.py": "from qcbench.never import seen\n",
    "room/__init__.py": "from qcbench.told import word\n",
    "room/first.py": (
        "import numpy as np\nfrom qcbench.room import (\n    second,\n    other,\n)\n"
        "def later():\n    import qcbench.lazy\n"
    ),
    "room/second.py": "from qcbench.room.first import later\n",
    "room/other.py": '"""Nothing, like `from qcbench.unseen import it`."""\n',
    "room/unused.py": "",
    "told.py": "word = 1\n",
    "lazy.py": "from qcbench.gone import nothing\n",
    "never.py": "",
    "unseen.py": "",
}


def test_all_that_is_imported_is_found(tmp_path: Path) -> None:
    for name, text in MADE_UP.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    found = sources_of(["qcbench.room.first"], tmp_path)
    named = {"room", "room.first", "room.second", "room.other", "told", "lazy"}
    assert found.keys() == {f"qcbench.{name}" for name in named}
    assert found["qcbench.told"] == b"word = 1\n"


SUMMARISING = """
import json, sys
import polars as pl
from qcbench.stats.gaps import gaps_of
from qcbench.stats.kept import key_of
from qcbench.stats.summary import summarise
rows = [
    {"scenario": "a", "policy": policy, "replicate": place, "status": "done", "error": None,
     "time_s": float(place + at)}
    for at, policy in enumerate(("x", "y", "z"), 1) for place in range(1, 13)
]
trials = pl.DataFrame(rows, schema_overrides={"error": pl.String})
summarise(trials, metric="time_s", baseline="x")
print(json.dumps([key_of("some"), sorted(n for n in sys.modules if n.startswith("qcbench."))]))
"""


def summarising(folder: Path) -> tuple[str, set[str]]:
    """Return the key of a summary by the package in a folder, and which modules it has taken."""
    done = subprocess.run(
        [sys.executable, "-c", SUMMARISING],
        env={**os.environ, "PYTHONPATH": str(folder)},
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
    )
    key, modules = json.loads(done.stdout)
    return key, set(modules)


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """Copy the package's code."""
    shutil.copytree(
        TOP, tmp_path / TOP.name, ignore=shutil.ignore_patterns("__pycache__", "data", "conf")
    )
    return tmp_path / TOP.name


def test_a_summary_is_kept_by_all_code_that_its_numbers_pass(package: Path) -> None:
    key, modules = summarising(package.parent)
    assert modules - {"qcbench.version"} <= sources_of(kept.MAKERS).keys()
    for name in ("sums.py", "stats/claims.py", "kernels/compiling.py"):
        path = package / name
        path.write_text(path.read_text() + "\n# edited\n")
        before, (key, _) = key, summarising(package.parent)
        assert key != before, name
    cli = package / "cli" / "main.py"
    cli.write_text(cli.read_text() + "\n# edited\n")
    assert summarising(package.parent)[0] == key

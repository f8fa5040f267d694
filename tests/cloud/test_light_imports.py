"""The simulator starts quickly and without the heavy libraries."""

import json
import resource
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = (
    *("ray", "torch", "mlflow", "hydra", "omegaconf", "qiskit", "gymnasium", "pydantic", "scipy"),
    *("matplotlib", "pyarrow", "pandas", "jinja2", "rich"),
)
PLAIN = (Path(__file__).parent.parent / "plain_simulation.py").read_text(encoding="utf-8")
LIST = "\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))\n"


def modules_after(program: str) -> set[str]:
    root = Path(__file__).parent.parent.parent
    command = [sys.executable, "-c", program + LIST]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=root)
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_a_plain_simulation_needs_no_heavy_library() -> None:
    loaded = modules_after(PLAIN)
    assert {"qcbench.cloud.cloud", "simpy", "numpy", "polars"} <= loaded
    assert loaded.isdisjoint(HEAVY)


def test_the_package_alone_imports_nothing() -> None:
    loaded = modules_after("import qcbench")
    assert "qcbench" in loaded
    assert loaded.isdisjoint({*HEAVY, "numpy", "polars", "simpy"})


@pytest.mark.parametrize("room", ["physics", "fleet", "workload", "cloud", "policies"])
def test_no_module_of_the_lower_floors_needs_a_heavy_library(room: str) -> None:
    """All modules of a room, the ones that a plain simulation does not reach included."""
    program = f"""
import importlib, pkgutil
package = importlib.import_module("qcbench.{room}")
names = [m.name for m in pkgutil.walk_packages(package.__path__, package.__name__ + ".")]
assert names
for name in names:
    importlib.import_module(name)
"""
    assert modules_after(program).isdisjoint(HEAVY)


def test_importing_the_package_takes_less_than_0_3_s_of_processor_time() -> None:
    taken = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        modules_after("import qcbench")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        taken.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(taken) < 0.3


def test_to_open_a_run_is_to_import_what_runs_none() -> None:
    loaded = modules_after("from qcbench.api import open_run, leaderboard")
    assert "qcbench.api.stored" in loaded
    assert loaded.isdisjoint({"qcbench.api.suites", "qcbench.bench.run", "qcbench.tracking.client"})


def test_all_names_of_the_api_are_in_their_places() -> None:
    from qcbench import api  # noqa: PLC0415

    assert set(api.PLACES) == set(api.__all__) == set(dir(api))
    for name in api.__all__:
        assert getattr(api, name).__module__ == f"qcbench.api.{api.PLACES[name]}"
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = api.nothing

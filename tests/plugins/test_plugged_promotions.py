"""A policy of another package is promoted by the numbers of its own code, and means that code."""

import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from qcbench.api import compose_run, compose_simulate
from qcbench.bench.changes import changes
from qcbench.bench.manifest import Manifest
from qcbench.bench.run_folder import open_run
from qcbench.bench.suite import expand, suite_data, suite_scenarios
from qcbench.cli.main import main
from qcbench.errors import InputError
from qcbench.files import read_json
from qcbench.plugins import _source_hash, plugins
from qcbench.policies.config import PolicyConfig
from qcbench.policies.exported.folder import read_folder_card
from qcbench.tracking.config import TrackingConfig
from qcbench.tracking.contest import check_contest, contest_of, hold
from qcbench.tracking.promote_config import compose_promote
from qcbench.tracking.registry import Reference, Registry, open_registry
from qcbench.tracking.tries import identity
from tests.plugins.conftest import Install

CODE = '''"""Decides in its own way."""

import numpy as np


def policy(context):
    """Build the policy."""
    return lambda view: {}
'''
GOOD = "int(view.completion_s().argmin())"
WORSE = "int(np.where(view.feasible, view.completion_s(), -1.0).argmax())"
KEY = "policies/placement.mine"
USUAL = ["replicates=20", "workload.tasks=12", "baseline=round_robin"]


@pytest.fixture
def package(install: Install) -> Path:
    """Install a package with a policy."""
    _source_hash.cache_clear()
    folder = install("acme", {"policies": {"placement.mine": "mine:policy"}}, {"mine.py": ""})
    decide(folder / "mine.py", GOOD)
    return folder / "mine.py"


def decide(file: Path, how: str) -> None:
    """Let the policy be other code, as another process would find it."""
    file.write_text(CODE.format(how))
    sys.modules.pop("mine", None)
    shutil.rmtree(file.parent / "__pycache__", ignore_errors=True)
    _source_hash.cache_clear()


@pytest.fixture
def registry(tmp_path: Path, mlflow_store: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    shutil.copy(mlflow_store, tmp_path / "runs" / "mlflow.db")
    found = open_registry(TrackingConfig(), tmp_path / "runs")
    assert found is not None
    return found


def found_of(policy: str, *told: str) -> tuple[int, Any]:
    """Promote a policy; return the exit code and what is kept in the newest run."""
    code = main(["promote", policy, *USUAL, *told])
    newest = max(Path("runs").glob("*/verdict.json"), key=lambda path: path.stat().st_mtime_ns)
    return code, read_json(newest)


def test_other_code_is_another_policy(package: Path) -> None:
    mine, ours = PolicyConfig(name="mine"), PolicyConfig(name="greedy")
    before, own = identity(mine, "placement"), identity(ours, "placement")
    decide(package, WORSE)
    assert identity(mine, "placement") != before
    assert identity(ours, "placement") == own
    assert identity(mine, "allocation") not in (before, identity(mine, "placement"))
    decide(package, GOOD)
    assert identity(mine, "placement") == before


@pytest.mark.usefixtures("registry")
def test_pairs_of_other_code_do_not_count(package: Path) -> None:
    """Not of the same worlds, of which the other code was tried on more, nor of further ones."""
    decide(package, WORSE)
    code, worse = found_of("mine", "alias=best", "replicates=30")
    assert (code, worse["tries"], worse["worlds"]) == (1, 1, 30)
    assert worse["rivals"][0]["relative_percent_low"] > 0.0
    decide(package, GOOD)
    code, good = found_of("mine", "alias=best")
    assert (code, good["tries"], good["worlds"]) == (0, 1, 20)
    assert good["rivals"][0]["relative_percent_high"] < 0.0
    decide(package, WORSE)
    code, again = found_of("mine", "alias=second", "seed=1")
    assert (code, again["tries"], again["rivals"][0]["worlds"]) == (1, 2, 50), (
        "that code is known still"
    )


@pytest.mark.usefixtures("registry")
def test_a_rival_of_other_code_is_another_rival(package: Path) -> None:
    told = ["baseline=mine", "alias=best"]
    code, before = found_of("earliest_available", *told, "replicates=30")
    assert (code, before["rivals"][0]["worlds"]) == (1, 30)
    decide(package, WORSE)
    code, after = found_of("earliest_available", *told)
    assert (code, after["tries"], after["rivals"][0]["worlds"]) == (0, 2, 20)


def test_a_champion_is_the_code_that_became_it(
    package: Path, registry: Registry, capsys: pytest.CaptureFixture[str]
) -> None:
    assert found_of("mine", "alias=best")[0] == 0
    here = plugins("policies")["placement.mine"].identity
    card = read_folder_card(registry.fetch(Reference("placement", "best")))
    assert card.plugins == {KEY: here}
    assert found_of("mine", "alias=best")[0] == 1
    assert "it is the standing placement@best" in capsys.readouterr().err
    settings = compose_promote("greedy", [*USUAL, "alias=best"])
    contest = contest_of(settings)
    run = hold(contest, Path("runs"), settings.cluster, "silent")
    check_contest(contest, open_run(run))
    decide(package, WORSE)
    for told in (["mine", "alias=best"], ["greedy", "alias=best"]):
        assert main(["promote", *told, *USUAL]) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        assert f"policy models:/placement@best: {KEY}: is not the one that was meant" in error
        assert "install that, or promote what is here to another alias=NAME" in error
    with pytest.raises(InputError, match=f"models:/placement@best: {KEY}: is not the one"):
        compose_simulate(["policy=models:/placement@best"])
    with pytest.raises(InputError, match=f"{KEY}: is not the one .*promote again"):
        check_contest(contest, open_run(run))
    decide(package, GOOD)
    assert compose_simulate(["policy=models:/placement@best"]).policy.name == "mine"


def test_runs_that_are_compared_show_that_code_was_another(package: Path) -> None:
    told = ["suite=quickstart", "suite.scenarios=[placement/qce5]", "suite.replicates=1"]

    def manifest(*policies: str) -> Manifest:
        listed = f"suite.policies=[{','.join(policies)}]"
        suite = compose_run([*told, listed, f"suite.baseline={policies[0]}"]).suite
        trials = tuple(expand(suite, suite_scenarios(suite)))
        return Manifest(
            run_id="run",
            suite=suite_data(suite),
            trials=trials,
            track=suite.track,
            keep_records=False,
            provenance={},
        )

    first = manifest("mine", "greedy")
    assert changes(first, manifest("mine", "greedy")) == []
    (model,) = changes(first, replace(first, model_version=first.model_version + 1))
    assert (model.where, model.key) == ("versions", "model")
    decide(package, WORSE)
    (change,) = changes(first, manifest("mine", "greedy"))
    assert (change.where, change.key) == ("plug-in", KEY)
    assert change.first != change.second
    assert change.second == plugins("policies")["placement.mine"].identity
    decide(package, GOOD)
    found = {change.where: change for change in changes(first, manifest("greedy"))}
    assert (found["plug-in"].key, found["plug-in"].second) == (KEY, "absent")

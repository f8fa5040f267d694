"""What a training or a sweep uses of other packages is a part of it: it goes on with the same."""

import json
from pathlib import Path

import pytest

from qcbench.agents.config import code_of_others, compose_train
from qcbench.agents.learners import needs_of
from qcbench.agents.run_folder import open_folder
from qcbench.agents.sweep.config import compose_sweep
from qcbench.agents.sweep.folder import create
from qcbench.agents.sweep.running import go_on
from qcbench.agents.training import start
from qcbench.errors import InputError
from qcbench.plugins import _source_hash
from tests.plugins.conftest import Install

POLICY = '''
"""The first QPU that begins soon enough."""


def policy(context, *, patience_s: float = 10.0):
    """Build the policy."""

    def decide(view):
        return int(view.start_s().argmin()) if patience_s > 0 else 0

    return decide
'''
AGENT = """
kind: tuned
name: tuned_patient
track: placement
policy: patient
space: {patience_s: [log, 1, 100]}
generations: 1
population: 4
worlds: 1
"""
TUNED = [
    *("agent=tuned_patient", "validation.worlds=1", "workload.tasks=5", "tracking=none"),
    *("cluster=inline", "runs_dir=runs"),
]
KEY = "policies/placement.patient"


@pytest.fixture
def package(install: Install) -> Path:
    """Install a package with a policy."""
    _source_hash.cache_clear()
    folder = install(
        "acme", {"policies": {"placement.patient": "patient:policy"}}, {"patient.py": POLICY}
    )
    return folder / "patient.py"


def edit(package: Path) -> None:
    """Make it another policy, as another process would find it."""
    package.write_text(package.read_text() + "\n")
    _source_hash.cache_clear()


def test_a_search_goes_on_with_the_policy_that_it_began_with(package: Path, tmp_path: Path) -> None:
    (tmp_path / "own" / "agent").mkdir(parents=True)
    (tmp_path / "own" / "agent" / "tuned_patient.yaml").write_text(AGENT)
    config = compose_train(TUNED, [tmp_path / "own"])
    assert [*code_of_others(config)] == [KEY]
    assert "acme==1.0" in needs_of(config)
    folder = start(config, progress="silent").folder
    assert [*json.loads((folder / "training.json").read_text())["plugins"]] == [KEY]
    open_folder(folder).close()
    edit(package)
    with pytest.raises(InputError, match=f"{KEY}: is not the one that was meant"):
        open_folder(folder)


@pytest.mark.usefixtures("package")
def test_a_baseline_is_a_part_of_a_training() -> None:
    told = ["tracking=none", "validation.baseline=patient"]
    assert [*code_of_others(compose_train(told))] == [KEY]
    assert not code_of_others(compose_train(["tracking=none"]))


def test_a_sweep_goes_on_with_what_it_began_with(package: Path) -> None:
    told = [
        "agent=ppo",
        "sweep=ppo",
        "validation.baseline=patient",
        "tracking=none",
        "runs_dir=runs",
    ]
    folder = create(compose_sweep(told), "qcbench sweep")
    edit(package)
    with pytest.raises(InputError, match=f"{KEY}: is not the one that was meant"):
        go_on(folder)
    file = folder / "sweep.yaml"
    file.write_text("# {damaged\n" + file.read_text().partition("\n")[2])
    with pytest.raises(InputError, match="first line is damaged"):
        go_on(folder)

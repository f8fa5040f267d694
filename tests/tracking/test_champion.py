"""`champion` is what the registry says, and the packaged policy where it says nothing."""

import shutil
from pathlib import Path

import pytest
from exported_samples import write_sample

import qcbench
from qcbench.api import compose_run, compose_simulate
from qcbench.api.contract import subjects
from qcbench.cli.main import main
from qcbench.errors import InputError
from qcbench.policies.exported.card import HeuristicCard
from qcbench.policies.exported.folder import digest, folder_of, write_folder
from qcbench.tracking.champion import add_packaged, champion_of
from qcbench.tracking.config import TrackingConfig
from qcbench.tracking.registry import Reference, Registry, open_registry

PACKAGED = "packaged:champion"


@pytest.fixture
def runs(tmp_path: Path, mlflow_store: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "runs"
    folder.mkdir()
    shutil.copy(mlflow_store, folder / "mlflow.db")
    return folder


@pytest.fixture
def registry(runs: Path) -> Registry:
    found = open_registry(TrackingConfig(), runs)
    assert found is not None
    return found


def test_without_a_registry_it_is_the_packaged_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    told = compose_simulate(["policy=champion"]).policy
    assert told == compose_simulate([f"policy={PACKAGED}"]).policy
    assert (told.label, told.parameters["path"]) == ("champion", PACKAGED)
    assert list(tmp_path.iterdir()) == [], "nothing is made by asking"
    assert {each.track for each in subjects("champion")} == {"placement", "allocation", "queueing"}


def test_the_packaged_one_is_added_once(registry: Registry, runs: Path) -> None:
    """As the champion it has the identity that it has without a registry."""
    packaged = compose_simulate(["policy=champion"]).policy
    for _ in range(2):
        add_packaged(registry, "placement")
    add_packaged(registry, "partition")  # which has none
    assert registry.names() == ["placement"]
    assert (registry.aliases("placement"), len(registry.versions("placement"))) == (
        {"champion": 1},
        1,
    )
    assert champion_of("placement", TrackingConfig(), runs) is None
    assert compose_simulate(["policy=champion"]).policy == packaged
    fetched = compose_simulate(["policy=models:/placement@champion"]).policy
    assert fetched.parameters["sha256"] == packaged.parameters["sha256"]
    registry.set_alias("placement", "champion", registry.register("placement", _lookahead(runs)))
    add_packaged(registry, "placement")
    assert registry.aliases("placement") == {"champion": 2}


def _lookahead(folder: Path) -> Path:
    card = HeuristicCard(track="placement", name="lookahead", parameters={"horizon": 3})
    return write_folder(folder / "heuristic", card, None)


def test_it_is_what_the_registry_says_everywhere(
    registry: Registry, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A result names the version, and what was in it."""
    add_packaged(registry, "placement")
    folder = write_sample(tmp_path / "p", "placement")
    registry.set_alias("placement", "champion", registry.register("placement", folder))
    assert champion_of("placement", TrackingConfig(), registry.folder.parent) == Reference(
        "placement", version=2
    )
    told = compose_simulate(["policy=champion"]).policy
    assert (told.label, told.parameters["sha256"]) == ("placement@2", digest(folder))
    suite = compose_run(["suite.policies=[champion,greedy]", "suite.baseline=champion"]).suite
    assert [policy.label for policy in suite.policies] == ["placement@2", "greedy"]
    assert suite.baseline == "placement@2"
    mine = compose_run(
        ["suite.policies=[{name: champion, label: ours}]", "suite.baseline=ours"]
    ).suite
    assert [policy.label for policy in mine.policies] == ["ours"]
    own = compose_simulate([f"policy={PACKAGED}"]).policy
    assert own.parameters["path"] == PACKAGED
    assert own.parameters["sha256"] == digest(folder_of("placement", PACKAGED))
    other = compose_simulate(["policy=champion", "scenario=serverless/small"]).policy
    assert (other.name, other.label) == ("urgency", "champion"), "that of another track"
    records = qcbench.simulate(policy="champion", overrides=["workload.tasks=5"])
    direct = qcbench.simulate(policy=str(folder), overrides=["workload.tasks=5"])
    assert (records.finish_s == direct.finish_s).all()
    assert main(["export", "champion", "to=mine"]) == 0
    assert digest(Path("mine")) == digest(folder)
    capsys.readouterr()
    registry.set_alias(
        "placement", "champion", registry.register("placement", _lookahead(tmp_path))
    )
    found = compose_simulate(["policy=champion"]).policy
    assert (found.name, found.label) == ("lookahead", "placement@3")
    assert found.parameters == {"horizon": 3, "samples": 32, "tail": 4.0}


def test_a_registry_that_cannot_be_read_is_not_passed_over(runs: Path) -> None:
    (runs / "mlflow.db").write_text("no database")
    with pytest.raises(InputError, match=r"mlflow\.db: is no SQLite file"):
        compose_simulate(["policy=champion"])
    assert compose_simulate([f"policy={PACKAGED}"]).policy.label == "champion"

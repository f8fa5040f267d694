"""Models in MLflow's registry: registered, fetched, named, and refused in one line."""

import contextlib
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from exported_samples import make_card, random_tensors, write_sample

import qcbench
from qcbench.api import compose_run, compose_simulate
from qcbench.api.contract import subjects
from qcbench.cli.main import main
from qcbench.errors import InputError
from qcbench.hardware.replay_config import compose_replay
from qcbench.policies.exported.card import CARD, WEIGHTS, HeuristicCard
from qcbench.policies.exported.folder import digest, write_folder
from qcbench.tracking.champion import champion_of
from qcbench.tracking.config import TrackingConfig
from qcbench.tracking.registry import (
    Reference,
    Registry,
    fetch_policy,
    open_registry,
    read_reference,
)

TRACKING = TrackingConfig()


@pytest.fixture
def runs(tmp_path: Path, mlflow_store: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of runs, and the working directory above it."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "runs"
    folder.mkdir()
    shutil.copy(mlflow_store, folder / "mlflow.db")
    return folder


@pytest.fixture
def registry(runs: Path) -> Registry:
    found = open_registry(TRACKING, runs)
    assert found is not None
    return found


def one_line(error: pytest.ExceptionInfo[InputError]) -> str:
    text = str(error.value)
    assert "\n" not in text
    return text


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("models:/placement@champion", Reference("placement", "champion")),
        ("models:/placement/3", Reference("placement", version=3)),
        ("models:/my model.v2@a-b_c", Reference("my model.v2", "a-b_c")),
    ],
)
def test_references(text: str, wanted: Reference) -> None:
    assert read_reference(text) == wanted
    assert str(wanted) == text


@pytest.mark.parametrize(
    "text",
    [
        *("models:/", "models:/placement", "models:/placement@", "models:/placement/latest"),
        *("models:/placement/0", "models:/../x/1", "models:/a/b@c", "models:placement@c"),
        *("models:/..@x", "models:/p@a/1", "models:/p/1@a", "models:/p/-1", "runs:/1/policy"),
    ],
)
def test_what_is_no_reference(text: str) -> None:
    with pytest.raises(InputError, match="is no reference to a model"):
        read_reference(text)


def test_a_version_comes_back_as_it_was_registered(registry: Registry, tmp_path: Path) -> None:
    folder = write_sample(tmp_path / "p", "placement")
    (folder / "model.onnx").write_bytes(b"not part of it")
    version = registry.register("placement", folder, metrics={"mean_completion_s": 20.0})
    assert version == 1
    assert registry.register("placement", folder) == 1  # the same files are there already
    registry.set_alias("placement", "champion", 1)
    fetched = registry.fetch(Reference("placement", "champion"))
    assert fetched == registry.folder / "placement" / "1"
    assert sorted(path.name for path in fetched.iterdir()) == [CARD, WEIGHTS]
    assert digest(fetched) == digest(folder)
    card = make_card("placement")
    second = write_folder(tmp_path / "q", card, random_tensors(card, 9))
    assert registry.register("placement", second) == 2
    assert registry.aliases("placement") == {"champion": 1}
    registry.set_alias("placement", "champion", 2)
    assert digest(registry.fetch(Reference("placement", "champion"))) == digest(second)
    assert digest(registry.fetch(Reference("placement", version=1))) == digest(folder)
    assert list(registry.versions("placement")) == [1, 2]


def test_a_fetched_version_is_not_fetched_again_unless_damaged(
    registry: Registry, tmp_path: Path
) -> None:
    folder = write_sample(tmp_path / "p", "placement")
    registry.register("placement", folder)
    reference = Reference("placement", version=1)
    fetched = registry.fetch(reference)
    before = (fetched / CARD).stat().st_mtime_ns
    assert (registry.fetch(reference) / CARD).stat().st_mtime_ns == before
    (fetched / WEIGHTS).write_bytes(b"damaged")
    assert digest(registry.fetch(reference)) == digest(folder)
    assert [path.name for path in fetched.parent.iterdir()] == ["1"]


def test_two_that_fetch_at_once(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other process puts the version there while this one downloads."""
    folder = write_sample(tmp_path / "p", "placement")
    registry.register("placement", folder)
    target = registry.folder / "placement" / "1"
    monkeypatch.setattr(
        "qcbench.tracking.registry.shutil.rmtree",
        lambda path, **_: shutil.copytree(folder, path) if path == target else None,
    )
    assert digest(registry.fetch(Reference("placement", version=1))) == digest(folder)


def test_files_that_were_changed_in_the_store_are_refused(
    registry: Registry, tmp_path: Path
) -> None:
    registry.register("placement", write_sample(tmp_path / "p", "placement"))
    card = make_card("placement")
    other = write_folder(tmp_path / "q", card, random_tensors(card, 9))
    (stored,) = (tmp_path / "runs" / "mlartifacts").rglob(WEIGHTS)
    shutil.copy(other / WEIGHTS, stored)
    with pytest.raises(InputError, match="are not those that were registered") as error:
        registry.fetch(Reference("placement", version=1))
    one_line(error)
    assert not list(registry.folder.rglob(CARD))


@pytest.mark.parametrize("harm", ["changed", "gone"])
def test_registering_again_restores_the_files_of_a_version(
    registry: Registry, tmp_path: Path, harm: str
) -> None:
    """As a refused fetch advises: the version and its aliases stay, its files are there again."""
    folder = write_sample(tmp_path / "p", "placement")
    registry.register("placement", folder)
    (stored,) = (tmp_path / "runs" / "mlartifacts").rglob(WEIGHTS)
    if harm == "changed":
        stored.write_bytes(b"damaged")
    else:
        shutil.rmtree(tmp_path / "runs" / "mlartifacts")
    reference = Reference("placement", version=1)
    with pytest.raises(InputError, match="register it again") as error:
        registry.fetch(reference)
    one_line(error)
    assert registry.register("placement", folder) == 1
    assert digest(registry.fetch(reference)) == digest(folder)


def test_what_somebody_else_registered_is_refused(registry: Registry, tmp_path: Path) -> None:
    """A pickled model in the registry is neither fetched nor opened."""
    folder = tmp_path / "theirs"
    folder.mkdir()
    (folder / "model.pkl").write_bytes(b"cos\nsystem\n(S'touch owned'\ntR.")
    client = registry.client
    client.create_registered_model("theirs")
    client.create_model_version("theirs", folder.as_uri())
    with pytest.raises(InputError) as error:
        registry.fetch(Reference("theirs", version=1))
    one_line(error)
    assert not list(registry.folder.rglob("*.pkl"))
    (folder / CARD).write_text('{"format": 1, "kind": "pickle"}')
    with pytest.raises(InputError, match="kind is 'pickle'; it must be"):
        registry.fetch(Reference("theirs", version=1))


@pytest.mark.parametrize("harm", ["gone", "deleted"])
def test_an_alias_of_a_version_that_is_gone(registry: Registry, tmp_path: Path, harm: str) -> None:
    registry.register("placement", write_sample(tmp_path / "p", "placement"))
    registry.set_alias("placement", "champion", 1)
    harms = {
        "gone": "DELETE FROM model_versions",
        "deleted": "UPDATE model_versions SET current_stage = 'Deleted_Internal'",
    }
    store = tmp_path / "runs" / "mlflow.db"
    with contextlib.closing(sqlite3.connect(store)) as database, database:
        database.execute(harms[harm])
    runs = tmp_path / "runs"
    for asked in (
        lambda: registry.fetch(Reference("placement", "champion")),
        lambda: champion_of("placement", TRACKING, runs),
        lambda: compose_simulate(["policy=champion", f"runs_dir={runs}"]),
    ):
        with pytest.raises(InputError, match="the alias means version 1 of placement, which is"):
            asked()


def test_unknown_models_aliases_and_versions(registry: Registry, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no model placement in .*; none is registered there"):
        registry.fetch(Reference("placement", "champion"))
    registry.register("placement", write_sample(tmp_path / "p", "placement"))
    with pytest.raises(InputError, match="model placement has no alias champion; it has none"):
        registry.fetch(Reference("placement", "champion"))
    registry.set_alias("placement", "champion", 1)
    for reference, message in (
        (Reference("placment", "champion"), "no model placment in .*; did you mean placement?"),
        (Reference("placement", "champoin"), "no alias champoin; did you mean champion?"),
        (Reference("placement", version=7), "model placement has no version 7; known: 1"),
    ):
        with pytest.raises(InputError, match=message) as error:
            registry.fetch(reference)
        one_line(error)


def test_without_a_store_none_is_made(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no model is registered; there is no .*mlflow\.db yet"):
        fetch_policy("models:/placement@champion", TRACKING, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_reference_wherever_a_policy_is_named(registry: Registry, tmp_path: Path) -> None:
    folder = write_sample(tmp_path / "p", "placement")
    registry.register("placement", folder)
    registry.set_alias("placement", "champion", 1)
    told = compose_simulate(["policy=models:/placement@champion"])
    assert told.policy.label == "placement@champion"
    assert told.policy.name == "learned"
    assert told.policy.parameters["sha256"] == digest(folder)
    sampled = compose_simulate(["policy=models:/placement/1", "policy.parameters.mode=sample"])
    assert sampled.policy.label == "placement@1"
    assert sampled.policy.parameters["mode"] == "sample"
    deep = compose_simulate(["policy=learned", "policy.parameters.path=models:/placement/1"])
    assert deep.policy.parameters == told.policy.parameters
    records = qcbench.simulate(policy="models:/placement@champion")
    direct: Any = qcbench.simulate(policy=str(folder))
    np.testing.assert_array_equal(records.qpu, direct.qpu)
    run = compose_run(
        ["suite.policies=[earliest_completion,models:/placement@champion,models:/placement/1]"]
    )
    labels = [policy.label for policy in run.suite.policies]
    assert labels == ["earliest_completion", "placement@champion", "placement@1"]


def test_every_verb_finds_models_in_the_store_that_it_is_told(
    tmp_path: Path, mlflow_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(mlflow_store, tmp_path / "shared.db")
    uri = f"sqlite:///{tmp_path}/shared.db"
    shelf = open_registry(TrackingConfig(uri=uri), tmp_path / "runs")
    assert shelf is not None
    folder = write_sample(tmp_path / "p", "placement")
    shelf.register("placement", folder)
    told = ["policy=models:/placement/1", f"tracking.uri={uri}"]
    sha256 = digest(folder)
    assert compose_simulate(told).policy.parameters["sha256"] == sha256
    replayed = compose_replay([*told, "backend=local", "heuristics=[]"])
    assert [policy.parameters["sha256"] for policy in replayed.policies] == [sha256]
    (checked,) = subjects("models:/placement/1", told[1:])
    assert checked.track == "placement"
    with pytest.raises(InputError, match="no model is registered"):
        compose_replay([told[0], "backend=local"])


def test_a_heuristic_can_be_a_champion(registry: Registry, tmp_path: Path) -> None:
    card = HeuristicCard(track="placement", name="lookahead", parameters={"horizon": 3})
    registry.register("placement", write_folder(tmp_path / "h", card, None))
    registry.set_alias("placement", "champion", 1)
    told = compose_simulate(["policy=models:/placement@champion"])
    assert (told.policy.name, told.policy.label) == ("lookahead", "placement@champion")
    assert told.policy.parameters == {"horizon": 3, "samples": 32, "tail": 4.0}


def test_the_command_line_says_what_is_wrong_in_one_line(
    registry: Registry, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    registry.register("queues", write_sample(tmp_path / "p", "queueing"))
    for name, message in (
        ("models:/queues/1", "is a policy for track queueing, not for placement"),
        ("models:/queues@champion", "model queues has no alias champion; it has none"),
        ("models:/queue@champion", "no model queue in "),
        ("models:/queues", "is no reference to a model; it is models:/NAME@ALIAS"),
    ):
        assert main(["simulate", f"policy={name}"]) == 2
        said = capsys.readouterr().err.strip()
        assert "\n" not in said
        assert message in said


def test_names_that_are_refused(registry: Registry, tmp_path: Path) -> None:
    folder = write_sample(tmp_path / "p", "placement")
    for name in ("", "../x", "a/b", "a:b", "a@b"):
        with pytest.raises(InputError, match="a name has letters"):
            registry.register(name, folder)
    assert registry.names() == []

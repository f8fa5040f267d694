"""One MLflow server for many people: PostgreSQL behind it, passwords before it, nothing lost."""

import multiprocessing
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest
from publishers import (
    METRIC,
    POLICIES,
    SCENARIO,
    SWEPT,
    Person,
    log_in,
    publish_run,
    publish_swept,
    publish_trained,
    trials_of,
)
from shared_server import Server, mlflow_server, postgres, stop

from qcbench.errors import InputError
from qcbench.tracking import written_once
from qcbench.tracking.client import begin_run, open_client
from qcbench.tracking.config import TrackingConfig
from qcbench.tracking.registry import open_registry

pytestmark = pytest.mark.e2e

PEOPLE = ("alice", "bob")
RUNS = 8


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    with postgres() as database, mlflow_server(database, folder) as started:
        yield started


@pytest.fixture(scope="module")
def people(server: Server) -> dict[str, Person]:
    """Users of the server, made by its administrator as docs/tracking.md says."""
    from mlflow.server import get_app_client  # noqa: PLC0415 - heavy

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_USERNAME", "admin")
        patch.setenv("MLFLOW_TRACKING_PASSWORD", server.passwords["admin"])
        admin = get_app_client("basic-auth", server.uri)
        made = {name: Person(name, secrets.token_hex(16), server.uri) for name in PEOPLE}
        for person in made.values():
            admin.create_user(person.name, person.password)
    return made


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is logged in before a test or after it, and a dead server is given up at once."""
    for name in ("USERNAME", "PASSWORD"):
        monkeypatch.setenv(f"MLFLOW_TRACKING_{name}", "")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")


def refused(person: Person, folder: Path, tracking: TrackingConfig | None = None) -> str:
    """Publish and return the line that refuses."""
    with pytest.raises(InputError) as caught:
        publish_run(person, folder, 99, tracking)
    text = str(caught.value)
    assert text.isprintable()
    assert len(text) < 400
    assert not person.password or person.password not in text
    assert "Traceback" not in text
    return text


def test_eight_runs_and_two_sweeps_at_once_lose_nothing_and_double_nothing(
    server: Server, people: dict[str, Person], tmp_path: Path
) -> None:
    owners = [people[PEOPLE[number % 2]] for number in range(RUNS)]
    folders = [tmp_path / f"mini-2026110{number}-140501" for number in range(RUNS)]
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["publishers", "mlflow.tracking"])
    with ProcessPoolExecutor(RUNS + 2, mp_context=context) as pool:
        runs = [
            pool.submit(publish_run, owner, folder, number)
            for number, (owner, folder) in enumerate(zip(owners, folders, strict=True))
        ]
        sweeps = [
            pool.submit(publish_swept, people[name], tmp_path / f"sweep-{name}") for name in PEOPLE
        ]
        published = [run.result(120) for run in runs]
        parents = dict(zip(PEOPLE, (sweep.result(120) for sweep in sweeps), strict=True))

    for name in PEOPLE:
        log_in(people[name])
        client = open_client(server.uri)
        mini = client.get_experiment_by_name(f"{name}/mini")
        found = client.search_runs([mini.experiment_id], max_results=1000)
        own = [n for n in range(RUNS) if owners[n].name == name]
        assert len(found) == len(own) * (1 + len(POLICIES))
        assert {run.info.status for run in found} == {"FINISHED"}
        for number in own:
            one = published[number]
            assert one.written == 1 + len(POLICIES)
            for policy in POLICIES:
                child = client.get_run(one.child_ids[SCENARIO, policy])
                table = trials_of(number).filter(pl.col("policy") == policy)
                assert child.data.metrics[METRIC] == pytest.approx(table[METRIC].mean())
                history = client.get_metric_history(child.info.run_id, f"replicate/{METRIC}")
                assert len(history) == table[METRIC].drop_nulls().len()
            copy = Path(client.download_artifacts(one.parent_id, "trials.parquet"))
            assert copy.read_bytes() == (folders[number] / "trials.parquet").read_bytes()
        sweep = client.get_experiment_by_name(f"{name}/sweep")
        trials = client.search_runs([sweep.experiment_id], max_results=1000)
        assert len(trials) == 1 + len(SWEPT)
        for trial in trials:
            if trial.info.run_id != parents[name]:
                assert trial.data.tags["mlflow.parentRunId"] == parents[name]
                number = int(trial.data.params["learning_rate"])
                assert trial.data.metrics["mean"] == 10 * number + 2
    assert publish_run(owners[3], folders[3], 3).written == 0


KINDS: Mapping[str, tuple[Callable[[Person, Path], Any], int]] = {
    "suite": (lambda person, folder: publish_run(person, folder, 40), 1 + len(POLICIES)),
    "sweep": (publish_swept, 1 + len(SWEPT)),
    "training": (publish_trained, 1),
}


@pytest.mark.parametrize("kind", KINDS)
def test_copies_on_several_machines_are_one_run(
    kind: str,
    server: Server,
    people: dict[str, Person],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All have looked before anyone writes; nobody has a lock that the others know of."""
    publish_one, count = KINDS[kind]
    copies = 3
    alice = replace(people["alice"], experiment=f"copies-{kind}")
    looked, begun, between = written_once.shown, threading.local(), threading.Barrier(copies)

    def slow(*arguments: Any) -> Any:
        found = looked(*arguments)
        if not getattr(begun, "once", False):
            begun.once = True
            between.wait(60)
        return found

    monkeypatch.setattr(written_once, "shown", slow)
    folders = [tmp_path / f"machine-{each}" / f"copy-{each}" for each in range(copies)]
    log_in(alice)
    client = open_client(server.uri)
    experiment = client.create_experiment(f"alice/copies-{kind}")
    with ThreadPoolExecutor(copies) as pool:
        published = list(pool.map(lambda folder: publish_one(alice, folder), folders))
    assert not between.broken, "they have not met"
    monkeypatch.setattr(written_once, "shown", looked)

    def there() -> dict[str, Any]:
        return {run.info.run_id: run for run in client.search_runs([experiment], max_results=1000)}

    def top(one: Any) -> str:
        return str(one if kind == "sweep" else one.parent_id if kind == "suite" else one.run)

    parent = top(published[0])
    assert {top(each) for each in published} == {parent}
    found = there()
    assert len(found) == count
    assert {run.info.status for run in found.values()} == {"FINISHED"}
    for run_id, run in found.items():
        if run_id != parent:
            assert run.data.tags["mlflow.parentRunId"] == parent
    assert top(publish_one(alice, tmp_path / "late" / "copy")) == parent
    assert there().keys() == found.keys(), "nothing is written again"


def test_artifacts_go_through_the_server(
    server: Server, people: dict[str, Person], tmp_path: Path
) -> None:
    published = publish_run(people["alice"], tmp_path / "mini-20261201-140501", 20)
    run = open_client(server.uri).get_run(published.parent_id)
    assert run.info.artifact_uri.startswith("mlflow-artifacts:")
    assert list(server.artifacts.rglob(f"{published.parent_id}/artifacts/trials.parquet"))


def test_what_is_somebody_elses_can_be_read_and_not_changed(
    server: Server, people: dict[str, Person], tmp_path: Path
) -> None:
    published = publish_run(people["alice"], tmp_path / "mini-20261202-140501", 30)
    log_in(people["bob"])
    assert open_client(server.uri).get_run(published.parent_id).data.metrics
    theirs = TrackingConfig(uri=server.uri, prefix="alice")
    text = refused(people["bob"], tmp_path / "mini-20261203-140501", theirs)
    assert "tracking.prefix" in text
    assert server.uri in text


@pytest.mark.parametrize("password", ["not-the-password", ""])
def test_a_wrong_or_missing_password(
    server: Server, people: dict[str, Person], tmp_path: Path, password: str
) -> None:
    text = refused(Person("alice", password, server.uri), tmp_path / "mini-20261204-140501")
    assert "MLFLOW_TRACKING_USERNAME" in text
    assert server.uri in text


def test_a_right_that_comes_a_moment_later_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    from mlflow.exceptions import MlflowException  # noqa: PLC0415 - heavy
    from mlflow.protos.databricks_pb2 import PERMISSION_DENIED  # noqa: PLC0415

    class Client:
        asked = 0

        def create_run(self, experiment: str, **_: object) -> SimpleNamespace:
            self.asked += 1
            if self.asked <= self.refusals:
                raise MlflowException("no", PERMISSION_DENIED)
            return SimpleNamespace(info=SimpleNamespace(run_id=experiment))

        def __init__(self, refusals: int) -> None:
            self.refusals = refusals

    monkeypatch.setattr(time, "sleep", lambda _s: None)
    assert begin_run(Client(1), "run", {}, "name") == "run"  # type: ignore[arg-type]
    with pytest.raises(MlflowException):
        begin_run(Client(2), "run", {}, "name")  # type: ignore[arg-type]


def test_a_prefix_goes_before_every_experiment(tmp_path: Path) -> None:
    told = TrackingConfig(prefix="alice")
    assert told.experiment_of("placement-v1") == "alice/placement-v1"
    assert TrackingConfig(prefix="alice", experiment="mine").experiment_of("sweep") == "alice/mine"
    assert TrackingConfig().experiment_of("sweep") == "sweep"
    assert told.as_overrides() == ["tracking.prefix=alice"]
    registry = open_registry(told, tmp_path, make=True)
    assert registry is not None
    assert registry.experiment == "alice/qcbench-policies"


def test_no_secret_is_in_the_servers_log_or_its_command(
    server: Server, people: dict[str, Person], tmp_path: Path
) -> None:
    hidden = [*server.passwords.values(), *(person.password for person in people.values())]
    shown = server.log.read_text()
    shown += Path(f"/proc/{server.process.pid}/cmdline").read_text()
    assert not [one for one in hidden if one in shown]
    assert re.search(r"Uvicorn running on http://127\.0\.0\.1:", shown)


def test_a_server_that_dies_is_told(
    server: Server, people: dict[str, Person], tmp_path: Path
) -> None:
    """Last of all: nobody needs it any more."""
    stop(server)
    text = refused(people["alice"], tmp_path / "mini-20261205-140501")
    assert "cannot be reached" in text
    assert server.uri in text

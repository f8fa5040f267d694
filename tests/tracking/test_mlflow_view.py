"""Publishing a run to MLflow: complete, idempotent, replaceable, and clear when it cannot."""

import http.server
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from synthetic_trials import synthetic_trials

from qcbench.bench.config import ScenarioEntry, SuiteConfig
from qcbench.errors import InputError
from qcbench.policies.config import PolicyConfig
from qcbench.stats.summary import summarise
from qcbench.tracking import children, written_once
from qcbench.tracking.client import open_client, store_uri, without_credentials
from qcbench.tracking.config import TrackingConfig
from qcbench.tracking.content import child_contents
from qcbench.tracking.failures import SQLITE, schema_of
from qcbench.tracking.mlflow_view import folder_name, publish

METRIC, BASELINE = "total_completion_s", "earliest_completion"
POLICIES = ("greedy", "lookahead", BASELINE)
SUITE = SuiteConfig(
    name="mini",
    track="placement",
    scenarios=[ScenarioEntry(base="qce5-paper"), ScenarioEntry(base="eagle5-bursts")],
    policies=[
        PolicyConfig(name="greedy"),
        PolicyConfig(name="rollout", label="lookahead", parameters={"depth": 3}),
        PolicyConfig(name=BASELINE),
    ],
    replicates=5,
    primary_metric=METRIC,
    baseline=BASELINE,
)


def mini_trials():
    return synthetic_trials(
        replicates=5, policies=POLICIES, scenarios=("qce5-paper", "eagle5-bursts"), shares=False
    )


def show(folder, trials, **changes):
    summary = summarise(trials, metric=METRIC, baseline=BASELINE, resamples=200)
    arguments = {"suite": SUITE, "tracking": TrackingConfig(), "note": "# mini"} | changes
    return publish(folder, trials=trials, summary=summary, **arguments)


@pytest.fixture
def run(tmp_path, mlflow_store):
    (tmp_path / "mlflow.db").write_bytes(mlflow_store.read_bytes())
    folder = tmp_path / "mini-20261102-140501"
    (folder / "figures").mkdir(parents=True)
    (folder / "manifest.json").write_text("{}")
    (folder / "report.html").write_text("<p>report</p>")
    (folder / "figures" / "profile.png").write_bytes(b"PNG")
    mini_trials().write_parquet(folder / "trials.parquet")
    return folder


def runs_of(published, query=""):
    client = open_client(published.uri)
    return list(client.search_runs([published.experiment_id], query, max_results=1000))


def test_parent_and_children(run):
    trials = mini_trials()
    published = show(run, trials)
    assert published.written == 7
    assert set(published.child_ids) == {
        (scenario, policy) for scenario in ("qce5-paper", "eagle5-bursts") for policy in POLICIES
    }
    client = open_client(published.uri)
    child = client.get_run(published.child_ids["qce5-paper", "lookahead"])
    own = trials.filter(pl.col("scenario") == "qce5-paper", pl.col("policy") == "lookahead")
    assert child.info.status == "FINISHED"
    assert child.data.tags["mlflow.parentRunId"] == published.parent_id
    assert child.data.params["policy_name"] == "rollout"
    assert child.data.params["policy.depth"] == "3"
    assert child.data.metrics[METRIC] == pytest.approx(own[METRIC].mean())
    assert child.data.metrics["trials_done"] == 4
    assert child.data.metrics["trials_failed"] == 1
    assert child.data.metrics["rank"] == 1
    history = client.get_metric_history(child.info.run_id, f"replicate/{METRIC}")
    assert {point.step: point.value for point in history} == dict(
        own.select("replicate", METRIC).drop_nulls().iter_rows()
    )
    parent = client.get_run(published.parent_id)
    assert parent.info.run_name == run.name
    assert parent.data.metrics["trials_failed"] == 2
    pages = f"#/experiments/{published.experiment_id}/runs/{published.parent_id}"
    note = parent.data.tags["mlflow.note.content"]
    assert note == f"# mini\n\n[Report]({pages}/artifacts/report.html)"
    assert parent.data.tags["qcbench.best"] == "lookahead"
    names = {file.path for file in client.list_artifacts(published.parent_id)}
    assert names == {"trials.parquet", "manifest.json", "report.html", "figures"}
    copied = Path(client.download_artifacts(published.parent_id, "trials.parquet"))
    assert copied.read_bytes() == (run / "trials.parquet").read_bytes()


def test_the_view_can_be_searched_for_and_ordered(run):
    published = show(run, mini_trials())
    key = published.link.rpartition("viewStateShareKey=")[2]
    experiment = open_client(published.uri).get_experiment(published.experiment_id)
    view = json.loads(experiment.tags[f"mlflow.sharedViewState.{key}"])
    found = runs_of(published, view["searchFilter"])
    assert {each.info.run_id for each in found} == set(published.child_ids.values())
    for column in view["selectedColumns"]:
        kind, _, name = column.partition(".")
        assert all(name.strip("`") in getattr(each.data, kind) for each in found)


def test_publishing_again_writes_nothing(run):
    first, second = show(run, mini_trials()), show(run, mini_trials())
    assert second.written == 0
    assert second.child_ids == first.child_ids
    assert len(runs_of(second)) == 7


def test_two_that_publish_at_once_make_it_once(run, monkeypatch):
    known, between = written_once.shown, threading.Barrier(2)

    def slow(*arguments):
        found = known(*arguments)
        with suppress(threading.BrokenBarrierError):
            between.wait(0.5)  # both have looked before either writes, where both may
        return found

    monkeypatch.setattr(written_once, "shown", slow)
    trials = mini_trials()
    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(lambda _: show(run, trials), range(2))
    assert one.parent_id == other.parent_id
    assert sorted([one.written, other.written]) == [0, 7]
    assert len(runs_of(one)) == 7


def copied(run: Path, name: str) -> Path:
    """A copy on another machine, which may call it as it likes; the store is the same."""
    (run / "manifest.json").write_text(json.dumps({"run_id": run.name}))
    return Path(shutil.copytree(run, run.parent / name / "elsewhere"))


def test_a_copy_is_the_same_run(run):
    other = copied(run, "bob")
    told = TrackingConfig(uri=store_uri(TrackingConfig(), run.parent))
    first, second = (
        show(run, mini_trials(), tracking=told),
        show(other, mini_trials(), tracking=told),
    )
    assert second.written == 0
    assert (second.parent_id, second.child_ids) == (first.parent_id, first.child_ids)
    assert len(runs_of(second)) == 7
    (other / "manifest.json").write_text(json.dumps({"run_id": run.name, "suite": "another"}))
    third = show(other, mini_trials(), tracking=told)
    assert third.parent_id != first.parent_id
    assert len(runs_of(third)) == 14


def test_copies_that_are_published_at_once_are_there_once(run, monkeypatch):
    known, between = written_once.shown, threading.Barrier(2)

    def slow(*arguments):
        found = known(*arguments)
        with suppress(threading.BrokenBarrierError):
            between.wait(0.5)
        return found

    folders = [run, copied(run, "bob")]
    told = TrackingConfig(uri=store_uri(TrackingConfig(), run.parent))
    monkeypatch.setattr(written_once, "shown", slow)
    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(lambda each: show(each, mini_trials(), tracking=told), folders)
    assert one.parent_id == other.parent_id
    assert sorted([one.written, other.written]) == [0, 7]
    assert len(runs_of(one)) == 7


def test_what_changed_is_replaced(run):
    trials = mini_trials()
    first = show(run, trials)
    slower = (pl.col("policy") == "lookahead") & (pl.col("scenario") == "qce5-paper")
    changed = trials.with_columns(
        pl.when(slower).then(pl.col(METRIC) * 3).otherwise(METRIC).alias(METRIC)
    )
    (run / "report.html").write_text("<p>second</p>")
    second = show(run, changed)
    assert second.parent_id == first.parent_id
    same = [key for key in first.child_ids if first.child_ids[key] == second.child_ids[key]]
    assert sorted(scenario for scenario, _ in same) == ["eagle5-bursts"] * 3  # ranks are of all
    client = open_client(second.uri)
    child = client.get_run(second.child_ids["qce5-paper", "lookahead"])
    mean = changed.filter(slower)[METRIC].mean()
    assert child.data.metrics[METRIC] == pytest.approx(mean)
    assert len(runs_of(second)) == 7
    report = Path(client.download_artifacts(second.parent_id, "report.html"))
    assert report.read_text() == "<p>second</p>"


def test_artifacts_that_were_lost_are_published_again(run):
    """They lie beside the database, and a backup may have one and not the other."""
    trials = mini_trials()
    first = show(run, trials)
    lost = run.parent / "mlartifacts"
    shutil.rmtree(lost)
    again = show(run, trials)
    assert (again.parent_id, again.written) == (first.parent_id, 1)
    client = open_client(again.uri)
    copied = Path(client.download_artifacts(again.parent_id, "trials.parquet"))
    assert copied.read_bytes() == (run / "trials.parquet").read_bytes()
    figures = {file.path for file in client.list_artifacts(again.parent_id, "figures")}
    (torn,) = lost.rglob("report.html")
    torn.write_bytes(b"")
    drawn = next(iter(lost.rglob("figures/*")))
    drawn.unlink()
    assert show(run, trials).written == 1
    assert torn.read_bytes() == (run / "report.html").read_bytes()
    assert {file.path for file in client.list_artifacts(again.parent_id, "figures")} == figures
    assert show(run, trials).written == 0


@pytest.mark.parametrize(("table", "written"), [("params", 7), ("parent", 1)])
def test_an_interrupted_publication_is_completed(run, monkeypatch, table, written):
    """In the middle of the children, of which there are then none, or after them."""
    real = children._insert

    def stop(database, into, rows):
        real(database, into, rows)
        if into == table:
            raise KeyboardInterrupt

    def stop_waiting():
        if table == "parent":
            raise KeyboardInterrupt

    monkeypatch.setattr(children, "_insert", stop)
    with pytest.raises(KeyboardInterrupt):
        show(run, mini_trials(), wait=stop_waiting)
    monkeypatch.setattr(children, "_insert", real)
    published = show(run, mini_trials())
    assert published.written == written
    found = runs_of(published)
    assert len(found) == 7
    assert {each.info.status for each in found} == {"FINISHED"}


def test_one_transaction_writes_what_the_client_does(run, monkeypatch):
    """As MLflow reads it, histories and artifacts included."""
    published = show(run, mini_trials())
    client = open_client(published.uri)
    assert schema_of(Path(published.uri.removeprefix(SQLITE))) == children.TABLES
    summary = summarise(mini_trials(), metric=METRIC, baseline=BASELINE, resamples=200)
    contents = child_contents(mini_trials(), summary, SUITE, True, "other", "0" * 32)
    contents[0] = replace(contents[0], params={**contents[0].params, "long": "x" * 9000})
    contents[1] = replace(contents[1], metrics={"trials_done": 0.0})
    contents[2] = replace(contents[2], series={"many": [(step, step / 7) for step in range(2500)]})
    monkeypatch.setattr(children, "CONNECTIONS", 1)
    old = list(published.child_ids.values())
    at_once = children.write_children(
        client, published.uri, published.experiment_id, contents, old[:3]
    )
    by_client = children.write_children(
        client, "http://127.0.0.1:1", published.experiment_id, contents, old[3:]
    )
    left = {each.info.run_id for each in runs_of(published)}
    assert left == {published.parent_id, *at_once, *by_client}
    deleted = [client.get_run(run_id).info for run_id in (old[0], old[-1])]
    assert {each.lifecycle_stage for each in deleted} == {"deleted"}
    for one, other in zip(at_once, by_client, strict=True):
        first, second = client.get_run(one), client.get_run(other)
        assert first.data.to_dictionary() == second.data.to_dictionary()
        assert first.data.tags["mlflow.runName"] == first.info.run_name == second.info.run_name
        assert first.info.status == second.info.status
        assert first.info.end_time >= first.info.start_time > 0
        assert first.info.artifact_uri == second.info.artifact_uri.replace(other, one)
        for name in first.data.metrics:
            points = [
                [(p.step, p.value) for p in client.get_metric_history(run_id, name)]
                for run_id in (one, other)
            ]
            assert sorted(points[0]) == sorted(points[1])


@pytest.mark.e2e
def test_the_command_that_is_printed_shows_the_run(run):
    """As pasted into a shell, but on a port that is free."""
    published = show(run, mini_trials())
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = f"exec {published.command} port={port}"
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    server = subprocess.Popen(
        command,
        shell=True,
        cwd=run,
        env=os.environ | {"PATH": path},
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(f"http://127.0.0.1:{port}/health", server)
        seen = open_client(f"http://127.0.0.1:{port}").search_runs([published.experiment_id])
        assert {each.info.run_id for each in seen} == {
            published.parent_id,
            *published.child_ids.values(),
        }
    finally:
        server.terminate()
        assert server.wait(60) == 0
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5)
    assert sorted(each.name for each in run.iterdir()) == [
        "figures",
        "manifest.json",
        "report.html",
        "trials.parquet",
    ], "nothing is made where the server is started"


def wait_for(url: str, server: "subprocess.Popen[bytes]") -> None:
    """Wait until a server answers; a busy machine takes its time."""
    for _ in range(600):
        assert server.poll() is None, "the server has ended"
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
        else:
            return
    pytest.fail(f"{url} does not answer")


def test_policies_that_left_are_removed(run):
    show(run, mini_trials())
    fewer = mini_trials().filter(pl.col("policy") != "greedy")
    assert len(runs_of(show(run, fewer))) == 5


def test_runs_of_one_suite_share_an_experiment(run):
    first = show(run, mini_trials())
    other = run.with_name("mini-20261103-090000")
    other.mkdir()
    second = show(other, mini_trials())
    assert second.experiment_id == first.experiment_id
    assert second.parent_id != first.parent_id
    assert len(runs_of(second)) == 14


def test_a_policy_without_results_and_odd_metric_names(run):
    trials = mini_trials().with_columns(
        pl.when(pl.col("policy") == "greedy")
        .then(pl.lit("failed"))
        .otherwise("status")
        .alias("status"),
        pl.col("violations").alias("share_ibm (x) é"),
    )
    published = show(run, trials, tracking=TrackingConfig(replicates=False))
    child = open_client(published.uri).get_run(published.child_ids["qce5-paper", "greedy"])
    assert child.info.status == "FAILED"
    assert METRIC not in child.data.metrics
    assert show(run, trials, tracking=TrackingConfig(replicates=False)).written == 0


def test_nothing_is_printed_and_no_folder_appears(tmp_path, root):
    """In a process of its own, which makes the store as well: MLflow speaks when imported."""
    code = """
import sys
from pathlib import Path
sys.path[:0] = [sys.argv[2], sys.argv[2] + "/tests", sys.argv[2] + "/tests/tracking"]
from test_mlflow_view import mini_trials, show
folder = Path(sys.argv[1]) / "run-1"
folder.mkdir()
published = show(folder, mini_trials())
assert published.written == 7
assert published.command == "qcbench browse store=" + published.uri.removeprefix("sqlite:///")
"""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path), str(root)],
        capture_output=True,
        text=True,
        cwd=elsewhere,
        check=False,
        env={name: value for name, value in os.environ.items() if not name.startswith("MLFLOW")},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout + done.stderr == ""
    assert list(elsewhere.iterdir()) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["elsewhere", "mlflow.db", "run-1"]


def test_a_deleted_experiment_is_told(run):
    published = show(run, mini_trials())
    open_client(published.uri).delete_experiment(published.experiment_id)
    with pytest.raises(InputError, match="'mini': was deleted; restore it"):
        show(run, mini_trials())


def test_server_that_is_not_there(run):
    with pytest.raises(InputError, match=r"MLflow at http://127\.0\.0\.1:9: cannot be reached"):
        show(run, mini_trials(), tracking=TrackingConfig(uri="http://127.0.0.1:9"))


@pytest.mark.parametrize(
    ("status", "words"), [(404, "answers 404"), (401, "refuses; set MLFLOW_TRACKING_USERNAME")]
)
def test_server_that_is_no_mlflow_or_refuses(run, status, words):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_error(status)

        do_POST = do_GET  # noqa: N815 - http.server's name

        def log_message(self, *arguments):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    uri = f"http://127.0.0.1:{server.server_port}"
    try:
        with pytest.raises(InputError, match=words) as caught:
            show(run, mini_trials(), tracking=TrackingConfig(uri=uri))
    finally:
        server.shutdown()
        server.server_close()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("file:///tmp/mlruns", "is neither http"),
        ("sqlite:///", "is neither http"),
        ("postgresql://me:secret@db/x", "is neither http"),
        ("https://me:secret@host", "MLFLOW_TRACKING_USERNAME"),
    ],
)
def test_addresses_that_will_not_do(tmp_path, uri, words):
    with pytest.raises(InputError, match=words) as caught:
        store_uri(TrackingConfig(uri=uri), tmp_path)
    assert "secret" not in str(caught.value)


def test_addresses(tmp_path):
    assert store_uri(TrackingConfig(), tmp_path) == f"sqlite:///{tmp_path}/mlflow.db"
    relative = store_uri(TrackingConfig(uri="sqlite:///here.db"), tmp_path)
    assert relative == f"sqlite:///{Path.cwd() / 'here.db'}"
    assert store_uri(TrackingConfig(uri="http://host:1/"), tmp_path) == "http://host:1"
    assert without_credentials("http://me:secret@host:1/x") == "http://host:1/x"


def test_files_that_are_no_store(tmp_path):
    (tmp_path / "text.db").write_text("this is no database")
    with pytest.raises(InputError, match=r"text\.db: is no SQLite file"):
        open_client(f"sqlite:///{tmp_path}/text.db")
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be opened"):
        open_client(f"sqlite:///{tmp_path}/file/mlflow.db")


@pytest.mark.parametrize(
    ("experiment", "folder"),
    [("placement-v1", "placement-v1"), ("../../x", "x"), ("/etc", "etc"), ("..", "experiment")],
)
def test_artifacts_stay_below_their_folder(experiment: str, folder: str) -> None:
    assert folder_name(experiment) == folder

"""An MLflow store that cannot be used: one line that names it, and advice that can be pasted."""

import contextlib
import http.server
import os
import re
import shlex
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from qcbench.bench.compose import compose
from qcbench.cli.main import main
from qcbench.errors import InputError
from qcbench.tracking.client import mlflow_errors, open_client, store_uri, without_credentials
from qcbench.tracking.config import TrackingConfig


def refusal(uri: str) -> str:
    """Open a store and write to it; return the one line that refuses."""
    with pytest.raises(InputError) as caught, mlflow_errors(uri):
        open_client(uri).create_experiment("new")
    text = str(caught.value)
    assert text.isprintable()
    for word in ("sqlalche.me", "[SQL", "Traceback", "HTTPConnectionPool"):
        assert word not in text
    return text


def advice(text: str) -> list[str]:
    """Return the commands in a message."""
    return re.findall(r"`([^`]+)`", text)


def paste(command: str, folder: Path) -> None:
    """Run a command as a shell does."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    subprocess.run(
        ["bash", "-c", command], check=True, cwd=folder, env={**os.environ, "PATH": path}
    )


@pytest.fixture
def store(tmp_path: Path, mlflow_store: Path) -> Path:
    """A store in a folder whose name a shell would split."""
    path = tmp_path / "my runs" / "mlflow.db"
    path.parent.mkdir()
    shutil.copy(mlflow_store, path)
    return path


def uri_of(path: Path) -> str:
    return store_uri(TrackingConfig(), path.parent)


def set_revision(path: Path, revision: str | None) -> None:
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        database.execute("DELETE FROM alembic_version")
        if revision:
            database.execute("INSERT INTO alembic_version VALUES (?)", (revision,))


def test_a_newer_store_asks_for_a_newer_mlflow(store: Path) -> None:
    set_revision(store, "ffffffffffff")
    text = refusal(uri_of(store))
    assert "newer MLflow" in text
    assert str(store) in text
    assert advice(text) == ["pip install --upgrade mlflow"]


@pytest.mark.e2e
def test_an_older_store_is_upgraded_by_what_is_printed(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One with all tables, of which some have changed; where one lacks, MLflow upgrades itself."""
    import mlflow.store.db_migrations as migrations  # noqa: PLC0415 - heavy
    from alembic import command, config  # noqa: PLC0415

    settings = config.Config()
    settings.set_main_option("script_location", str(Path(migrations.__file__).parent))
    settings.set_main_option("sqlalchemy.url", uri_of(store))
    with mlflow_errors(uri_of(store)):
        command.downgrade(settings, "-1")
    with monkeypatch.context() as patched:
        patched.setattr("mlflow.store.db.utils._all_tables_exist", lambda _engine: True)
        text = refusal(uri_of(store))
    assert "older MLflow" in text
    (upgrade,) = advice(text)
    assert upgrade.startswith("mlflow db upgrade ")
    paste(upgrade, tmp_path)
    open_client(uri_of(store)).create_experiment("after")


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        ("torn", "is damaged"),
        ("noise", "is damaged"),
        ("no version", "has no version of its tables"),
        ("no table", "lacks tables"),
    ],
)
def test_a_damaged_store_is_moved_away_as_printed(
    store: Path, tmp_path: Path, harm: str, words: str
) -> None:
    data = store.read_bytes()
    if harm == "torn":
        store.write_bytes(data[: len(data) // 3])
    elif harm == "noise":
        store.write_bytes(data[:100] + bytes(range(256)) * 16 + data[4196:])
    elif harm == "no version":
        set_revision(store, None)
    else:
        with contextlib.closing(sqlite3.connect(store)) as database, database:
            database.execute("DROP TABLE experiment_tags")
            database.execute("DROP TABLE experiments")
    text = refusal(uri_of(store))
    assert words in text
    (move,) = advice(text)
    paste(move, tmp_path)
    assert not store.exists()
    assert store.with_name("mlflow.db.damaged").exists()


@pytest.mark.e2e
def test_a_locked_store(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """MLflow tries for twenty seconds; it need not here."""
    monkeypatch.setattr(time, "sleep", lambda _s: None)
    holder = sqlite3.connect(store, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    try:
        text = refusal(uri_of(store))
    finally:
        holder.close()
    assert "is in use by another process" in text
    assert shlex.quote(str(store)) in text


@pytest.mark.parametrize("also", ["", "alembic_version (version_num)", "experiments (name)"])
def test_a_database_of_something_else(tmp_path: Path, also: str) -> None:
    """Other programs have experiments, or count the versions of their tables by Alembic, too."""
    path = tmp_path / "mlflow.db"
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE songs (name)")
        if also:
            database.execute(f"CREATE TABLE {also}")
            database.execute(f"INSERT INTO {also.partition(' ')[0]} VALUES ('f7a1c2')")
    before = path.read_bytes()
    assert "is a database of something else" in refusal(uri_of(path))
    assert path.read_bytes() == before


@pytest.mark.e2e
def test_a_deleted_experiment_is_restored_as_printed(store: Path, tmp_path: Path) -> None:
    from qcbench.tracking.mlflow_view import experiment_id  # noqa: PLC0415

    uri = uri_of(store)
    client = open_client(uri)
    number = experiment_id(client, "mine", uri)
    client.delete_experiment(number)
    with pytest.raises(InputError) as caught:
        experiment_id(client, "mine", uri)
    paste(advice(str(caught.value))[0], tmp_path)
    assert experiment_id(client, "mine", uri) == number


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("http://[half", "no address"),
        ("http://host:99999", "no address"),
        ("http://host:port", "no address"),
        ("http://", "neither"),
        ("ftp://host", "neither"),
        ("sqlite:///", "neither"),
        ("sqlite:///a?b.db", "has a ?"),
        ("sqlite:///a%20b.db", "has a %20 in it; choose another place"),
        ("https://me:secret@host", "credentials"),
    ],
)
def test_addresses(uri: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=re.escape(words)) as caught:
        store_uri(TrackingConfig(uri=uri), tmp_path)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("name", ["w[1] a#b", "50%", "x=1,y", "a@b:c;d&e+f", 'a\\b"c'])
def test_a_store_lies_where_it_is_said_to_lie(name: str, tmp_path: Path) -> None:
    uri = store_uri(TrackingConfig(), tmp_path / name)
    # Another command names it so that a shell and Hydra take it for the same.
    (word,) = shlex.split(" ".join(TrackingConfig(uri=uri).as_overrides()))
    assert compose("run", ["tracking=sqlite", word]).tracking.uri == uri
    client = open_client(uri)
    experiment = client.create_experiment("mine", (tmp_path / name / "kept").as_uri())
    run = client.create_run(experiment)
    client.log_text(run.info.run_id, "words", "text.txt")
    assert (tmp_path / name / "mlflow.db").is_file()
    assert [path.read_text() for path in (tmp_path / name / "kept").rglob("*.txt")] == ["words"]


def test_an_address_is_printed_as_it_can_be_pasted() -> None:
    for uri in ("sqlite:////a/b.db", "http://host:5000/x?y#z", "sqlite:////50%/a b.db"):
        assert without_credentials(uri) == uri
    assert without_credentials("https://me:secret@host:1/x") == "https://host:1/x"


@contextlib.contextmanager
def served(status: int, body: bytes, healthy: bool) -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            here = healthy and self.path == "/health"
            self.send_response(200 if here else status)
            self.end_headers()
            self.wfile.write(b"OK" if here else body)

        do_POST = do_GET  # noqa: N815 - http.server's name

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("status", "body", "healthy", "words"),
    [
        (500, b"oops\nmore", False, "answers 500"),
        (500, b"oops\nmore", True, "fails with error 500; see its log"),
        (429, b"", True, "fails with error 429"),
        (401, b"", True, "MLFLOW_TRACKING_USERNAME"),
        (403, b"", False, "MLFLOW_TRACKING_PASSWORD"),
        (404, b"x\x1b[31m", True, "answers 404; is it an MLflow server?"),
        (200, b"<html>\nhello</html>", True, "does not answer in JSON"),
        (302, b"", False, "answers 302"),
    ],
)
def test_servers(
    status: int, body: bytes, healthy: bool, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with served(status, body, healthy) as uri:
        text = refusal(uri)
    assert words in text
    assert uri in text


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of all runs with a small run that is not tracked yet."""
    runs = tmp_path_factory.mktemp("elsewhere") / "my runs"
    words = ["suite=quickstart", "suite.replicates=2", "suite.scenarios=[placement/qce5]"]
    told = ["cluster.address=inline", "tracking=none", f'runs_dir="{runs}"']
    assert main(["run", *words, *told]) == 0
    return runs


@pytest.mark.e2e
def test_a_run_that_fails_in_tracking_says_how_to_go_on(
    finished: Path,
    mlflow_store: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    place = tmp_path / "a b.db"
    place.write_text("no database")
    words = ["suite=quickstart", "suite.replicates=2", "suite.scenarios=[placement/qce5]"]
    # The champion would be looked for in the store before anything runs.
    words += ["suite.policies=[greedy,earliest_completion]"]
    told = ["cluster.address=inline", f'tracking.uri="sqlite:///{place}"', f'runs_dir="{finished}"']
    capsys.readouterr()
    assert main(["run", *words, *told, 'tracking.experiment="x, y"']) == 1
    shown = capsys.readouterr()
    said = shown.err.splitlines()[-1]
    assert "the results are kept in" in said
    assert "report.html" in shown.out  # the report was written all the same
    (again,) = advice(said)
    shutil.copy(mlflow_store, place)
    assert main(shlex.split(again)[1:]) == 0
    client = open_client(f"sqlite:///{place}")
    assert client.get_experiment_by_name("x, y") is not None


@pytest.mark.e2e
def test_a_run_that_fails_in_its_report_says_how_to_go_on(
    finished: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from qcbench.report import html  # noqa: PLC0415 - matplotlib

    def broken(*_: object) -> None:
        raise ZeroDivisionError("axes\nwithout end")

    (folder,) = (path.parent for path in sorted(finished.glob("*/manifest.json"))[:1])
    (folder / "report.html").unlink()
    with monkeypatch.context() as patched:
        patched.setattr(html, "_page", broken)
        assert main(["resume", str(folder), "tracking=none"]) == 1
    said = capsys.readouterr().err.splitlines()[-1]
    assert "axes without end" in said
    assert (folder / "trials.parquet").is_file()
    (again,) = advice(said)
    assert main(shlex.split(again)[1:]) == 0
    assert (folder / "report.html").is_file()


@pytest.mark.e2e
def test_what_an_interrupted_run_prints_goes_on(finished: Path) -> None:
    from qcbench.bench.run_names import told_name  # noqa: PLC0415

    folder = next(finished.glob("*/manifest.json")).parent
    assert main(["resume", *shlex.split(told_name(folder)), "tracking=none"]) == 0

"""`qcbench browse`: MLflow over what was published; what it shows is tested with the view."""

import socket
import sqlite3
from pathlib import Path

import pytest

from qcbench.cli.main import main


def test_where_nothing_was_published(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["browse", f"runs_dir={tmp_path}"]) == 2
    said = capsys.readouterr().err
    assert "mlflow.db: there is no such store; a run with tracking=sqlite makes it" in said
    assert said.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_store(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = tmp_path / "mlflow.db"
    with sqlite3.connect(store) as database:
        database.execute("CREATE TABLE shopping (list TEXT)")
    before = store.read_bytes()
    assert main(["browse", f"store={store}"]) == 2
    assert str(store) in capsys.readouterr().err
    assert store.read_bytes() == before


def test_a_port_that_is_taken(
    mlflow_store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = tmp_path / "mlflow.db"
    store.write_bytes(mlflow_store.read_bytes())
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert main(["browse", f"store={store}", f"port={port}"]) == 2
    said = capsys.readouterr().err
    assert f"port={port}: cannot be used" in said
    assert f"choose another, such as port={port + 1}" in said
    for port in (70000, 0, -1):
        assert main(["browse", f"store={store}", f"port={port}"]) == 2
        assert f"port={port}: must be in 1..65535" in capsys.readouterr().err

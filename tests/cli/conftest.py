"""What tests of several verbs have in common."""

import shutil
from pathlib import Path

import pytest


@pytest.fixture
def runs(tmp_path: Path, mlflow_store: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of runs below the working folder, with a store of MLflow in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    shutil.copy(mlflow_store, tmp_path / "runs" / "mlflow.db")
    return tmp_path / "runs"

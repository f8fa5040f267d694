"""Secrets of the driver's environment do not reach the code of policies."""

import os
from pathlib import Path

import polars as pl
import pytest
from toys import toy_trials

from qcbench.bench.config import ClusterConfig
from qcbench.bench.driver import run_trials
from qcbench.bench.run_folder import create_run
from qcbench.bench.secret_variables import forget_secrets, secret_variables
from qcbench.bench.worker import Worker

SECRETS = (
    "MLFLOW_TRACKING_PASSWORD",
    "MLFLOW_TRACKING_TOKEN",
    "MLFLOW_FLASK_SERVER_SECRET_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AZURE_STORAGE_ACCOUNT_KEY",
    "GOOGLE_APPLICATION_CREDENTIALS",
    "QISKIT_IBM_TOKEN",
    "PGPASSWORD",
    "PGPASSFILE",
    "GITHUB_TOKEN",
    "RAY_AUTH_TOKEN",
    "OPENAI_API_KEY",
)
PLAIN = ("PATH", "HOME", "OMP_NUM_THREADS", "PYTHONPATH", "RAY_AUTH_MODE", "AWS_REGION", "KEYBOARD")


def test_names_of_secrets() -> None:
    assert secret_variables([*PLAIN, *SECRETS]) == list(SECRETS)


def test_a_worker_forgets_what_its_node_has(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SECRETS:
        monkeypatch.setenv(name, "swordfish")
    monkeypatch.setenv("QCBENCH_PLAIN", "here")
    Worker("toys:work", "placement")
    assert "swordfish" not in os.environ.values()
    assert os.environ["QCBENCH_PLAIN"] == "here"


def test_what_is_no_secret_stays() -> None:
    environment = dict.fromkeys(PLAIN, "here")
    forget_secrets(environment)
    assert list(environment) == list(PLAIN)


@pytest.mark.e2e
@pytest.mark.ray
def test_a_policy_on_ray_sees_no_secret_of_the_driver(
    runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in SECRETS:
        monkeypatch.setenv(name, "swordfish")
    monkeypatch.setenv("QCBENCH_PLAIN", "tuna")
    trials = toy_trials(1)
    with create_run(runs, {"name": "toy"}, trials, track="placement") as store:
        config = ClusterConfig(address="local", workers=1)
        run_trials(trials, "tests.bench.toys:tell_environment", store, config)
        folder = store.folder
    (seen,) = pl.read_parquet(folder / "trials.parquet")["seen"]
    assert "tuna" in seen
    assert "swordfish" not in seen
    assert "RAY_AUTH_TOKEN" not in seen
    assert os.environ["MLFLOW_TRACKING_PASSWORD"] == "swordfish", "the driver still has its own"

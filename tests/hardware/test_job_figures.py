"""What a job says of itself, in current and older forms; errors of the client; labels."""

import os

import pytest

from qcbench.errors import InputError
from qcbench.hardware.config import EmulatorBackend, IbmBackend, LocalBackend
from qcbench.hardware.ibm.errors import _http_status
from qcbench.hardware.ibm.figures import figures_of
from qcbench.hardware.providers.emulator import addresses_of
from qcbench.hardware.providers.registry import connected, label_of

STAMPS = {
    "created": "2026-01-05T10:00:00.000Z",
    "running": "2026-01-05T10:00:44.100000Z",
    "finished": "2026-01-05T10:00:49.850000+00:00",
}


def test_current_metrics() -> None:
    usage = {"qpu_charge_time_seconds": 2, "status": "final"}
    metrics = {"timestamps": STAMPS, "usage": usage, "circuits_execution_time_ns": [1.5e9, 0.2e9]}
    found = figures_of(metrics, 1.25, "")
    assert found.queue_s == pytest.approx(44.1)
    assert (found.execution_s, found.execution_source) == (1.25, "chunk_timing")
    assert found.charge == 2
    without = figures_of(metrics, None, "")
    assert without.execution_s == pytest.approx(1.7)
    assert without.execution_source == "circuits_execution"


@pytest.mark.parametrize(
    ("usage", "charge_s", "source"),
    [
        ({"usage": {"quantum_seconds": 3}}, 3, "charge"),
        ({"bss": {"seconds": 4}}, 4, "charge"),
        ({}, None, "running_to_finished"),
        (
            {"usage": {"qpu_charge_time_seconds": 1, "status": "pending"}},
            None,
            "running_to_finished",
        ),
    ],
)
def test_older_and_unsettled_metrics(usage: dict, charge_s: float | None, source: str) -> None:
    found = figures_of({"timestamps": STAMPS, **usage}, None, "")
    assert (found.charge, found.execution_source) == (charge_s, source)
    if source == "running_to_finished":
        assert found.execution_s == pytest.approx(5.75)


def test_job_that_never_ran() -> None:
    found = figures_of({"timestamps": {"created": STAMPS["created"]}}, None, "cancelled")
    assert found.queue_s is None
    assert found.execution_s is None
    assert found.charge is None


def test_status_behind_wrapped_errors() -> None:
    class ApiError(Exception):
        def __init__(self, text: str, status: int) -> None:
            super().__init__(text)
            self.status_code = status

    def wrapped(inner: Exception) -> Exception:
        try:
            try:
                raise inner
            except Exception as error:
                raise RuntimeError(f"Failed to run program: {error}") from None
        except RuntimeError as outer:
            return outer

    assert _http_status(wrapped(ApiError("slow down", 429))) == 429
    assert _http_status(wrapped(ApiError("503 Server Error: x", -1))) == 503
    assert _http_status(wrapped(ApiError("no connection", -1))) == -1
    assert _http_status(ConnectionResetError("gone")) == -1
    assert _http_status(ValueError("a wrong option")) == 0


def test_emulator_is_on_this_machine() -> None:
    config = EmulatorBackend(url="http://example.com:8000")
    with pytest.raises(InputError, match="on this machine only"), connected(config, []):
        pass


def test_addresses_of_an_emulator_are_taken_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IAM_URL", "https://iam.example.com")
    monkeypatch.delenv("QISKIT_FUNCTIONS_EXPERIMENTAL", raising=False)
    with addresses_of("http://127.0.0.1:1"):
        assert os.environ["IAM_URL"] == "http://127.0.0.1:1"
    assert os.environ["IAM_URL"] == "https://iam.example.com"
    assert "QISKIT_FUNCTIONS_EXPERIMENTAL" not in os.environ


@pytest.mark.parametrize(
    ("config", "label"),
    [
        (IbmBackend(), "hardware"),
        (IbmBackend(url="https://cloud.example.com"), "hardware"),
        (IbmBackend(url="http://127.0.0.1:8123"), "emulated"),
        (IbmBackend(url="http://localhost:8123"), "emulated"),
        (IbmBackend(url="http://[::1]:8123"), "emulated"),
        (EmulatorBackend(), "emulated"),
        (LocalBackend(), "local"),
    ],
)
def test_label_says_where_numbers_come_from(config: object, label: str) -> None:
    assert label_of(config) == label

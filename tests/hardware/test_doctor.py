"""`qcbench replay doctor`: what an account has, before anything is spent; one line where wrong."""

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("qiskit_ibm_runtime")

from qcbench.cli.main import main
from qcbench.hardware.emulator_process import INSTANCE
from qcbench.hardware.ledger import JobLedger
from qcbench.hardware.manifest import open_or_create
from qcbench.hardware.replay_config import compose_replay
from tests.deploy.clients import config, emulated, quick
from tests.hardware.executors import intent

DEVICES = ("washington", "kolkata", "hanoi", "perth", "lagos")


@pytest.fixture(autouse=True)
def account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QISKIT_IBM_TOKEN", "a-key-of-nobody")
    monkeypatch.setenv("QISKIT_IBM_INSTANCE", INSTANCE)
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    away = config.FaultsConfig(maintenance=(config.Maintenance(backend="lagos"),))
    with emulated(quick(devices=DEVICES, quota_s=600.0, faults=away)) as emulator:
        yield emulator.url


def told(url: str, *more: str) -> list[str]:
    return ["replay", "doctor", "backend=ibm", f"backend.url={url}", "tasks=2", *more]


def test_it_says_what_the_account_has_and_takes(
    url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(told(url, "backend.pending=3")) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "account: plan open, region us-east, 5 devices (emulated)"
    assert [line.partition(":")[0] for line in lines[1:6]] == list(DEVICES)
    assert lines[4].startswith("perth: works (active), ")
    assert lines[5].startswith("lagos: does not work (internal), ")
    assert lines[6] == (
        "limits: open jobs 3 (backend.pending), submits a minute learnt from refusals"
        " (backend.submits_per_minute)"
    )
    assert lines[7].startswith("seconds: 600 left, 0 of them reserved")
    assert not list(Path().iterdir()), "it leaves nothing behind"


@pytest.mark.e2e
def test_what_open_replays_have_reserved_is_not_free(
    url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    ours = ["backend=ibm", f"backend.url={url}", "budget_s=100"]
    folder = open_or_create(compose_replay(ours))
    with JobLedger(folder.ledger) as ledger:
        ledger.plan(intent(0, reserve=40))
        ledger.plan(intent(1, reserve=2))
    assert main(told(url)) == 0
    said = "seconds: 600 left, 42 of them reserved by open replays in replays, 558 free\n"
    assert capsys.readouterr().out.endswith(said)
    with JobLedger(folder.ledger) as ledger:  # one that is being played counts as well
        ledger.put("held", 1)
        assert main(told(url)) == 0
    assert capsys.readouterr().out.endswith(said)


@pytest.mark.parametrize(
    ("more", "environment", "words"),
    [
        (["backend.devices={perth: perht}"], {}, "has no device perht; did you mean"),
        ([], {"QISKIT_IBM_TOKEN": ""}, "no token; put it into the variable QISKIT_IBM_TOKEN"),
        ([], {"QISKIT_IBM_INSTANCE": ""}, "no instance; give backend.instance=CRN"),
    ],
)
def test_what_is_wrong_is_one_line(
    url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    more: list[str],
    environment: dict[str, str],
    words: str,
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert main(told(url, *more)) == 2
    heard = capsys.readouterr()
    assert heard.out == ""
    assert words in heard.err
    assert heard.err.count("\n") == 1


def test_a_token_that_is_refused_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    refused = config.FaultsConfig(unauthorized=1.0)
    with emulated(quick(devices=DEVICES, faults=refused)) as emulator:
        assert main(told(emulator.url)) == 2
    heard = capsys.readouterr()
    assert heard.out == ""
    assert "401" in heard.err
    assert heard.err.count("\n") == 1
    assert "a-key-of-nobody" not in heard.err


def test_other_backends_have_no_account(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", "doctor", "backend=local"]) == 2
    assert "backend=local has no account; give backend=ibm" in capsys.readouterr().err

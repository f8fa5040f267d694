"""Providers: one record each, found by name or entry point, and one contract for all of them."""

import importlib.metadata
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import pytest
from executors import intent

from qcbench.bench.conf_files import conf_dir
from qcbench.cli.main import main
from qcbench.configs import config
from qcbench.errors import InputError
from qcbench.hardware.config import EmulatorBackend, LocalBackend
from qcbench.hardware.ledger import JobLedger
from qcbench.hardware.moments import note_start
from qcbench.hardware.providers import emulator, local, registry
from qcbench.hardware.providers.contract import check_provider
from qcbench.hardware.replay_config import compose_replay, identity
from qcbench.plugins import group_of

pytest.importorskip("qiskit_aer")
pytest.importorskip("mqt.bench")

GROUP = group_of("providers")


@config
class TheirBackend:
    """A provider of another package, on the devices of `local`."""

    kind: Literal["theirs"] = "theirs"
    speed: float = 5.0
    devices: dict[str, str] | None = None


@contextmanager
def _open(told: TheirBackend, devices: list[str], log: Path | None) -> Iterator[Any]:
    with local.PROVIDER.open(LocalBackend(speed=told.speed), devices, log) as port:
        yield port


@pytest.fixture
def theirs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    (tmp_path / "backend").mkdir()
    (tmp_path / "backend" / "theirs.yaml").write_text("kind: theirs\nspeed: 7.0\n")
    module = ModuleType("their_provider")
    module.PROVIDER = replace(
        local.PROVIDER, name="theirs", config=TheirBackend, open=_open, conf=tmp_path
    )
    module.nothing = object()
    monkeypatch.setitem(sys.modules, "their_provider", module)
    points = [EntryPoint("theirs", "their_provider:PROVIDER", GROUP)]
    found = importlib.metadata.entry_points

    def entry_points(*, group: str) -> Any:
        return points if group == GROUP else found(group=group)

    monkeypatch.setattr(importlib.metadata, "entry_points", entry_points)
    module.points = points
    return module


def test_every_backend_has_a_record_and_a_yaml() -> None:
    files = {path.stem for path in (conf_dir() / "backend").glob("*.yaml")}
    assert files == set(registry.OURS)
    for name in registry.OURS:
        provider = registry.find(name)
        assert (provider.name, provider.config().kind) == (name, name)
        keys = set(provider.config.__dataclass_fields__)
        assert {*provider.where, *provider.later, *provider.secrets} <= keys


def test_somebody_elses_provider_is_found_and_composed(theirs: ModuleType) -> None:
    told = compose_replay(["backend=theirs"])
    assert told.backend == TheirBackend(speed=7.0)
    assert compose_replay(["backend=theirs", "backend.speed=3"]).backend.speed == 3.0
    assert identity(told)["backend"]["kind"] == "theirs"
    with pytest.raises(InputError, match=r"backend\.spede: no such key; did you mean speed"):
        compose_replay(["backend=theirs", "+backend.spede=3"])


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("their_provider:nothing", "is no Provider of that name"),
        ("their_provider:none", "cannot be loaded"),
    ],
)
def test_an_entry_point_that_is_none_is_one_line(
    theirs: ModuleType, value: str, words: str
) -> None:
    theirs.points[0] = EntryPoint("theirs", value, GROUP)
    with pytest.raises(InputError, match=words):
        registry.find("theirs")


def test_unknown_providers_and_budgets_of_another_unit_are_one_line() -> None:
    with pytest.raises(InputError, match=r"backend\.kind: 'ibmm'; no such provider; did you mean"):
        compose_replay(["backend.kind=ibmm"])
    with pytest.raises(InputError, match="budget_usd: backend=local charges QPU seconds; give"):
        compose_replay(["backend=local", "budget_usd=3"])
    with pytest.raises(InputError, match="budget_s: backend=braket-local charges dollars; give"):
        compose_replay(["backend=braket-local", "budget_s=3"])


def test_contract_of_local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    provider, told = local.PROVIDER, LocalBackend()
    with registry.connected(told, ["perth"]) as port:
        checks = list(check_provider(provider, told, port, "perth", token="t", group="g"))
    assert [check for check in checks if check.wrong] == []
    assert len(checks) == len({check.name for check in checks}) > 15


def test_an_emulator_of_each_repetition_has_a_day_of_its_own() -> None:
    told = EmulatorBackend(overrides=["drift.device=0"])
    provider = registry.find("emulator")
    assert provider.repeated(told, 1) == told
    assert provider.repeated(told, 3).overrides == ["day=2", "drift.device=0"]
    assert registry.find("local").repeated(LocalBackend(), 3) == LocalBackend()
    used = []

    @contextmanager
    def opened(config: Any, _devices: list[str], _log: Path | None) -> Iterator[Any]:
        used.append(config.overrides)
        yield None

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registry, "provider_of", lambda _config: replace(provider, open=opened))
        for repetition in (1, 2):
            with registry.connected(told, ["perth"], repetition=repetition):
                pass
    assert used == [["drift.device=0"], ["day=1", "drift.device=0"]]


def test_an_emulator_of_a_replay_that_goes_on_draws_anew(tmp_path: Path) -> None:
    told = EmulatorBackend(overrides=["drift.device=0"])
    provider = registry.find("emulator")
    assert provider.restarted(told, 0) == told
    assert provider.restarted(told, 2).overrides == ["restart=2", "drift.device=0"]
    with JobLedger(tmp_path / "ledger.sqlite") as ledger:
        assert [note_start(ledger), note_start(ledger)] == [0, 0], "nothing was submitted"
        ledger.plan(intent(1))
        assert [note_start(ledger), note_start(ledger)] == [1, 2]
    with JobLedger(tmp_path / "earlier.sqlite") as ledger:
        ledger.plan(intent(1))
        ledger.put("sessions", 3)
        assert note_start(ledger) == 3, "as a ledger of before says"


def test_a_broken_rule_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A port that forgets tokens and loses shots."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with registry.connected(LocalBackend(), ["perth"]) as port:
        real = port.submit

        def forgets(*words: Any, token: str, **more: Any) -> str:
            port._by_token.clear()
            return real(*words, token=token, **more)

        port.submit = forgets
        monkeypatch.setattr(type(port), "sample", lambda *_: {"11": 90})
        checks = check_provider(local.PROVIDER, LocalBackend(), port, "perth", token="t", group="g")
        wrong = {check.name for check in checks if check.wrong}
    assert wrong == {"a token gives its job again", "every shot is counted"}


@pytest.mark.e2e
def test_contract_by_the_command_of_the_emulator(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    quick = '["background.utilisation=0"]'
    assert main(["replay", "test", "backend.speed=30", f"backend.overrides={quick}"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert all(line.endswith(": yes") for line in lines)
    assert len(lines) > 14


def test_a_paid_test_is_confirmed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", "test", "backend=ibm"]) == 2
    assert "submits two jobs, which are paid for; add yes=true" in capsys.readouterr().err


@pytest.mark.parametrize("speed", [4.0, 1 / 3, 1234567.5, 1e20])
def test_an_emulator_runs_at_the_speed_that_its_clock_is_read_by(
    speed: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []

    def started(overrides: list[str], *, log: Path | None) -> Any:
        del log
        told.extend(overrides)
        raise InputError("stop here")

    monkeypatch.setattr(emulator, "running_emulator", started)
    backend = EmulatorBackend(speed=speed)
    with (
        pytest.raises(InputError, match="stop here"),
        emulator.PROVIDER.open(backend, ["perth"], None),
    ):
        pass
    assert float(told[0].removeprefix("time_scale=")) == speed

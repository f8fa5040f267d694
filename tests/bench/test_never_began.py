"""A run that was refused before it began leaves nothing that could be resumed."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from qcbench.bench import cluster, driver
from qcbench.bench.config import ClusterConfig
from qcbench.cli.main import main
from qcbench.errors import InputError

FEW = ["suite=quickstart", "suite.replicates=1", "suite.scenarios=[placement/qce5]"]


@pytest.mark.ray
def test_no_ray_to_join(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    assert main(["run", *FEW, "cluster=auto", "tracking=none"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert "cluster.address=auto" in lines[-1]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("error", [InputError("no"), KeyboardInterrupt(), ConnectionError("x")])
def test_any_refusal(error: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def refuse(*_: object) -> Iterator[None]:
        raise error
        yield

    monkeypatch.setattr(cluster, "connect", refuse)
    told = ["run", *FEW, "tracking=none", f"runs_dir={tmp_path / 'deep' / 'runs'}"]
    if isinstance(error, ConnectionError):
        with pytest.raises(ConnectionError):
            main(told)
    else:
        assert main(told) in {2, 130}
    assert list(tmp_path.iterdir()) == []


def test_other_runs_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs" / "other").mkdir(parents=True)

    def refuse(*_: object) -> None:
        raise InputError("no")

    monkeypatch.setattr(driver, "_run_inline", refuse)
    assert main(["run", *FEW, "tracking=none", "cluster.address=inline"]) == 2
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["other"]


def test_what_has_begun_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    plain = driver._run_inline

    def stop_after_some(session: driver.Session, run_trial: object, stop: object) -> None:
        calls = iter([False, False, True])
        plain(session, run_trial, lambda: next(calls, True))  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(driver, "_run_inline", stop_after_some)
        assert main(["run", *FEW, "tracking=none", "cluster.address=inline"]) == 130
    said = capsys.readouterr().err
    (folder,) = (tmp_path / "runs").iterdir()
    assert f"`qcbench resume {folder.name}`" in said
    assert main(["resume", folder.name, "tracking=none", "cluster.address=inline"]) == 0


def test_a_cluster_config_is_what_the_tests_take_it_for() -> None:
    assert cluster.is_inline(ClusterConfig(address="inline"))


def test_a_replay_that_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from qcbench.hardware import replay  # noqa: PLC0415 - qiskit

    @contextmanager
    def refuse(*_: object, **__: object) -> Iterator[None]:
        raise InputError("no backend")
        yield

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(replay, "connected", refuse)
    assert main(["replay", "backend=local", "tasks=2", "policy=greedy"]) == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.e2e
@pytest.mark.parametrize("verb", ["train", "sweep"])
def test_a_training_that_cannot_begin(
    verb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from qcbench.agents import training  # noqa: PLC0415 - torch
    from qcbench.agents.sweep import running  # noqa: PLC0415

    def refuse(*_: object, **__: object) -> None:
        raise InputError("not today")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(training, "open_curves", refuse)
    monkeypatch.setattr(running, "connect", refuse)
    assert main([verb, "tracking=none"]) == 2
    assert "not today" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []

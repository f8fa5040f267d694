"""A sweep's folder from nodes that do not have its disk: here, who may not see the marker."""

import errno
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.fs
import pytest
import ray
from ray.exceptions import RayTaskError

from qcbench.agents.checkpoints import CHECKPOINTS, write_checkpoint
from qcbench.agents.sweep.config import SweepRunConfig, compose_sweep
from qcbench.agents.sweep.courier import (
    MARKER,
    Courier,
    LeaseError,
    SweepPlace,
    Workplace,
    courier_beside,
    workplace,
)
from qcbench.agents.sweep.file_system import file_system
from qcbench.agents.sweep.lines import SweepLines
from qcbench.agents.sweep.trial import FAILED, _final, _told, parts_of, run_trial
from qcbench.bench.cluster import connect
from qcbench.bench.config import ClusterConfig
from qcbench.bench.session import RunError
from qcbench.errors import InputError, StoppedError, UnwritableError
from qcbench.plugins import PluginError

pytestmark = [pytest.mark.e2e, pytest.mark.ray]

TINY = [
    *("agent.ppo.steps=2048", "agent.ppo.environments=32", "agent.ppo.horizon=16"),
    *("agent.ppo.threads=1", "agent.worlds=8", "agent.network.encoder=[8]"),
    *("agent.network.context=[]", "agent.network.head=[]"),
    *("validation.worlds=2", "validation.every_steps=1024", "tracking=none"),
]
HOME = "trials/one"


@pytest.fixture(scope="module", autouse=True)
def private_ray() -> Iterator[None]:
    with connect(ClusterConfig(address="local", object_store_mb=128), 1):
        yield


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "sweep-x"
    made.mkdir()
    return made


@pytest.fixture
def elsewhere(folder: Path) -> Iterator[SweepPlace]:
    """A sweep's place as it is on nodes without its disk."""
    with courier_beside(folder) as place:
        assert place.is_here
        (folder / MARKER).unlink()
        assert not place.is_here
        yield place


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "run.lock"
    }


def sweep_of() -> SweepRunConfig:
    return compose_sweep(TINY)


def test_a_trial_elsewhere_leaves_what_one_beside_the_disk_would(
    folder: Path, elsewhere: SweepPlace
) -> None:
    told: list[float] = []
    settings = {"learning_rate": 0.001, "discount": 1.0}

    class KilledError(Exception):
        """In the place of a node's end."""

    def report(figures: dict[str, float], run: Path) -> None:
        assert not run.is_relative_to(folder)
        kept = parts_of(folder / HOME)[-1]
        there = {path.name for path in (kept / CHECKPOINTS).iterdir()}
        assert f"step-{int(figures['steps']):012d}" in there, "it is kept before it is told"
        told.append(figures["steps"])
        if told == [0, 1024]:
            raise KilledError

    with pytest.raises(KilledError), workplace(elsewhere, HOME) as at:
        run_trial(at, sweep_of(), settings, report)
    assert not at.home.exists()
    (run,) = parts_of(folder / HOME)
    with workplace(elsewhere, HOME) as at:
        run_trial(at, sweep_of(), settings, report)
        assert files(at.home) == files(folder / HOME)
    assert told == [0, 1024, 1024, 2048], "it went on, and its last evaluation was told again"
    assert parts_of(folder / HOME) == [run]
    names = sorted(path.name for path in (run / CHECKPOINTS).iterdir())
    assert "step-000000002048" in names
    assert not [name for name in names if name.startswith(".")]
    assert (run / "exported" / "policy.json").is_file()


def test_an_attempt_that_lives_on_is_refused(folder: Path, elsewhere: SweepPlace) -> None:
    with workplace(elsewhere, HOME) as first:
        (first.home / "a").write_text("first")
        first.ship()
        with workplace(elsewhere, HOME) as second:
            assert (second.home / "a").read_text() == "first"
            (first.home / "a").write_text("first again")
            with pytest.raises(LeaseError):
                first.ship()
            (second.home / "a").write_text("second")
            second.ship()
            (second.home / "a").unlink()
            (second.home / "b" / ".draft").mkdir(parents=True)
            (second.home / "b" / ".draft" / "c").write_text("not yet")
            second.ship()
    assert files(folder / HOME) == {}


def test_a_checkpoint_is_kept_whole_or_not_at_all(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    courier = Courier(str(folder))
    home = str(folder / HOME)
    lease, _ = courier.begin(home)
    name = f"0/train-x/{CHECKPOINTS}/step-1"
    writes = Path.write_bytes

    def full(path: Path, content: bytes) -> int:
        if path.name == "b":
            raise OSError(28, "No space left on device")
        return writes(path, content)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(UnwritableError, match="No space"):
        courier.keep(home, lease, name, {"a": b"1", "b": b"2"})
    assert files(folder) == {}
    monkeypatch.undo()
    courier.keep(home, lease, name, {"a": b"1", "b": b"2"})
    courier.keep(home, lease, name, {"a": b"1", "b": b"2"})
    assert set(files(folder / HOME)) == {f"{name}/a", f"{name}/b"}
    assert courier.begin(home)[1] == files(folder / HOME)
    with pytest.raises(PermissionError, match="is not below"):
        courier.call("write", f"{folder}/../x", b"")


@pytest.mark.parametrize("kind", [InputError, PluginError])
def test_what_failed_by_itself_is_not_tried_again(
    folder: Path, elsewhere: SweepPlace, kind: type[Exception]
) -> None:
    tried = []

    def attempt() -> None:
        with workplace(elsewhere, HOME) as at, _final(at):
            tried.append(at)
            raise kind("a bad setting")

    for told in (kind, RunError):
        with pytest.raises(told, match="a bad setting"):
            attempt()
    assert len(tried) == 1
    assert (folder / HOME / FAILED).read_text() == "a bad setting"


def many_steps(lines: SweepLines) -> None:
    """Let Tune go on until something stops it; it does not wait for the courier."""
    for step in range(200):
        lines.on_step_end(step, [])
        time.sleep(0.05)


@pytest.mark.parametrize("kind", ["trainer", "library", "system"])
def test_a_full_disk_is_no_fault_of_a_trial(folder: Path, kind: str) -> None:
    def training() -> None:
        if kind == "system":
            raise OSError(errno.ENOSPC, "No space left on device", "weights")
        if kind == "library":
            raise UnwritableError("weights: cannot be written")
        try:
            raise UnwritableError("weights: cannot be written")
        except UnwritableError as error:
            raise RunError("weights: cannot be written; go on") from error

    with courier_beside(folder) as place:
        with (
            pytest.raises((UnwritableError, RunError, OSError)),
            workplace(place, HOME) as at,
            _told(at),
            _final(at),
        ):
            training()
        assert ray.get(place.courier.fault.remote()).startswith("weights: cannot be written")
        lines: list[str] = []
        told = SweepLines(lines.append, place)
        told.on_trial_recover(0, [], None)
        told.on_trial_error(0, [], None)
        with pytest.raises(UnwritableError, match="weights: cannot be written"):
            many_steps(told)
    assert lines == []
    assert not (folder / HOME / FAILED).exists()


def test_the_disk_of_a_node_is_its_own(elsewhere: SweepPlace) -> None:
    with (
        pytest.raises(UnwritableError),
        workplace(elsewhere, HOME) as at,
        _told(at),
        _final(at),
    ):
        raise UnwritableError("weights: cannot be written")
    assert ray.get(elsewhere.courier.fault.remote()) == ""


def test_whoever_writes_through_the_courier_meets_its_disk(
    folder: Path, elsewhere: SweepPlace
) -> None:
    (folder / "tune").write_text("a file where a folder should be")
    with pytest.raises(RayTaskError, match="cannot be written"):
        file_system(elsewhere).open_output_stream(f"{folder}/tune/state").close()
    fault = ray.get(elsewhere.courier.fault.remote())
    assert "tune: cannot be written" in fault
    # What comes after it does not hide it.
    lease, _ = ray.get(elsewhere.courier.begin.remote(str(folder / HOME)))
    (folder / "trials").write_text("another one")
    with pytest.raises(RayTaskError, match="cannot be written") as caught:
        ray.get(elsewhere.courier.keep.remote(str(folder / HOME), lease, "a", {"": b"1"}))
    assert isinstance(caught.value, UnwritableError)
    assert ray.get(elsewhere.courier.fault.remote()) == fault


def test_a_courier_that_died_ends_the_sweep_in_a_line(folder: Path) -> None:
    with courier_beside(folder) as place:
        ray.kill(place.courier)
        with pytest.raises(StoppedError, match="the courier of the sweep has died"):
            many_steps(SweepLines(print, place))


def test_tune_writes_and_reads_through_it(
    folder: Path, elsewhere: SweepPlace, tmp_path: Path
) -> None:
    there: Any = file_system(elsewhere)
    source = tmp_path / "from"
    write_checkpoint(source, 1, lambda path: (path / "weights").write_bytes(b"1" * 10_000))
    tune = f"{folder}/tune/tune"
    there.create_dir(tune)
    pyarrow.fs.copy_files(str(source), f"{tune}/c", destination_filesystem=there)
    assert files(folder / "tune" / "tune" / "c") == files(source)
    pyarrow.fs.copy_files(f"{tune}/c", str(tmp_path / "to"), source_filesystem=there)
    assert files(tmp_path / "to") == files(source)
    found = there.get_file_info(pyarrow.fs.FileSelector(f"{tune}/d", allow_not_found=True))
    assert found == []
    assert there.get_file_info(f"{tune}/d").type == pyarrow.fs.FileType.NotFound
    there.delete_dir(f"{tune}/c")
    assert files(folder / "tune") == {}
    with pytest.raises((RayTaskError, OSError)):
        there.open_input_stream(str(tmp_path / "from"))
    again = ray.cloudpickle.loads(ray.cloudpickle.dumps(there))
    assert again.handler == there.handler


def test_where_the_disk_is_nobody_asks_the_courier(folder: Path) -> None:
    with courier_beside(folder) as place, workplace(place, HOME) as at:
        assert isinstance(at, Workplace)
        assert at.home == folder / HOME
        file_system(place).create_dir(f"{folder}/tune")
        assert (folder / "tune").is_dir()
    assert not (folder / MARKER).exists()


def test_what_tune_has_kept_finds_the_courier_of_a_later_process(folder: Path) -> None:
    with courier_beside(folder) as place:
        kept = ray.cloudpickle.dumps(file_system(place))
        lease, _ = ray.get(place.courier.begin.remote(str(folder / HOME)))
    with courier_beside(folder) as later:
        (folder / MARKER).unlink()
        ray.cloudpickle.loads(kept).create_dir(f"{folder}/tune")
        with pytest.raises(RayTaskError, match="another attempt"):
            ray.get(later.courier.drop.remote(str(folder / HOME), lease, "a"))
    assert (folder / "tune").is_dir()

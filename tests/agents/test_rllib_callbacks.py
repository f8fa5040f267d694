"""Callbacks of RLlib that somebody names: found, checked, called, and what they do wrong."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest

pytest.importorskip("torch")
pytest.importorskip("ray.rllib")

from qcbench.agents.config import code_of_others, compose_train
from qcbench.agents.learners import modules_of
from qcbench.agents.rllib.callbacks import RLLIBS, classes, logged
from qcbench.agents.run_folder import open_folder, read_progress
from qcbench.agents.training import Trained, start
from qcbench.bench.cluster import connect
from qcbench.bench.config import ClusterConfig
from qcbench.bench.session import RunError
from qcbench.cli.main import main
from qcbench.errors import InputError
from qcbench.plugins import PluginError, _source_hash, check_meant, identity_of

SMALL = [
    "agent=ppo",
    "agent.steps=120",
    "agent.environments=4",
    "agent.worlds=8",
    "agent.horizon=16",
    "agent.minibatch=32",
    "agent.network.encoder=[8]",
    "agent.network.context=[]",
    "agent.network.head=[]",
    "tracking=none",
    "validation.worlds=2",
    "validation.every_steps=60",
]

TEXT = '''
    """Callbacks of somebody's."""

    import os

    from ray.rllib.callbacks.callbacks import RLlibCallback


    class Lengths(RLlibCallback):
        def on_episode_end(self, *, episode, metrics_logger, **_):
            metrics_logger.log_value("longest", len(episode), reduce="max")
            metrics_logger.log_value(("deep", "pid"), os.getpid(), window=1)

        def on_train_result(self, *, result, **_):
            result["twice"] = 2 * result["training_iteration"]


    class Silent(RLlibCallback):
        pass


    class Broken(RLlibCallback):
        def on_episode_end(self, **_):
            raise KeyError("nan")


    class Late(RLlibCallback):
        def on_train_result(self, **_):
            raise ValueError("nan")


    class Grumpy(RLlibCallback):
        def __init__(self):
            if "GRUMPY" not in os.environ:
                raise ValueError("in an actor")


    class Unmade(RLlibCallback):
        def __init__(self):
            raise ValueError("anywhere")


    class Needy(RLlibCallback):
        def __init__(self, more):
            pass


    nothing = 3
'''


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working folder with a module of somebody's."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    file = tmp_path / "my_callbacks.py"
    file.write_text(dedent(TEXT))
    yield file
    sys.modules.pop("my_callbacks", None)


@pytest.fixture(scope="module")
def private_ray() -> Iterator[None]:
    """A Ray that ends with these tests."""
    with connect(ClusterConfig(address="local", object_store_mb=128), 3):
        yield


def train(name: str, *more: str) -> Trained:
    told = compose_train([*SMALL, f"agent.callbacks={name}", "runs_dir=runs", *more])
    return start(told, progress="silent")


@pytest.mark.parametrize("name", ["mine", "mine.py:Mine", "a:b:c", "a..b:C", ":C"])
def test_names_that_are_none(name: str) -> None:
    with pytest.raises(InputError, match=r"agent.callbacks: .* is named as module:Class"):
        compose_train([*SMALL, f"agent.callbacks='{name}'"])


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("no_such_module:Mine", "no_such_module: cannot be loaded .ModuleNotFoundError"),
        ("my_callbacks:Length", r"has no such class; did you mean Lengths"),
        ("my_callbacks:nothing", "is no class of ray.rllib.callbacks.callbacks.RLlibCallback"),
        ("my_callbacks:Needy", "RLlib makes one without arguments .missing"),
    ],
)
def test_what_is_no_callback_is_told_at_once(own: Path, name: str, told: str) -> None:
    with pytest.raises(InputError, match=rf"^agent.callbacks: .*{told}"):
        train(name)
    assert not (own.parent / "runs").exists()
    with pytest.raises(InputError, match=told):
        modules_of(compose_train([*SMALL, f"agent.callbacks={name}"]).agent)


def test_the_command_line_says_it_in_a_line(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert own.is_file()
    for verb in ("train", "sweep"):
        assert main([verb, *SMALL, "agent.callbacks=my_callbacks:Lenghts"]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert "my_callbacks:Lenghts: has no such class; did you mean Lengths" in line


def test_to_know_what_is_meant_imports_nothing(own: Path) -> None:
    (own.parent / "polars.py").write_text("raise SystemExit('somebody sent this file')")
    before = list(sys.path)
    assert identity_of("my_callbacks:Lengths") != identity_of("no_such_module:Lengths")
    with pytest.raises(InputError, match="zzz:X: is not installed here"):
        check_meant({"callbacks/zzz:X": "an unknown package, sha256 0"})
    assert sys.path == before


def test_a_file_of_ones_own_goes_along_and_a_package_does_not(own: Path) -> None:
    several = (
        "[my_callbacks:Lengths,my_callbacks:Silent,ray.rllib.callbacks.callbacks:RLlibCallback]"
    )
    told = compose_train([*SMALL, f"agent.callbacks={several}"])
    assert modules_of(told.agent) == {"my_callbacks.py": own}
    assert [made.__name__ for made in classes(told.agent.callback_names)] == [  # type: ignore[union-attr]
        "Lengths",
        "Silent",
        "RLlibCallback",
    ]
    used = code_of_others(told)
    assert used.keys() == {f"callbacks/{name}" for name in several.strip("[]").split(",")}
    assert used["callbacks/my_callbacks:Lengths"].startswith("an unknown package, sha256 ")
    assert used["callbacks/ray.rllib.callbacks.callbacks:RLlibCallback"].startswith("ray 2.")
    own.write_text("")
    assert not code_of_others(compose_train(SMALL))


def test_figures_of_ones_own_are_numbers_that_rllib_has_not() -> None:
    result = {
        "env_runners": {"episode_len_mean": 3.0, "mine": 1.0, "deep": {"er": 2}},
        "num_episodes": 4,
        "done": False,
        "mine_too": True,
        "text": "no",
    }
    assert logged(result) == {"callbacks/mine": 1.0, "callbacks/deep/er": 2.0}
    assert "episode_len_mean" in RLLIBS


@pytest.mark.ray
@pytest.mark.e2e
@pytest.mark.usefixtures("private_ray")
def test_callbacks_are_called_in_actors_too(own: Path) -> None:
    done = train("[my_callbacks:Lengths,my_callbacks:Silent]", "agent.env_runners=2")
    updates = [line for line in read_progress(done.folder) if line["kind"] == "update"]
    assert updates[-1]["callbacks/longest"] >= 1
    assert [line["callbacks/twice"] for line in updates] == [
        2 * (n + 1) for n in range(len(updates))
    ]
    assert updates[-1].keys() >= {"reward", "entropy", "callbacks/deep/pid"}

    about = json.loads((done.folder / "training.json").read_text())
    assert list(about["plugins"]) == [
        "callbacks/my_callbacks:Lengths",
        "callbacks/my_callbacks:Silent",
    ]
    open_folder(done.folder).close()
    own.write_text(own.read_text() + "\n")
    _source_hash.cache_clear()  # of another process
    with pytest.raises(InputError, match="my_callbacks:Lengths: is not the one that was meant"):
        open_folder(done.folder)
    own.unlink()
    _source_hash.cache_clear()
    del sys.modules["my_callbacks"]
    with pytest.raises(InputError, match="my_callbacks:Lengths: is not installed here"):
        open_folder(done.folder)


@pytest.mark.ray
@pytest.mark.e2e
@pytest.mark.usefixtures("private_ray")
@pytest.mark.parametrize("agent", ["ppo", "dqn"])
def test_rllibs_own_figures_are_none_of_a_callback(own: Path, agent: str) -> None:
    assert own.is_file()
    more = {"dqn": ["agent.learning_starts=30", "agent.batch=8"]}.get(agent, [])
    usual = SMALL[1:] if agent == "ppo" else [s for s in SMALL[1:] if "minibatch" not in s]
    told = compose_train(
        [
            f"agent={agent}",
            *usual,
            *more,
            "agent.callbacks=my_callbacks:Silent",
            "runs_dir=runs",
        ]
    )
    lines = read_progress(start(told, progress="silent").folder)
    names = {name for line in lines for name in line if name.startswith("callbacks/")}
    assert not names


@pytest.mark.ray
@pytest.mark.e2e
@pytest.mark.usefixtures("private_ray")
@pytest.mark.parametrize("runners", [0, 1])
def test_one_that_fails_ends_the_training(own: Path, runners: int) -> None:
    assert own.is_file()
    said = r"agent.callbacks: my_callbacks:Broken.on_episode_end raised KeyError: 'nan' \(my_"
    with pytest.raises(RunError, match=rf"train-.*: {said}.*; what it had learned is kept"):
        train("my_callbacks:Broken", f"agent.env_runners={runners}")


@pytest.mark.ray
@pytest.mark.e2e
@pytest.mark.usefixtures("private_ray")
def test_one_that_cannot_be_made_ends_it_too(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert own.is_file()
    monkeypatch.setenv("GRUMPY", "not here")
    with pytest.raises(PluginError, match=r"my_callbacks:Grumpy raised ValueError: in an actor"):
        train("my_callbacks:Grumpy", "agent.env_runners=1")
    with pytest.raises(PluginError, match=r"my_callbacks:Unmade raised ValueError: anywhere"):
        train("my_callbacks:Unmade")
    assert not list(Path("runs").glob("train-*"))


@pytest.mark.ray
@pytest.mark.e2e
@pytest.mark.usefixtures("private_ray")
def test_one_that_fails_where_the_algorithm_is_does_so_too(own: Path) -> None:
    assert own.is_file()
    with pytest.raises(RunError, match=r"Late.on_train_result raised ValueError: nan"):
        train("my_callbacks:Late")

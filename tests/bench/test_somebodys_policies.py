"""Whatever somebody's policy does is a failure of that policy, and of nothing else."""

import importlib.metadata
import re
import sys
import types
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qcbench.api import open_run, simulate
from qcbench.cli.main import main
from qcbench.errors import InputError
from qcbench.policies import registry
from qcbench.policies.protocol import PolicyError
from qcbench.policies.source import is_source, label_of, load


class Mute:
    """Fails whatever it is asked."""

    def __repr__(self) -> str:
        raise RuntimeError("no words")

    __str__ = __int__ = __index__ = __float__ = __len__ = __iter__ = __bool__ = __repr__  # type: ignore[assignment]


class MuteError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


def raising(error: BaseException) -> Callable[[Any], Any]:
    def decide(_view: Any) -> Any:
        raise error

    return decide


def endless(view: Any) -> Any:
    return endless(view)


FAILING: dict[str, Callable[[Any], Any]] = {
    "exit": lambda _view: sys.exit("I leave"),
    "exit 0": lambda _view: sys.exit(0),
    "system": raising(SystemExit(7)),
    "generator": raising(GeneratorExit()),
    "zero": lambda _view: 1 // 0,
    "endless": endless,
    "mute error": raising(MuteError()),
    "lines": raising(ValueError("two\nlines \x1b[31m\udcff")),
    "assert": raising(AssertionError()),
    "stop": raising(StopIteration()),
}
GARBAGE: dict[str, Any] = {
    "None": None,
    "text": "first",
    "nan": float("nan"),
    "huge": 10**400,
    "true": True,
    "mute": Mute(),
    "array": np.zeros((2, 2, 2)),
    "objects": np.array([object(), None], dtype=object),
    "numpy": np.int64(0),
    "list": [[1], "x", None],
    "mapping": {"x": Mute()},
    "class": Mute,
}
SCENARIOS = {
    "placement": "placement/qce5",
    "allocation": "allocation/eagle5",
    "queueing": "serverless/small",
    "partition": "partition/nodes20",
}


def run(track: str, decide: Callable[[Any], Any], engine: Any = "simpy") -> str:
    """Run a short trial; return how the policy failed."""
    few = [] if track in {"partition", "queueing"} else ["workload.tasks=5"]
    with pytest.raises(PolicyError) as caught:
        simulate(SCENARIOS[track], lambda _context: decide, overrides=few, engine=engine)
    assert str(caught.value).isprintable()
    return str(caught.value)


@pytest.mark.parametrize("track", SCENARIOS)
@pytest.mark.parametrize("name", FAILING)
def test_a_policy_that_raises(track: str, name: str) -> None:
    assert "the policy raised" in run(track, FAILING[name])


@pytest.mark.parametrize("track", SCENARIOS)
@pytest.mark.parametrize("name", sorted(set(GARBAGE) - {"None"}))
def test_a_policy_that_returns_garbage(track: str, name: str) -> None:
    assert run(track, lambda _view: GARBAGE[name])


@pytest.mark.parametrize("track", ["placement", "queueing", "partition"])
def test_a_policy_that_returns_nothing(track: str) -> None:
    assert run(track, lambda _view: None)


@pytest.mark.parametrize("name", ["exit", "zero", "mute error"])
def test_on_the_compiled_engine(name: str) -> None:
    assert "the policy raised" in run("placement", FAILING[name], "compiled")


@pytest.mark.parametrize("name", FAILING)
def test_a_factory_that_raises(name: str) -> None:
    with pytest.raises(PolicyError, match="the factory raised"):
        simulate("placement/qce5", FAILING[name], overrides=["workload.tasks=5"])


def test_the_place_is_told_without_its_folder() -> None:
    said = run("placement", FAILING["zero"])
    assert re.search(rf"ZeroDivisionError: .* \({Path(__file__).name}, line \d+\)$", said)
    assert str(Path(__file__).parent) not in said


@pytest.fixture
def plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Register the failing policies, as an installed package would."""
    module = types.ModuleType("somebodys_policies")
    for name, decide in FAILING.items():

        def policy(_context: Any, decide: Callable[[Any], Any] = decide) -> Any:
            return decide

        policy.__module__ = module.__name__
        setattr(module, name.replace(" ", "_"), lambda context, _policy=policy: _policy(context))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    spelt = [name.replace(" ", "_") for name in FAILING]
    points = [
        EntryPoint(f"placement.{name}", f"{module.__name__}:{name}", "qcbench.policies")
        for name in spelt
    ]
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda **_: points)


def test_a_suite_goes_on(
    plugins: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    names = [name.replace(" ", "_") for name in FAILING]
    told = [
        "run",
        "suite=quickstart",
        "suite.replicates=1",
        "suite.scenarios=[placement/qce5]",
        "suite.scenario_overrides=['workload.tasks=5']",
        f"suite.policies=[greedy,{','.join(names)}]",
        "suite.baseline=greedy",
        "cluster.address=inline",
        "tracking=none",
    ]
    assert main(told) == 0
    assert "Traceback" not in capsys.readouterr().err
    found = open_run()
    states = dict(found.trials.select("policy", "status").iter_rows())
    assert states == {"greedy": "done", **dict.fromkeys(names, "failed")}
    errors = dict(found.trials.select("policy", "error").iter_rows())
    assert errors["exit"].startswith("PolicyError: the policy raised SystemExit: I leave")
    assert all(text.isprintable() for text in errors.values() if text)
    assert len(found.failures) == len(names)


@pytest.mark.parametrize("name", FAILING)
def test_simulate_is_one_line(plugins: None, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    policy = name.replace(" ", "_")
    assert main(["simulate", f"policy={policy}", "workload.tasks=5"]) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.count("\n") == 1
    assert policy in shown.err


@pytest.mark.parametrize(
    "code",
    [
        "import sys; sys.exit()",
        "raise SystemExit(3)",
        "raise GeneratorExit",
        "1 / 0",
        "def f(): f()\nf()",
        "class E(Exception):\n    def __str__(self): raise ValueError\nraise E",
        "import no_such_module",
        "policy = 5 +",
    ],
)
def test_a_file_that_fails_when_it_is_loaded(
    code: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mine.py"
    path.write_text(code + "\n")
    with pytest.raises(InputError, match="cannot be loaded"):
        load(path.name, path.read_text())
    assert main(["test-policy", str(path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(
    "ending", ["sys.exit()", "raise GeneratorExit", "raise ValueError('a\\nb')"]
)
def test_a_plugin_that_fails_when_it_is_loaded(
    ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "leaving_plugin.py").write_text(f"import sys\n{ending}\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "leaving_plugin", raising=False)
    point = EntryPoint("placement.leaving", "leaving_plugin:policy", "qcbench.policies")
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda **_: [point])
    with pytest.raises(InputError, match=r"leaving.*cannot be loaded"):
        registry.find("placement", "leaving")


def test_the_contract_reports_a_policy_that_leaves(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mine.py"
    path.write_text("import sys\ndef policy(context):\n    return lambda view: sys.exit(0)\n")
    assert main(["test-policy", str(path)]) == 1
    shown = capsys.readouterr()
    assert "raised SystemExit" in shown.out
    assert "Traceback" not in shown.out + shown.err


ASYNC = "async def decide(view):\n    return 0\n\ndef policy(context):\n    return decide\n"
ASYNC_FACTORY = "async def policy(context):\n    return lambda view: 0\n"
GENERATOR = (
    "def decide(view):\n    yield 0\n\ndef policy(context):\n    return lambda view: decide(view)\n"
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (ASYNC, "the policy is an async function; it is asked as a plain one"),
        (ASYNC_FACTORY, "the factory is an async function; it is called as a plain one"),
        (GENERATOR, "the policy returned <generator object decide at 0x...>"),
    ],
)
@pytest.mark.filterwarnings("error")
def test_no_plain_function(
    text: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "mine.py"
    file.write_text(text)
    assert main(["simulate", f"policy={file}", "workload.tasks=3"]) != 0
    error = capsys.readouterr().err
    assert said in error
    assert len(error.splitlines()) == 1


def test_a_function_may_have_any_name_of_python(tmp_path: Path) -> None:
    """Also one with other letters than those of ASCII."""
    path = tmp_path / "größte.py"
    path.write_text("def kürzeste(context):\n    return lambda view: 0\n", encoding="utf-8")
    assert is_source(f"{path}:kürzeste")
    assert not is_source(f"{path}:1st")
    assert label_of(f"{path}:kürzeste") == "kürzeste"
    records = simulate(policy=f"{path}:kürzeste", overrides=["workload.tasks=3"])
    assert len(records.arrival_s) == 3


def test_a_file_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text("def policy(context):\n    return lambda view: 0\n", encoding="utf-8-sig")
    assert simulate("placement/qce5", str(file), overrides=["workload.tasks=3"]) is not None

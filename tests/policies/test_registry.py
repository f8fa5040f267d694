"""Finding policies, and what is said of names and parameters that do not fit."""

import importlib.metadata
from types import ModuleType
from typing import Annotated, Any, Literal

import numpy as np
import pytest
from annotated_types import Ge, Interval, Le

from qcbench import signatures
from qcbench.errors import InputError
from qcbench.fleet.profile import Fleet, QpuProfile
from qcbench.policies import registry
from qcbench.policies.config import PolicyConfig
from qcbench.policies.protocol import PolicyContext, PolicyError

FLEET = Fleet("one", (QpuProfile(name="q0", qubits=1, family="tiny"),))
CONTEXT = PolicyContext(FLEET, np.random.default_rng(0))


def check(name: str, **parameters: Any) -> None:
    registry.check_parameters("placement", PolicyConfig(name=name, parameters=parameters))


def one_line(error: pytest.ExceptionInfo[InputError]) -> str:
    text = str(error.value)
    assert "\n" not in text
    return text


@pytest.mark.parametrize(
    ("track", "names"),
    [
        (
            "placement",
            {
                *("round_robin", "greedy", "greedy_error", "random", "scripted", "weighted"),
                *("earliest_available", "earliest_completion", "fastest", "best_fidelity"),
                "lookahead",
            },
        ),
        ("queueing", {"fifo", "lifo", "random"}),
        ("allocation", {"fewest_parts"}),
    ],
)
def test_what_is_there(track: Any, names: set[str]) -> None:
    assert names <= set(registry.names(track))


def test_an_unknown_policy_gets_the_nearest_names() -> None:
    with pytest.raises(InputError) as error:
        check("gredy")
    assert one_line(error).startswith("policy gredy: no such placement policy; did you mean greedy")
    with pytest.raises(InputError) as error:
        registry.find("queueing", "zzzzz")
    known = ", ".join(registry.names("queueing"))
    assert one_line(error) == f"policy zzzzz: no such queueing policy; known: {known}"


def test_a_track_without_policies() -> None:
    with pytest.raises(InputError, match="no such routing policy"):
        registry.find("routing", "greedy")  # type: ignore[arg-type]
    assert registry.names("routing") == []  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("weighted", {"tme": 1.0}, "policy weighted: no parameter tme; did you mean time?"),
        ("greedy", {"depth": 1}, "policy greedy: no parameter depth; it has none"),
        ("weighted", {"time": "fast"}, "parameter time is 'fast'; it must be float"),
        ("weighted", {"time": True}, "parameter time is True; it must be float"),
        ("weighted", {"time": float("nan")}, "parameter time is nan; it must be finite"),
        ("weighted", {"price": float("inf")}, "parameter price is inf; it must be finite"),
        ("lookahead", {"horizon": 2.5}, "parameter horizon is 2.5; it must be int or 'auto'"),
        ("lookahead", {"horizon": "2"}, "parameter horizon is '2'; it must be int or 'auto'"),
        ("weighted", {"time": -1.0}, "policy weighted: parameter time: -1.0; must not be negative"),
        ("lookahead", {"tail": 0.0}, "policy lookahead: parameter tail: 0.0; must be positive"),
        ("lookahead", {"tail": "none"}, "parameter tail is 'none'; it must be float or 'any'"),
        ("lookahead", {"horizon": 0}, "policy lookahead: parameter horizon: 0; must be at least 1"),
        ("scripted", {}, "policy scripted: parameter file is missing"),
        ("scripted", {"file": 3}, "parameter file is 3; it must be str"),
    ],
)
def test_parameters_that_do_not_fit(name: str, parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as error:
        check(name, **parameters)
    assert message in one_line(error)


def test_an_integer_is_a_float() -> None:
    check("weighted", time=2, fidelity=0)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"price": -1}, "policy weighted: parameter price: -1; must not be negative"),
        ({"time": 0, "fidelity": 0, "price": 0}, "one of time, fidelity, price must be positive"),
    ],
)
def test_weights_that_make_no_sense(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as error:
        registry.make("placement", PolicyConfig(name="weighted", parameters=parameters), CONTEXT)
    assert message in one_line(error)


class Point:
    """An entry point as `importlib.metadata` gives it."""

    group, value, dist = "qcbench.policies", "their_package:policy", None

    def __init__(self, name: str, target: Any) -> None:
        self.name = name
        self._target = target

    def load(self) -> Any:
        if isinstance(self._target, Exception):
            raise self._target
        return self._target


@pytest.fixture
def plug_in(monkeypatch: pytest.MonkeyPatch) -> Any:
    def install(name: str, target: Any) -> None:
        points = [Point(name, target)]
        monkeypatch.setattr(importlib.metadata, "entry_points", lambda **_: points)

    return install


def test_a_plug_in_takes_part(plug_in: Any) -> None:
    def factory(context: PolicyContext, *, mode: Literal["a", "b"] = "a", any_thing=None):  # type: ignore[no-untyped-def]
        """Always the first one.

        Details follow.
        """
        return lambda _view: 0

    plug_in("placement.first", factory)
    assert "first" in registry.names("placement")
    assert "first" not in registry.names("queueing")
    assert registry.find("placement", "first").summary == "Always the first one"
    check("first", mode="b", any_thing="whatever")
    with pytest.raises(InputError, match="parameter mode is 'c'; it must be 'a' or 'b'"):
        check("first", mode="c")
    decide = registry.make("placement", PolicyConfig(name="first"), CONTEXT)
    assert decide(None) == 0  # type: ignore[arg-type]


def test_a_factory_that_returns_no_function(plug_in: Any) -> None:
    plug_in("placement.first", lambda _context: 3)
    with pytest.raises(PolicyError, match="the factory returned 3"):
        registry.make("placement", PolicyConfig(name="first"), CONTEXT)


def test_a_plug_in_may_be_a_class(plug_in: Any) -> None:
    class Last:
        """Always the last one."""

        def __init__(self, context: PolicyContext, *, offset: int | None = None) -> None:
            self.last = len(context.fleet) - 1

        def __call__(self, _view: object) -> int:
            return self.last

    plug_in("placement.last", Last)
    check("last", offset=3)
    with pytest.raises(InputError, match=r"parameter offset is 0\.5; it must be int or NoneType"):
        check("last", offset=0.5)
    config = PolicyConfig(name="last")
    assert registry.make("placement", config, CONTEXT)(None) == 0  # type: ignore[arg-type]


def test_ranges_of_a_plug_in(plug_in: Any) -> None:
    def factory(
        context: PolicyContext,
        *,
        share: Annotated[float, Interval(gt=0, le=1), "of the fleet"] = 0.5,
        most: Annotated[int, Ge(2), Le(8)] | None = None,
        said: Annotated[str, "of a file"] = "",
    ):  # type: ignore[no-untyped-def]
        """Theirs."""
        return lambda _view: 0

    plug_in("placement.ranged", factory)
    check("ranged", share=1, most=8, said="any")
    for parameters, words in (
        ({"share": 0.0}, "policy ranged: parameter share: 0.0; must be above 0 and at most 1"),
        ({"most": 9}, "policy ranged: parameter most: 9; must be at most 8"),
        ({"most": "9"}, "parameter most is '9'; it must be int or NoneType"),
        ({"said": 3}, "parameter said is 3; it must be str"),
    ):
        with pytest.raises(InputError) as error:
            check("ranged", **parameters)
        assert words in one_line(error)


def test_annotations_as_text(plug_in: Any) -> None:
    module = ModuleType("their_package")
    source = '''
from __future__ import annotations
def policy(context: PolicyContext, *, size: int = 1):
    """Theirs."""
    return lambda view: size
def resolved(context: object, *, size: int = 1):
    """Theirs."""
    return lambda view: size
'''
    exec(compile(source, "their_package", "exec"), module.__dict__)
    # `PolicyContext` is not known there; nothing can be checked, so nothing is refused.
    plug_in("placement.theirs", module.policy)
    check("theirs", size=1)
    plug_in("placement.theirs", module.resolved)
    with pytest.raises(InputError, match="it must be int"):
        check("theirs", size="1")


def test_plug_ins_that_cannot_be_used(plug_in: Any) -> None:
    plug_in("placement.broken", ImportError("No module named 'theirs'"))
    with pytest.raises(InputError) as error:
        check("broken")
    assert "cannot be loaded (ImportError: No module named 'theirs')" in one_line(error)
    plug_in("placement.broken", 3)
    with pytest.raises(InputError, match="is no function and no class"):
        check("broken")


def test_a_whole_number_of_a_float_is_that_float_in_a_trial() -> None:
    """`2` and `2.0` are one trial; where whole numbers mean something else they stay."""
    whole, real = (
        registry.resolve("placement", PolicyConfig(name="lookahead", parameters={"tail": value}))
        for value in (2, 2.0)
    )
    assert repr(whole) == repr(real)
    samples = PolicyConfig(name="lookahead", parameters={"samples": 4})
    assert type(registry.resolve("placement", samples).parameters["samples"]) is int


@pytest.mark.parametrize(
    ("value", "annotation", "meant"),
    [
        (2, float, 2.0),
        (2, float | None, 2.0),
        (2, Annotated[float, Ge(0)], 2.0),
        (2, Literal["auto"] | float, 2.0),
        (2, int | float, 2),
        (2, Literal[2] | float, 2),
        (2, int, 2),
        (2, Any, 2),
        (2, "float", 2),
        (True, float, True),
        (2**53 + 1, float, 2**53 + 1),
        ("2", float, "2"),
    ],
)
def test_what_a_parameter_means(value: Any, annotation: Any, meant: Any) -> None:
    found = signatures.as_meant(value, annotation)
    assert (found, type(found)) == (meant, type(meant))

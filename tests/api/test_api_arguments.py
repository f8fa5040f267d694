"""What Python hands to the API and does not fit is one line that names the argument."""

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args, get_origin

import numpy as np
import pytest

import qcbench
from qcbench.api.arguments import given
from qcbench.bench.environments import world_source
from qcbench.cloud.records import Records
from qcbench.errors import InputError
from qcbench.policies.protocol import PolicyContext

FUNCTIONS = [
    getattr(qcbench, name) for name in qcbench.__all__ if inspect.isfunction(getattr(qcbench, name))
]
FEW = ["workload.tasks=3"]


def _lists() -> Iterator[Any]:
    for function in FUNCTIONS:
        for parameter in inspect.signature(function).parameters.values():
            hints = [parameter.annotation, *get_args(parameter.annotation)]
            if any(get_origin(hint) is Sequence for hint in hints):
                yield pytest.param(
                    function, parameter.name, id=f"{function.__name__}-{parameter.name}"
                )


def _refusal(function: Callable[..., Any], **arguments: Any) -> str:
    needed = {
        name: "x"
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
    }
    with pytest.raises(InputError) as caught:
        function(**{**needed, **arguments})
    return str(caught.value)


@pytest.mark.parametrize(("function", "name"), [*_lists()])
def test_a_text_is_no_list(function: Callable[..., Any], name: str) -> None:
    told = "workload.tasks=3"
    assert _refusal(function, **{name: told}) == (
        f"{name}: 'workload.tasks=3'; give a list, such as ['workload.tasks=3']"
    )
    assert _refusal(function, **{name: 3}) == f"{name}: 3; give a list"
    assert _refusal(function, **{name: [3]}).startswith(f"{name}[0]: 3; must be a ")


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_function_of_the_api_checks_what_it_is_given(function: Callable[..., Any]) -> None:
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.annotation in (str, int, bool) and parameter.kind != parameter.VAR_POSITIONAL:
            assert _refusal(function, **{name: 1.5}).startswith(f"{name}: 1.5; must be ")


def _drawn(seed: Any) -> Records:
    return qcbench.simulate("placement/qce5", seed=seed, overrides=FEW)


@pytest.mark.parametrize("seed", [np.int64(1), np.uint8(1), np.array(1)])
def test_a_whole_number_of_any_type_is_the_same_world(seed: Any) -> None:
    assert np.array_equal(_drawn(seed).arrival_s, _drawn(1).arrival_s)
    assert world_source("placement/qce5", seed=seed).seed.__class__ is int


@pytest.mark.parametrize(
    "seed", [True, np.True_, 1.0, np.float64(1.0), 1.5, float("nan"), None, "1", [1]]
)
def test_what_is_no_whole_number_is_no_seed(seed: Any) -> None:
    for door in (_drawn, lambda seed: world_source("placement/qce5", seed=seed)):
        with pytest.raises(InputError, match=r"^seed: .*; must be a whole number$"):
            door(seed)
    for function in (qcbench.verify, qcbench.gap):
        assert "seed: " in _refusal(function, seed=seed)


def test_a_seed_is_not_negative() -> None:
    assert _refusal(qcbench.simulate, seed=-1) == "seed: -1; must not be negative"
    assert _refusal(qcbench.verify, seed=2**63).startswith("seed: 9223372036854775808; must be bel")


def test_what_is_meant_is_told() -> None:
    assert _refusal(qcbench.simulate, scenario=None).startswith("scenario: None; must be a text or")
    assert _refusal(qcbench.verify, sample="some") == (
        "sample: 'some'; must be a whole number or None"
    )
    assert _refusal(qcbench.run_suite, policies=[3]) == (
        "policies[0]: 3; must be a text, a mapping of names to values or a function"
    )
    assert _refusal(qcbench.run_suite, progress="loud") == (
        "progress: 'loud'; must be one of auto, bar, lines, silent"
    )


def test_paths_and_texts_are_taken_for_each_other() -> None:
    assert given("runs_dir", str, Path("there")) == "there"
    assert given("config_dirs", Sequence[Path], ("conf",)) == [Path("conf")]


def test_classes_check_what_they_are_made_of(tmp_path: Path) -> None:
    for folder, words in ((5, "folder: 5; must be a path"), (str(tmp_path), "is no run")):
        with pytest.raises(InputError, match=words):
            qcbench.Run(folder)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"^summary: 5; must be a Summary"):
        qcbench.Leaderboard(5, "run")  # type: ignore[arg-type]


def test_numbers_of_numpy_are_taken_in_mappings() -> None:
    policy = {"name": "lookahead", "parameters": {"horizon": np.int64(3)}}
    assert type(given("policy", Mapping[str, Any], policy)["parameters"]["horizon"]) is int
    assert len(qcbench.simulate(policy=policy, overrides=FEW).arrival_s) == 3


def test_a_mistyped_name_is_told_by_python() -> None:
    with pytest.raises(TypeError, match=r"simulate\(\) got an unexpected keyword argument 'sed'"):
        qcbench.simulate(sed=1)  # type: ignore[call-arg]


def lazy(context: PolicyContext) -> Callable[[Any], int]:
    """Take the first QPU, whether the task fits it or not."""
    del context
    return lambda view: 0


def test_a_function_can_be_checked_as_a_policy() -> None:
    broken = qcbench.check_policy(lazy)
    assert any("fit" in line for line in broken)
    assert len(qcbench.check_policy(lazy, overrides=["may_violate=true"])) < len(broken)
    with pytest.raises(InputError, match=r"^policy lazy: .*patience_s"):
        qcbench.check_policy(lazy, overrides=["policy.parameters.patience_s=5.0"])

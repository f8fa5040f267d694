"""Policies that break one promise each are caught by its check, which says what went wrong."""

import random
import re
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

from qcbench.bench.contract.checks import Subject, run_checks
from qcbench.bench.contract.edges import edges
from qcbench.errors import InputError
from qcbench.policies import registry
from qcbench.policies.protocol import PolicyError
from qcbench.tracks import TRACKS, Track

DECLARES = "says what it does, and takes typed parameters by keyword"
LEGAL = "every decision is legal"
EDGES = "ties, zeros and situations without a choice are decided legally"
WAITS = "no task waits while all qubits are free"
REPEATS = "an equal random stream gives equal decisions"
APART = "two of it side by side share nothing"
UNTOUCHED = "the view stays as it was"
TRIAL = "a whole trial runs, and runs alike again"


def first_fitting(view: Any) -> int:
    return int(view.feasible.argmax())


def problems(
    decide: Callable[[Any], Any], track: Track = "placement", *, may_violate: bool = False
) -> dict[str, str]:
    """Check a policy without parameters; return the promises that it breaks."""

    def policy(_context: Any) -> Any:
        """Decides so."""
        return decide

    return of_factory(policy, track, may_violate=may_violate)


def of_factory(
    factory: Any, track: Track = "placement", *, may_violate: bool = False
) -> dict[str, str]:
    info = registry.described(track, "theirs", factory, factory)
    subject = Subject(info, factory, may_violate=may_violate)
    return {found.promise: found.problem for found in run_checks(subject) if found.problem}


def test_a_sound_policy_has_no_problems() -> None:
    assert problems(first_fitting) == {}


@pytest.mark.parametrize(
    ("decide", "message"),
    [
        (lambda view: len(view.fleet), r"returned 1; a placement is an int in 0\.\.0"),
        (lambda _view: -1, r"returned -1; a placement is an int in 0\.\.0"),
        (lambda _view: None, "returned None; a placement is an int"),
        (lambda view: view.feasible.argmax(), r"np\.int64\(0\).*make it int"),
        (lambda _view: True, "returned True"),
    ],
)
def test_what_is_no_placement(decide: Any, message: str) -> None:
    found = problems(decide)
    assert {LEGAL, EDGES} <= set(found)
    assert re.search(message, found[LEGAL])
    assert re.search(r"decision 0 \(1 QPUs, at [\d.]+ s, task 0 of \d+ qubits\)", found[LEGAL])


def test_infeasible_choices_are_the_privilege_of_published_heuristics() -> None:
    found = problems(lambda _view: 0)
    assert "chose QPU 0, which the task does not fit; it fits" in found[LEGAL]
    assert "the task fits one QPU only: decision" in found[EDGES]
    assert LEGAL not in problems(lambda _view: 0, may_violate=True)


def test_what_fails_at_ties_and_extremes_only() -> None:
    def decide(view: Any) -> int:
        best = view.completion_s().min()
        fastest = np.flatnonzero(view.completion_s() == best)
        if len(fastest) > 3:
            raise ZeroDivisionError("no unique best")
        return int(fastest[0])

    found = problems(decide)
    assert EDGES in found
    assert found[EDGES].startswith("all QPUs alike and idle: decision 0 (4 QPUs, at 100 s, task 0")
    assert "raised ZeroDivisionError: no unique best in " in found[EDGES]
    assert "test_policy_contract.py, line " in found[EDGES]


@pytest.mark.parametrize(
    "draw",
    [
        random.random,
        np.random.random,
        lambda: np.random.default_rng().random(),
    ],
    ids=["python", "numpy", "unseeded"],
)
def test_randomness_from_elsewhere(draw: Callable[[], float], request: Any) -> None:
    def decide(view: Any) -> int:
        fitting = np.flatnonzero(view.feasible)
        return int(fitting[int(draw() * len(fitting))])

    before = random.getstate()
    found = problems(decide)
    assert {REPEATS, TRIAL} <= set(found)
    assert "draw from context.rng only" in found[REPEATS]
    is_global = "unseeded" not in request.node.name
    assert ("global generator" in found[REPEATS]) == is_global
    assert re.search(r"placement/qce5-unreliable, task \S+ at [\d.]+ s: ", found[TRIAL])
    if "numpy" in request.node.name:
        assert random.getstate() == before, "a check leaves the generators as they were"


def test_state_that_outlives_a_trial_or_is_shared() -> None:
    turns = [0]

    def decide(view: Any) -> int:
        turns[0] += 1
        fitting = np.flatnonzero(view.feasible)
        return int(fitting[turns[0] % len(fitting)])

    found = problems(decide)
    assert APART in found
    assert re.search(r"decision \d+ \(.*\): \d+, then \d+ while another one", found[APART])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda view: setattr(view, "now_s", 0.0), "changed now_s of the view"),
        (lambda view: view.free_at_s.sort(), "raised ValueError: "),
    ],
)
def test_a_view_that_is_changed(change: Any, message: str) -> None:
    def decide(view: Any) -> int:
        change(view)
        return first_fitting(view)

    found = problems(decide)
    assert message in found[UNTOUCHED]


def test_a_waiting_task_that_is_changed() -> None:
    def decide(view: Any) -> int:
        vars(view.waiting[0])["priority"] = 99
        return 0

    assert "changed waiting of the view" in problems(decide, "queueing")[UNTOUCHED]


def test_other_tracks() -> None:
    assert "a choice is an int, a position in 0.." in problems(lambda _: 500, "queueing")[LEGAL]
    one = problems(lambda view: [view.task_qubits] + [0] * (len(view.fleet) - 1), "allocation")
    assert "adds up to" in one[LEGAL]
    waits = problems(lambda _: None, "allocation")
    assert "waits although all qubits are free" in waits[WAITS]
    assert "would wait for ever" in waits[TRIAL]
    assert LEGAL not in waits
    for answer in (None, 3, [[0]] * 99, [[0, 99]], [["a"]]):
        assert LEGAL in problems(lambda _, answer=answer: answer, "partition")


def test_factories() -> None:
    def untyped(context: Any, *, size=1):  # type: ignore[no-untyped-def]
        """Untyped."""
        return first_fitting

    def positional(context: Any, size: int = 1) -> Any:
        """Takes it by position."""
        return first_fitting

    def unfit(context: Any, *, size: int = 1.5) -> Any:  # type: ignore[assignment]
        """Its default is of another type."""
        return first_fitting

    def silent(context: Any) -> Any:
        return first_fitting

    for factory, message in (
        (untyped, "parameter size has no type"),
        (positional, "parameter size is not keyword-only"),
        (unfit, "parameter size is 1.5; it must be int"),
        (silent, "has no docstring"),
    ):
        assert list(of_factory(factory)) == [DECLARES]
        assert message in of_factory(factory)[DECLARES]

    def nothing(context: Any) -> Any:
        """Builds nothing."""

    assert "the factory returned None" in of_factory(nothing)[LEGAL]

    def broken(context: Any) -> Any:
        """Cannot be built."""
        raise KeyError("lagos")

    assert "1 QPUs: the factory raised KeyError: 'lagos'" in of_factory(broken)[LEGAL]


def serves(least: int, context: Any) -> Any:
    """Serves fleets of some size only."""
    if len(context.fleet) < least:
        raise InputError(f"fleet: has fewer than {least} QPUs")
    return first_fitting


def test_fleets_that_are_not_served_are_left_out_unless_all_are() -> None:
    assert of_factory(partial(serves, 5)) == {}
    with pytest.raises(InputError, match="has fewer than 100 QPUs"):
        of_factory(partial(serves, 100))


def test_errors_of_the_policy_are_problems_in_a_trial_too() -> None:
    def decide(view: Any) -> int:
        if len(view.fleet) == 5 and view.row == 150:
            raise PolicyError("not that one")
        return first_fitting(view)

    assert problems(decide) == {TRIAL: "placement/qce5-unreliable: not that one"}


@pytest.mark.parametrize("track", TRACKS)
def test_edges_can_be_decided_on_named_fleets_of_any_size(track: Track) -> None:
    for names in ((), ("lagos",), tuple("abcdefgh")):
        for edge in edges(track, names):
            assert not names or edge.fleet.names == names
            assert edge.what

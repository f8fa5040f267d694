"""What `reset` and constructors of environments refuse: in one line, before anything changes."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from qcbench.envs.allocation.single import AllocationDiscreteEnv, AllocationEnv
from qcbench.envs.allocation.vector import AllocationDiscreteVectorEnv, AllocationVectorEnv
from qcbench.envs.placement.single import PlacementEnv
from qcbench.envs.placement.vector import PlacementVectorEnv
from qcbench.envs.queueing.single import QueueingEnv
from qcbench.envs.queueing.vector import QueueingVectorEnv
from qcbench.errors import InputError

SINGLE = [PlacementEnv, AllocationEnv, AllocationDiscreteEnv, QueueingEnv]
VECTOR = [
    PlacementVectorEnv,
    AllocationVectorEnv,
    AllocationDiscreteVectorEnv,
    QueueingVectorEnv,
]
WORLDS = 3


class Unshowable:
    def __repr__(self) -> str:
        raise RuntimeError("two\nlines")


def refused(call: Callable[[], object], *parts: str) -> None:
    with pytest.raises(InputError) as caught:
        call()
    text = str(caught.value)
    assert "\n" not in text
    assert len(text) < 300
    for part in parts:
        assert part in text, text


NO_OPTIONS = [[], [("world", 1)], (), "", "world", 0, 5, False, {"world"}, np.zeros(2), 10**400]
NO_WHOLE_NUMBER = [
    *("1", "", b"1", 1.0, 1.5, float("nan"), float("inf"), True, False, np.True_, np.float64(1.0)),
    *([1], (1,), {}, {1}, np.array([1]), np.array(1.0), object(), Unshowable(), "a\nb", 1j),
]


@pytest.fixture(scope="module", params=SINGLE, ids=lambda kind: kind.__name__)
def single(request: pytest.FixtureRequest) -> Any:
    return request.param(worlds=WORLDS)


@pytest.fixture(scope="module", params=VECTOR, ids=lambda kind: kind.__name__)
def vector(request: pytest.FixtureRequest) -> Any:
    return request.param(2, worlds=WORLDS)


def test_single_environments_look_at_all_that_reset_is_given(single: Any) -> None:
    first, _ = single.reset(seed=7)
    world, cloud = single.world, single._cloud
    for options in NO_OPTIONS:
        refused(lambda o=options: single.reset(options=o), "reset: options are", "world or split")
    for key in ("wrold", "worlds", "", "a\nb", 5, None, (1, 2), "x" * 1000):
        refused(lambda k=key: single.reset(options={k: 1}), "reset: option ", " is unknown")
    for value in NO_WHOLE_NUMBER:
        told = {"world": value}
        refused(
            lambda t=told: single.reset(options=t),
            "reset: world: ",
            "must be a whole number from 0",
        )
    for value in (-1, np.int64(-5), 2**70, 10**400, 2**63):
        refused(lambda v=value: single.reset(options={"world": v}), "world", "0")
    for value in (["train"], 5, None, True, ("test",), np.array(["test"]), b"test", Unshowable()):
        refused(
            lambda v=value: single.reset(options={"split": v}),
            *("reset: split: ", "must be train or validation or test"),
        )
    refused(lambda: single.reset(options={"split": "tset"}), "'tset': no such split; did you mean")
    for value in (*NO_WHOLE_NUMBER, -1, 2**63):
        refused(
            lambda v=value: single.reset(seed=v), "reset: seed: ", "must be a whole number from 0"
        )
    # Nothing has changed by that: the episode goes on, and the next is the one after it.
    assert single.world == world
    assert single._cloud is cloud
    single.step(single.action_space.sample(mask=None))
    _, info = single.reset()
    single.reset(seed=7)
    assert single.reset()[1]["world"] == info["world"]
    again, _ = single.reset(seed=7)
    np.testing.assert_array_equal(again["observation"], first["observation"])


def test_single_environments_take_what_is_right(single: Any) -> None:
    for world in (1, np.int32(1), np.uint8(1), np.array(1)):
        assert single.reset(seed=np.int64(3), options={"world": world, "split": "test"})[1][
            "world"
        ] == (1)
    drawn = single.reset(seed=3)[1]["world"]
    for options in (None, {}, {"world": None}):
        assert single.reset(seed=3, options=options)[1]["world"] == drawn


def test_vector_environments_look_at_all_that_reset_is_given(vector: Any) -> None:
    first, info = vector.reset(seed=7)
    seen, worlds = first["observation"].copy(), info["world"].copy()
    for options in NO_OPTIONS:
        refused(
            lambda o=options: vector.reset(options=o), "reset: options are", "worlds or reset_mask"
        )
    for key in ("world", "split", "", 5, None, "x" * 1000):
        refused(lambda k=key: vector.reset(options={k: 1}), "reset: option ", " is unknown")
    bad = [value for value in NO_WHOLE_NUMBER if not isinstance(value, list | tuple | np.ndarray)]
    for value in (
        *bad,
        *([0.0, 1.0], [True, False], [0, True], ["0", "1"], [0, [1]], [[0], [1, 2]], [None, 1]),
        *([0, -1], [0, WORLDS], -1, WORLDS, [0, 2**70], 2**63, np.uint64(2**63), [0, float("nan")]),
        np.array([0.0, 1.0]),
    ):
        refused(
            lambda v=value: vector.reset(options={"worlds": v}),
            f"reset: worlds must be whole numbers in 0..{WORLDS - 1}, not ",
        )
    for value in ([0], [0, 1, 2], [[0, 1]], np.zeros((2, 1), dtype=int), []):
        refused(lambda v=value: vector.reset(options={"worlds": v}), "reset: worlds must be")
    for value in (
        *(True, 1, "ab", [1, 0], [0.0, 1.0], [True], [True] * 3, [[True, False]], {}, [True, [1]]),
        *(np.ones(2), np.ones((2, 1), dtype=bool), Unshowable(), [True, None], 10**400),
    ):
        refused(
            lambda v=value: vector.reset(options={"reset_mask": v}),
            *("reset: reset_mask is ", "must be booleans of shape (2,)"),
        )
    for value in (
        *bad,
        *(-1, [1], [1, 2, 3], [1, -2], [1.0, 2.0], [True, False], [1, [2]], ["1", "2"], 2**63 - 1),
        *(2**70, [0, 2**64], np.array([0.5, 1.5])),
    ):
        refused(
            lambda v=value: vector.reset(seed=v),
            "reset: seed ",
            "must be a whole number that is not negative, or 2 of them",
        )
    # Nothing has changed by that.
    np.testing.assert_array_equal(vector.worlds, worlds)
    again, _ = vector.reset(seed=7)
    np.testing.assert_array_equal(again["observation"], seen)


def test_vector_environments_take_what_is_right(vector: Any) -> None:
    for value in ([1, 2], (1, 2), np.array([1, 2], dtype=np.uint8), np.array([1, 2])):
        vector.reset(seed=0, options={"worlds": value})
        assert vector.worlds.tolist() == [1, 2]
        vector.reset(seed=value)
    for value in (1, np.int16(1), np.array(1)):
        vector.reset(seed=value, options={"worlds": value, "reset_mask": None})
        assert vector.worlds.tolist() == [1, 1]
    vector.reset(options={"worlds": 2, "reset_mask": [True, False]})
    assert vector.worlds.tolist() == [2, 1]
    drawn = vector.reset(seed=3)[1]["world"].tolist()
    assert vector.reset(seed=3, options={"worlds": None})[1]["world"].tolist() == drawn
    vector.reset(seed=2**62)


@pytest.mark.parametrize("kind", [*SINGLE, *VECTOR], ids=lambda kind: kind.__name__)
def test_constructors_look_at_their_options(kind: Any) -> None:
    numbers = {
        "worlds": "has 1..",
        "max_decisions": "must be positive",
        "slots": "must be positive",
    }
    for option, wanted in numbers.items():
        for value in (*NO_WHOLE_NUMBER, 0, -1, 2**70):
            refused(lambda o=option, v=value: kind(**{o: v}), f"{option}: ", wanted)
    for value in ("1", -1.0, float("nan"), float("inf"), True, [1.0], 10**400, Unshowable()):
        refused(lambda v=value: kind(begin_s=v), "begin_s: ", "must be 0, or a positive time")
    for option, wanted in {
        "masked": "violation or error",
        "observation": "usual or relative or deadlines or legacy",
    }.items():
        for value in ("no", 5, None, ["error"], np.array(["error", "usual"]), Unshowable()):
            refused(lambda o=option, v=value: kind(**{o: v}), f"{option}: ", wanted)
    for value in (5, None, ["train"], np.array(["test"])):
        refused(lambda v=value: kind(split=v), "split: ", "must be train or validation or test")
    for value in (5, "placement/qce5", [], False):
        refused(lambda v=value: kind(source=v), "source: ", "must be worlds")
    for value in (5, "cost", ["time"], True):
        refused(lambda v=value: kind(reward=v), "reward: ", "must be weights by name")
    for value in ("1", True, None, [1], 1j):
        refused(lambda v=value: kind(reward={"time": v}), "reward.time: ", "must be a number")
    for value in (float("nan"), float("inf"), 10**400):
        refused(
            lambda v=value: kind(reward={"time": v}), "reward.time: ", "must be a finite number"
        )
    refused(lambda: kind(reward={"time": -1}), "reward.time: -1; must not be negative")
    for value in ("speed", 5, None, ["cost"]):
        refused(lambda v=value: kind(reward={"kind": v}), "reward.kind: ", "must be one of cost, ")
    refused(lambda: kind(reward={5: 1.0}), "reward: key 5 is unknown")
    refused(lambda: kind(wrolds=5), "option 'wrolds' is unknown; did you mean worlds?")

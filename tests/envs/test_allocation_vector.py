"""The allocation vector environments: step by step like the single ones, and strict with input."""

from dataclasses import replace
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.error import ResetNeeded

from qcbench.cloud.rules import Admission, Dispatch, Failures, Rescheduling
from qcbench.envs.allocation.vector import AllocationDiscreteVectorEnv, AllocationVectorEnv
from qcbench.envs.defaults import DrawnWorlds, default_worlds
from qcbench.envs.registration import IDS
from qcbench.errors import InputError
from qcbench.physics.config import Noiseless, PartsFidelity, SuccessProbability
from qcbench.workload.config import SpacedArrivals
from tests.envs.lockstep import lockstep

_, CONTINUOUS, DISCRETE, _ = IDS
BACKFILL = Dispatch(qpus="shared", order="backfill", backfill_depth=4)


def worlds(tasks: int = 12, physics: Any = None, **rules: Any) -> DrawnWorlds:
    """The usual worlds with fewer tasks, further apart, and other rules and fidelity."""
    usual = default_worlds("allocation")
    return replace(
        usual,
        workload=replace(usual.workload, tasks=tasks, arrivals=SpacedArrivals(gap_s=250.0)),
        rules=replace(usual.rules, **rules),
        physics=replace(usual.physics, **(physics or {})),
    )


@pytest.mark.parametrize("same_step", [False, True])
@pytest.mark.parametrize("name", [CONTINUOUS, DISCRETE])
@pytest.mark.parametrize(
    "options",
    [
        {"source": worlds()},
        {"source": worlds(dispatch=BACKFILL), "split": "test", "max_decisions": 9},
    ],
    ids=["fifo", "backfill"],
)
def test_steps_are_those_of_the_single_one(
    name: str, options: dict[str, Any], same_step: bool
) -> None:
    assert lockstep(name, worlds=8, same_step=same_step, rtol=1e-9, **options) > 8


@pytest.mark.parametrize(
    "fidelity",
    [
        Noiseless(),
        PartsFidelity(),
        PartsFidelity(model="with_2q"),
        SuccessProbability(gates="written"),
    ],
    ids=lambda model: model.model,
)
def test_rewards_weigh_time_fidelity_and_price(fidelity: Any) -> None:
    source = worlds(physics={"fidelity": fidelity})
    source = replace(
        source, fleet=replace(source.fleet, qpus=_priced(source.fleet.qpus)), name="priced"
    )
    reward = {"time": 0.5, "fidelity": 3.0, "price": 0.01}
    assert lockstep(DISCRETE, source=source, worlds=8, reward=reward, rtol=1e-9) > 8


def _priced(qpus: Any) -> Any:
    return tuple(replace(qpu, price_per_s=0.5 * place) for place, qpu in enumerate(qpus))


@pytest.mark.parametrize("on_failure", ["restart", "resubmit", "fail"])
@pytest.mark.parametrize("name", [CONTINUOUS, DISCRETE])
def test_what_fails_is_charged_alike(name: str, on_failure: Any) -> None:
    source = worlds(
        dispatch=BACKFILL,
        failures=Failures(mean_up_s=25_000.0, mean_down_s=900.0, on_failure=on_failure),
        execution_sigma=0.4,
        admission=Admission(variant="total", quantum_limit=9),
        rescheduling=Rescheduling(max_decisions=400),
    )
    assert lockstep(name, source=source, worlds=8, num_envs=6, rtol=1e-9) > 4


def _without_maps() -> DrawnWorlds:
    source = worlds(dispatch=Dispatch(qpus="shared", connected=True))
    qpus = tuple(replace(qpu, coupling=()) for qpu in source.fleet.qpus)
    return replace(source, fleet=replace(source.fleet, qpus=qpus))


@pytest.mark.parametrize("name", [CONTINUOUS, DISCRETE])
def test_parts_may_have_to_be_connected(name: str) -> None:
    source = worlds(dispatch=replace(BACKFILL, connected=True))
    assert lockstep(name, source=source, worlds=4, steps=80, rtol=1e-9) > 4


def test_worlds_that_end_at_a_horizon_or_ask_for_nothing() -> None:
    closed = Admission(variant="pending", quantum_limit=0)
    assert lockstep(DISCRETE, source=worlds(horizon_s=2000.0), worlds=8, rtol=1e-9) > 8
    envs = AllocationDiscreteVectorEnv(2, source=worlds(admission=closed), worlds=4)
    with pytest.raises(InputError, match=r"world \d of split train .* asks for no decision"):
        envs.reset(seed=1)


def test_failures_that_run_out_are_drawn_anew() -> None:
    source = worlds(
        failures=Failures(mean_up_s=50_000.0, mean_down_s=1.0, on_failure="restart"),
        tasks=150,
    )
    envs = AllocationVectorEnv(2, source=source, worlds=2)
    envs.reset(seed=0)
    known = envs._clouds.arrays.worlds.gap_s.shape[2]
    done = 0
    while not done:
        done = envs.step(np.full((2, 5), 0.1, dtype=np.float32))[2].sum()
    assert envs._clouds.arrays.worlds.gap_s.shape[2] > known


def test_one_may_choose_worlds_and_begin_some_anew() -> None:
    envs = AllocationDiscreteVectorEnv(3, source=worlds(), worlds=8, autoreset="disabled")
    seen, info = envs.reset(seed=5, options={"worlds": np.array([4, 4, 2])})
    assert info["world"].tolist() == [4, 4, 2]
    np.testing.assert_array_equal(seen["observation"][0], seen["observation"][1])
    over = np.zeros(3, dtype=bool)
    while not over.any():
        actions = seen["action_mask"].argmax(axis=1)
        seen, _, terminated, truncated, info = envs.step(actions)
        over = terminated | truncated
    with pytest.raises(ResetNeeded, match="is over"):
        envs.step(actions)
    others = seen["observation"][~over].copy()
    seen, _ = envs.reset(options={"reset_mask": over})
    np.testing.assert_array_equal(seen["observation"][~over], others)
    assert (seen["observation"][over] != 0).any()


def test_arrays_are_written_again_only_where_that_is_asked_for() -> None:
    for copy in (True, False):
        envs = AllocationVectorEnv(2, source=worlds(), worlds=4, copy=copy)
        first, _ = envs.reset(seed=0)
        second = envs.step(np.zeros((2, 5), dtype=np.float32))[0]
        shared = np.shares_memory(first["observation"], second["observation"])
        assert shared is not copy


@pytest.mark.parametrize(
    ("actions", "message"),
    [
        (np.zeros((2, 4), dtype=np.float32), r"shape \(2, 4\)"),
        (np.zeros((2, 5), dtype=np.int64), "type int64"),
        (np.full((2, 5), np.nan, dtype=np.float32), "must be finite"),
    ],
)
def test_weights_of_another_kind_are_refused(actions: Any, message: str) -> None:
    envs = AllocationVectorEnv(2, source=worlds(), worlds=4)
    envs.reset(seed=0)
    with pytest.raises(InputError, match=message):
        envs.step(actions)


def test_choices_of_another_kind_are_refused() -> None:
    envs = AllocationDiscreteVectorEnv(2, source=worlds(), worlds=4, masked="error")
    with pytest.raises(ResetNeeded):
        envs.step(np.zeros(2, dtype=np.int64))
    envs.reset(seed=0)
    for actions, message in (
        (np.array([0.0, 1.0]), "float64"),
        (np.array([32, 1]), r"0\.\.31"),
        (np.array([31, 0]), "environment 1: the mask forbids it; allowed now"),
    ):
        with pytest.raises(InputError, match=message):
            envs.step(actions)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_envs": 0}, "num_envs"),
        ({"autoreset": "never"}, "autoreset"),
        ({"source": _without_maps()}, "has no coupling map"),
        ({"source": worlds(dispatch=Dispatch(qpus="shared", order="icpp2025"))}, "icpp2025"),
    ],
)
def test_options_that_cannot_be_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        AllocationVectorEnv(**{"worlds": 2, **options})


def test_gymnasium_makes_it_by_name() -> None:
    envs = gymnasium.make_vec(
        CONTINUOUS, num_envs=3, vectorization_mode="vector_entry_point", worlds=4
    )
    seen, _ = envs.reset(seed=3)
    assert seen in envs.observation_space
    envs.action_space.seed(0)
    for _ in range(30):
        seen = envs.step(envs.action_space.sample())[0]
        assert seen in envs.observation_space

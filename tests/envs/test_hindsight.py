"""The reward by hindsight: exactly the cost against earliest completion, decision by decision."""

from itertools import accumulate
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qcbench.cloud.rules import Rules
from qcbench.envs.allocation.single import AllocationEnv
from qcbench.envs.options import check_hindsight
from qcbench.envs.placement.single import PlacementEnv
from qcbench.envs.queueing.single import QueueingEnv
from qcbench.envs.registration import IDS
from qcbench.errors import InputError
from qcbench.policies.features.hindsight import goes_before
from qcbench.policies.features.placement import LAYOUT
from tests.envs.lockstep import lockstep

SHARED, EACH = len(LAYOUT.shared), len(LAYOUT.each)
REGRET = LAYOUT.each_index("regret")


def environment(kind: str) -> PlacementEnv:
    return PlacementEnv(reward={"kind": kind, "time_scale_s": 1.0}, masked="error")


def played(env: PlacementEnv, seed: int, chance: np.random.Generator | None) -> list[float]:
    """Return the rewards of an episode by earliest completion, or at random where there is one."""
    seen, _ = env.reset(seed=seed)
    rewards = []
    while True:
        allowed = np.flatnonzero(seen["action_mask"])
        regret = seen["observation"][SHARED:].reshape(-1, EACH)[allowed, REGRET]
        action = allowed[regret.argmin()] if chance is None else chance.choice(allowed)
        seen, reward, ended, _, _ = env.step(int(action))
        rewards.append(reward)
        if ended:
            return rewards


@pytest.mark.parametrize("seed", range(4))
def test_return_is_the_cost_against_earliest_completion(seed: int) -> None:
    hindsight, cost = environment("hindsight"), environment("cost")
    best = sum(played(cost, seed, None))
    other = sum(played(cost, seed, np.random.default_rng(seed)))
    gained = sum(played(hindsight, seed, np.random.default_rng(seed)))
    assert gained == pytest.approx(other - best, rel=1e-9)


def test_earliest_completion_costs_nothing_at_any_decision() -> None:
    assert played(environment("hindsight"), 7, None) == pytest.approx([0.0] * 25, abs=1e-9)


def test_hindsight_needs_the_mask_and_placement() -> None:
    with pytest.raises(InputError, match="set masked to error"):
        PlacementEnv(reward={"kind": "hindsight"})


def test_hindsight_is_not_of_allocation() -> None:
    with pytest.raises(InputError, match="hindsight is of track placement and queueing"):
        AllocationEnv(reward={"kind": "hindsight"}, masked="error")


def times_of(remaining_s: list[float]) -> float:
    """Return the least sum of the times at which one QPU is done with jobs."""
    return sum(accumulate(sorted(remaining_s)))


@given(st.lists(st.integers(1, 50), min_size=1, max_size=8, unique=True), st.data())
def test_a_choice_costs_what_it_delays_those_with_less_left(left: list[int], data: Any) -> None:
    """An execution shorter than all differences, so that the order stays the same."""
    exec_s, remaining = 0.5, [float(each) for each in left]
    chosen = data.draw(st.integers(0, len(left) - 1))
    own = remaining[chosen]
    before = sum(goes_before(0.0, other, 0.0, own, 10.0) for other in remaining)
    after = [r - exec_s if place == chosen else r for place, r in enumerate(remaining)]
    passed = exec_s * len(left)
    assert passed + times_of(after) - times_of(remaining) == pytest.approx(exec_s * before)


def test_beyond_their_patience_the_oldest_goes_first() -> None:
    assert goes_before(11.0, 99.0, 9.0, 1.0, 10.0)
    assert not goes_before(9.0, 1.0, 11.0, 99.0, 10.0)
    assert goes_before(12.0, 99.0, 11.0, 1.0, 10.0)
    assert not goes_before(11.0, 1.0, 12.0, 99.0, 10.0)
    assert not goes_before(9.0, 5.0, 9.0, 5.0, 10.0)


@pytest.mark.parametrize("begin_s", [-1.0, float("inf"), float("nan")])
def test_episodes_begin_at_a_time(begin_s: float) -> None:
    with pytest.raises(InputError, match="begin_s"):
        QueueingEnv(begin_s=begin_s)


def test_only_queueing_begins_later() -> None:
    with pytest.raises(InputError, match=r"begin_s: 5\.0; must be 0"):
        PlacementEnv(begin_s=5.0)


def test_hindsight_needs_a_future_as_estimated() -> None:
    check_hindsight(Rules())
    with pytest.raises(InputError, match=r"rules.horizon_s is set"):
        check_hindsight(Rules(horizon_s=10.0))


@pytest.mark.parametrize("same_step", [False, True])
def test_vector_and_single_environments_agree(same_step: bool) -> None:
    told = {"kind": "hindsight", "fidelity": 0.5, "price": 0.1}
    assert (
        lockstep(
            IDS[0],
            worlds=16,
            same_step=same_step,
            forbidden=0.0,
            reward=told,
            masked="error",
            rtol=1e-9,
        )
        > 8
    )

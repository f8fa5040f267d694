"""The reward by hindsight: exactly the cost against earliest completion, decision by decision."""

import numpy as np
import pytest

from qcbench.cloud.rules import Rules
from qcbench.envs.options import check_hindsight
from qcbench.envs.placement.single import PlacementEnv
from qcbench.envs.registration import IDS
from qcbench.errors import InputError
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

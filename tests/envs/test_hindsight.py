"""The reward by hindsight: exactly the cost against earliest completion, decision by decision."""

import numpy as np
import pytest

from qcbench.envs.placement.single import PlacementEnv
from qcbench.errors import InputError
from qcbench.policies.features.placement import LAYOUT

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

"""The reward by makespan: what it adds up to, and which tracks have it."""

import numpy as np
import pytest

from qcbench.envs.allocation.single import AllocationDiscreteEnv, AllocationEnv
from qcbench.envs.placement.single import PlacementEnv
from qcbench.errors import InputError
from qcbench.policies.features.allocation import LAYOUT, SHARED

FIDELITY = LAYOUT.each_index("fidelity")
WEIGHT = 3.0


@pytest.mark.parametrize("make", [AllocationEnv, AllocationDiscreteEnv])
@pytest.mark.parametrize("seed", range(3))
def test_return_is_the_makespan_and_the_fidelity_lost_to_the_best_qpus(
    make: type[AllocationEnv], seed: int
) -> None:
    env = make(
        reward={"kind": "makespan", "time_scale_s": 1000.0, "fidelity": WEIGHT}, masked="error"
    )
    observation, _ = env.reset(seed=seed)
    env.action_space.seed(seed)
    first_s = env._view.now_s
    best: dict[int, float] = {}
    total, over = 0.0, False
    while not over:
        each = observation["observation"][SHARED:].reshape(-1, len(LAYOUT.each))
        best[env._view.row] = float(each[:, FIDELITY].max())
        mask = observation["action_mask"] if make is AllocationDiscreteEnv else None
        observation, reward, over, _, _ = env.step(env.action_space.sample(mask))
        total += reward
    records = env.records
    lost = sum(best.values()) - float(records.fidelity.sum())
    passed_s = float(np.nanmax(records.finish_s)) - first_s
    assert total == pytest.approx(-passed_s / 1000.0 - WEIGHT * lost, rel=1e-5)


def test_placement_has_none() -> None:
    with pytest.raises(InputError, match=r"reward.kind: makespan is of track allocation"):
        PlacementEnv(reward={"kind": "makespan"})

"""What each QPU would cost at a decision, as agents imitate it."""

from typing import Any

import numpy as np
import pytest

pytest.importorskip("gymnasium")

from qcbench.bench.environments import vector_environment, world_source
from qcbench.envs.placement.costs import futures

UNRELIABLE = "placement/qce5-unreliable"


def environments(scenario: str, count: int = 3, tasks: int = 12) -> Any:
    source = world_source(scenario, overrides=[f"workload.tasks={tasks}"], suite="train")
    options: dict[str, Any] = {"masked": "error", "autoreset": "same_step", "worlds": 2}
    return vector_environment(source, count, **options).unwrapped


def played(envs: Any, e: int, candidate: int, horizon: int) -> float:
    """Return the total completion time of the world's own future, in plain Python."""
    state, worlds = envs._clouds.arrays.state, envs.bank.worlds
    cloud, qpus = state.clouds[e], len(envs.fleet)
    now_s, of_world = float(cloud["now_s"]), int(cloud["world"]) * worlds.width
    free_s = np.maximum(state.free_at_s[e * qpus : (e + 1) * qpus], now_s)

    def exec_s(task: int) -> Any:
        at = (of_world + task) * worlds.stride
        return worlds.exec_s[at : at + qpus]

    free_s[candidate] += exec_s(int(cloud["task"]))[candidate]
    total_s = free_s[candidate] - now_s
    first, last = int(cloud["next_arrival"]), int(worlds.tasks[cloud["world"]])
    for task in range(first, min(last, first + horizon)):
        then_s = worlds.arrival_s[of_world + task]
        finish_s = np.maximum(free_s, then_s) + exec_s(task)
        best = int(finish_s.argmin())
        free_s[best] = finish_s[best]
        total_s += finish_s[best] - then_s
    return float(total_s)


@pytest.mark.e2e
@pytest.mark.parametrize("scenario", ["placement/qce5", UNRELIABLE])
def test_the_worlds_own_future_is_played_out(scenario: str) -> None:
    envs, rng = environments(scenario), np.random.default_rng(0)
    seen = envs.reset(seed=0)[0]
    rolled = futures(4, 1, 0, len(envs.fleet))
    for _ in range(30):
        found = envs.rollout_costs(0, 3, rolled)
        for e in range(3):
            for q, allowed in enumerate(seen["action_mask"][e]):
                if allowed:
                    assert found[e, q] == pytest.approx(played(envs, e, q, 4), rel=1e-12)
                else:
                    assert np.isinf(found[e, q])
        allowed = seen["action_mask"] * rng.random(seen["action_mask"].shape)
        seen = envs.step(allowed.argmax(1))[0]


@pytest.mark.e2e
def test_other_futures_are_drawn_by_the_seed_and_the_decision() -> None:
    envs = environments("placement/qce5")
    envs.reset(seed=0)
    rolled = futures(8, 6, 1, 5)
    whole = envs.rollout_costs(0, 3, rolled)
    assert np.array_equal(whole, envs.rollout_costs(0, 3, rolled))
    assert np.array_equal(whole[1:2], envs.rollout_costs(1, 2, rolled)), "whoever asks"
    other = envs.rollout_costs(0, 3, futures(8, 6, 2, 5))
    finite = np.isfinite(whole)
    assert np.array_equal(finite, np.isfinite(other))
    assert not np.array_equal(whole[finite], other[finite])
    # Means of both are of the same futures: of a world of 12 tasks, all of them drawn.
    many = [envs.rollout_costs(0, 3, futures(8, 400, seed, 5))[finite] for seed in (1, 2)]
    assert many[0] == pytest.approx(many[1], rel=0.15)

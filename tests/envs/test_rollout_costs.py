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


def played(envs: Any, e: int, candidate: int, horizon: int, power: float) -> float:
    """Return the completion times of the world's own future to a power, in plain Python."""
    state, worlds = envs._clouds.arrays.state, envs.bank.worlds
    cloud, qpus = state.clouds[e], len(envs.fleet)
    now_s, of_world = float(cloud["now_s"]), int(cloud["world"]) * worlds.width
    free_s = np.maximum(state.free_at_s[e * qpus : (e + 1) * qpus], now_s)

    def exec_s(task: int) -> Any:
        at = (of_world + task) * worlds.stride
        return worlds.exec_s[at : at + qpus]

    free_s[candidate] += exec_s(int(cloud["task"]))[candidate]
    total = (free_s[candidate] - now_s) ** power
    first, last = int(cloud["next_arrival"]), int(worlds.tasks[cloud["world"]])
    for task in range(first, min(last, first + horizon)):
        then_s = worlds.arrival_s[of_world + task]
        finish_s = np.maximum(free_s, then_s) + exec_s(task)
        best = int(finish_s.argmin())
        free_s[best] = finish_s[best]
        total += (finish_s[best] - then_s) ** power
    return float(total)


@pytest.mark.e2e
@pytest.mark.parametrize(("scenario", "power"), [("placement/qce5", 1.0), (UNRELIABLE, 2.5)])
def test_the_worlds_own_future_is_played_out(scenario: str, power: float) -> None:
    envs, rng = environments(scenario), np.random.default_rng(0)
    seen = envs.reset(seed=0)[0]
    rolled = futures(4, 1, power, 0, len(envs.fleet))
    for _ in range(30):
        found = envs.rollout_costs(0, 3, rolled)
        for e in range(3):
            for q, allowed in enumerate(seen["action_mask"][e]):
                if allowed:
                    assert found[e, q] == pytest.approx(played(envs, e, q, 4, power), rel=1e-11)
                else:
                    assert np.isinf(found[e, q])
        allowed = seen["action_mask"] * rng.random(seen["action_mask"].shape)
        seen = envs.step(allowed.argmax(1))[0]


@pytest.mark.e2e
def test_other_futures_are_drawn_by_the_seed_and_the_decision() -> None:
    envs = environments("placement/qce5")
    envs.reset(seed=0)
    rolled = futures(8, 6, 1.0, 1, 5)
    whole = envs.rollout_costs(0, 3, rolled)
    assert np.array_equal(whole, envs.rollout_costs(0, 3, rolled))
    assert np.array_equal(whole[1:2], envs.rollout_costs(1, 2, rolled)), "whoever asks"
    other = envs.rollout_costs(0, 3, futures(8, 6, 1.0, 2, 5))
    finite = np.isfinite(whole)
    assert np.array_equal(finite, np.isfinite(other))
    assert not np.array_equal(whole[finite], other[finite])
    # Means of both are of the same futures: of a world of 12 tasks, all of them drawn.
    many = [envs.rollout_costs(0, 3, futures(8, 400, 1.0, seed, 5))[finite] for seed in (1, 2)]
    assert many[0] == pytest.approx(many[1], rel=0.15)


@pytest.mark.e2e
def test_lost_fidelity_is_that_of_the_estimates() -> None:
    envs = environments("placement/qce5")
    seen = envs.reset(seed=3)[0]
    fleet = len(envs.fleet)
    lost = envs.lost_fidelity(0, 3)
    assert np.array_equal(lost[1:2], envs.lost_fidelity(1, 2)), "whoever asks"
    allowed = seen["action_mask"].astype(bool)
    assert np.all(lost[~allowed] == 1.0)
    assert np.all((lost.min(1) == 0.0) & (lost.max(1) <= 1.0))
    # The best is where `best_fidelity` would go: the estimates say so.
    clouds, worlds = envs._clouds.arrays.state.clouds[:3], envs.bank.worlds
    for e in range(3):
        at = (int(clouds["world"][e]) * worlds.width + int(clouds["task"][e])) * worlds.stride
        fidelity = np.where(allowed[e], worlds.fidelity[at : at + fleet], -1.0)
        assert lost[e].argmin() == fidelity.argmax()

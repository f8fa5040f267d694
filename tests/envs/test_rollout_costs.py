"""What each QPU would cost at a decision, as agents imitate it."""

from typing import Any

import numpy as np
import pytest

pytest.importorskip("gymnasium")

from qcbench.bench.environments import vector_environment, world_source
from qcbench.envs.placement.costs import futures
from qcbench.policies.tails import Tail, counted, tail_of

UNRELIABLE = "placement/qce5-unreliable"


def environments(scenario: str, count: int = 3, tasks: int = 12) -> Any:
    source = world_source(scenario, overrides=[f"workload.tasks={tasks}"], suite="train")
    options: dict[str, Any] = {"masked": "error", "autoreset": "same_step", "worlds": 2}
    return vector_environment(source, count, **options).unwrapped


def usual_s(envs: Any, world: int) -> float:
    """Return the mean completion time of a world by earliest completion, in plain Python."""
    worlds, qpus = envs.bank.worlds, len(envs.fleet)
    free_s, total_s, tasks = np.zeros(qpus), 0.0, int(worlds.tasks[world])
    for task in range(tasks):
        at, then_s = world * worlds.width + task, worlds.arrival_s[world * worlds.width + task]
        finish_s = np.maximum(free_s, then_s)
        finish_s = finish_s + worlds.exec_s[at * worlds.stride : at * worlds.stride + qpus]
        best = int(finish_s.argmin())
        free_s[best] = finish_s[best]
        total_s += finish_s[best] - then_s
    return float(total_s / tasks)


def played(envs: Any, e: int, candidate: int, horizon: int, tail: float) -> float:
    """Return what the world's own future counts on average, in plain Python."""
    state, worlds = envs._clouds.arrays.state, envs.bank.worlds
    cloud, qpus = state.clouds[e], len(envs.fleet)
    now_s, of_world = float(cloud["now_s"]), int(cloud["world"]) * worlds.width
    free_s = np.maximum(state.free_at_s[e * qpus : (e + 1) * qpus], now_s)

    def exec_s(task: int) -> Any:
        at = (of_world + task) * worlds.stride
        return worlds.exec_s[at : at + qpus]

    free_s[candidate] += exec_s(int(cloud["task"]))[candidate]
    tail_s = tail * usual_s(envs, int(cloud["world"]))
    times_s = [free_s[candidate] - now_s]
    first, last = int(cloud["next_arrival"]), int(worlds.tasks[cloud["world"]])
    for task in range(first, min(last, first + horizon)):
        then_s = worlds.arrival_s[of_world + task]
        finish_s = np.maximum(free_s, then_s) + exec_s(task)
        best = int(finish_s.argmin())
        free_s[best] = finish_s[best]
        times_s.append(finish_s[best] - then_s)
    return float(np.mean([each + each**4 / tail_s**3 for each in times_s]))


@pytest.mark.e2e
@pytest.mark.parametrize(("scenario", "tail"), [("placement/qce5", "any"), (UNRELIABLE, 2.5)])
def test_the_worlds_own_future_is_played_out(scenario: str, tail: Tail) -> None:
    envs, rng = environments(scenario), np.random.default_rng(0)
    seen = envs.reset(seed=0)[0]
    rolled = futures(4, 1, tail, 0, envs.bank.worlds)
    for _ in range(30):
        found = envs.rollout_costs(0, 3, rolled)
        for e in range(3):
            for q, allowed in enumerate(seen["action_mask"][e]):
                if allowed:
                    cloud = envs._clouds.arrays.state.clouds[e]
                    left = int(envs.bank.worlds.tasks[cloud["world"]]) - int(cloud["next_arrival"])
                    each_s = found[e, q] / (min(left, 4) + 1)
                    counts = counted(each_s, tail_of(tail) * usual_s(envs, int(cloud["world"])))
                    wanted = played(envs, e, q, 4, tail_of(tail))
                    assert counts == pytest.approx(wanted, rel=1e-8)
                else:
                    assert np.isinf(found[e, q])
        allowed = seen["action_mask"] * rng.random(seen["action_mask"].shape)
        seen = envs.step(allowed.argmax(1))[0]


@pytest.mark.e2e
def test_other_futures_are_drawn_by_the_seed_and_the_decision() -> None:
    envs = environments("placement/qce5")
    envs.reset(seed=0)
    worlds = envs.bank.worlds
    rolled = futures(8, 6, 2.0, 1, worlds)
    whole = envs.rollout_costs(0, 3, rolled)
    assert np.array_equal(whole, envs.rollout_costs(0, 3, rolled))
    assert np.array_equal(whole[1:2], envs.rollout_costs(1, 2, rolled)), "whoever asks"
    other = envs.rollout_costs(0, 3, futures(8, 6, 2.0, 2, worlds))
    finite = np.isfinite(whole)
    assert np.array_equal(finite, np.isfinite(other))
    assert not np.array_equal(whole[finite], other[finite])
    # Means of both are of the same futures: of a world of 12 tasks, all of them drawn.
    many = [
        envs.rollout_costs(0, 3, futures(8, 400, "any", seed, worlds))[finite] for seed in (1, 2)
    ]
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

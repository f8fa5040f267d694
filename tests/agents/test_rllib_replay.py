"""The replay memory: short episodes, ranges of steps, seeds, priorities."""

from collections import Counter

import numpy as np
import pytest
from gymnasium import spaces
from ray.rllib.env.single_agent_episode import SingleAgentEpisode

from qcbench.agents.rllib.replay import ReplayMemory


def episode(length: int, first: int = 0, *, terminated: bool = True) -> SingleAgentEpisode:
    """An episode whose observation t is first + t and whose reward of step t is 10 ** t."""
    steps = list(range(length + 1))
    return SingleAgentEpisode(
        observations=[np.array([first + t], dtype=np.float32) for t in steps],
        observation_space=spaces.Box(-np.inf, np.inf, (1,), np.float32),
        actions=[t % 3 for t in steps[:-1]],
        action_space=spaces.Discrete(3),
        rewards=[10.0**t for t in steps[:-1]],
        terminated=terminated,
        len_lookback_buffer=0,
    ).to_numpy()


def filled(*episodes: SingleAgentEpisode, seed: int = 0, alpha: float = 0.5) -> ReplayMemory:
    replay = ReplayMemory(seed=seed, capacity=1000, alpha=alpha)
    replay.add(list(episodes))
    return replay


def drawn(
    replay: ReplayMemory, count: int, n_step: int | tuple[int, int], gamma: float = 0.5
) -> list:
    """Position, steps, reward and end of each decision that is drawn."""
    return [
        (
            int(e.get_observations(0)[0]),
            int(e.get_extra_model_outputs("n_step", 0)),
            float(e.get_rewards(0)),
            bool(e.is_terminated),
            int(e.get_observations(1)[0]),
        )
        for e in replay.sample(num_items=count, n_step=n_step, gamma=gamma)
    ]


@pytest.mark.timeout(20)
def test_episodes_shorter_than_the_steps_are_drawn_from() -> None:
    found = drawn(filled(episode(2), episode(1, 100)), 200, 5)
    assert set(found) == {
        (0, 2, 1 + 0.5 * 10, True, 2),
        (1, 1, 10.0, True, 2),
        (100, 1, 1.0, True, 101),
    }


def test_steps_are_fewer_only_before_the_end() -> None:
    found = set(drawn(filled(episode(6)), 400, 3, gamma=0.1))
    assert {(at, steps) for at, steps, *_ in found} == {
        *((at, 3) for at in range(4)),
        (4, 2),
        (5, 1),
    }
    for at, steps, reward, ends, after in found:
        assert after == at + steps
        assert ends == (after == 6)
        assert reward == pytest.approx(sum(10.0 ** (at + k) * 0.1**k for k in range(steps)))


def test_what_goes_on_is_no_end() -> None:
    assert not any(ends for *_, ends, _ in drawn(filled(episode(3, terminated=False)), 100, 5))


def test_a_range_of_steps_has_both_ends() -> None:
    found = drawn(filled(episode(50)), 600, (2, 4))
    counts = Counter(steps for at, steps, *_ in found if at <= 40)
    assert set(counts) == {2, 3, 4}
    assert min(counts.values()) > 100


def test_seeds_decide_what_is_drawn() -> None:
    one, same, other = (filled(episode(50), seed=seed) for seed in (1, 1, 2))
    assert drawn(one, 50, 3) == drawn(same, 50, 3)
    assert drawn(filled(episode(50), seed=1), 50, 3) != drawn(other, 50, 3)


def test_large_errors_are_drawn_more_often_and_weigh_less() -> None:
    replay = filled(episode(10), alpha=1.0)
    first = replay.sample(num_items=400, n_step=1)
    at = np.array([int(e.get_observations(0)[0]) for e in first])
    replay.update_priorities(np.where(at == 4, 9.0, 1.0))
    second = replay.sample(num_items=2000, n_step=1, beta=1.0)
    counts = Counter(int(e.get_observations(0)[0]) for e in second)
    assert counts[4] / 2000 == pytest.approx(0.5, abs=0.05)
    weights = {
        int(e.get_observations(0)[0]): float(e.get_extra_model_outputs("weights", 0))
        for e in second
    }
    assert weights[4] == pytest.approx(1 / 9, rel=1e-3)
    assert weights[0] == pytest.approx(1.0, rel=1e-3)

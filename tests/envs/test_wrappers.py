"""Episode statistics: a collapsed agent shows, a rule has no gap to itself."""

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv, VectorEnv

from qcbench.envs.registration import IDS
from qcbench.envs.wrappers import EpisodeStatistics, VectorEpisodeStatistics, action_entropy
from qcbench.errors import InputError

PLACEMENT, ALLOCATION, DISCRETE, QUEUEING = IDS


def earliest(observation) -> np.ndarray:
    features = observation["observation"][..., 10:]
    return features.reshape(*features.shape[:-1], 5, 12)[..., 1].argmin(axis=-1)


def test_entropy() -> None:
    assert action_entropy(np.array([5.0, 0.0, 0.0])) == 0.0
    assert action_entropy(np.array([2.0, 2.0])) == pytest.approx(1.0)
    assert np.isnan(action_entropy(np.zeros(3)))
    assert action_entropy(np.array([3.0])) == 0.0


def test_a_rule_has_no_gap_to_itself_and_a_collapsed_agent_shows() -> None:
    env = EpisodeStatistics(gymnasium.make(PLACEMENT), window=4)
    with pytest.raises(InputError, match="no episode has ended"):
        env.summary()
    for seed in range(4):
        observation, _ = env.reset(seed=seed, options={"split": "test"} if seed else {})
        over = False
        while not over:
            observation, _, over, _, info = env.step(int(earliest(observation)))
        assert info["episode_statistics"]["gap"] == pytest.approx(0.0)
        assert info["episode_statistics"]["length"] == 25
    good = env.summary()
    assert good.gap == pytest.approx(0.0)
    assert good.entropy > 0.5
    assert good.share.sum() == pytest.approx(1.0)
    for seed in range(4):
        env.reset(seed=seed)
        over = False
        while not over:
            _, _, over, _, info = env.step(0)
    collapsed = env.summary()
    assert collapsed.entropy == 0.0
    assert collapsed.share.tolist() == [1.0, 0.0, 0.0, 0.0, 0.0]
    assert collapsed.gap > 1.0
    assert collapsed.length == 25.0


def made(kind: str, mode: AutoresetMode) -> VectorEnv:
    if kind == "kernel":
        return gymnasium.make_vec(
            PLACEMENT, 3, "vector_entry_point", worlds=64, autoreset=mode.name.lower()
        )
    makers = [lambda: gymnasium.make(PLACEMENT, worlds=64)] * 3
    return SyncVectorEnv(makers, autoreset_mode=mode)


@pytest.mark.parametrize("kind", ["kernel", "singles"])
@pytest.mark.parametrize("mode", [AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP])
def test_vectors_count_the_same(kind: str, mode: AutoresetMode) -> None:
    envs = VectorEpisodeStatistics(made(kind, mode))
    observations, _ = envs.reset(seed=0)
    found = {}
    for _ in range(30):
        observations, _, terminated, _, infos = envs.step(earliest(observations))
        for env in np.flatnonzero(terminated):
            found.setdefault(int(env), infos["episode_statistics"][env])
    single = EpisodeStatistics(gymnasium.make(PLACEMENT, worlds=64))
    for env in range(3):
        observation, _ = single.reset(seed=env)
        over = False
        while not over:
            observation, _, over, _, info = single.step(int(earliest(observation)))
        for key, value in info["episode_statistics"].items():
            np.testing.assert_allclose(found[env][key], value, rtol=1e-12, atol=1e-12, err_msg=key)
    assert envs.summary().gap == pytest.approx(0.0)


@pytest.mark.parametrize("name", [ALLOCATION, DISCRETE, QUEUEING])
def test_other_tracks(name: str) -> None:
    options = {"max_decisions": 60} if name == QUEUEING else {}
    env = EpisodeStatistics(gymnasium.make(name, **options))
    observation, _ = env.reset(seed=0)
    env.action_space.seed(0)
    over = truncated = False
    while not (over or truncated):
        mask = None if name == ALLOCATION else observation["action_mask"]
        observation, _, over, truncated, info = env.step(env.action_space.sample(mask))
    found = info["episode_statistics"]
    # At the beginning a queue is short: there is nothing to choose.
    assert (name == QUEUEING) <= (found["entropy"] == 0.0)
    assert 0.0 <= found["entropy"] <= 1.0
    assert np.isnan(found["gap"]) == truncated
    assert truncated or found["gap"] > 0.0


def test_bad_options() -> None:
    env = gymnasium.make(PLACEMENT)
    with pytest.raises(InputError, match="window: 0"):
        EpisodeStatistics(env, window=0)
    with pytest.raises(InputError, match="no such placement policy"):
        EpisodeStatistics(env, baseline="earliest")
    assert EpisodeStatistics(env, baseline=None) is not None

"""Others' learners run on the environments as they are: stable-baselines3, RLlib."""

from collections.abc import Iterator
from typing import Any

import gymnasium
import numpy as np
import pytest
import ray
import torch
from ray.rllib.algorithms.ppo import PPOConfig
from ray.rllib.connectors.env_to_module import FlattenObservations
from ray.rllib.core.rl_module.default_model_config import DefaultModelConfig
from stable_baselines3 import DQN, PPO

from qcbench.envs.registration import IDS

PLACEMENT, ALLOCATION, DISCRETE, QUEUEING = IDS


def test_stable_baselines3() -> None:
    torch.set_num_threads(1)
    small: dict[str, Any] = {"seed": 0, "device": "cpu", "policy_kwargs": {"net_arch": [8]}}
    for name, make in (
        (PLACEMENT, lambda env: DQN("MultiInputPolicy", env, learning_starts=20, **small)),
        (ALLOCATION, lambda env: PPO("MultiInputPolicy", env, n_steps=32, batch_size=16, **small)),
        (QUEUEING, lambda env: PPO("MultiInputPolicy", env, n_steps=32, batch_size=16, **small)),
    ):
        env = gymnasium.make(name, max_decisions=40)
        model = make(env)
        model.learn(64)
        observation, _ = env.reset(seed=1)
        action, _ = model.predict(observation, deterministic=True)
        assert env.action_space.contains(action) or env.action_space.contains(int(action))


@pytest.fixture(scope="module")
def local_ray() -> Iterator[None]:
    """A private Ray without a dashboard."""
    ray.init(
        address="local",
        num_cpus=1,
        include_dashboard=False,
        log_to_driver=False,
        object_store_memory=100_000_000,
        configure_logging=False,
    )
    yield
    ray.shutdown()


@pytest.mark.e2e
@pytest.mark.ray
@pytest.mark.parametrize("name", [PLACEMENT])
def test_rllib_on_the_vector_environments(name: str, local_ray: None) -> None:
    algorithm = (
        PPOConfig()
        .environment(name, env_config={"max_decisions": 25, "worlds": 8})
        .env_runners(
            num_env_runners=0,
            num_envs_per_env_runner=4,
            gym_env_vectorize_mode="vector_entry_point",
            rollout_fragment_length=32,
            env_to_module_connector=lambda env, spaces, device: FlattenObservations(),
        )
        .learners(num_learners=0)
        .training(train_batch_size_per_learner=128, minibatch_size=64, num_epochs=1)
        .rl_module(model_config=DefaultModelConfig(fcnet_hiddens=[8]))
        .debugging(seed=0)
        .build_algo()
    )
    try:
        result = algorithm.train()
    finally:
        algorithm.stop()
    sampled = result["env_runners"]
    assert sampled["num_env_steps_sampled"] >= 128
    assert np.isfinite(sampled["episode_return_mean"])
    assert 0 < sampled["episode_len_mean"] <= 25

"""RLlib's DQN on our environments."""

from typing import Any

from ray.rllib.algorithms.dqn import DQN, DQNConfig
from ray.rllib.core.rl_module.rl_module import RLModuleSpec

from qcbench.agents.rllib.building import built, common
from qcbench.agents.rllib.learner import RllibLearner
from qcbench.agents.rllib.modules import ActionValues
from qcbench.agents.rllib.networks import make_design
from qcbench.agents.rllib.replay import ReplayMemory
from qcbench.agents.rllib.settings import RllibDqn
from qcbench.bench.worlds import ScenarioWorlds

ITERATION = 1000
"""Decisions of an iteration of RLlib."""


class Dqn(DQN):
    """RLlib's DQN with our replay memory, which RLlib's own factory does not take."""

    def _create_local_replay_buffer_if_necessary(self, config: Any) -> ReplayMemory:
        options = {k: v for k, v in config["replay_buffer_config"].items() if k != "type"}
        return ReplayMemory(**options)


def dqn_learner(settings: RllibDqn, worlds: ScenarioWorlds, seed: int) -> RllibLearner:
    """Return an untrained agent."""
    design = make_design(settings, worlds.fleet, seed)
    atoms = settings.atoms

    def build(of: int) -> Any:
        config = common(DQNConfig(algo_class=Dqn), settings, worlds, of)
        config.env_runners(rollout_fragment_length=settings.horizon)
        config.training(
            train_batch_size_per_learner=settings.batch // max(1, settings.learners),
            num_steps_sampled_before_learning_starts=settings.learning_starts,
            target_network_update_freq=settings.target_steps,
            n_step=settings.n_step,
            double_q=settings.double,
            dueling=settings.dueling,
            num_atoms=atoms.count if atoms else 1,
            v_min=atoms.least if atoms else -10.0,
            v_max=atoms.most if atoms else 10.0,
            replay_buffer_config={
                "type": ReplayMemory,
                "seed": of,
                "least_priority": settings.replay.least_priority,
                "capacity": settings.replay.capacity,
                "alpha": settings.replay.alpha,
                "beta": settings.replay.beta,
            },
        )
        config.reporting(min_sample_timesteps_per_iteration=min(ITERATION, settings.steps))
        config.rl_module(rl_module_spec=RLModuleSpec(ActionValues, model_config={"design": design}))
        return built(config)

    return RllibLearner(build, design, settings.steps, seed)

"""From the settings of an agent to one that learns; its library is imported only then."""

from typing import assert_never

from qcbench.agents.agent import Learner
from qcbench.agents.config import AgentConfig
from qcbench.agents.reference_agent import ReferenceLearner, ReferencePpo
from qcbench.agents.rllib.settings import RllibA2c, RllibDqn, RllibPpo
from qcbench.bench.worlds import ScenarioWorlds


def make_learner(agent: AgentConfig, worlds: ScenarioWorlds, seed: int) -> Learner:
    """Return an untrained agent.

    Args:
        worlds: of the scenario; training is on split `train`.
        seed: of all that is drawn.

    Raises:
        InputError: settings that do not fit the scenario, or a package that is missing.
    """
    match agent:
        case ReferencePpo():
            return ReferenceLearner(agent, worlds, seed)
        case RllibPpo():
            from qcbench.agents.rllib.policy_gradient import (  # noqa: PLC0415 - ray: seconds
                ppo_learner,
            )

            return ppo_learner(agent, worlds, seed)
        case RllibA2c():
            from qcbench.agents.rllib.policy_gradient import a2c_learner  # noqa: PLC0415

            return a2c_learner(agent, worlds, seed)
        case RllibDqn():
            from qcbench.agents.rllib.dqn import dqn_learner  # noqa: PLC0415

            return dqn_learner(agent, worlds, seed)
        case _:
            assert_never(agent)

"""The vector environments as RLlib takes them."""

from collections.abc import Callable
from typing import Any

import gymnasium
from gymnasium.vector import VectorEnv

from qcbench.agents.rllib.settings import Common, RllibPpo
from qcbench.bench.environments import vector_environment
from qcbench.bench.worlds import ScenarioWorlds
from qcbench.policies.features.layout import layout_named
from qcbench.tracks import TRACKS

Make = Callable[[Any], VectorEnv[Any, Any, Any]]


def environment_maker(settings: Common, worlds: ScenarioWorlds) -> Make:
    """Return what makes the environments; RLlib says how many in `num_envs`."""
    options: dict[str, Any] = {
        "reward": settings.reward,
        "worlds": settings.worlds,
        "max_decisions": settings.max_decisions,
        "masked": "error" if settings.masked and not _continuous(settings) else "violation",
        "observation": settings.observation,
    }
    if TRACKS[settings.track].choice == "waiting":
        options["slots"] = settings.slots
    published = isinstance(settings, RllibPpo) and settings.published_reward

    def make(context: Any) -> VectorEnv[Any, Any, Any]:
        count = int(context["num_envs"])
        envs = vector_environment(worlds, count, discrete=settings.sets, **options)
        if published:
            from qcbench.agents.rllib.published import PublishedReward  # noqa: PLC0415

            return PublishedReward(envs, layout_named(settings.track, settings.observation))
        return envs

    return make


def spaces_of(
    settings: Common, worlds: ScenarioWorlds
) -> tuple[gymnasium.Space[Any], gymnasium.Space[Any]]:
    """Return the spaces of one environment.

    Raises:
        InputError: an option that cannot be, or a scenario that cannot be compiled.
    """
    envs = environment_maker(settings, worlds)({"num_envs": 1})
    try:
        return envs.single_observation_space, envs.single_action_space
    finally:
        envs.close()


def _continuous(settings: Common) -> bool:
    return TRACKS[settings.track].choice == "split" and not settings.sets

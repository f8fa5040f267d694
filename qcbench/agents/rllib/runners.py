"""RLlib's env runner with environments of its own among those of all runners."""

from typing import Any

from ray.rllib.env.single_agent_env_runner import SingleAgentEnvRunner


class EnvRunner(SingleAgentEnvRunner):
    """Seeds its environments so that all runners together see the worlds that one process sees.

    RLlib seeds runners by consecutive numbers, and each of our environments side by side has the
    number after its neighbour's: two runners would nearly all see the same worlds.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        if self.worker_index:
            before = (self.worker_index - 1) * self.config.num_envs_per_env_runner
            self._seed: int | None = self.config.seed + before

"""The reward of the allocation study of 2025, which teaches to use every QPU."""

from typing import Any

import numpy as np
from gymnasium.vector import VectorEnv, VectorWrapper

from qcbench.policies.features.layout import Layout


class PublishedReward(VectorWrapper):
    """Pays the mean over all QPUs of the fidelity of those that are used, and 0 for the others.

    A QPU is used where its weight is positive. The share that it gets does not count, so the best
    decision is always to use all of them; that is what was published.
    """

    def __init__(self, envs: VectorEnv[Any, Any, Any], layout: Layout) -> None:
        super().__init__(envs)
        self._seen = np.zeros((0, 0), dtype=np.float32)
        self._fidelity = len(layout.shared) + layout.each_index("fidelity")
        self._each = len(layout.each)

    def reset(self, *, seed: Any = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        """Begin episodes."""
        observation, info = self.env.reset(seed=seed, options=options)
        self._seen = observation["observation"].copy()
        return observation, info

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        """Take a decision in every environment."""
        fidelity = self._seen[:, self._fidelity :: self._each]
        reward = ((np.asarray(actions) > 0) * fidelity).mean(1).astype(np.float64)
        observation, _, terminated, truncated, info = self.env.step(actions)
        self._seen = observation["observation"].copy()
        return observation, reward, terminated, truncated, info

"""RLlib's prioritised replay memory, drawn from with a generator of ours and to the very end.

RLlib draws again where fewer than n steps are left of an episode: the decisions before an end are
then never learned from, and with episodes shorter than n it draws for ever. Here there are as many
steps as are left.
"""

from typing import Any

import numpy as np
from ray.rllib.env.single_agent_episode import SingleAgentEpisode
from ray.rllib.utils.replay_buffers import PrioritizedEpisodeReplayBuffer


class ReplayMemory(PrioritizedEpisodeReplayBuffer):
    """A replay memory.

    Args:
        seed: of what is drawn.
        least_priority: added to each priority.
        options: of RLlib's.
    """

    def __init__(self, *, seed: int, least_priority: float = 1e-6, **options: Any) -> None:
        super().__init__(**options)
        self.rng = np.random.default_rng(seed)
        self.least_priority = least_priority

    def sample(
        self,
        num_items: int | None = None,
        *,
        n_step: int | tuple[int, int] | None = None,
        beta: float = 0.0,
        gamma: float = 0.99,
        **_: Any,
    ) -> list[SingleAgentEpisode]:
        """Draw decisions by their priority, each an episode of one step.

        Args:
            num_items: how many.
            n_step: rewards that are summed; of a range both ends are included.
            beta: how far the bias of the priorities is corrected by the weights.
            gamma: discount of the later of these rewards.
        """
        count = num_items or self.batch_size_B
        least, most = n_step if isinstance(n_step, tuple) else (n_step or 1, n_step or 1)
        whole, stored = self._sum_segment.sum(), self.get_num_timesteps()
        heaviest = (self._min_segment.min() / whole * stored) ** (-beta)
        self._last_sampled_indices = []
        found = []
        for point, steps in zip(
            self.rng.random(count) * whole,
            self.rng.integers(least, most, size=count, endpoint=True).tolist(),
            strict=True,
        ):
            node = self._sum_segment.find_prefixsum_idx(point)
            weight = (self._sum_segment[node] / whole * stored) ** (-beta) / heaviest
            index, at, _node = self._indices[self._tree_idx_to_sample_idx[node]]
            episode = self.episodes[index - self._num_episodes_evicted]
            found.append(_decision(episode, at, steps, gamma, weight))
            self._last_sampled_indices.append(node)
        self.sampled_timesteps += count
        return found

    def update_priorities(self, priorities: Any, module_id: Any = None) -> None:
        """Take the errors of what was drawn last as its priorities."""
        errors = np.abs(np.asarray(priorities)) + self.least_priority
        super().update_priorities(errors, module_id)


def _decision(
    episode: SingleAgentEpisode, at: int, steps: int, gamma: float, weight: float
) -> SingleAgentEpisode:
    """Return a decision with the rewards of the following steps, as many as there are."""
    steps = min(steps, len(episode) - at)
    after = at + steps
    rewards = np.asarray(episode.get_rewards(slice(at, after)), dtype=np.float64)
    ends = after == len(episode)
    return SingleAgentEpisode(
        observations=[episode.get_observations(at), episode.get_observations(after)],
        observation_space=episode.observation_space,
        actions=[episode.get_actions(at)],
        action_space=episode.action_space,
        rewards=[float(rewards @ gamma ** np.arange(steps))],
        terminated=ends and episode.is_terminated,
        truncated=ends and episode.is_truncated,
        extra_model_outputs={"weights": [weight], "n_step": [steps]},
        len_lookback_buffer=0,
        t_started=at,
    )

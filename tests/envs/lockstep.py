"""Single environments and a vector environment, stepped side by side with equal actions."""

from typing import Any

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode

import qcbench.envs.registration  # noqa: F401 - the ids

TOLD = ("world", "decisions", "violations", "jobs", "done", "ended")
EXACT = 0.0


def vector(name: str, num_envs: int, **options: Any) -> Any:
    return gymnasium.make_vec(
        name, num_envs=num_envs, vectorization_mode="vector_entry_point", **options
    )


def random_actions(
    rng: np.random.Generator, space: gymnasium.Space[Any], masks: np.ndarray, forbidden: float
) -> np.ndarray:
    """Draw actions, with a probability any, otherwise one that the mask allows."""
    count = len(masks)
    if isinstance(space, gymnasium.spaces.Box):
        return rng.uniform(-1.0, 1.0, (count, *space.shape)).astype(np.float32)
    scores = rng.random(masks.shape) + np.where(rng.random((count, 1)) < forbidden, 0.0, masks)
    return scores.argmax(axis=1)


def lockstep(
    name: str,
    *,
    num_envs: int = 4,
    steps: int = 200,
    seed: int = 0,
    forbidden: float = 0.1,
    same_step: bool = False,
    rtol: float = EXACT,
    **options: Any,
) -> int:
    """Compare everything in every step; return how many episodes ended.

    Args:
        forbidden: share of the actions that are drawn without the mask.
        rtol: of rewards (as an absolute difference too) and completion times; observations and
            masks are equal to the last bit.
    """
    envs = vector(name, num_envs, autoreset="same_step" if same_step else "next_step", **options)
    ones = [gymnasium.make(name, **options).unwrapped for _ in range(num_envs)]
    assert envs.single_observation_space == ones[0].observation_space
    assert envs.single_action_space == ones[0].action_space
    mode = AutoresetMode.SAME_STEP if same_step else AutoresetMode.NEXT_STEP
    assert envs.metadata["autoreset_mode"] == mode
    rng = np.random.default_rng(seed)
    seen, infos = envs.reset(seed=seed)
    begun = [one.reset(seed=seed + e) for e, one in enumerate(ones)]
    for e, (observation, info) in enumerate(begun):
        compare(seen, e, observation)
        np.testing.assert_array_equal(infos["action_mask"][e], info["action_mask"])
    over = np.zeros(num_envs, dtype=bool)
    episodes = 0
    for _ in range(steps):
        actions = random_actions(rng, ones[0].action_space, seen["action_mask"], forbidden)
        seen, rewards, terminated, truncated, infos = envs.step(actions)
        for e, one in enumerate(ones):
            if over[e]:
                compare(seen, e, one.reset()[0])
                assert (rewards[e], terminated[e], truncated[e]) == (0.0, False, False)
                over[e] = False
                continue
            observation, reward, term, trunc, info = one.step(
                int(actions[e]) if actions.ndim == 1 else actions[e]
            )
            np.testing.assert_allclose(rewards[e], reward, rtol=rtol, atol=rtol)
            assert (terminated[e], truncated[e]) == (term, trunc)
            assert infos["violation"][e] == info["violation"]
            if term or trunc:
                episodes += 1
                last = infos
                if same_step:
                    last = infos["final_info"]
                    compare({k: [v] for k, v in infos["final_obs"][e].items()}, 0, observation)
                    observation, _ = one.reset()
                else:
                    over[e] = True
                for key in TOLD:
                    assert last[key][e] == info[key], key
                np.testing.assert_allclose(
                    last["completion_s"][e], info["completion_s"], rtol=max(rtol, 1e-12)
                )
            compare(seen, e, observation)
    envs.close()
    return episodes


def compare(seen: Any, env: int, observation: dict[str, np.ndarray]) -> None:
    for key, value in observation.items():
        np.testing.assert_array_equal(seen[key][env], value)

"""What the vector environments of all tracks have in common: many clouds on a compiled kernel."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from gymnasium import spaces
from gymnasium.error import ResetNeeded
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from qcbench.arrays import BoolArray, IntArray
from qcbench.envs import values
from qcbench.envs.clouds import Clouds
from qcbench.envs.options import make_options
from qcbench.envs.steps import (
    DISABLED,
    ENDED,
    NEXT_STEP,
    RUNNING,
    SAME_STEP,
    Output,
    masked_action,
    wrong_action,
)
from qcbench.errors import InputError
from qcbench.policies.features.observer import observer
from qcbench.tracks import Track

Observations = dict[str, npt.NDArray[Any]]
Vector = npt.NDArray[Any]
Autoreset = Literal["next_step", "same_step", "disabled"]

MODES = {
    "next_step": (AutoresetMode.NEXT_STEP, NEXT_STEP),
    "same_step": (AutoresetMode.SAME_STEP, SAME_STEP),
    "disabled": (AutoresetMode.DISABLED, DISABLED),
}
RESULTS = ("world", "decisions", "violations", "jobs", "done", "completion_s")
NAMES = np.array(ENDED, dtype=object)


class CloudVectorEnv(VectorEnv[Observations, Vector, Vector]):
    """Many clouds whose policy is the agent; a step is one decision in each.

    Environment ``i`` of a vector seeded with ``s`` is the single environment seeded with ``s + i``:
    equal worlds, observations, rewards and ends for equal actions.

    Attributes:
        options: of the environment, checked.
        layout: what the observation holds.
    """

    track: ClassVar[Track]

    def __init__(
        self,
        num_envs: int = 1,
        *,
        autoreset: Autoreset = "next_step",
        copy: bool = True,
        **options: Any,
    ) -> None:
        """Draw the worlds and make the clouds.

        Args:
            num_envs: how many.
            autoreset: when an environment whose episode is over begins the next: `next_step`
                (that step ignores its action), `same_step` (the last observation is in
                ``info["final_obs"]``), or `disabled` (`reset` with the option `reset_mask`).
            copy: give new arrays at every step; otherwise the same are written again, so that one
                must use what a step gave before the next one.
            options: as of the single environment, see `qcbench.envs.options`.

        Raises:
            InputError: an option that cannot be, or worlds that cannot be compiled.
        """
        if num_envs.__class__ is not int or num_envs < 1:
            raise InputError(f"num_envs: {num_envs!r}; must be a positive whole number")
        if autoreset not in MODES:
            raise InputError(f"autoreset: {autoreset!r}; must be one of {', '.join(MODES)}")
        self.num_envs = num_envs
        self.options = make_options(self.track, **options)
        self.fleet = self.options.source.fleet
        watcher = observer(
            self.track,
            self.fleet,
            observation=self.options.observation,
            slots=self.options.slots,
        )
        self.layout = watcher.layout
        low, high = self.layout.bounds(watcher.items)
        self._size = len(low)
        self.single_action_space = self._action_space()
        self._masks = self._mask_size()
        self.single_observation_space = spaces.Dict(
            {
                "observation": spaces.Box(
                    np.array(low, dtype=np.float32), np.array(high, dtype=np.float32)
                ),
                "action_mask": spaces.Box(0, 1, (self._masks,), np.int8),
            }
        )
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        mode, code = MODES[autoreset]
        self.metadata = {"autoreset_mode": mode}
        self._autoreset = autoreset
        self._all = np.ones(num_envs, dtype=np.bool_)
        self._next = np.full(num_envs, -1, dtype=np.int64)
        self._copy = copy
        self._out = self._new_output()
        self._clouds = self._make_clouds(code)
        self._begun = False

    @property
    def worlds(self) -> IntArray:
        """Index within the split of the world that each environment is in."""
        return self._clouds.worlds()

    def reset(
        self,
        *,
        seed: int | Sequence[int] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[Observations, dict[str, Any]]:
        """Begin an episode in every environment, each in its next world, with idle fleets.

        Args:
            seed: of the first environment, the others count on; or one for each.
            options: `worlds`: index of the world that each takes; `reset_mask`: which begin anew.

        Raises:
            InputError: an option or seed that cannot be.
        """
        which, chosen = self._chosen(values.keys("reset", options, ("worlds", "reset_mask")))
        self._seed(seed, which)
        self._begun = True
        for ends in (self._out.terminated, self._out.truncated, self._out.violated):
            ends[which] = False
        self._clouds.begin(which, chosen, self._out)
        seen = self._seen(self._given(ended=False))
        info = {"action_mask": seen["action_mask"], "_action_mask": self._all}
        return seen, {**info, "world": self.worlds, "_world": which}

    def step(self, actions: Vector) -> tuple[Observations, Vector, Vector, Vector, dict[str, Any]]:
        """Take a decision in every environment.

        Raises:
            ResetNeeded: none has begun, or one is over and there is no autoreset.
            InputError: actions of another shape, type or range, or one that the mask forbids where
                `masked` is `error`.
        """
        if not self._begun or self.closed:
            raise ResetNeeded("step: no episode has begun; call reset first")
        checked = self._checked(actions)
        if self._autoreset == "disabled":
            self._all_must_run()
        ended = self._clouds.step(checked, self._out)
        out = self._given(ended=ended)
        seen = self._seen(out)
        info = {
            "action_mask": seen["action_mask"],
            "_action_mask": self._all,
            "violation": out.violated,
            "_violation": self._all,
        }
        if ended:
            self._tell_ends(out, info)
        return seen, out.reward, out.terminated, out.truncated, info

    def close_extras(self, **_: Any) -> None:
        """Let go of nothing: there are no processes and no windows."""

    @abstractmethod
    def _action_space(self) -> spaces.Space[Any]:
        """Return the space of the decisions of one environment."""

    @abstractmethod
    def _mask_size(self) -> int:
        """Return the length of the mask of one environment."""

    @abstractmethod
    def _make_clouds(self, autoreset: int) -> Clouds:
        """Return clouds that have not begun."""

    @abstractmethod
    def _checked(self, actions: Vector) -> Any:
        """Return the actions in the type that the kernel takes.

        Raises:
            InputError: see `step`.
        """

    def _whole(self, actions: Vector) -> IntArray:
        """Return discrete actions.

        Raises:
            InputError: they are no whole numbers below the number of actions, or one is forbidden
                and `masked` is `error`.
        """
        whole = np.asarray(actions)
        if whole.shape != (self.num_envs,) or whole.dtype.kind not in "iu":
            raise InputError(
                f"actions of shape {whole.shape} and type {whole.dtype}: must be whole numbers of "
                f"shape ({self.num_envs},)"
            )
        whole = np.ascontiguousarray(whole, dtype=np.int64)  # as kernels take it for granted
        at = wrong_action(whole, self._masks)
        if at >= 0:
            raise InputError(
                f"action {whole[at]} of environment {at}: must be a whole number in "
                f"0..{self._masks - 1}"
            )
        if self.options.masked == "error":
            mask = self._out.mask
            at = masked_action(whole, mask, self._clouds.episodes)
            if at >= 0:
                allowed = np.flatnonzero(mask[at * self._masks : (at + 1) * self._masks])
                raise InputError(
                    f"action {whole[at]} of environment {at}: the mask forbids it; allowed now: "
                    f"{allowed.tolist()}"
                )
        return whole

    def _given(self, *, ended: bool) -> Output:
        """Return what has been written, in arrays that belong to the caller where they are copied.

        Otherwise they belong to this environment, which writes the same ones at every step.
        """
        out = self._out
        if not self._copy:
            return out
        return Output(
            out.observation.copy(),
            out.mask.copy(),
            out.reward.copy(),
            out.terminated.copy(),
            out.truncated.copy(),
            out.violated.copy(),
            # Nobody is shown these unless an episode has ended.
            out.final_observation.copy() if ended else out.final_observation,
            out.final_mask.copy() if ended else out.final_mask,
        )

    def _new_output(self) -> Output:
        count, same_step = self.num_envs, self._autoreset == "same_step"
        return Output(
            observation=np.zeros(count * self._size, dtype=np.float32),
            mask=np.zeros(count * self._masks, dtype=np.int8),
            reward=np.zeros(count),
            terminated=np.zeros(count, dtype=np.bool_),
            truncated=np.zeros(count, dtype=np.bool_),
            violated=np.zeros(count, dtype=np.bool_),
            final_observation=np.zeros(count * self._size * same_step, dtype=np.float32),
            final_mask=np.zeros(count * self._masks * same_step, dtype=np.int8),
        )

    def _seen(self, out: Output) -> Observations:
        return {
            "observation": out.observation.reshape(self.num_envs, self._size),
            "action_mask": out.mask.reshape(self.num_envs, self._masks),
        }

    def _tell_ends(self, out: Output, info: dict[str, Any]) -> None:
        """Say how the episodes that ended in this step ended, and what came of them."""
        over = out.terminated | out.truncated
        results = self._clouds.results.copy()
        final_info: dict[str, Any] = {}
        for name in RESULTS:
            final_info[name], final_info[f"_{name}"] = results[name], over
        which = np.flatnonzero(over)
        final_info["ended"], final_info["_ended"] = np.full(self.num_envs, None), over
        final_info["ended"][which] = NAMES[results["ended"][which]]
        if self._autoreset != "same_step":
            info.update(final_info)
            return
        observation = out.final_observation.reshape(self.num_envs, self._size)
        mask = out.final_mask.reshape(self.num_envs, self._masks)
        final = np.full(self.num_envs, None, dtype=object)
        for e in which.tolist():
            final[e] = {"observation": observation[e], "action_mask": mask[e]}
        info.update(final_obs=final, _final_obs=over, final_info=final_info, _final_info=over)

    def _all_must_run(self) -> None:
        """Check that no episode is over.

        Raises:
            ResetNeeded: one is, and there is no autoreset.
        """
        over = self._clouds.episodes["ended"] != RUNNING
        if over.any():
            raise ResetNeeded(
                f"step: the episode of environment {int(over.argmax())} is over; call reset with "
                "its reset_mask first"
            )

    def _chosen(self, options: Mapping[str, Any]) -> tuple[BoolArray, IntArray]:
        """Return which environments begin anew, and in which worlds."""
        which, chosen = self._all, self._next
        if options.get("reset_mask") is not None:
            mask = values.array(options["reset_mask"])
            if mask is None or mask.shape != (self.num_envs,) or mask.dtype != np.bool_:
                raise InputError(
                    f"reset: reset_mask is {values.shown(options['reset_mask'])}; must be booleans "
                    f"of shape ({self.num_envs},)"
                )
            which = mask
            if not self._begun and not which.all():
                raise ResetNeeded("reset: no episode has begun; reset all environments first")
        if options.get("worlds") is not None:
            worlds, most = values.wholes(options["worlds"]), self.options.worlds
            if worlds is None or not ((worlds >= 0) & (worlds < most)).all():
                raise InputError(
                    f"reset: worlds must be whole numbers in 0..{most - 1}, not "
                    f"{values.shown(options['worlds'])}"
                )
            if worlds.shape not in ((), (self.num_envs,)):
                raise InputError(
                    f"reset: worlds must be one or {self.num_envs}, not "
                    f"{values.shown(options['worlds'])}"
                )
            chosen = np.broadcast_to(worlds, self.num_envs).astype(np.int64)
        return which, chosen

    def _seed(self, seed: int | Sequence[int] | None, which: BoolArray) -> None:
        episodes = self._clouds.episodes
        if seed is None and self._begun:
            return
        if seed is None:
            seed = int(self.np_random.integers(2**31))
        seeds = values.wholes(seed)
        if seeds is not None and seeds.shape == () and seeds <= values.MOST - self.num_envs:
            seeds = seeds + np.arange(self.num_envs)
        if seeds is None or seeds.shape != (self.num_envs,) or seeds.min() < 0:
            raise InputError(
                f"reset: seed {values.shown(seed)}; must be a whole number that is not negative, "
                f"or {self.num_envs} of them, at most 2**63 - 1"
            )
        super().reset(seed=int(seeds[0]))
        episodes["seed"][which] = seeds[which]
        episodes["number"][which] = -1

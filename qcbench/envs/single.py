"""What the single environments of all tracks have in common: one cloud, one decision a step."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar, Literal

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium import spaces
from gymnasium.error import ResetNeeded

from qcbench.arrays import BoolArray
from qcbench.cloud.cloud import Cloud
from qcbench.cloud.execution import DONE
from qcbench.cloud.records import Records
from qcbench.envs import values
from qcbench.envs.accounts import Account
from qcbench.envs.open_cloud import OpenCloud
from qcbench.envs.options import make_options
from qcbench.envs.rendering import Bar, Picture
from qcbench.envs.worlds import (
    EMPTY_WORLDS,
    SPLITS,
    Split,
    checked_world,
    drawn_index,
    empty_world,
)
from qcbench.errors import InputError
from qcbench.policies.features.observer import Observer, observer
from qcbench.tracks import Track

Observation = dict[str, npt.NDArray[Any]]
RenderMode = Literal["rgb_array", "ansi"]


class CloudEnv(gymnasium.Env[Observation, Any]):
    """A cloud whose policy is the agent; an episode is one world, a step one decision.

    Attributes:
        options: of the environment, checked.
        layout: what the observation holds.
        world: index of the world within its split, -1 before the first reset.
    """

    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["rgb_array", "ansi"], "render_fps": 4}
    track: ClassVar[Track]

    def __init__(self, *, render_mode: RenderMode | None = None, **options: Any) -> None:
        if render_mode not in (None, *self.metadata["render_modes"]):
            raise InputError(f"render_mode: {render_mode!r}; must be rgb_array or ansi")
        self.render_mode = render_mode
        self.options = make_options(self.track, **options)
        self.fleet = self.options.source.fleet
        watcher = self._new_observer()
        self.layout = watcher.layout
        low, high = self.layout.bounds(watcher.items)
        self.action_space = self._action_space()
        self._masks = self._mask_size()
        self.observation_space = spaces.Dict(
            {
                "observation": spaces.Box(
                    np.array(low, dtype=np.float32), np.array(high, dtype=np.float32)
                ),
                "action_mask": spaces.Box(0, 1, (self._masks,), np.int8),
            }
        )
        self._watcher = watcher
        self._out = [0.0] * self.layout.size(watcher.items)
        self._mask = np.ones(self._masks, dtype=np.int8)
        self._cloud: OpenCloud | None = None
        self._view: Any = None
        self._log: list[Bar] = []
        self._account: Account | None = None
        self._limit: int | None = None
        self._seed: int | None = None
        self._episode = -1
        self._decisions = 0
        self._violations = 0
        self._split_of_world = self.options.split
        self.world = -1

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Begin an episode in another world, with an idle fleet.

        Args:
            seed: equal seeds give equal sequences of worlds.
            options: `world`: index of the world to take; `split`: take it from another split.

        Raises:
            InputError: a seed or an option that cannot be, which changes nothing, or a world that
                cannot be run.
        """
        chosen, split = self._chosen(values.keys("reset", options, ("world", "split")))
        if seed is not None:
            seed = values.whole("reset: seed", seed)
        super().reset(seed=seed)
        if seed is not None:
            self._seed, self._episode = seed, -1
        if self._seed is None:
            self._seed = int(self.np_random.integers(2**31))
        for _ in range(EMPTY_WORLDS):
            self._episode += 1
            drawn = drawn_index(self._seed, self._episode, self.options.worlds)
            if self._begin(split, drawn if chosen is None else chosen):
                return self._observe(), {"action_mask": self._mask.copy(), "world": self.world}
            if chosen is not None:
                break
        raise empty_world(self.options.source, split, self.world)

    def step(self, action: Any) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Give the decision that is due and go on to the next.

        Raises:
            ResetNeeded: there is none: the episode is over or has not begun.
            InputError: an action of another shape, type or range, or one that the mask forbids
                where `masked` is `error`.
        """
        cloud, account = self._cloud, self._account
        if cloud is None or account is None or self._view is None:
            raise ResetNeeded("step: no decision is due; call reset first")
        reward, violation = self._decide(action)
        self._decisions += 1
        self._violations += violation
        self._view = cloud.view
        terminated = self._view is None
        truncated = not terminated and self._decisions == self._limit
        if self.options.reward.kind in ("cost", "makespan"):
            reward += self._come_due(account)
        observation = self._observe()
        info: dict[str, Any] = {"action_mask": self._mask.copy(), "violation": violation}
        if truncated:
            cloud.cloud.world.truncated = True
            self._view = None
        if terminated or truncated:
            info.update(self._final(cloud))
        return observation, float(reward), terminated, truncated, info

    @property
    def records(self) -> Records:
        """What has happened in the episode; ends it where it is not over.

        Raises:
            ResetNeeded: none has begun.
        """
        if self._cloud is None:
            raise ResetNeeded("records: no episode has begun; call reset first")
        self._view = None
        return self._cloud.records()

    def action_masks(self) -> BoolArray:
        """Return which actions can be taken now; sb3-contrib's masked learners ask for it."""
        return self._mask.astype(np.bool_)

    def render(self) -> Any:
        """Return the fleet as an image (height, width, 3) or as text, by `render_mode`."""
        if self.render_mode is None or self._cloud is None:
            return None
        picture = Picture.of(self._cloud.cloud, self._log)
        return picture.ansi() if self.render_mode == "ansi" else picture.rgb()

    def close(self) -> None:
        """Let go of the cloud."""
        if self._cloud is not None:
            self._cloud.close()
            self._cloud = self._view = None

    @abstractmethod
    def _action_space(self) -> spaces.Space[Any]:
        """Return the space of decisions."""

    @abstractmethod
    def _decide(self, action: Any) -> tuple[float, bool]:
        """Take a decision; return what is due at once, and whether it was a violation."""

    def _come_due(self, account: Account) -> float:
        return account.settle()

    def _new_observer(self) -> Observer:
        return observer(
            self.track,
            self.fleet,
            observation=self.options.observation,
            slots=self.options.slots,
        )

    def _mask_size(self) -> int:
        return int(self.action_space.n) if isinstance(self.action_space, spaces.Discrete) else 1

    def _write_mask(self, view: Any) -> None:
        self._watcher.mask(view, self._mask)

    def _chosen(self, options: Mapping[str, Any]) -> tuple[int | None, Split]:
        """Return which world to take, None where it is drawn, and of which split."""
        split: Split = options.get("split", self.options.split)
        if not isinstance(split, str):
            raise InputError(f"reset: split: {values.shown(split)}; must be {' or '.join(SPLITS)}")
        splits = self.options.source.splits
        splits.count(split)
        chosen = options.get("world")
        if chosen is None:
            return None, split
        world = values.whole("reset: world", chosen)
        splits.replicate(split, world)
        return world, split

    def _begin(self, split: Split, index: int) -> bool:
        """Build a world; return whether it asks for a decision."""
        self.close()
        self.world, self._split_of_world = index, split
        scenario, streams = checked_world(self.options.source, split, index)
        rules = scenario.rules
        if rules.dispatch.holds_and_waits:
            raise InputError(
                f"scenario {scenario.name}: rules.dispatch.order {rules.dispatch.order} has no "
                "environment (fifo and backfill have)"
            )
        limit = self.options.max_decisions
        self._limit = rules.rescheduling.max_decisions if limit is None else limit
        # A truncated episode has a last observation, so the limit is kept here, not in the cloud.
        unlimited = replace(rules.rescheduling, max_decisions=None)
        scenario = replace(scenario, rules=replace(rules, rescheduling=unlimited))
        self._cloud = OpenCloud(scenario, streams)
        self._account = Account(self._cloud.cloud, self.options.reward)
        self._watcher = self._new_observer()
        self._log = []
        self._decisions = self._violations = 0
        self._view = self._cloud.start()
        self._account.settle()
        return self._view is not None

    def _observe(self) -> Observation:
        if self._view is None:
            self._mask[:] = 1
            values = np.zeros(len(self._out), dtype=np.float32)
        else:
            self._watcher.observe(self._view, self._out)
            self._write_mask(self._view)
            values = np.array(self._out, dtype=np.float32)
        return {"observation": values, "action_mask": self._mask.copy()}

    def _final(self, cloud: OpenCloud) -> dict[str, Any]:
        """Say how the episode ended and what came of it."""
        records = cloud.records()
        arrived = len(records.job_status)
        done = records.job_status == DONE
        completion_s = records.job_finish_s - records.workload.arrival_s[:arrived]
        return {
            "ended": self._ended(cloud.cloud, records),
            "world": self.world,
            "split": self._split_of_world,
            "decisions": self._decisions,
            "violations": self._violations,
            "jobs": arrived,
            "done": int(done.sum()),
            "completion_s": float(completion_s[done].mean()) if done.any() else float("nan"),
        }

    @staticmethod
    def _ended(cloud: Cloud, records: Records) -> str:
        if records.truncated:
            return "max_decisions"
        horizon_s = cloud.scenario.rules.horizon_s
        return "horizon" if horizon_s is not None and records.end_s >= horizon_s else "done"

    def _whole(self, action: Any) -> int:
        """Return a discrete action.

        Raises:
            InputError: it is no whole number below the number of actions.
        """
        count = self._masks
        value = (
            action.item()
            if isinstance(action, np.generic | np.ndarray)
            and (np.size(action) == 1 and np.ndim(action) == 0)
            else action
        )
        if value.__class__ is not int or not 0 <= value < count:
            raise InputError(f"action {_shown(action)}: must be a whole number in 0..{count - 1}")
        return value

    def _forbidden(self, action: int) -> bool:
        """Return whether the mask forbids an action.

        Raises:
            InputError: it does, and `masked` is `error`.
        """
        if self._mask[action]:
            return False
        if self.options.masked == "error":
            allowed = np.flatnonzero(self._mask).tolist()
            raise InputError(f"action {action}: the mask forbids it; allowed now: {allowed}")
        return True


def _shown(action: Any) -> str:
    """Describe an action of the wrong kind."""
    if isinstance(action, np.ndarray):
        return f"of shape {action.shape} and type {action.dtype}"
    return f"{action!r} ({type(action).__name__})"

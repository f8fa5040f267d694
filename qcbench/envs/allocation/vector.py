"""`qcbench/Allocation-v1` and `AllocationDiscrete-v1` as vector environments on the kernel."""

from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from qcbench.arrays import BoolArray, IntArray
from qcbench.envs.allocation import batch
from qcbench.envs.allocation.bank import draw_bank
from qcbench.envs.clouds import Clouds, TrackClouds
from qcbench.envs.dues import make_paid
from qcbench.envs.options import Options
from qcbench.envs.steps import config_of, make_memory
from qcbench.envs.vector import CloudVectorEnv, Vector
from qcbench.errors import InputError
from qcbench.kernels.allocation.arrays import make_outcomes, make_state
from qcbench.policies.features.allocation_action import LEAST_WEIGHT, MOST_WEIGHT
from qcbench.policies.features.allocation_menu import menu
from qcbench.tracks import Track


class AllocationVectorEnv(CloudVectorEnv):
    """Many clouds, in each of which the agent gives every QPU a weight at every step.

    Actions are those of `AllocationEnv`.
    """

    track: ClassVar[Track] = "allocation"

    def _action_space(self) -> spaces.Space[Any]:
        return spaces.Box(LEAST_WEIGHT, MOST_WEIGHT, (len(self.fleet),), np.float32)

    def _mask_size(self) -> int:
        return len(self.fleet)

    def _make_clouds(self, autoreset: int) -> Clouds:
        sets = np.zeros((0, len(self.fleet)), dtype=np.bool_)
        return _clouds(self.options, self.num_envs, self._size, autoreset, sets)

    def _checked(self, actions: Vector) -> batch.Actions:
        weights = np.asarray(actions)
        shape = (self.num_envs, len(self.fleet))
        if weights.shape != shape or weights.dtype.kind != "f":
            raise InputError(
                f"actions of shape {weights.shape} and type {weights.dtype}: must be weights of "
                f"shape {shape} and type float32"
            )
        # The step cuts them to their range in place.
        taken = weights.astype(np.float32, order="C", copy=True)
        if not batch.all_finite(taken) and not np.isfinite(weights).all():
            at = int((~np.isfinite(weights)).any(axis=1).argmax())
            raise InputError(
                f"action {weights[at].tolist()} of environment {at}: weights must be finite"
            )
        return batch.Actions(taken, _NO_CHOICES)


class AllocationDiscreteVectorEnv(CloudVectorEnv):
    """Many clouds, in each of which the agent chooses a set of QPUs, or waits, at every step.

    Actions are those of `AllocationDiscreteEnv`.
    """

    track: ClassVar[Track] = "allocation"

    def _action_space(self) -> spaces.Space[Any]:
        return spaces.Discrete(self._mask_size())

    def _mask_size(self) -> int:
        return 1 + len(menu(self.fleet))

    def _make_clouds(self, autoreset: int) -> Clouds:
        return _clouds(self.options, self.num_envs, self._size, autoreset, menu(self.fleet))

    def _checked(self, actions: Vector) -> batch.Actions:
        return batch.Actions(_no_weights(len(self.fleet)), self._whole(actions))


def _clouds(options: Options, count: int, size: int, autoreset: int, sets: BoolArray) -> Clouds:
    """Return clouds with shared QPUs; ``sets`` is the menu, empty where actions are weights."""
    bank = draw_bank(options)
    state = make_state(count, bank.worlds, charge=bank.settings.charge)

    def extend(arrays: batch.Arrays) -> batch.Arrays:
        bank.failures.extend()
        worlds = arrays.worlds._replace(gap_s=bank.failures.gap_s)
        return arrays._replace(worlds=worlds)

    own = TrackClouds(
        step=batch.step_relative if options.remembers else batch.step,
        arrays=batch.Arrays(
            settings=bank.settings,
            worlds=bank.worlds,
            quality=bank.quality,
            price=bank.price,
            state=state,
            outcomes=make_outcomes(count, bank.worlds, keep=bank.settings.keep),
            menu=sets,
            paid=make_paid(bank.settings.keep, count, bank.worlds.exec_s.shape[1]),
            memory=make_memory(options, count, len(options.source.fleet)),
        ),
        clouds=state.clouds,
        no_actions=batch.Actions(_no_weights(len(options.source.fleet)), _NO_CHOICES),
        extend=extend,
    )
    return Clouds(
        own, config_of(options, size, autoreset, bank.max_decisions, bank.fades_s), options
    )


_NO_CHOICES: IntArray = np.zeros(0, dtype=np.int64)


def _no_weights(qpus: int) -> npt.NDArray[np.float32]:
    return np.zeros((0, qpus), dtype=np.float32)

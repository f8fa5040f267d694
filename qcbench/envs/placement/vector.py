"""`qcbench/Placement-v1` as a vector environment: many clouds on the compiled kernel."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from gymnasium import spaces

from qcbench.arrays import BoolArray, IntArray
from qcbench.envs.options import Options
from qcbench.envs.placement import batch
from qcbench.envs.placement.bank import draw_bank
from qcbench.envs.placement.clouds import make_clouds
from qcbench.envs.vector import Clouds, CloudVectorEnv, Vector
from qcbench.errors import InputError
from qcbench.tracks import Track

MANY_ENVS, FEW_QPUS = 64, 16
"""So many environments are worth compiling for a number of QPUs, if these are few."""


class PlacementVectorEnv(CloudVectorEnv):
    """Many clouds, in each of which the agent chooses the QPU of a task at every step.

    Attributes:
        bank: the worlds, drawn in advance.
        told: the options as the kernel has them.
    """

    track: ClassVar[Track] = "placement"

    def _action_space(self) -> spaces.Space[Any]:
        return spaces.Discrete(len(self.fleet))

    def _mask_size(self) -> int:
        return len(self.fleet)

    def _make_clouds(self, autoreset: int) -> Clouds:
        many = self.num_envs >= MANY_ENVS and len(self.fleet) <= FEW_QPUS
        self.bank = draw_bank(self.options, unrolled=many)
        self.told = _told(self.options, autoreset, self.bank.max_decisions)
        return make_clouds(self.bank, self.num_envs, self.told)

    def _checked(self, actions: Vector) -> IntArray:
        return self._whole(actions)

    def _chosen(self, options: Mapping[str, Any]) -> tuple[BoolArray, IntArray]:
        which, chosen = super()._chosen(options)
        if options.get("worlds") is not None:
            self._ask_of(chosen[which])
        return which, chosen

    def _ask_of(self, chosen: IntArray) -> None:
        """Check that worlds ask for a decision."""
        worlds, limits = self.bank.worlds, self.bank.limits
        first_s = worlds.arrival_s[chosen * worlds.width]
        late = np.flatnonzero(first_s >= limits.horizon_s)
        if len(late):
            raise InputError(
                f"world {chosen[late[0]]} of split {self.options.split} of "
                f"{self.options.source.name}: asks for no decision before the horizon"
            )


def _told(options: Options, autoreset: int, max_decisions: int | None) -> batch.Told:
    reward = options.reward
    return batch.Told(
        per_second=reward.per_second,
        per_infidelity=reward.fidelity,
        per_price=reward.price,
        violation=reward.violation,
        failure=reward.failure,
        drop=reward.drop,
        hindsight_reward=reward.kind == "hindsight",
        legacy_reward=reward.kind == "legacy",
        legacy_observation=options.observation == "legacy",
        autoreset=autoreset,
        max_decisions=np.iinfo(np.int64).max if max_decisions is None else max_decisions,
    )

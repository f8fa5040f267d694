"""`qcbench/Queueing-v1` as a vector environment: many clouds on the compiled kernel."""

from typing import Any, ClassVar

from gymnasium import spaces

from qcbench.arrays import IntArray
from qcbench.envs.queueing.clouds import QueueingClouds
from qcbench.envs.vector import Clouds, CloudVectorEnv, Vector
from qcbench.tracks import Track


class QueueingVectorEnv(CloudVectorEnv):
    """Many single environments of `envs.queueing.single`; a step is one decision in each."""

    track: ClassVar[Track] = "queueing"

    def _action_space(self) -> spaces.Space[Any]:
        return spaces.Discrete(self.options.slots)

    def _mask_size(self) -> int:
        return self.options.slots

    def _make_clouds(self, autoreset: int) -> Clouds:
        return QueueingClouds(self.options, self.num_envs, autoreset)

    def _checked(self, actions: Vector) -> IntArray:
        return self._whole(actions)

"""`qcbench/Placement-v1` as a vector environment: many clouds on the compiled kernel."""

from typing import Any, ClassVar

import numpy as np
from gymnasium import spaces

from qcbench.arrays import FloatArray, IntArray
from qcbench.envs.clouds import Clouds, TrackClouds
from qcbench.envs.dues import make_paid
from qcbench.envs.placement import batch, costs, uncertain
from qcbench.envs.placement.bank import draw_bank
from qcbench.envs.steps import config_of, make_memory
from qcbench.envs.vector import CloudVectorEnv, Vector
from qcbench.kernels.placement.event_state import make_event_state
from qcbench.kernels.placement.outcome import ROW
from qcbench.kernels.placement.step import make_state
from qcbench.tracks import Track

MANY_ENVS, FEW_QPUS = 64, 16
"""So many environments are worth compiling for a number of QPUs, if these are few: steps then are
15 % faster or more (`python -m tests.perf.plain`)."""


class PlacementVectorEnv(CloudVectorEnv):
    """Many clouds, in each of which the agent chooses the QPU of a task at every step.

    Attributes:
        bank: the worlds, drawn in advance.
        config: the options as the kernel has them.
    """

    track: ClassVar[Track] = "placement"

    def _action_space(self) -> spaces.Space[Any]:
        return spaces.Discrete(len(self.fleet))

    def _mask_size(self) -> int:
        return len(self.fleet)

    def _make_clouds(self, autoreset: int) -> Clouds:
        many = self.num_envs >= MANY_ENVS and len(self.fleet) <= FEW_QPUS
        self.bank = draw_bank(self.options, unrolled=many)
        self.config = config_of(
            self.options, self._size, autoreset, self.bank.max_decisions, self.bank.fades_s
        )
        own = self._exact() if self.bank.chances is None else self._uncertain()
        return Clouds(own, self.config, self.options)

    def _exact(self) -> TrackClouds:
        """Return clouds where nothing fails and execution times are as estimated."""
        worlds, limits = self.bank.worlds, self.bank.limits
        state = make_state(self.num_envs, worlds)
        memory = make_memory(self.options, self.num_envs, len(self.fleet))
        return TrackClouds(
            step=batch.step_relative if self.options.remembers else batch.step,
            arrays=batch.Arrays(worlds, state, limits.delay_s, limits.horizon_s, memory),
            clouds=state.clouds,
            no_actions=self._next,
            extend=lambda arrays: arrays,
        )

    def _uncertain(self) -> TrackClouds:
        """Return clouds that go on event by event."""
        worlds, source = self.bank.worlds, self.bank.chances
        if source is None:
            raise TypeError("these worlds leave nothing to chance")
        chances = source.chances()
        state = make_event_state(self.num_envs, worlds, chances.users)
        rows = np.zeros(self.num_envs * worlds.width, dtype=ROW)
        memory = make_memory(self.options, self.num_envs, len(self.fleet))
        paid = make_paid(self.options.reward.counts_due, self.num_envs, worlds.width)

        def extend(arrays: uncertain.Arrays) -> uncertain.Arrays:
            source.extend()
            return arrays._replace(chances=source.chances())

        return TrackClouds(
            step=uncertain.step_relative if self.options.remembers else uncertain.step,
            arrays=uncertain.Arrays(worlds, self.bank.limits, chances, state, rows, paid, memory),
            clouds=state.clouds,
            no_actions=self._next,
            extend=extend,
        )

    def rollout_costs(self, first: int, last: int, rolled: costs.Futures) -> FloatArray:
        """Return what each QPU would cost at the decisions due in some environments.

        Args:
            first, last: of the environments, the last excluded.
            rolled: how, see `costs.futures`.

        Returns:
            In seconds, shape (last - first, QPUs); infinite where the task does not fit.
        """
        out = np.empty((last - first) * len(self.fleet))
        state = self._clouds.arrays.state
        worlds = self.bank.worlds
        costs.rollout_costs(worlds, state.clouds, state.free_at_s, first, last, rolled, out)
        return out.reshape(last - first, len(self.fleet))

    def lost_fidelity(self, first: int, last: int) -> FloatArray:
        """Return what the estimated fidelity on each QPU lacks to the best, as a share of that.

        Args:
            first, last: of the environments, the last excluded; their decisions that are due.

        Returns:
            Shape (last - first, QPUs); 1 where the task does not fit.
        """
        worlds, clouds = self.bank.worlds, self._clouds.arrays.state.clouds[first:last]
        at = (clouds["world"].astype(np.int64) * worlds.width + clouds["task"]) * worlds.stride
        places = at[:, np.newaxis] + np.arange(len(self.fleet))
        fidelity = np.where(worlds.exec_s[places] < np.inf, worlds.fidelity[places], 0.0)
        best = fidelity.max(1, keepdims=True)
        lost: FloatArray = 1.0 - fidelity / np.where(best > 0.0, best, 1.0)
        return lost

    def _checked(self, actions: Vector) -> IntArray:
        return self._whole(actions)

"""`qcbench/Queueing-v1` as a vector environment: many clouds on the compiled kernel."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
from gymnasium import spaces

from qcbench.arrays import FloatArray, IntArray
from qcbench.envs.clouds import Clouds, TrackClouds, draw_worlds
from qcbench.envs.dues import make_paid
from qcbench.envs.queueing import batch
from qcbench.envs.steps import config_of, make_memory
from qcbench.envs.vector import CloudVectorEnv, Vector
from qcbench.kernels.failures import FailureTimes
from qcbench.kernels.queueing.layout import Sizes, empty_clouds
from qcbench.kernels.queueing.load import make_worlds, prepare
from qcbench.policies.features.queueing_relative import MEMORY
from qcbench.tracks import Track


class QueueingVectorEnv(CloudVectorEnv):
    """Many single environments of `envs.queueing.single`; a step is one decision in each."""

    track: ClassVar[Track] = "queueing"

    def _action_space(self) -> spaces.Space[Any]:
        return spaces.Discrete(self.options.slots)

    def _mask_size(self) -> int:
        return self.options.slots

    def _make_clouds(self, autoreset: int) -> Clouds:
        drawn = draw_worlds(self.options)
        rules = replace(drawn.scenarios[0].rules, records="jobs")  # rows are not kept
        prepared = [
            prepare(replace(scenario, rules=rules), streams)
            for scenario, streams in zip(drawn.scenarios, drawn.streams, strict=True)
        ]
        all_sizes = [each.sizes() for each in prepared]
        sizes = Sizes(*(max(column) for column in zip(*all_sizes, strict=True)))
        failures = FailureTimes(rules.failures, drawn.streams, len(self.fleet))
        with_fidelity = self.options.reward.fidelity > 0
        worlds = make_worlds(prepared, sizes, failures, quality=with_fidelity)
        worlds.rules["quality"] = False  # that is for rows
        cold, drops = rules.classical.cold_start is not None, rules.deadlines == "drop"
        clouds = empty_clouds(self.num_envs, sizes, cold=cold, drops=drops)

        memory = self._memory()
        paid = make_paid(self.options.reward.counts_due, self.num_envs, sizes.jobs)

        def extend(arrays: batch.Arrays) -> batch.Arrays:
            failures.extend()
            return arrays._replace(worlds=arrays.worlds._replace(gap_s=failures.gap_s))

        own = TrackClouds(
            step=self._step(),
            arrays=batch.Arrays(worlds, clouds, paid, memory),
            clouds=clouds.state,
            no_actions=self._next,
            extend=extend,
        )
        config = config_of(self.options, self._size, autoreset, drawn.max_decisions, drawn.fades_s)
        return Clouds(own, config, self.options)

    def _step(self) -> Callable[..., int]:
        if self.options.remembers:
            return batch.step_relative
        return batch.step_ages if self.options.knows_ages else batch.step

    def _memory(self) -> FloatArray:
        """Return what is remembered: by the observation, or for the reward alone."""
        if self.options.knows_ages and not self.options.remembers:
            return np.zeros(self.num_envs * MEMORY)
        return make_memory(self.options, self.num_envs, self.options.slots)

    def _checked(self, actions: Vector) -> IntArray:
        return self._whole(actions)

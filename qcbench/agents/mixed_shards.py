"""Shards of several sources in one process: each source has environments of its own.

So sources may have different numbers of QPUs; only the network, which scores any number, is shared.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate, chain
from typing import Any, TypeAlias

import numpy.typing as npt
from torch import Tensor

from qcbench.agents.reference_ppo import Experience, Gradient, Step
from qcbench.agents.reference_shards import LocalShards


class MixedShards:
    """See `qcbench.agents.reference_ppo.Shards`.

    Args:
        parts: neighbouring shards of each source, in their order.
        threads: that share the sources.
    """

    def __init__(self, parts: Sequence[LocalShards], threads: int) -> None:
        self.parts = list(parts)
        self.notes: list[str] = []
        self._pool = ThreadPoolExecutor(threads)

    def begin(self, seed: int) -> None:
        """Begin episodes, in every source with the same seed."""
        for part in self.parts:
            part.begin(seed)

    def repeat(self, actions: npt.NDArray[Any]) -> None:
        """Take decisions again that were taken before, see `LocalShards.repeat`."""
        ends = list(accumulate(part.envs.num_envs for part in self.parts))
        for part, end in zip(self.parts, ends, strict=True):
            part.repeat(actions[:, end - part.envs.num_envs : end])

    def collect(
        self, weights: list[Tensor], generators: list[Tensor], seed: int | None
    ) -> list[Experience]:
        """See `Shards`."""
        ends = list(accumulate(part.count for part in self.parts))
        own = [generators[end - p.count : end] for p, end in zip(self.parts, ends, strict=True)]
        told = self._pool.map(lambda part, g: part.collect(weights, g, seed), self.parts, own)
        return list(chain.from_iterable(told))

    def gradients(self, weights: list[Tensor], step: Step) -> list[Gradient]:
        """See `Shards`."""
        found = self._pool.map(lambda part: part.gradients(weights, step), self.parts)
        return list(chain.from_iterable(found))

    def close(self) -> None:
        """Let go of the environments."""
        for part in self.parts:
            part.close()
        self._pool.shutdown()


SomeShards: TypeAlias = LocalShards | MixedShards
"""Neighbouring shards in this process, of one source or of several."""

"""Crossover blocks: every policy alone on the devices, one after another, in a drawn order.

The tasks are cut into blocks; within a block each policy places all of its tasks while no other
policy does, and begins when the jobs of the one before have ended. A section is the turn of one
policy in one block.
"""

from dataclasses import dataclass

import numpy as np

from qcbench.arrays import FloatArray
from qcbench.bench.seeds import stream
from qcbench.hardware.replay_config import SUITE, ReplayConfig


def orders(config: ReplayConfig) -> list[list[int]]:
    """Return the order of the policies in every block, none where the policies are interleaved.

    Blocks come in Latin squares: in as many as there are policies each is once in every place.
    """
    if config.blocks is None:
        return []
    again, count = config.repetition or 1, len(config.policies)
    name = "crossover" if again == 1 else f"crossover {again}"
    rng = stream(SUITE, config.scenario.name, config.seed, name, seed=config.master_seed)
    found: list[list[int]] = []
    while len(found) < config.blocks:
        base = rng.permutation(count)
        found += [np.roll(base, shift).tolist() for shift in rng.permutation(count)]
    return found[: config.blocks]


@dataclass(frozen=True)
class Crossover:
    """Who places which tasks when.

    Attributes:
        orders: of the policies, by block.
        arrival_s: of the tasks, in the stream of the workload.
    """

    orders: list[list[int]]
    arrival_s: FloatArray

    @property
    def sections(self) -> int:
        """Turns of a policy in a block, one after another."""
        return sum(map(len, self.orders))

    def block(self, task: int) -> int:
        """Return the block of a task."""
        return task * len(self.orders) // len(self.arrival_s)

    def section(self, policy: int, task: int) -> int:
        """Return the section in which a policy places a task."""
        block = self.block(task)
        return block * len(self.orders[block]) + self.orders[block].index(policy)

    def after_start_s(self, task: int) -> float:
        """Return when a task arrives, from the start of its section."""
        block = self.block(task)
        first = -(-block * len(self.arrival_s) // len(self.orders))
        return float(self.arrival_s[task] - self.arrival_s[first])


def start_key(section: int) -> str:
    """Return where a ledger keeps the stream time at which a section began."""
    return f"section_{section}"

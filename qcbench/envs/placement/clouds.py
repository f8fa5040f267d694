"""Many clouds of one bank behind one interface, whether anything can fail in them or not."""

from collections.abc import Callable

import numpy as np

from qcbench.arrays import BoolArray, IntArray
from qcbench.envs.placement.bank import Bank
from qcbench.envs.placement.batch import EPISODE, Told, begin_all_exact, step_exact
from qcbench.envs.placement.uncertain import FINISHED, begin_all_uncertain, step_uncertain
from qcbench.envs.steps import NOT_BEGUN, RESULT, Output, Table
from qcbench.envs.vector import Clouds
from qcbench.kernels.compiling import compiled_for
from qcbench.kernels.placement.event_state import make_event_state
from qcbench.kernels.placement.outcome import ROW
from qcbench.kernels.placement.step import State, make_state


def make_clouds(bank: Bank, count: int, told: Told) -> Clouds:
    """Return clouds that have not begun."""
    if bank.chances is None:
        return ExactClouds(bank, count, told)
    return UncertainClouds(bank, count, told)


def _tables(count: int) -> tuple[Table, Table]:
    episodes = np.zeros(count, dtype=EPISODE)
    episodes["number"] = -1
    episodes["ended"] = NOT_BEGUN
    return episodes, np.zeros(count, dtype=RESULT)


class ExactClouds:
    """Clouds where nothing fails and execution times are as estimated."""

    def __init__(self, bank: Bank, count: int, told: Told) -> None:
        self._worlds, self._limits, self._told = bank.worlds, bank.limits, told
        self.state: State = make_state(count, bank.worlds)
        self.episodes, self.results = _tables(count)
        self._step: Callable[..., bool] | None = None

    def worlds(self) -> IntArray:
        """Return the world that each is in, shape (E,)."""
        return self.state.clouds["world"].astype(np.int64)

    def begin(self, which: BoolArray, chosen: IntArray, out: Output) -> None:
        """Begin episodes."""
        begin_all_exact(
            self._worlds, self._limits, self._told, self.state, self.episodes, which, chosen, out
        )

    def step(self, actions: IntArray, out: Output) -> bool:
        """Take a decision in every cloud."""
        told = (
            self._worlds,
            self._limits,
            self._told,
            self.state,
            self.episodes,
            self.results,
            actions,
            out,
        )
        if self._step is None:
            self._step = compiled_for(step_exact, told)
        return self._step(*told)


class UncertainClouds:
    """Clouds where QPUs fail, execution times are uncertain, or not every job is let in."""

    def __init__(self, bank: Bank, count: int, told: Told) -> None:
        if bank.chances is None:
            raise TypeError("these worlds leave nothing to chance")
        self._worlds, self._limits, self._told = bank.worlds, bank.limits, told
        self._source = bank.chances
        self._chances = bank.chances.chances()
        self.state = make_event_state(count, bank.worlds, self._chances.users)
        self.rows: Table = np.zeros(count * bank.worlds.width, dtype=ROW)
        self.episodes, self.results = _tables(count)

    def worlds(self) -> IntArray:
        """Return the world that each is in, shape (E,)."""
        return self.state.clouds["world"].astype(np.int64)

    def begin(self, which: BoolArray, chosen: IntArray, out: Output) -> None:
        """Begin episodes."""
        self._go_through(begin_all_uncertain, which, chosen, out)

    def step(self, actions: IntArray, out: Output) -> bool:
        """Take a decision in every cloud."""
        self._go_through(step_uncertain, actions, out)
        return bool(out.terminated.any() or out.truncated.any())

    def _go_through(self, function: Callable[..., int], *arguments: object) -> None:
        """Call a compiled function until it has gone through all clouds.

        Where a cloud has lived through the failures and repairs that were drawn, more are.
        """
        first = 0
        while True:
            first = function(
                self._worlds,
                self._limits,
                self._chances,
                self._told,
                self.state,
                self.rows,
                self.episodes,
                self.results,
                *arguments,
                first,
            )
            if first == FINISHED:
                return
            self._source.extend()
            self._chances = self._source.chances()

"""Many clouds of one bank of worlds, each at a decision of an episode."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from qcbench.arrays import BoolArray, IntArray
from qcbench.envs.options import Options
from qcbench.envs.queueing import batch
from qcbench.envs.queueing.episodes import BEGINNING, EPISODE, READY, Told
from qcbench.envs.steps import NOT_BEGUN, RESULT, Output, Table
from qcbench.envs.worlds import checked_world
from qcbench.errors import InputError
from qcbench.kernels import engine
from qcbench.kernels.compiling import compiled_for
from qcbench.kernels.failures import FailureTimes
from qcbench.kernels.queueing.layout import Clouds, Sizes, empty_clouds
from qcbench.kernels.queueing.load import Prepared, make_worlds, prepare


class QueueingClouds:
    """See `qcbench.envs.vector.Clouds`."""

    def __init__(self, options: Options, count: int, autoreset: int) -> None:
        """Draw the worlds and allocate the clouds.

        Raises:
            InputError: a world cannot be compiled.
        """
        self._options = options
        self._prepared = [_prepared(options, index) for index in range(options.worlds)]
        sizes = Sizes(*(max(column) for column in zip(*map(_sizes, self._prepared), strict=True)))
        self._failures = FailureTimes(
            self._prepared[0].scenario.rules.failures,
            [each.streams for each in self._prepared],
            len(options.source.fleet),
        )
        self._worlds = make_worlds(
            self._prepared, sizes, self._failures, quality=options.reward.fidelity > 0
        )
        self._worlds.rules["quality"] = False  # that is for rows
        # Of the world as it was drawn: the prepared ones know no limit.
        rules = checked_world(options.source, options.split, 0)[0].rules
        cold = any(each.scenario.rules.classical.cold_start for each in self._prepared)
        self.clouds: Clouds = empty_clouds(count, sizes, cold=cold)
        self.episodes: Table = np.zeros(count, dtype=EPISODE)
        self.episodes["number"] = -1
        self.episodes["ended"] = NOT_BEGUN
        self.results: Table = np.zeros(count, dtype=RESULT)
        self._nothing = np.zeros(count, dtype=np.int64)
        self._step: Callable[..., int] | None = None
        limit = options.max_decisions
        limit = rules.rescheduling.max_decisions if limit is None else limit
        self._told = Told(
            slots=options.slots,
            worlds=options.worlds,
            largest=int(options.source.fleet.qubits.max()),
            per_second=options.reward.per_second,
            per_infidelity=options.reward.fidelity,
            per_price=options.reward.price,
            violation=options.reward.violation,
            drop=options.reward.drop,
            max_decisions=np.iinfo(np.int64).max if limit is None else limit,
            autoreset=autoreset,
            hindsight=options.reward.kind == "hindsight",
            patience_s=options.reward.patience_s,
            begin_s=options.begin_s,
        )

    def worlds(self) -> IntArray:
        """Return the world that each is in."""
        return self.clouds.state["world"].copy()

    def begin(self, which: BoolArray, chosen: IntArray, out: Output) -> None:
        """Begin episodes in some clouds, in the worlds chosen or the next where negative.

        Raises:
            InputError: a world asks for no decision.
        """
        batch.open_worlds(self._worlds, self.clouds, self._told, self.episodes, which, chosen)
        self._go_on(self._nothing, out, acting=False)

    def step(self, actions: IntArray, out: Output) -> bool:
        """Take a decision in every cloud; return whether an episode ended."""
        return self._go_on(actions, out, acting=True)

    def _go_on(self, actions: IntArray, out: Output, *, acting: bool) -> bool:
        """Go on to the next decision of all; return whether an episode ended."""
        first, ended = 0, False
        while True:
            told = (
                self._worlds,
                self.clouds,
                self._told,
                self.episodes,
                self.results,
                actions,
                acting,
                out,
                first,
            )
            if self._step is None:
                self._step = compiled_for(batch.step, told)
            first = self._step(*told)
            if first in (batch.FINISHED, batch.ENDED):
                return ended or first == batch.ENDED
            if first == batch.NO_DECISION:
                self._tell_empty()
            self._failures.extend()
            self._worlds = self._worlds._replace(gap_s=self._failures.gap_s)
            ended = ended or bool(out.terminated.any() or out.truncated.any())

    def _tell_empty(self) -> None:
        begun = np.flatnonzero(self.episodes["stage"] == BEGINNING)
        world = int(self.clouds.state["world"][begun[0]])
        self.episodes["stage"] = READY
        raise InputError(
            f"world {world} of split {self._options.split} of {self._options.source.name}: asks "
            "for no decision, so that there is nothing to learn; take another scenario"
        )


def _prepared(options: Options, index: int) -> Prepared:
    """Draw one world; the limit of decisions is the environment's, and rows are not kept."""
    scenario, streams = checked_world(options.source, options.split, index)
    rules = scenario.rules
    engine.check(scenario.track, rules, scenario.name)
    unlimited = replace(rules.rescheduling, max_decisions=None)
    rules = replace(rules, rescheduling=unlimited, records="jobs")
    return prepare(replace(scenario, rules=rules), streams)


def _sizes(prepared: Prepared) -> Sizes:
    return prepared.sizes()

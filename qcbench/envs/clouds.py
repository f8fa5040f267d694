"""Many clouds of a track on its compiled kernel, each at a decision of an episode."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from qcbench.arrays import BoolArray, IntArray
from qcbench.cloud.cloud import Streams
from qcbench.cloud.scenario import Scenario
from qcbench.envs.accounts import NO_DUE_TIMES
from qcbench.envs.options import Options
from qcbench.envs.steps import (
    ANY_ENDED,
    EMPTY,
    EPISODE,
    FINISHED,
    NOT_BEGUN,
    OPENING,
    READY,
    RESULT,
    Config,
    Output,
    Table,
)
from qcbench.envs.worlds import checked_world, empty_world
from qcbench.errors import InputError
from qcbench.kernels import engine
from qcbench.kernels.compiling import compiled_for


@dataclass(frozen=True)
class Drawn:
    """The worlds that episodes are drawn from.

    Attributes:
        scenarios: without a limit of decisions, which is the environment's: a truncated episode
            has a last observation.
        streams: of each, of what the rules leave to chance.
        max_decisions: after which an episode is truncated, None for never.
        fades_s: time over which the values of late jobs fall.
    """

    scenarios: Sequence[Scenario]
    streams: Sequence[Streams]
    max_decisions: int | None
    fades_s: float


def draw_worlds(options: Options) -> Drawn:
    """Draw the first `options.worlds` worlds of a split.

    Raises:
        InputError: a world cannot be compiled, or its rules are not those of the others.
    """
    source, split = options.source, options.split
    drawn = [checked_world(source, split, index) for index in range(options.worlds)]
    rules = drawn[0][0].rules
    for index, (scenario, _) in enumerate(drawn):
        engine.check(scenario.track, scenario.rules, scenario.name)
        if scenario.rules != rules:
            raise InputError(
                f"world {index} of split {split} of {source.name}: its rules are not those of "
                "world 0"
            )
    workloads = [scenario.workload for scenario, _ in drawn]
    fades_s = workloads[0].value_fades_s
    if options.reward.counts_due:
        if any(workload.due_s is None for workload in workloads):
            raise InputError(NO_DUE_TIMES)
        if any(workload.value_fades_s != fades_s for workload in workloads):
            raise InputError(f"{source.name}: values fade in another time from world to world")
    own = rules.rescheduling.max_decisions
    unlimited = replace(rules, rescheduling=replace(rules.rescheduling, max_decisions=None))
    return Drawn(
        scenarios=[replace(scenario, rules=unlimited) for scenario, _ in drawn],
        streams=[streams for _, streams in drawn],
        max_decisions=own if options.max_decisions is None else options.max_decisions,
        fades_s=fades_s,
    )


@dataclass(frozen=True)
class TrackClouds:
    """What a track adds to `Clouds`.

    Attributes:
        step: its kernel, see `qcbench.envs.steps.stepping`.
        arrays: that it works on.
        clouds: those of them with a row for every cloud, which has its `world`.
        no_actions: stands for the actions where episodes begin.
        extend: draws further failures, and returns the arrays with them.
    """

    step: Callable[..., int]
    arrays: Any
    clouds: Table
    no_actions: Any
    extend: Callable[[Any], Any]


class Clouds:
    """E clouds.

    Attributes:
        episodes: `EPISODE` rows, shape (E,).
        results: `RESULT` rows, shape (E,).
        arrays: what the kernel works on.
    """

    def __init__(self, own: TrackClouds, config: Config, options: Options) -> None:
        self._own, self.arrays, self._config = own, own.arrays, config
        self._options = options
        self.episodes: Table = np.zeros(len(own.clouds), dtype=EPISODE)
        self.episodes["number"] = -1
        self.episodes["ended"] = NOT_BEGUN
        self.results: Table = np.zeros(len(own.clouds), dtype=RESULT)
        self._step: Callable[..., int] | None = None

    def worlds(self) -> IntArray:
        """Return the world that each is in, shape (E,)."""
        return self._own.clouds["world"].astype(np.int64)

    def begin(self, which: BoolArray, chosen: IntArray, out: Output) -> None:
        """Begin episodes in some clouds, in the worlds chosen or the next where negative.

        Raises:
            InputError: a world asks for no decision.
        """
        self.episodes["stage"][which] = OPENING
        self.episodes["chosen"][which] = chosen[which]
        self._go_on(self._own.no_actions, out, acting=False)

    def step(self, actions: Any, out: Output) -> bool:
        """Take a decision in every cloud; return whether an episode ended.

        Raises:
            InputError: worlds ask for no decision.
        """
        return self._go_on(actions, out, acting=True)

    def _go_on(self, actions: Any, out: Output, *, acting: bool) -> bool:
        """Go on to the next decision of all, drawing more failures where they run out."""
        first, ended = 0, False
        while True:
            given = (
                self.arrays,
                self._config,
                self.episodes,
                self.results,
                actions,
                acting,
                out,
                first,
            )
            if self._step is None:
                self._step = compiled_for(self._own.step, given)
            first = self._step(*given)
            if first <= EMPTY:
                self._refuse(EMPTY - first)
            if first in (FINISHED, ANY_ENDED):
                return ended or first == ANY_ENDED
            self.arrays = self._own.extend(self.arrays)
            ended = ended or bool(out.terminated.any() or out.truncated.any())

    def _refuse(self, e: int) -> None:
        """Say that a world asks for no decision; what was under way begins anew at the next step.

        Raises:
            InputError: always.
        """
        under_way = self.episodes["stage"] != READY
        self.episodes["ended"][under_way] = NOT_BEGUN
        self.episodes["stage"], self.episodes["passed"] = READY, 0
        self.episodes["chosen"] = -1
        raise empty_world(self._options.source, self._options.split, int(self.worlds()[e]))

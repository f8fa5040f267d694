"""The queueing track on the compiled engine: the records that the SimPy cloud gives."""

from collections.abc import Callable
from functools import partial

import numpy as np

from qcbench.cloud.cloud import Streams
from qcbench.cloud.records import Records
from qcbench.cloud.scenario import Scenario
from qcbench.kernels.engine import AnyPolicy, Simulator, late_policy
from qcbench.kernels.failures import FailureTimes
from qcbench.kernels.queueing import run
from qcbench.kernels.queueing.layout import (
    DECIDE,
    ENDED,
    NEED_DRAWS,
    NEED_GAPS,
    NONE,
    Clouds,
    Worlds,
    empty_clouds,
)
from qcbench.kernels.queueing.load import Prepared, make_worlds, prepare
from qcbench.kernels.queueing.records import records_of
from qcbench.kernels.queueing.view import Window
from qcbench.kernels.twins import Twin, draw_more, is_ranked, make_twin
from qcbench.policies.protocol import Decide, PolicyContext, PolicyError, Queueing
from qcbench.policies.twins import TwinContext


def simulator(scenario: Scenario, _streams: Streams) -> Simulator:
    """Return what simulates trials on one world, which share nothing."""
    return Simulator(partial(simulate, scenario))


def simulate(
    scenario: Scenario, policy: AnyPolicy, context: PolicyContext, streams: Streams
) -> Records:
    """Simulate a trial on the kernel.

    A policy runs as its twin where it has one; any other is asked at each decision.

    Raises:
        InputError: as `qcbench.cloud.cloud.Cloud`, or a policy's parameters cannot be used.
        PolicyError: a decision that the track does not know.
    """
    python = late_policy("queueing", policy, context)
    prepared = prepare(scenario, streams)
    known = prepared.known()
    twin = make_twin("queueing", policy, known)
    if twin is None:
        return Simulation(prepared).ask(python())
    return Simulation(prepared, twin).follow(context.rng, known)


class Simulation:
    """One world and one cloud, run once to its end.

    Args:
        twin: that is to be followed, if one is.
    """

    def __init__(self, prepared: Prepared, twin: Twin | None = None) -> None:
        self.prepared = prepared
        rules, sizes = prepared.scenario.rules, prepared.sizes()
        per_job_quality = prepared.quality and rules.records == "jobs"
        qpus = len(prepared.scenario.fleet)
        self._failures = FailureTimes(rules.failures, [prepared.streams], qpus)
        self.worlds: Worlds = make_worlds(
            [prepared], sizes, self._failures, quality=per_job_quality
        )
        cold, drops = rules.classical.cold_start is not None, rules.deadlines == "drop"
        self.clouds: Clouds = empty_clouds(1, sizes, cold=cold, drops=drops, twin=twin)
        run.reset(self.worlds, self.clouds, 0, 0, twin is not None and is_ranked(twin))

    def follow(self, rng: np.random.Generator, known: TwinContext) -> Records:
        """Run to the end under the twin."""

        def step() -> int:
            why: int = run.run(self.worlds, self.clouds, 0)
            if why == NEED_DRAWS:
                more = draw_more("queueing", self.clouds.twin, rng, known)
                self.clouds = self.clouds._replace(twin=more)
            return why

        return self._run(step)

    def ask(self, decide: Decide) -> Records:
        """Run to the end under a policy in Python."""
        window = Window(self.prepared, self.clouds, 0)
        ask: Queueing = decide  # type: ignore[assignment]
        choice = NONE

        def step() -> int:
            nonlocal choice
            why: int = run.advance(self.worlds, self.clouds, 0, choice)
            choice = window.ask(ask) if why == DECIDE else NONE
            return why

        return self._run(step)

    def _run(self, step: Callable[[], int]) -> Records:
        state = self.clouds.state[0]
        why = DECIDE if state["left"] else ENDED
        while why in (DECIDE, NEED_DRAWS, NEED_GAPS):
            why = step()
            if why == NEED_GAPS:
                self._failures.extend()
                self.worlds = self.worlds._replace(gap_s=self._failures.gap_s)
        if why != ENDED:
            raise PolicyError(f"{state['left']} jobs wait for ever: nothing is left to happen")
        return records_of(self.prepared, self.clouds, 0, self.prepared.streams)

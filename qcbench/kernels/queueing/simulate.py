"""The queueing track on the compiled engine: the records that the SimPy cloud gives."""

from collections.abc import Callable

import numpy as np

from qcbench.cloud.cloud import Streams
from qcbench.cloud.records import Records
from qcbench.cloud.scenario import Scenario
from qcbench.kernels.engine import AnyPolicy, python_policy
from qcbench.kernels.failures import FailureTimes
from qcbench.kernels.networks import Network, network_of_policy
from qcbench.kernels.queueing import run
from qcbench.kernels.queueing.codes import CODES, WITH_DRAWS
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
from qcbench.policies import queueing, registry
from qcbench.policies.config import PolicyConfig
from qcbench.policies.features.queueing import LAYOUT
from qcbench.policies.protocol import Decide, PolicyContext, PolicyError, Queueing

DRAWS = 16_384
"""Random numbers that a policy is given at a time."""


def simulate(
    scenario: Scenario, policy: AnyPolicy, context: PolicyContext, streams: Streams
) -> Records:
    """Simulate a trial on the kernel.

    A built-in policy runs as its compiled twin, a trained one by its compiled network; any other
    is asked at each decision.

    Raises:
        InputError: as `qcbench.cloud.cloud.Cloud`, or a policy's parameters cannot be used.
        PolicyError: a decision that the track does not know.
    """
    decide = python_policy("queueing", policy, context)
    prepared = prepare(scenario, streams)
    twin = twin_of(policy)
    if twin is not None:
        return Simulation(prepared, *twin).follow(context.rng)
    network = network_of_policy("queueing", policy, scenario.fleet, LAYOUT)
    if network is not None:
        return Simulation(prepared).follow_network(network)
    return Simulation(prepared).ask(decide)


def twin_of(policy: AnyPolicy) -> tuple[int, float] | None:
    """Return code and parameter of a policy's compiled twin, None where it has none."""
    if not isinstance(policy, PolicyConfig) or policy.name not in CODES:
        return None
    factory = registry.find("queueing", policy.name).factory
    if factory.__module__ != f"{queueing.__name__}.{policy.name}":
        return None
    per_hour = float(policy.parameters.get("per_hour", 1.0))
    return CODES[policy.name], per_hour / 3600.0


class Simulation:
    """One world and one cloud, run once to its end.

    Args:
        policy, parameter: the compiled policy, if it is to be followed.
    """

    def __init__(self, prepared: Prepared, policy: int = NONE, parameter: float = 0.0) -> None:
        self.prepared = prepared
        rules, sizes = prepared.scenario.rules, prepared.sizes()
        per_job_quality = prepared.quality and rules.records == "jobs"
        qpus = len(prepared.scenario.fleet)
        self._failures = FailureTimes(rules.failures, [prepared.streams], qpus)
        self.worlds: Worlds = make_worlds(
            [prepared], sizes, self._failures, quality=per_job_quality
        )
        self.clouds: Clouds = empty_clouds(
            1,
            sizes,
            cold=rules.classical.cold_start is not None,
            twin=policy != NONE,
            draws=DRAWS if policy in WITH_DRAWS else 0,
        )
        run.reset(self.worlds, self.clouds, 0, 0, policy, parameter)

    def follow(self, rng: np.random.Generator) -> Records:
        """Run to the end under the compiled policy."""
        draws, state = self.clouds.draws[0], self.clouds.state[0]
        if state["policy"] in WITH_DRAWS:
            rng.random(out=draws)

        def step() -> int:
            why: int = run.run(self.worlds, self.clouds, 0)
            if why == NEED_DRAWS:
                left = len(draws) - int(state["draw"])
                draws[:left] = draws[len(draws) - left :]
                rng.random(out=draws[left:])
                state["draw"] = 0
            return why

        return self._run(step)

    def follow_network(self, network: Network) -> Records:
        """Run to the end under a trained policy."""
        return self._run(lambda: int(run.run_learned(self.worlds, self.clouds, 0, network)))

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

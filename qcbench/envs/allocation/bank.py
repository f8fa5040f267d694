"""The worlds of a vector environment, drawn in advance, and what the agent is shown of them."""

from dataclasses import dataclass, replace

import numpy as np

from qcbench.arrays import FloatArray
from qcbench.cloud.estimates import estimate
from qcbench.envs.options import Options
from qcbench.envs.worlds import checked_world
from qcbench.errors import InputError
from qcbench.kernels.allocation.arrays import Settings, Worlds, make_worlds, settings_of
from qcbench.kernels.allocation.quality import Quality, quality_of
from qcbench.kernels.allocation.simulate import check, check_connected
from qcbench.kernels.failures import FailureTimes


@dataclass
class Bank:
    """All worlds that episodes are drawn from.

    Attributes:
        settings: the rules that all have, without a limit of decisions, which is the environment's.
        max_decisions: after which an episode is truncated, None for never.
        price: of a part on each QPU, shape (worlds, most jobs, QPUs).
        failures: of the QPUs of every world.
    """

    settings: Settings
    worlds: Worlds
    quality: Quality
    price: FloatArray
    max_decisions: int | None
    failures: FailureTimes

    def extend(self) -> None:
        """Draw as many failures and repairs again as there are."""
        self.failures.extend()
        self.worlds = self.worlds._replace(gap_s=self.failures.gap_s)


def draw_bank(options: Options) -> Bank:
    """Draw the first `options.worlds` worlds of a split.

    Raises:
        InputError: a world cannot be compiled, or its rules or models are not those of the others.
    """
    source, split = options.source, options.split
    drawn = [checked_world(source, split, index) for index in range(options.worlds)]
    first, _ = drawn[0]
    rules, fleet, physics = first.rules, source.fleet, first.physics
    estimates = []
    for index, (scenario, _) in enumerate(drawn):
        check(scenario)
        check_connected(scenario)
        if (scenario.rules, scenario.physics) != (rules, physics):
            raise InputError(
                f"world {index} of split {split} of {source.name}: its rules or models are not "
                "those of world 0"
            )
        scenario.workload.tasks.require_circuits("the allocation observation", "take another track")
        estimates.append(estimate(scenario.workload.tasks, fleet, physics, splits=True))
    scenarios, streams = [each[0] for each in drawn], [each[1] for each in drawn]
    failures = FailureTimes(rules.failures, streams, len(fleet))
    worlds = make_worlds(scenarios, [e.exec_s for e in estimates], streams, failures)
    price = np.zeros_like(worlds.exec_s)
    for world, figures in enumerate(estimates):
        price[world, : len(figures.price)] = figures.price
    own = rules.rescheduling.max_decisions
    unlimited = replace(rules, rescheduling=replace(rules.rescheduling, max_decisions=None))
    return Bank(
        settings=settings_of(
            unlimited,
            physics.links.time_per_qubit_s,
            worlds.exec_s.shape[1],
            keep=False,
            charge=rules.failures is not None or rules.execution_sigma > 0,
        ),
        worlds=worlds,
        quality=quality_of(fleet, physics, estimates),
        price=price,
        max_decisions=own if options.max_decisions is None else options.max_decisions,
        failures=failures,
    )

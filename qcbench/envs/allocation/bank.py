"""The worlds of a vector environment, drawn in advance, and what the agent is shown of them."""

from dataclasses import dataclass, replace

import numpy as np

from qcbench.arrays import FloatArray
from qcbench.cloud.estimates import estimate
from qcbench.cloud.rules import Rules
from qcbench.envs.options import Options
from qcbench.envs.worlds import checked_world
from qcbench.errors import InputError
from qcbench.kernels.allocation.arrays import (
    CHANGES,
    Settings,
    Worlds,
    draw_changes,
    make_worlds,
    settings_of,
)
from qcbench.kernels.allocation.quality import Quality, quality_of
from qcbench.kernels.allocation.simulate import check, check_connected, draw_slowdown


@dataclass
class Bank:
    """All worlds that episodes are drawn from.

    Attributes:
        settings: the rules that all have, without a limit of decisions, which is the environment's.
        max_decisions: after which an episode is truncated, None for never.
        price: of a part on each QPU, shape (worlds, most jobs, QPUs).
        rules: the same as they were stated.
        generators: of the failures of every QPU of every world.
    """

    settings: Settings
    worlds: Worlds
    quality: Quality
    price: FloatArray
    max_decisions: int | None
    rules: Rules
    generators: list[list[np.random.Generator]]

    def extend(self) -> None:
        """Draw as many failures and repairs again as there are."""
        known = self.worlds.change_s
        more = [draw_changes(self.rules, rngs, known.shape[2]) for rngs in self.generators]
        both = np.concatenate([known, np.array(more)], axis=2)
        self.worlds = self.worlds._replace(change_s=both)


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
    generators = [
        streams.failures.spawn(len(fleet)) if rules.failures else [] for _, streams in drawn
    ]
    workloads = [scenario.workload for scenario, _ in drawn]
    worlds = make_worlds(
        workloads,
        [e.exec_s for e in estimates],
        [draw_slowdown(scenario, streams) for scenario, streams in drawn],
        [fleet.qubits] * len(drawn),
        [draw_changes(rules, rngs, CHANGES) for rngs in generators],
        fleet if rules.dispatch.connected else None,
        rules.admission.per_user,
    )
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
        rules=rules,
        generators=generators,
    )

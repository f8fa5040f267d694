"""The worlds of a vector environment, drawn in advance, and what the agent is shown of them."""

from dataclasses import dataclass

import numpy as np

from qcbench.arrays import FloatArray
from qcbench.envs.clouds import draw_worlds
from qcbench.envs.options import Options
from qcbench.errors import InputError
from qcbench.kernels.allocation.arrays import Settings, Worlds, make_worlds, settings_of
from qcbench.kernels.allocation.quality import Quality, quality_of
from qcbench.kernels.allocation.simulate import check, check_connected
from qcbench.kernels.failures import FailureTimes


@dataclass(frozen=True)
class Bank:
    """All worlds that episodes are drawn from.

    Attributes:
        settings: the rules that all have, without a limit of decisions, which is the environment's.
        max_decisions: after which an episode is truncated, None for never.
        fades_s: time over which the values of late jobs fall.
        price: of a part on each QPU, shape (worlds, most jobs, QPUs).
        failures: of the QPUs of every world.
    """

    settings: Settings
    worlds: Worlds
    quality: Quality
    price: FloatArray
    max_decisions: int | None
    fades_s: float
    failures: FailureTimes


def draw_bank(options: Options) -> Bank:
    """Draw the first `options.worlds` worlds of a split.

    Raises:
        InputError: a world cannot be compiled, or its rules or models are not those of the others.
    """
    drawn, fleet = draw_worlds(options), options.source.fleet
    rules, physics = drawn.scenarios[0].rules, drawn.scenarios[0].physics
    estimates = []
    for index, scenario in enumerate(drawn.scenarios):
        check(scenario)
        check_connected(scenario)
        if scenario.physics != physics:
            raise InputError(
                f"world {index} of split {options.split} of {options.source.name}: its models are "
                "not those of world 0"
            )
        scenario.workload.tasks.require_circuits("the allocation observation", "take another track")
        estimates.append(scenario.estimates)
    failures = FailureTimes(rules.failures, drawn.streams, len(fleet))
    worlds = make_worlds(drawn.scenarios, [e.exec_s for e in estimates], drawn.streams, failures)
    price = np.zeros_like(worlds.exec_s)
    for world, figures in enumerate(estimates):
        price[world, : len(figures.price)] = figures.price
    return Bank(
        settings=settings_of(
            rules,
            physics.links.time_per_qubit_s,
            worlds.exec_s.shape[1],
            keep=options.reward.counts_due,
            charge=rules.failures is not None or rules.execution_sigma > 0,
        ),
        worlds=worlds,
        quality=quality_of(fleet, physics, estimates),
        price=price,
        max_decisions=drawn.max_decisions,
        fades_s=drawn.fades_s,
        failures=failures,
    )

"""The worlds of a vector environment, drawn in advance."""

from dataclasses import dataclass

from qcbench.envs.clouds import draw_worlds
from qcbench.envs.options import Options, check_hindsight
from qcbench.errors import InputError
from qcbench.kernels.placement.chances import ChanceSource
from qcbench.kernels.placement.step import is_plain
from qcbench.kernels.placement.worlds import Worlds, worlds_of
from qcbench.kernels.rules import Limits, limits_of


@dataclass(frozen=True)
class Bank:
    """All worlds that episodes are drawn from.

    Attributes:
        limits: the rules that all have, without a limit of decisions, which is the environment's.
        max_decisions: after which an episode is truncated, None for never.
        fades_s: time over which the values of late jobs fall.
        chances: what the rules leave to chance; None where that is nothing.
    """

    worlds: Worlds
    limits: Limits
    max_decisions: int | None
    fades_s: float
    chances: ChanceSource | None


def draw_bank(options: Options, *, unrolled: bool = False) -> Bank:
    """Draw the first `options.worlds` worlds of a split.

    Args:
        unrolled: see `worlds_of`; for worlds where nothing can fail.

    Raises:
        InputError: a world cannot be compiled, its rules are not those of the others, or none asks
            for any decision.
    """
    drawn = draw_worlds(options)
    scenarios, rules = drawn.scenarios, drawn.scenarios[0].rules
    if options.reward.kind == "hindsight":
        check_hindsight(rules)
    for index, scenario in enumerate(scenarios):
        if scenario.workload.phases is not None:
            raise InputError(
                f"world {index} of split {options.split} of {options.source.name}: jobs with "
                "phases have no kernel; take the single one"
            )
        if options.observation == "legacy":
            scenario.workload.tasks.require_circuits(
                "the legacy observation", "take the usual observation"
            )
    limits = limits_of(rules)
    plain = is_plain(limits)
    if not any(scenario.workload.arrival_s[0] < limits.horizon_s for scenario in scenarios):
        raise InputError(
            f"{options.source.name}: no world of split {options.split} asks for a decision before "
            f"the horizon, {limits.horizon_s:g} s"
        )
    worlds = worlds_of(scenarios, unrolled=unrolled and plain)
    return Bank(
        worlds=worlds,
        limits=limits,
        max_decisions=drawn.max_decisions,
        fades_s=drawn.fades_s,
        chances=None if plain else ChanceSource(scenarios, drawn.streams, worlds.width),
    )

"""The worlds of a vector environment, drawn in advance."""

from dataclasses import dataclass, replace

from qcbench.cloud.rules import Rules
from qcbench.envs.options import Options, check_hindsight
from qcbench.envs.worlds import checked_world
from qcbench.errors import InputError
from qcbench.kernels import engine
from qcbench.kernels.placement.chances import ChanceSource
from qcbench.kernels.placement.simulate import is_plain
from qcbench.kernels.placement.worlds import Worlds, worlds_of
from qcbench.kernels.rules import Limits, limits_of


@dataclass(frozen=True)
class Bank:
    """All worlds that episodes are drawn from.

    Attributes:
        limits: the rules that all have, without a limit of decisions, which is the environment's.
        max_decisions: after which an episode is truncated, None for never.
        chances: what the rules leave to chance; None where that is nothing.
    """

    worlds: Worlds
    limits: Limits
    max_decisions: int | None
    chances: ChanceSource | None


def draw_bank(options: Options, *, unrolled: bool = False) -> Bank:
    """Draw the first `options.worlds` worlds of a split.

    Args:
        unrolled: see `worlds_of`; for worlds where nothing can fail.

    Raises:
        InputError: a world cannot be compiled, its rules are not those of the others, or none asks
            for any decision.
    """
    source, split = options.source, options.split
    drawn = [checked_world(source, split, index) for index in range(options.worlds)]
    scenarios, streams = [each[0] for each in drawn], [each[1] for each in drawn]
    rules = scenarios[0].rules
    if options.reward.kind == "hindsight":
        check_hindsight(rules)
    for index, scenario in enumerate(scenarios):
        where = f"world {index} of split {split} of {source.name}"
        engine.check(scenario.track, scenario.rules, scenario.name)
        if scenario.workload.phases is not None:
            raise InputError(f"{where}: jobs with phases have no kernel; take the single one")
        if options.observation == "legacy":
            scenario.workload.tasks.require_circuits(
                "the legacy observation", "take the usual observation"
            )
        if scenario.rules != rules:
            raise InputError(f"{where}: its rules are not those of world 0")
    own = rules.rescheduling.max_decisions
    limits = limits_of(_unlimited(rules))
    worlds = worlds_of(scenarios, unrolled=unrolled and is_plain(limits))
    if not any(scenario.workload.arrival_s[0] < limits.horizon_s for scenario in scenarios):
        raise InputError(
            f"{source.name}: no world of split {split} asks for a decision before the horizon, "
            f"{limits.horizon_s:g} s"
        )
    return Bank(
        worlds=worlds,
        limits=limits,
        max_decisions=own if options.max_decisions is None else options.max_decisions,
        chances=None if is_plain(limits) else ChanceSource(scenarios, streams, worlds.width),
    )


def _unlimited(rules: Rules) -> Rules:
    """Return rules without a limit of decisions: a truncated episode has a last observation."""
    return replace(rules, rescheduling=replace(rules.rescheduling, max_decisions=None))

"""The YAML group `claim`: what a publication says, how it is checked, and what came of it."""

from collections.abc import Sequence
from dataclasses import field
from pathlib import Path
from typing import Annotated, Literal

from annotated_types import MinLen

from qcbench.bench.compose import compose_alone
from qcbench.bench.conf_files import check_dirs, options_of, roots
from qcbench.bench.typed import typed
from qcbench.configs import Amount, Count, config
from qcbench.errors import InputError, nearest
from qcbench.physics.node_cost import CostDefinition
from qcbench.policies.batch.games import Game
from qcbench.stats.verdicts import Answer

GROUP = "claim"
VERDICT = "verdict:"
"""The key of a claim's file below which everything is written by `recorded`."""


@config
class Against:
    """What the measured cell is compared with; a key that is empty is as in that cell.

    Attributes:
        policy: label in the suite.
        scenario: name in the suite; another one has worlds of its own, which cannot be paired.
        metric: column of the result table.
    """

    policy: str = ""
    scenario: str = ""
    metric: str = ""


@config
class TrialsMeasure:
    """A metric of policies over the worlds of a suite: one finding a scenario and policy.

    Attributes:
        suite: that it is measured on.
        overrides: of that suite, such as `suite.replicates=100`.
        scenarios: names in the suite; all where empty.
        policies: labels in the suite.
        metric: column of the result table.
        against: what it is compared with; its mean is what is claimed where None.
        unit: of a comparison: percent of what is compared with, or the metric's own.
    """

    suite: str
    overrides: list[str] = field(default_factory=list)
    scenarios: list[str] = field(default_factory=list)
    policies: Annotated[list[str], MinLen(1)]
    metric: str
    against: Against | None = None
    unit: Literal["percent", "metric"] = "percent"


@config
class GamesMeasure:
    """Share of small games, all of whose allocations are listed: one finding a definition.

    Attributes:
        game: what a client pays.
        definitions: of a node's cost.
        share: of the games with several equilibria, or with one that costs more than 4/3 of the
            least.
        games: that are drawn.
    """

    game: Game
    definitions: Annotated[list[CostDefinition], MinLen(1)]
    share: Literal["several_equilibria", "above_four_thirds"]
    games: Count = 300


@config
class ProblemMeasure:
    """A number that follows from one problem: the only finding, and exact.

    Attributes:
        capacities, unit_prices: of the nodes.
        demands: of the circuits.
        definition: of a node's cost.
        allocation: a row a circuit; where empty `quantity` is of the problem alone.
        quantity: the least cost in whole qubits, or the most qubits that the allocation puts on a
            node beyond its capacity.
    """

    capacities: list[Count]
    unit_prices: list[float]
    demands: list[Count]
    definition: CostDefinition
    allocation: list[list[Amount]] = field(default_factory=list)
    quantity: Literal["least_cost", "overload"]

    def __post_init__(self) -> None:
        nodes, circuits = len(self.capacities), len(self.demands)
        if len(self.unit_prices) != nodes:
            raise InputError(
                f"claim.problem.unit_prices: {len(self.unit_prices)} for {nodes} nodes"
            )
        if sum(self.demands) > sum(self.capacities):
            raise InputError("claim.problem.demands: more qubits than the nodes have")
        shape = [len(row) for row in self.allocation]
        if (self.allocation or self.quantity == "overload") and shape != [nodes] * circuits:
            raise InputError(
                f"claim.problem.allocation: must have {circuits} rows of {nodes} numbers"
            )


@config
class MeasuredNumber:
    """A number that was measured, and the interval that holds for all findings of a claim together.

    Attributes:
        of: scenario and policy, or definition, that it is of.
        worlds: that it is from; 0 of what is exact.
    """

    of: str
    value: float
    low: float
    high: float
    worlds: Amount


@config
class ClaimVerdict:
    """What came of a claim.

    Attributes:
        answer: by the findings.
        date: of the measurement, year-month-day.
    """

    answer: Answer
    date: str
    findings: list[MeasuredNumber]


@config
class ClaimConfig:
    """Something that a publication says, as a region that a measured number should lie in.

    Attributes:
        system: which of the published ones.
        statement: in words.
        source: publication, and the table or figure.
        published: the figure that is printed there; empty where there is none.
        least, most: ends of the region; None where it is open.
        unit: of the number, as it is written: `%`, `points`, `s`, ...
        scale: that numbers are multiplied by for that unit.
        trials, games, problem: how it is measured; one of them.
        remark: what should be known beside the numbers.
        verdict: the last one; None before the first measurement.
    """

    system: str
    statement: str
    source: str
    published: str = ""
    least: float | None = None
    most: float | None = None
    unit: str = ""
    scale: float = 1.0
    trials: TrialsMeasure | None = None
    games: GamesMeasure | None = None
    problem: ProblemMeasure | None = None
    remark: str = ""
    verdict: ClaimVerdict | None = None

    def __post_init__(self) -> None:
        if sum(part is not None for part in (self.trials, self.games, self.problem)) != 1:
            raise InputError("claim: give one of trials, games and problem")
        if self.least is None and self.most is None:
            raise InputError("claim: give least, most or both")
        if self.least is not None and self.most is not None and self.least > self.most:
            raise InputError(f"claim.least: {self.least}; is above claim.most, {self.most}")


def claim_names(config_dirs: Sequence[Path] = ()) -> list[str]:
    """Return the names of all claims."""
    check_dirs(config_dirs)
    return options_of(GROUP, config_dirs)


def load_claim(name: str, config_dirs: Sequence[Path] = ()) -> ClaimConfig:
    """Return a claim.

    Raises:
        InputError: there is none of this name, or its file does not fit.
    """
    known = claim_names(config_dirs)
    if name not in known:
        raise InputError(f"claim {name}: no such claim{nearest(name, known)}")
    return typed(ClaimConfig, compose_alone(GROUP, name, config_dirs), f"claim {name}")


def claim_file(name: str, config_dirs: Sequence[Path] = ()) -> Path:
    """Return the file that a claim is in, as `load_claim` finds it."""
    paths = (root / GROUP / f"{name}.yaml" for root in roots(config_dirs))
    return next(path for path in paths if path.is_file())


def recorded(text: str, verdict: ClaimVerdict) -> str:
    """Return the text of a claim's file with another verdict at its end; the rest is as it was."""
    kept, inside = [], False
    for line in text.splitlines():
        inside = line.startswith(VERDICT) or (inside and line[:1] in (" ", "-", ""))
        if not inside:
            kept.append(line)
    lines = [VERDICT, f"  answer: {verdict.answer}", f'  date: "{verdict.date}"', "  findings:"]
    for found in verdict.findings:
        figures = ", ".join(
            f"{name}: {getattr(found, name):.6g}" for name in ("value", "low", "high")
        )
        lines.append(f'    - {{of: "{found.of}", {figures}, worlds: {found.worlds}}}')
    return "\n".join([*kept, *lines]) + "\n"

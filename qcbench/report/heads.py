"""What the columns of a leaderboard are called on a page, and what each of them means."""

from collections.abc import Mapping
from dataclasses import dataclass

from qcbench.report.rows import GAP, NO_CLAIM, fewest_worlds, interval_of, test_of
from qcbench.stats.claims import LEAST_WORLDS
from qcbench.stats.intervals import LEVEL
from qcbench.stats.summary import Summary


@dataclass(frozen=True)
class Head:
    """A column: its name, what it means, and whether its cells are numbers."""

    label: str
    meaning: str
    number: bool = True


def heads(summary: Summary) -> Mapping[str, Head]:
    """Return the heads of a leaderboard by column, for its level, baseline and tests."""
    notes = (interval_of(summary), NO_CLAIM if fewest_worlds(summary) < LEAST_WORLDS else "")
    return _heads(
        f"{100 * summary.level:.0f} %", summary.baseline, test_of(summary), *filter(None, notes)
    )


def general_heads() -> Mapping[str, Head]:
    """Return the heads of a table over leaderboards of several runs."""
    return _heads(f"{100 * LEVEL:.0f} %", "the run's baseline", "t tests", NO_CLAIM)


def explained_of(has_gaps: bool) -> list[str]:
    """Return the columns that a page explains in words, in order."""
    return ["rank", "mean", "iqm", "against", "better", *(["gap"] if has_gaps else [])]


def _heads(level: str, baseline: str, test: str, *notes: str) -> Mapping[str, Head]:
    against = (
        f"How much {baseline} is undercut (−) or exceeded (+). All policies of a replicate face the"
        " same world, and the difference is taken within worlds. Coloured where it is claimed, by"
        f" {test}, corrected for the number of policies (Holm); grey may be chance."
    )
    return {
        "policy": Head("Policy", "What takes the decisions.", number=False),
        "rank": Head(
            "Rank",
            "In parentheses: the ranks that the pairs of policies that are told apart leave open."
            " Two policies are compared over the worlds that both finished.",
        ),
        "mean": Head(
            "Mean",
            f"Over the replicates of a scenario. In brackets: the {level} interval, by bootstrap;"
            " of fewer than ten replicates not narrower than Student's.",
        ),
        "iqm": Head(
            "IQM", "The interquartile mean leaves out the best and the worst quarter of replicates."
        ),
        "against": Head("vs baseline", " ".join((against, *notes))),
        "better": Head(
            "Better",
            "Share of worlds in which the policy beats the baseline; ties count half.",
        ),
        "violations": Head("Violations", "Infeasible decisions, mean of a trial."),
        "gap": Head("Gap %", GAP),
        "until": Head(
            "Until",
            "What ended the adding of worlds for this comparison: that it is decided, or narrow, or"
            " what ended its scenario.",
            number=False,
        ),
        "n": Head("n", "Replicates of which there is a value."),
        "wins": Head("Wins", "Scenarios in which the policy ranks first."),
        "mean_rank": Head("Mean rank", "Mean of its ranks over the scenarios."),
        "done": Head("Done", "Trials that have a value, over all scenarios."),
        "failed": Head("Failed", "Trials that did not finish."),
    }

"""The goals of a suite: checked when it is composed, and no part of a trial."""

import pytest

from qcbench.api import compose_run
from qcbench.bench.suite import expand, suite_scenarios
from qcbench.errors import InputError

ONE = "{metric: makespan_s, goal: min, reference: 2.0}"
TWO = "{metric: mean_fidelity, goal: max, reference: 0.9}"


@pytest.mark.parametrize(
    ("goals", "message"),
    [
        (f"[{ONE}]", r"suite\.goals: has one entry; name two or three metrics, or none"),
        (f"[{ONE},{ONE}]", r"suite\.goals: makespan_s is there twice"),
        (
            f"[{ONE},{TWO.replace('mean_fidelity', 'fidelity')}]",
            r"suite\.goals\[1\]: 'fidelity' is no metric of allocation trials; did you mean",
        ),
        (
            f"[{ONE},{TWO.replace('0.9', '1.1')}]",
            r"suite\.goals\[1\]\.reference: 1\.1; must be below 1",
        ),
        (f"[{ONE.replace('2.0', '-1.0')},{TWO}]", r"reference: -1\.0; must be positive"),
        (f"[{ONE},{TWO},{ONE},{TWO}]", r"has 4 entries; must have at most 3"),
    ],
)
def test_goals_that_cannot_be_are_one_line(goals: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        compose_run(["suite=allocation-v1", f"suite.goals={goals}"])


def test_goals_are_no_part_of_a_trial() -> None:
    def ids(*more: str) -> list[str]:
        told = compose_run(["suite=allocation-v1", "suite.replicates=1", *more])
        suite = told.suite
        return [trial.trial_id for trial in expand(suite, suite_scenarios(suite))]

    assert ids() == ids("suite.goals=[]")

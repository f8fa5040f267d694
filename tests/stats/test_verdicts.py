"""Whether a claim holds: the rule, and the numbers that it is asked of."""

from math import nan

import numpy as np
import pytest
from scipy import stats as scipy_stats

from qcbench.stats.claims import change
from qcbench.stats.intervals import Estimate, student_mean
from qcbench.stats.verdicts import answer_of, level_of_each, margin


def one(low: float, high: float, worlds: int = 30) -> tuple[Estimate, int]:
    return Estimate((low + high) / 2, low, high), worlds


@pytest.mark.parametrize(
    ("low", "high", "answer"),
    [
        (-11.0, -6.0, "holds"),
        (-12.0, -5.0, "holds"),
        (-4.9, -1.0, "does not hold"),
        (-20.0, -12.1, "does not hold"),
        (-6.0, -4.0, "cannot be said"),
        (-14.0, -2.0, "cannot be said"),
    ],
)
def test_a_claim_holds_where_the_interval_lies_within_the_region(
    low: float, high: float, answer: str
) -> None:
    assert answer_of([one(low, high)], -12.0, -5.0) == answer


def test_an_open_region_has_one_end() -> None:
    assert answer_of([one(0.0, 5.0)], 0.0, None) == "holds"
    assert answer_of([one(0.1, 5.0)], None, 0.0) == "does not hold"
    assert margin(one(1.0, 2.0)[0], None, 5.0) == 3.0


def test_all_findings_have_to_be_within_and_one_outside_is_enough() -> None:
    within, open_, outside = one(-3.0, -2.0), one(-1.0, 1.0), one(1.0, 2.0)
    assert answer_of([within, within], None, 0.0) == "holds"
    assert answer_of([within, open_], None, 0.0) == "cannot be said"
    assert answer_of([within, open_, outside], None, 0.0) == "does not hold"


def test_below_five_worlds_nothing_is_said_unless_it_is_exact() -> None:
    assert answer_of([one(-3.0, -2.0, worlds=4)], None, 0.0) == "cannot be said"
    assert answer_of([one(27650.0, 27650.0, worlds=0)], 27450.0, 27450.0) == "does not hold"


def test_a_finding_without_an_interval_settles_nothing() -> None:
    assert answer_of([(Estimate(1.0, nan, nan), 30)], 0.0, None) == "cannot be said"


def test_intervals_of_several_findings_hold_together() -> None:
    assert level_of_each(1) == pytest.approx(0.95)
    assert level_of_each(5) == pytest.approx(0.99)


def test_a_change_between_worlds_of_their_own_is_welchs() -> None:
    rng = np.random.default_rng(3)
    first, second = rng.normal(10, 1, 12), rng.normal(9, 4, 30)
    found = change(first, second, percent=False, paired=False)
    ours = scipy_stats.ttest_ind(first, second, equal_var=False).confidence_interval(0.95)
    assert found.value == pytest.approx(first.mean() - second.mean())
    # Degrees of freedom are rounded down.
    assert found.low == pytest.approx(ours.low, rel=0.02)
    assert found.high == pytest.approx(ours.high, rel=0.02)
    assert found.low <= ours.low
    assert found.high >= ours.high


def test_a_change_within_worlds_is_students_and_in_percent_by_the_delta_method() -> None:
    rng = np.random.default_rng(4)
    second = rng.normal(100, 20, 40)
    first = 0.9 * second + rng.normal(0, 1, 40)
    points = change(first, second, percent=False)
    theirs = scipy_stats.ttest_rel(first, second).confidence_interval(0.95)
    assert (points.low, points.high) == pytest.approx((theirs.low, theirs.high))
    percent = change(first, second, percent=True)
    assert percent.value == pytest.approx(100 * (first.mean() / second.mean() - 1))
    # The ratio is known better than the difference, which is larger in hard worlds.
    assert percent.high - percent.low < 100 * (points.high - points.low) / second.mean()


def test_a_mean_has_students_interval() -> None:
    values = np.random.default_rng(5).normal(0, 1, 9)
    theirs = scipy_stats.ttest_1samp(values, 0).confidence_interval(0.95)
    found = student_mean(values)
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high))
    assert np.isnan(student_mean(values[:1]).low)

"""Claims: against t tests of SciPy, and how often equal policies are told apart."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from qcbench.stats.claims import (
    contrasts,
    holm,
    over_scenarios,
    p_value,
    rank_ranges,
    t_half_width,
)
from qcbench.stats.ranks import sides


def test_p_values_are_those_of_the_paired_t_test():
    rng = np.random.default_rng(1)
    matrix = rng.lognormal(3.0, 0.5, (12, 3))
    found = contrasts(matrix)
    for first, second in [(0, 1), (1, 2), (2, 0)]:
        pair = (first, second)
        expected = stats.ttest_rel(matrix[:, first], matrix[:, second])
        value = p_value(float(found.difference[pair]), float(found.difference_se[pair]), 11, 12)
        assert value == pytest.approx(expected.pvalue, rel=1e-9)
    half = t_half_width(2.0, 7.9, 0.95)
    assert half == pytest.approx(2.0 * stats.t.ppf(0.975, 7), rel=1e-9)


def test_only_common_worlds_enter():
    matrix = np.array([[1.0, 2.0], [3.0, np.nan], [2.0, 5.0], [np.nan, 9.0], [4.0, 6.0]])
    found = contrasts(matrix)
    assert found.worlds.tolist() == [[4, 3], [3, 4]]
    assert found.difference[0, 1] == pytest.approx(-2.0)
    assert found.log_ratio[0, 1] == pytest.approx(np.log(7 / 13))


def test_the_delta_method_agrees_with_simulation():
    rng = np.random.default_rng(5)

    def draw() -> np.ndarray:
        world = rng.lognormal(4.0, 0.4, 40)
        return np.column_stack([world * rng.lognormal(0, 0.2, 40), world])

    found = [contrasts(draw()) for _ in range(800)]
    spread = np.var([one.log_ratio[0, 1] for one in found])
    told = np.mean([one.log_ratio_variance[0, 1] for one in found])
    assert told == pytest.approx(spread, rel=0.15)


def test_welch_and_satterthwaite():
    """Scenarios of equal spread add their degrees of freedom; a noisy one gives its own."""
    rng = np.random.default_rng(6)
    calm = rng.normal(100.0, 5.0, (10, 2))
    noisy = rng.normal(100.0, 5.0, (10, 2)) * [[1.0, 1.0]] + rng.normal(0, 60.0, (10, 2))
    parts = [contrasts(calm), contrasts(np.abs(noisy) + 1)]
    both = over_scenarios(parts, 1)
    assert both.scenarios.tolist() == [2, 2]
    assert 9 <= both.degrees[0] < 11
    twice = over_scenarios([parts[0], parts[0]], 1)
    assert twice.degrees[0] == pytest.approx(18.0)
    assert twice.log_ratio[0] == pytest.approx(float(parts[0].log_ratio[0, 1]))
    assert twice.se[0] == pytest.approx(float(np.sqrt(parts[0].log_ratio_variance[0, 1] / 2)))


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    found = holm([0.02, float("nan"), 0.6, 0.9])
    assert found[0] == pytest.approx(0.06)
    assert np.isnan(found[1])
    assert found[2:] == [1.0, 1.0]


@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=12))
def test_holm_rejects_what_its_steps_reject(p_values):
    """Step by step: the least p against level/m, the next against level/(m-1), until one fails."""
    level, adjusted = 0.05, holm(p_values)
    going = True
    for step, place in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        threshold = level / (len(p_values) - step)
        if abs(p_values[place] - threshold) < 1e-9:
            return
        going = going and p_values[place] <= threshold
        assert (adjusted[place] <= level) == going


def claimed(matrix: np.ndarray) -> tuple[bool, bool]:
    """Whether some policy is told apart from the first, and whether some rank is."""
    found = contrasts(matrix)
    n, policies = matrix.shape
    p = np.array(
        [
            [
                p_value(float(found.difference[i, j]), float(found.difference_se[i, j]), n - 1, n)
                for j in range(policies)
            ]
            for i in range(policies)
        ]
    )
    low, high = rank_ranges(sides(found, np.zeros(policies, dtype=bool), "min"), p, 0.95)
    coloured = min(holm(p[1:, 0].tolist())) <= 0.05
    return coloured, low[0] > 1 or high[0] < policies


@pytest.mark.parametrize("worlds", [5, 10, 30])
def test_equal_policies_are_rarely_told_apart(worlds):
    rng = np.random.default_rng(worlds)
    outcomes = []
    for _ in range(400):
        world = rng.normal(100.0, 20.0, (worlds, 1))
        outcomes.append(claimed(world + rng.normal(0.0, 5.0, (worlds, 10))))
    coloured, ranked = np.mean(outcomes, axis=0)
    # 5 % and three standard errors of 400 tries; a t test without correction gives 30 % and more.
    assert coloured <= 0.083
    assert ranked <= 0.083


def test_what_is_clearly_apart_is_told_apart():
    rng = np.random.default_rng(9)
    world = rng.normal(100.0, 20.0, (10, 1))
    matrix = world + np.array([0.0, 10.0, 20.0]) + rng.normal(0.0, 2.0, (10, 3))
    assert claimed(matrix) == (True, True)
    assert p_value(1.0, 0.0, 9, 10) == 0.0
    assert p_value(0.0, 0.0, 9, 10) == 1.0
    assert np.isnan(p_value(1.0, 0.5, 3, 4))

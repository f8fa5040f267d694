"""The allocation kernel against the SimPy cloud: equal records for any rules and policy."""

import pytest
from hypothesis import HealthCheck, given, settings
from random_allocations import Case, answer, assert_equal, cases

SETTINGS = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}


@settings(max_examples=250, **SETTINGS)
@given(case=cases())
def test_records_are_equal(case: Case) -> None:
    assert_equal(answer(case, compiled=False), answer(case, compiled=True))


@pytest.mark.slow
@settings(max_examples=2500, **SETTINGS)
@given(case=cases())
def test_records_are_equal_in_many_more_trials(case: Case) -> None:
    assert_equal(answer(case, compiled=False), answer(case, compiled=True))

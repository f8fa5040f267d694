"""How completion times count where the tail does."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qcbench.policies.tails import counted, tail_of, uncounted

TIMES = st.floats(0.0, 1e6)
TAILS = st.floats(1e-3, 1e6)


@given(TIMES, TAILS)
def test_a_time_counts_itself_and_its_fourth_power(time_s: float, tail_s: float) -> None:
    expected = time_s + time_s**4 / tail_s**3
    assert counted(time_s, tail_s) == pytest.approx(expected, rel=1e-12)
    assert counted(time_s, tail_of("any")) == time_s


def test_where_the_tail_begins_a_time_counts_twice() -> None:
    assert counted(7.0, 7.0) == 14.0
    assert tail_of(4.0) == 4.0


@given(st.lists(TIMES, min_size=1, max_size=9), TAILS)
def test_arrays_and_single_times_have_the_same_bits(times: list[float], tail_s: float) -> None:
    together = counted(np.array(times), tail_s)
    assert together.tolist() == [float(counted(time_s, tail_s)) for time_s in times]


@given(TIMES, TAILS)
def test_the_time_that_counts_so_much_is_found(time_s: float, tail_s: float) -> None:
    found = uncounted(counted(time_s, tail_s), tail_s)
    assert found == pytest.approx(time_s, rel=1e-9, abs=1e-12)
    assert uncounted(time_s, tail_of("any")) == time_s

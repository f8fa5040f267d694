"""Powers of times, as policies and their twins take them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qcbench.policies.powers import halves, raised

TIMES = st.floats(0.0, 1e9, allow_subnormal=False)


@given(TIMES, st.integers(2, 8))
def test_powers_are_those_of_python(time_s: float, power: int) -> None:
    assert raised(time_s, power) == pytest.approx(time_s ** (power / 2), rel=1e-14, abs=1e-300)
    assert halves(power / 2) == power


@given(st.lists(TIMES, min_size=1, max_size=9), st.integers(2, 8))
def test_arrays_and_single_times_have_the_same_bits(times: list[float], power: int) -> None:
    """Engines take them one by one or all at once; the compiled one is held by its own tests."""
    together = raised(np.array(times), power)
    assert together.tolist() == [float(raised(time_s, power)) for time_s in times]

"""Rows of a mask that follow each other are a slice, which picks the same ones."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from qcbench.arrays import side_by_side


@given(st.lists(st.booleans(), max_size=12))
def test_what_is_picked_is_the_same(chosen: list[bool]) -> None:
    mask = np.array(chosen, dtype=np.bool_)
    values = np.arange(len(mask))
    rows = side_by_side(mask)
    assert values[rows].tolist() == values[mask].tolist()
    together = "".join("x" if each else " " for each in chosen).strip()
    assert isinstance(rows, slice) == (" " not in together)

"""Large arrays are used again when nobody has them, nor a part of them, any more."""

import numpy as np
import pytest

from qcbench.kernels import memory
from qcbench.kernels.memory import LARGE, used_again


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_last", {})


def place(array: np.ndarray) -> int:
    return int(array.__array_interface__["data"][0])


def test_what_nobody_has_is_used_again() -> None:
    rows = used_again("rows", LARGE, np.int8)
    before = place(rows)
    del rows
    assert place(used_again("rows", LARGE, np.int8)) == before


def test_what_somebody_has_is_not() -> None:
    rows = used_again("rows", LARGE, np.int8)
    part = rows[3:5]
    before = place(rows)
    assert place(used_again("rows", LARGE, np.int8)) != before
    del rows
    memory._last["rows"] = part.base
    assert place(used_again("rows", LARGE, np.int8)) != before


def test_other_sizes_and_roles_are_new_and_small_ones_are_not_kept() -> None:
    used_again("rows", LARGE, np.int8)
    assert len(used_again("rows", LARGE + 1, np.int8)) == LARGE + 1
    assert used_again("ring", LARGE, np.int8).dtype == np.int8
    assert set(memory._last) == {"rows", "ring"}
    used_again("rows", LARGE - 1, np.int8)
    assert set(memory._last) == {"ring"}

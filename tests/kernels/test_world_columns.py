"""Columns of worlds as kernels take them: shared where they can be, refused where they cannot."""

import numpy as np
import pytest

from qcbench.envs.defaults import default_worlds
from qcbench.errors import InputError
from qcbench.kernels.placement import worlds
from qcbench.kernels.rules import filled, side_by_side


def test_columns_of_several_worlds_are_filled_up_with_zeros() -> None:
    found = side_by_side([np.array([1, 2]), np.array([3])], 3, np.int32)
    assert found.dtype == np.int32
    assert found.tolist() == [1, 2, 0, 3, 0, 0]


@pytest.mark.parametrize("kind", [np.float64, np.int32])
def test_the_same_number_throughout_is_one_array_of_its_kind(kind: type) -> None:
    constant = np.broadcast_to(kind(7), 5)
    found = side_by_side([constant], 5, kind)
    assert found.dtype == kind
    assert found.tolist() == [7] * 5
    assert side_by_side([constant], 5, kind) is found
    assert filled(7.0, 5, kind) is found


def test_more_qpus_than_rows_can_name_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worlds, "MOST_QPUS", 4)
    scenario, _ = default_worlds("placement")("test", 0)
    with pytest.raises(InputError, match=r"engine compiled: 5 QPUs; it takes 4 at most"):
        worlds.worlds_of([scenario])

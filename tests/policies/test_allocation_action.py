"""From an agent's action to a split: what is free is enough, and nothing is lost by rounding."""

from itertools import permutations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from qcbench.physics.communication import chain_time_s
from qcbench.policies.features.allocation_action import (
    set_holds,
    split_from_weights,
    split_over_emptiest,
    split_over_set,
)

WEIGHTS = st.floats(-1.0, 1.0, width=32) | st.sampled_from([-1.0, 0.0, 0.5, 1.0])


@st.composite
def tasks(draw: st.DrawFn) -> tuple[list[int], int, list[float], list[bool]]:
    """Free qubits, the task's qubits, weights, and a set."""
    size = draw(st.integers(1, 6))
    free = draw(st.lists(st.integers(0, 9), min_size=size, max_size=size).filter(any))
    qubits = draw(st.integers(1, sum(free)))
    weights = draw(st.lists(WEIGHTS, min_size=size, max_size=size))
    uses = draw(st.lists(st.booleans(), min_size=size, max_size=size))
    return free, qubits, weights, uses


def by_weights(
    weights: list[float], free: list[int], qubits: int, may_wait: bool
) -> dict[int, int]:
    size = len(free)
    qpus, parts, share = [0] * size, [0] * size, [0.0] * size
    count = split_from_weights(weights, free, qubits, may_wait, qpus, parts, share)
    assert len(set(qpus[:count])) == count
    return dict(zip(qpus[:count], parts[:count], strict=True))


def check_split(split: dict[int, int], free: list[int], qubits: int) -> None:
    assert sum(split.values()) == qubits
    assert all(0 < part <= free[qpu] for qpu, part in split.items())
    chain_s = chain_time_s(list(split.values()))
    assert chain_s <= min(map(chain_time_s, permutations(split.values()))) + 1e-9


@given(task=tasks(), may_wait=st.booleans())
def test_weights_make_a_split_that_fits_or_wait(
    task: tuple[list[int], int, list[float], list[bool]], may_wait: bool
) -> None:
    free, qubits, weights, _ = task
    split = by_weights(weights, free, qubits, may_wait)
    offered = sum(n for n, weight in zip(free, weights, strict=True) if weight > 0)
    if may_wait and offered < qubits:
        assert not split
        return
    check_split(split, free, qubits)
    if offered >= qubits:
        assert all(weights[qpu] > 0 for qpu in split)


@given(task=tasks())
def test_parts_follow_the_weights_to_within_a_qubit(
    task: tuple[list[int], int, list[float], list[bool]],
) -> None:
    free, qubits, weights, _ = task
    positive = np.maximum(weights, 0.0)
    if not positive.any():
        return
    exact = qubits * positive / positive.sum()
    if (exact >= free)[positive > 0].any():
        return  # some are full, and the others share the rest
    split = by_weights(weights, free, qubits, True)
    parts = np.array([split.get(qpu, 0) for qpu in range(len(free))])
    assert (np.abs(parts - exact) < 1.0 + 1e-9).all()
    scaled = by_weights([w / 4 for w in weights], free, qubits, True)
    assert scaled == split


def test_full_qpus_leave_the_rest_to_the_others() -> None:
    assert by_weights([1.0, 1.0, 0.5], [2, 10, 10], 11, True) == {1: 6, 0: 2, 2: 3}
    assert by_weights([1.0, 0.0, -1.0], [4, 10, 10], 5, True) == {}
    spilled = by_weights([1.0, 0.0, -1.0], [4, 10, 10], 9, False)
    assert spilled[0] == 4
    assert spilled[1] == 5


@given(task=tasks())
def test_sets_and_the_emptiest(task: tuple[list[int], int, list[float], list[bool]]) -> None:
    free, qubits, _, uses = task
    size = len(free)
    members = [qpu for qpu in range(size) if uses[qpu]]
    holds = bool(members) and (
        sum(free[qpu] for qpu in members) >= qubits
        and all(free[qpu] for qpu in members)
        and len(members) <= qubits
    )
    assert set_holds(uses, free, qubits) == holds
    qpus, parts = [0] * size, [0] * size
    if holds:
        count = split_over_set(uses, free, qubits, qpus, parts)
        split = dict(zip(qpus[:count], parts[:count], strict=True))
        check_split(split, free, qubits)
        assert sorted(split) == members
    count = split_over_emptiest(free, qubits, qpus, parts)
    split = dict(zip(qpus[:count], parts[:count], strict=True))
    check_split(split, free, qubits)
    fewest = next(k for k in range(1, size + 1) if sum(sorted(free)[-k:]) >= qubits)
    assert count == fewest

"""Worlds of environments: splits that share nothing, defaults equal to the composed scenarios."""

import itertools

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qcbench.bench.compose import compose_scenario
from qcbench.bench.scenario import build_scenario
from qcbench.envs.defaults import SUITE, default_worlds
from qcbench.envs.worlds import SPLITS, Splits, checked_world, drawn_index
from qcbench.errors import InputError


@given(st.one_of(st.none(), st.integers(1, 5000)))
def test_splits_share_no_replicate_and_leave_none_out(worlds: int | None) -> None:
    splits = Splits(worlds=worlds)
    ranges = []
    for split in SPLITS:
        count = splits.count(split)
        if count:
            first, last = splits.replicate(split, 0), splits.replicate(split, count - 1)
            assert last - first == count - 1
            ranges.append((first, last))
        for wrong in (-1, count):
            with pytest.raises(InputError, match=f"split {split}: no world {wrong}"):
                splits.replicate(split, wrong)
    ranges.sort()
    assert ranges[0][0] == 0
    assert all(a[1] + 1 == b[0] for a, b in itertools.pairwise(ranges))
    assert splits.replicate("test", 0) == 0
    if worlds is not None:
        assert ranges[-1][1] == worlds - 1
        assert (len(ranges) == 3) == (worlds >= 3)


def test_an_unknown_split_is_named() -> None:
    with pytest.raises(InputError, match=r"split 'vaildation'.*validation"):
        Splits().count("vaildation")  # type: ignore[arg-type]


def test_drawn_worlds_are_even_and_the_same_compiled() -> None:
    seeds, episodes, count = 64, 256, 128
    drawn = np.array([[drawn_index(s, e, count) for e in range(episodes)] for s in range(seeds)])
    found = np.bincount(drawn.ravel(), minlength=count)
    expected = seeds * episodes / count
    # Chi-square with 127 degrees of freedom: 99.99 % of fair draws lie below 195.
    assert ((found - expected) ** 2 / expected).sum() < 195
    compiled = numba.njit(drawn_index)
    for seed in (0, 1, 2**31 - 1, 2**40, 2**62):
        for episode in (0, 7, 2**33):
            assert compiled(seed, episode, 1000) == drawn_index(seed, episode, 1000)
    large = [[drawn_index(s, e, count) for e in range(episodes)] for s in (7, 7 + 2**31, 7 + 2**40)]
    assert len({tuple(own) for own in large}) == 3


OVERRIDES = {
    "placement": ("placement/qce5", []),
    "allocation": ("allocation/eagle5", ["workload.tasks=100"]),
    "queueing": ("serverless/small", ["rules.horizon_s=86400", "rules.warm_up_s=0"]),
}


@pytest.mark.parametrize("track", OVERRIDES)
def test_default_worlds_are_those_of_the_composed_scenario(track) -> None:
    source = default_worlds(track)
    name, overrides = OVERRIDES[track]
    config = compose_scenario(name, overrides)
    for index in (0, 3):
        ours, _ = checked_world(source, "test", index)
        theirs = build_scenario(config, SUITE, replicate=index, seed=0)
        assert ours.fleet == theirs.fleet
        assert (ours.name, ours.track) == (theirs.name, theirs.track)
        assert (ours.rules, ours.physics) == (theirs.rules, theirs.physics)
        np.testing.assert_array_equal(ours.workload.arrival_s, theirs.workload.arrival_s)
        assert ours.workload.phases == theirs.workload.phases
        for column in ("qubits", "depth", "shots", "two_qubit_gates"):
            np.testing.assert_array_equal(
                getattr(ours.workload.tasks, column), getattr(theirs.workload.tasks, column)
            )
    first, _ = source("train", 0)
    assert not np.array_equal(first.workload.arrival_s, ours.workload.arrival_s) or not (
        np.array_equal(first.workload.tasks.qubits, ours.workload.tasks.qubits)
    )


def test_partition_has_no_environment() -> None:
    with pytest.raises(InputError, match="track partition: has no environment"):
        default_worlds("partition")

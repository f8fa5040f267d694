"""Parts on connected qubits: an exact answer whether there are some, and a bounded search which."""

from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_clouds import make_cloud, make_fleet, make_workload

from qcbench.cloud.connected import ConnectedQubits
from qcbench.cloud.rules import Dispatch
from qcbench.errors import InputError
from qcbench.fleet.catalogue import device
from qcbench.fleet.profile import QpuProfile
from qcbench.policies.allocation.fewest_parts import policy as fewest_parts
from qcbench.policies.protocol import PolicyContext

CONNECTED = Dispatch(qpus="shared", order="backfill", connected=True)


def qpu(qubits: int, links: Any) -> QpuProfile:
    return QpuProfile(name="q", qubits=qubits, family="tiny", coupling=tuple(links))


def line(qubits: int) -> QpuProfile:
    return qpu(qubits, ((i, i + 1) for i in range(qubits - 1)))


def is_connected(qubits: Any, links: Any) -> bool:
    left = set(qubits)
    reached = {left.pop()} if left else set()
    while grown := {b for a, b in links if a in reached and b in left} | {
        a for a, b in links if b in reached and a in left
    }:
        reached |= grown
        left -= grown
    return not left


def test_a_line_that_is_cut_in_the_middle() -> None:
    qubits = ConnectedQubits(line(7), 10_000)
    assert qubits.take(3) == (0, 1, 2)  # from an end, so that the rest stays together
    assert qubits.largest() == 4
    qubits.give([0, 1])
    assert qubits.largest() == 4
    assert qubits.take(2) == (0, 1)  # into the smallest hole
    with pytest.raises(ValueError, match="no 5 free qubits"):
        qubits.take(5)
    assert qubits.take(4) == (3, 4, 5, 6)
    assert qubits.largest() == 0


GRAPHS = st.integers(2, 8).flatmap(
    lambda n: st.tuples(
        st.just(n), st.sets(st.sampled_from(list(combinations(range(n), 2))), max_size=12)
    )
)


@given(graph=GRAPHS, steps=st.lists(st.tuples(st.booleans(), st.integers(1, 8)), max_size=12))
@settings(max_examples=150, deadline=None)
def test_it_finds_a_set_exactly_where_there_is_one(graph: Any, steps: Any) -> None:
    count, links = graph
    links = links or {(0, 1)}
    qubits = ConnectedQubits(qpu(count, links), 50)
    free, taken = set(range(count)), []
    for takes, size in steps:
        if takes or not taken:
            exists = any(is_connected(s, links) for s in combinations(sorted(free), size))
            assert exists == (qubits.largest() >= size)
            if exists:
                region = qubits.take(size)
                assert len(region) == size
                assert set(region) <= free
                assert is_connected(region, links)
                free -= set(region)
                taken.append(region)
        else:
            region = taken.pop(size % len(taken))
            qubits.give(region)
            free |= set(region)


def test_the_search_keeps_an_eagle_in_one_piece_and_ends_when_told() -> None:
    eagle = device("kyiv")
    searched, hasty = ConnectedQubits(eagle, 1_000_000), ConnectedQubits(eagle, 1)
    for qubits in (searched, hasty):
        for _ in range(6):
            region = qubits.take(20)
            assert is_connected(region, eagle.coupling)
    assert searched.largest() == 127 - 6 * 20
    assert 0 < hasty.largest() <= 7


def test_tasks_on_a_cloud_hold_connected_sets_that_do_not_meet() -> None:
    rng = np.random.default_rng(5)
    fleet = make_fleet(9, 12, coupling=tuple((i, i + 1) for i in range(8)))
    tasks = 60
    workload = make_workload(
        np.sort(rng.integers(0, 40, tasks)).astype(float),
        rng.integers(1, 6, tasks).astype(float),
        rng.integers(1, 14, tasks),
    )
    # Of the second QPU only qubits 0..8 are linked, so 18 qubits in all can be connected.
    decide = fewest_parts(PolicyContext(fleet, rng))
    cloud = make_cloud(workload, fleet, decide, CONNECTED)
    broker: Any = cloud.broker
    links = fleet.qpus[0].coupling
    held_at_once = 0

    def look(_event: Any) -> None:
        nonlocal held_at_once
        held: list[set[int]] = [set(), set()]
        for execution, regions in broker._regions.items():
            assert [len(r) for r in regions] == [n for _, n in execution.parts]
            for (index, _), region in zip(execution.parts, regions, strict=True):
                assert is_connected(region, links)
                assert not held[index] & set(region)
                held[index] |= set(region)
        held_at_once = max(held_at_once, len(broker._regions))

    for moment in range(200):
        cloud.clock.at(moment + 0.5).callbacks.append(look)
    records = cloud.run()
    assert held_at_once > 2
    assert (records.status == 0).all()
    assert broker._regions == {}
    assert broker.view.free_qubits.tolist() == [9, 9]


def test_what_has_no_coupling_map_or_not_enough_connected_qubits() -> None:
    workload = make_workload([0.0], [1.0], [19])
    with pytest.raises(InputError, match="q0: has no coupling map"):
        make_cloud(workload, make_fleet(10, 10), lambda _view: None, CONNECTED)
    fleet = make_fleet(10, 10, coupling=tuple((i, i + 1) for i in range(8)))
    with pytest.raises(InputError, match=r"needs 19 qubits; connected sets .* have 18 in all"):
        make_cloud(workload, fleet, lambda _view: None, CONNECTED)

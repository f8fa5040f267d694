"""What each allocation policy chooses, and what the strong one reaches on the case study."""

from functools import cache
from itertools import pairwise, permutations
from typing import Any

import numpy as np
import pytest
from scipy.optimize import linprog

from qcbench.api import simulate
from qcbench.bench.contract.allocation import ToySplits, views
from qcbench.errors import InputError
from qcbench.fleet.profile import Fleet, QpuProfile
from qcbench.policies import registry
from qcbench.policies.bottleneck import bottleneck_prices
from qcbench.policies.config import PolicyConfig
from qcbench.policies.protocol import PolicyContext
from qcbench.policies.split_options import split_options
from qcbench.policies.splitting import even_within
from qcbench.policies.view import AllocationView, TaskTable

SECONDS = np.array([1.0, 1.0, 8.0, 7.0, 9.0])
"""Of any task on each QPU: the first two are the fast ones."""


def others(place: int) -> dict[str, float]:
    """What the policies under test do not turn on."""
    return {"one_qubit_error": 0.0, "two_qubit_error": 0.0, "price_per_s": 1.0 + place}


def five(*qubits: int) -> Fleet:
    readout = [0.04, 0.03, 0.02, 0.035, 0.01]
    return Fleet(
        "five",
        tuple(
            QpuProfile(name=f"q{i}", qubits=n, family="tiny", readout_error=r, **others(i))
            for i, (n, r) in enumerate(zip(qubits or [100] * 5, readout, strict=False))
        ),
    )


def view_of(fleet: Fleet, qubits: int, free: list[int], **more: Any) -> AllocationView:
    size = len(fleet)
    one = np.ones(1, dtype=np.int64)
    rows = [np.ones(size, dtype=np.bool_)], [SECONDS[:size]], [np.ones(size)], [np.ones(size)]
    table = TaskTable(qubits * one, one, one, one, *rows)
    view = AllocationView(
        fleet,
        table,
        np.array(free),
        ToySplits(share_matters=False),
        0.02,
        may_hold=more.pop("may_hold", False),
    )
    view.task_qubits = qubits
    view.running = more.pop("running", int(sum(free) < fleet.qubits.sum()))
    view.waiting = 1
    return view


def make(name: str, fleet: Fleet, **parameters: float) -> Any:
    config = PolicyConfig(name=name, parameters=dict(parameters))
    return registry.make("allocation", config, PolicyContext(fleet, np.random.default_rng(1)))


@pytest.mark.parametrize(
    ("name", "free", "split"),
    [
        ("speed", [100] * 5, {0: 31, 1: 31, 2: 30, 3: 30, 4: 30}),
        ("speed", [20, 100, 100, 100, 0], {1: 51, 2: 51, 3: 50}),
        ("speed", [90, 70, 5, 5, 5], {0: 82, 1: 70}),  # even is 76 each: as even as it goes
        ("speed", [100, 30, 5, 5, 5], None),
        ("speed", [100, 31, 31, 5, 5], {0: 90, 1: 31, 2: 31}),
        ("speed", [100, 5, 5, 5, 5], None),
        ("fidelity", [100] * 5, {4: 76, 2: 76}),
        ("fidelity", [100, 100, 100, 100, 20], {2: 76, 1: 76}),
        ("fidelity", [60, 60, 60, 60, 60], {4: 51, 2: 51, 1: 50}),
        ("fidelity", [100, 20, 40, 60, 20], None),
        ("fair", [100] * 5, {1: 31, 0: 31, 4: 30, 2: 30, 3: 30}),
        ("proportional", [100, 50, 50, 0, 0], {0: 76, 1: 38, 2: 38}),
        ("proportional", [100] * 5, {0: 31, 1: 31, 2: 30, 3: 30, 4: 30}),
        ("proportional", [100, 20, 10, 10, 10], None),
        ("fewest_parts", [100, 90, 80, 70, 60], {0: 100, 1: 52}),
    ],
)
def test_splits_of_152_qubits(name: str, free: list[int], split: Any) -> None:
    fleet = five()
    decision = make(name, fleet)(view_of(fleet, 152, free))
    assert decision == split
    if isinstance(split, dict):  # the order of the chain as well
        assert list(decision) == list(split)


def test_where_parts_may_be_held_they_may_exceed_what_is_free() -> None:
    fleet = five()
    view = view_of(fleet, 152, [100, 40, 5, 5, 5], may_hold=True)
    assert make("speed", fleet)(view) == {0: 76, 1: 76}


@pytest.mark.parametrize(
    ("name", "split"),
    [("speed", {0: 40}), ("fidelity", {4: 40}), ("fair", {1: 40}), ("proportional", {3: 40})],
)
def test_a_task_that_fits_one_qpu_stays_whole(name: str, split: dict[int, int]) -> None:
    fleet = five()
    assert make(name, fleet)(view_of(fleet, 40, [50, 60, 70, 80, 40])) == split


@pytest.mark.parametrize(
    "name", ["speed", "fidelity", "fair", "weighted", "best_tradeoff", "packing"]
)
def test_a_fleet_of_one_qpu(name: str) -> None:
    fleet = five(100)
    assert make(name, fleet)(view_of(fleet, 40, [100])) == {0: 40}
    assert make(name, fleet)(view_of(fleet, 40, [30])) is None


def test_qpus_of_different_sizes_do_not_make_a_task_wait_for_ever() -> None:
    fleet = five(100, 7)
    for name in ("speed", "fidelity", "fair", "weighted", "best_tradeoff", "packing", "random"):
        split = make(name, fleet)(view_of(fleet, 105, [100, 7]))
        parts = split if isinstance(split, dict) else dict(enumerate(split))
        assert sum(parts.values()) == 105


def test_weights_choose_the_end_of_the_front() -> None:
    fleet = five()
    view = view_of(fleet, 152, [100] * 5)
    assert set(make("weighted", fleet, time=1.0, fidelity=0.0)(view)) == {0, 1}
    assert set(make("weighted", fleet, time=0.0, fidelity=0.0, price=1.0)(view)) == {0, 1}
    assert set(make("weighted", fleet, time=0.0, fidelity=1.0)(view)) == {0, 1}
    busy = view_of(fleet, 152, [10, 100, 100, 100, 100])
    assert set(make("weighted", fleet, time=1.0, fidelity=0.0)(busy)) == {1, 3}
    assert set(make("weighted", fleet, time=0.0, fidelity=1.0)(busy)) == {0, 1, 2}


@pytest.mark.parametrize(
    ("name", "parameters", "words"),
    [
        ("weighted", {"time": -1.0}, "time: -1.0; must not be negative"),
        ("weighted", {"time": 0.0, "fidelity": 0.0}, "must be positive"),
        ("best_tradeoff", {"fidelity_worth": -1.0}, "fidelity_worth: -1.0; must not be negative"),
        ("best_tradeoff", {"slack": -0.5}, "slack: -0.5; must not be negative"),
        ("packing", {"fidelity_worth": -1.0}, "fidelity_worth: -1.0; must not be negative"),
        ("packing", {"waste": 1.5}, "waste: 1.5; must be"),
        ("packing", {"idle": float("inf")}, "idle is inf; it must be finite"),
    ],
)
def test_parameters_out_of_range(name: str, parameters: dict[str, float], words: str) -> None:
    with pytest.raises(InputError, match=words):
        make(name, five(), **parameters)


def test_even_splits() -> None:
    def split(qubits: int, order: list[int], free: list[int]) -> dict[int, int]:
        chain_qpu, chain_qubits = [0] * 4, [0] * 4
        parts = even_within(qubits, len(order), order, free, chain_qpu, chain_qubits)
        return dict(zip(chain_qpu[:parts], chain_qubits[:parts], strict=True))

    assert split(11, [3, 1, 0], [9, 9, 9, 9]) == {3: 4, 1: 4, 0: 3}
    assert split(11, [3, 1, 0], [9, 2, 9, 9]) == {3: 5, 1: 2, 0: 4}
    assert split(11, [3, 1, 0], [2, 2, 9, 2]) == {}
    assert split(2, [0, 1, 2], [5, 0, 5]) == {0: 1, 2: 1}


@pytest.mark.parametrize("share_matters", [False, True])
def test_options_are_all_sets_with_the_best_parts(share_matters: bool) -> None:
    """Against all parts and all chains of small cases."""
    fleet = five(5, 4, 3)
    options = split_options(fleet)
    assert len(options.members) == 7
    for qubits in range(1, 12):
        for free in ([5, 4, 3], [5, 1, 3], [2, 2, 0]):
            limits = np.array(free)
            view = view_of(fleet, qubits, free)
            view._splits = ToySplits(share_matters)
            whole = 1.0 / (1.0 + np.arange(3))
            view._table.fidelity[0][:] = whole
            possible = options.possible(qubits, limits)
            comm_s = options.comm_s(qubits, limits, 0.02)
            fidelity = options.fidelity(view, limits)
            for option, members in enumerate(options.members):
                chains = [
                    (chain, parts)
                    for chain in permutations(members)
                    for parts in np.ndindex(*(free[q] + 1 for q in chain))
                    if sum(parts) == qubits and min(parts) > 0
                ]
                assert possible[option] == bool(chains)
                if not chains:
                    continue
                split = options.parts(option, view, limits)
                assert (tuple(split), tuple(split.values())) in chains
                sums = [0.02 * sum(a + b for a, b in pairwise(p)) for _, p in chains]
                values = list(split.values())
                least = 0.02 * sum(a + b for a, b in pairwise(values))
                best = max(
                    float(view.fidelity(np.array(c), np.array(p), np.array([len(c)]))[0])
                    for c, p in chains
                )
                assert fidelity[option] == pytest.approx(best)
                if not share_matters:
                    assert least == pytest.approx(min(sums))
                    assert comm_s[option] == pytest.approx(min(sums))


@pytest.mark.parametrize("seed", range(12))
def test_prices_are_the_dual_solution(seed: int) -> None:
    rng = np.random.default_rng(seed)
    tasks, count, qpus = 5, 8, 4
    load = rng.uniform(0.0, 5.0, (tasks, count, qpus)) * (rng.random((tasks, count, qpus)) < 0.7)
    load[:, 0] = rng.uniform(0.5, 2.0, (tasks, qpus))
    load[rng.random((tasks, count)) < 0.2] = np.inf
    load[:, 1] = 1.0
    penalty = rng.uniform(0.0, 3.0, (tasks, count)) * (seed % 3)
    prices, busiest = bottleneck_prices(load, penalty)
    assert prices.sum() == pytest.approx(1.0)
    assert (prices >= 0).all()
    assert busiest > 0
    place = np.argwhere(np.isfinite(load).all(axis=2))
    cost = [penalty[i, s] / tasks for i, s in place]
    usage = np.array([load[i, s] / tasks for i, s in place]).T
    one = np.array([[float(i == task) for i, _ in place] + [0.0] for task in range(tasks)])
    solved = linprog(
        [*cost, 1.0],
        A_ub=np.hstack([usage, -np.ones((qpus, 1))]),
        b_ub=np.zeros(qpus),
        A_eq=one,
        b_eq=np.ones(tasks),
    )
    own = np.where(np.isfinite(load).all(axis=2), np.nan_to_num(load, posinf=0) @ prices, np.inf)
    assert (own + penalty).min(axis=1).mean() == pytest.approx(solved.fun, abs=1e-9)
    if not penalty.any():
        assert busiest == pytest.approx(solved.fun)


@cache
def study(policy: str, order: str, seed: int, **parameters: float) -> tuple[float, float]:
    """Total time and mean fidelity on a drawn case study, in the published units."""
    records = simulate(
        "allocation/eagle5-icpp2025",
        {"name": policy, "parameters": parameters},
        seed=seed,
        overrides=[f"rules.dispatch.order={order}", "rules.dispatch.backfill_depth=16"],
    )
    return float(np.max(records.finish_s)), float(np.mean(records.fidelity))


@pytest.mark.parametrize("order", ["fifo", "backfill"])
def test_best_tradeoff_reaches_both_ends_of_the_front_and_rises_between(order: str) -> None:
    worths = (4.0, 100.0, 150.0, 200.0, 400.0, 5e3)
    front = [study("best_tradeoff", order, 0, fidelity_worth=worth) for worth in worths]
    times, fidelities = zip(*front, strict=True)
    assert list(times) == sorted(times)
    assert list(fidelities) == sorted(fidelities)
    assert fidelities[0] >= 0.636
    # The fastest pair alone takes about 32,600, the most faithful one 222,400.
    assert times[0] < 28_000
    assert fidelities[-1] > 0.69
    for name in ("speed", "fidelity", "fair", "proportional", "random"):
        time, fidelity = study(name, order, 0)
        assert any(t < time and f > fidelity for t, f in front), name


@pytest.mark.parametrize("order", ["fifo", "backfill"])
def test_packing_is_faster_than_best_tradeoff_and_more_faithful(order: str) -> None:
    rival = [study("best_tradeoff", order, 0, fidelity_worth=worth) for worth in (150.0, 300.0)]
    front = [study("packing", order, 0, fidelity_worth=worth) for worth in (150.0, 300.0, 400.0)]
    for time, fidelity in rival:
        assert any(t < 0.95 * time and f > fidelity for t, f in front), (time, fidelity)
    # The most faithful end is the same: every task on its best pair.
    ends = [study(name, order, 0, fidelity_worth=5e3) for name in ("packing", "best_tradeoff")]
    assert ends[0] == pytest.approx(ends[1], rel=1e-3)


def test_packing_shares_qpus_among_wide_tasks() -> None:
    fleet = five()
    split = make("packing", fleet)(view_of(fleet, 152, [100] * 5))
    assert sorted(split.values()) == [52, 100]  # one is filled, so that a part of another is left
    at_once = []
    for policy in ("packing", "best_tradeoff"):
        records = simulate(
            "allocation/eagle5", {"name": policy, "parameters": {"fidelity_worth": 300.0}}
        )
        held_s = float(np.sum(records.finish_s - records.start_s))
        at_once.append(held_s / float(np.max(records.finish_s)))
    assert at_once[0] > 1.05 * at_once[1]


def test_views_of_contract_tests_have_tasks_that_wait() -> None:
    fleet = five()
    decide = make("speed", fleet)
    decisions = [decide(view) for view in views(2, fleet, 60)]
    assert None in decisions
    assert any(decisions)

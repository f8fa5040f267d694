"""A figure that a QPU does not state is unknown, never 0, through models, policies and records.

One QPU of a fleet lacks one figure. Whoever needs it refuses in one line that names the QPU and the
figure; whoever does not gives what it gives for the complete fleet.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from qcbench.cloud.cloud import Cloud, seeded_streams
from qcbench.cloud.estimates import estimate
from qcbench.cloud.partition import batch_of
from qcbench.cloud.records import Records
from qcbench.cloud.rules import Dispatch, Rules
from qcbench.cloud.scenario import Scenario
from qcbench.errors import InputError
from qcbench.fleet.profile import ERRORS, Fleet, QpuProfile
from qcbench.kernels import engine
from qcbench.physics.config import (
    AffineTime,
    ClopsTime,
    D1cpsTime,
    GivenTime,
    IbmUsageTime,
    Noiseless,
    PartsFidelity,
    PhysicsConfig,
    SuccessProbability,
)
from qcbench.policies import registry
from qcbench.policies.config import PolicyConfig
from qcbench.policies.features.observer import observer
from qcbench.policies.protocol import PolicyContext
from qcbench.policies.split_options import split_options
from qcbench.workload.workload import CompiledFeatures, Tasks, Workload

COMPLETE: dict[str, Any] = {
    "qubits": 5,
    "family": "tiny",
    "d1cps": 1000.0,
    "clops_v": 900.0,
    "clops_h": 5000.0,
    "quantum_volume": 64,
    "readout_error": 0.01,
    "one_qubit_error": 0.001,
    "two_qubit_error": 0.02,
    "readout_duration_s": 1e-6,
    "one_qubit_duration_s": 3e-8,
    "two_qubit_duration_s": 4e-7,
    "t1_s": 1e-4,
    "t2_s": 1e-4,
    "price_per_s": 1.6,
}
FIGURES = tuple(name for name in COMPLETE if name not in ("qubits", "family"))


def fleet_without(*figures: str, qpus: int = 3, lacking: int = 1) -> Fleet:
    """Three QPUs, of which `mute` does not state these figures."""
    profiles = [QpuProfile(name=f"q{index}", **COMPLETE) for index in range(qpus)]
    profiles[lacking] = replace(profiles[lacking], name="mute", **dict.fromkeys(figures))
    return Fleet("lab", tuple(profiles))


def tasks(count: int = 6, qubits: int = 4) -> Tasks:
    one = np.ones(count, dtype=np.int64)
    compiled = CompiledFeatures(20 * one, 30 * one, 10 * one, qubits * one)
    return Tasks(
        algorithm=["toy"] * count,
        qubits=qubits * one,
        depth=12 * one,
        shots=100 * one,
        two_qubit_gates=7 * one,
        compiled={"tiny": compiled},
        duration_s=np.arange(1.0, count + 1.0),
    )


TIMES: dict[str, tuple[Any, set[str]]] = {
    "d1cps": (D1cpsTime(), {"d1cps"}),
    "clops_v": (ClopsTime(scale="clops_v"), {"clops_v", "quantum_volume"}),
    "clops_h": (ClopsTime(variant="icpp2025"), {"clops_h", "quantum_volume"}),
    "ibm_usage": (IbmUsageTime(), {"two_qubit_duration_s", "readout_duration_s"}),
    "affine": (AffineTime(intercept_s=1.0, slope_s=1e-6), set()),
    "given": (GivenTime(), set()),
}
FIDELITIES: dict[str, tuple[Any, set[str]]] = {
    "compiled": (SuccessProbability(), set(ERRORS)),
    "written": (SuccessProbability(gates="written"), set(ERRORS)),
    "icpp2025": (PartsFidelity(), {"readout_error", "one_qubit_error"}),
    "with_2q": (PartsFidelity(model="with_2q"), set(ERRORS)),
    "none": (Noiseless(), set()),
}


@pytest.mark.parametrize(
    ("lacks", "time", "named"),
    [
        (("d1cps",), D1cpsTime(), IbmUsageTime()),
        (("clops_h",), ClopsTime(), IbmUsageTime()),
        (("readout_duration_s",), IbmUsageTime(), D1cpsTime()),
        (("clops_h", "readout_duration_s"), ClopsTime(), D1cpsTime()),
        (("d1cps", "readout_duration_s"), D1cpsTime(), None),
    ],
)
def test_a_refusal_names_a_time_model_that_has_all_it_needs(
    lacks: tuple[str, ...], time: Any, named: Any
) -> None:
    fleet = fleet_without(*lacks)
    with pytest.raises(InputError) as caught:
        estimate(tasks(), fleet, PhysicsConfig(time=time))
    if named is None:
        assert str(caught.value).endswith("or choose another model")
        return
    assert str(caught.value).endswith(f"another model (physics.time.model={named.model})")
    assert np.isfinite(estimate(tasks(), fleet, PhysicsConfig(time=named)).exec_s).all()


@pytest.mark.parametrize("fidelity", FIDELITIES)
@pytest.mark.parametrize("time", TIMES)
def test_a_model_that_needs_a_figure_refuses_and_another_does_without(
    time: str, fidelity: str
) -> None:
    (time_model, time_needs), (fidelity_model, fidelity_needs) = TIMES[time], FIDELITIES[fidelity]
    physics = PhysicsConfig(time=time_model, fidelity=fidelity_model)
    for splits in (False, True):
        whole = estimate(tasks(), fleet_without(), physics, splits=splits)
        for figure in FIGURES:
            fleet = fleet_without(figure)
            if figure in time_needs | fidelity_needs:
                words = rf"^fleet lab: QPU mute has no {figure}, which"
                with pytest.raises(InputError, match=words) as caught:
                    estimate(tasks(), fleet, physics, splits=splits)
                assert "\n" not in str(caught.value)
                assert "give the figure in the fleet or choose another model" in str(caught.value)
                continue
            found = estimate(tasks(), fleet, physics, splits=splits)
            np.testing.assert_array_equal(found.exec_s, whole.exec_s)
            np.testing.assert_array_equal(found.fidelity, whole.fidelity)
            known = [0, 2] if figure == "price_per_s" else [0, 1, 2]
            np.testing.assert_array_equal(found.price[:, known], whole.price[:, known])
            assert np.isnan(found.price[:, 1]).all() == (figure == "price_per_s")


def test_a_fleet_of_unknown_devices_is_refused_at_its_first() -> None:
    fleet = Fleet("lab", (QpuProfile(name="server", qubits=5, family="tiny", d1cps=1.0),) * 2)
    with pytest.raises(InputError, match=r"QPU server has no readout_error.*physics\.fidelity"):
        estimate(tasks(), fleet, PhysicsConfig())


def test_a_stated_error_of_zero_is_zero() -> None:
    perfect = {"readout_error": 0.0, "one_qubit_error": 0.0, "two_qubit_error": 0.0}
    fleet = Fleet("ideal", (QpuProfile(name="ideal", **COMPLETE | perfect),))
    np.testing.assert_array_equal(estimate(tasks(), fleet, PhysicsConfig()).fidelity, 1.0)


def test_one_qubit_has_no_two_qubit_gates() -> None:
    small = replace(fleet_without("two_qubit_error").qpus[1], qubits=1)
    fleet = Fleet("lab", (fleet_without().qpus[0], small))
    alone = replace(tasks(qubits=1), two_qubit_gates=np.zeros(6, dtype=np.int64))
    one = np.ones(6, dtype=np.int64)
    alone = replace(alone, compiled={"tiny": CompiledFeatures(3 * one, 2 * one, 0 * one, one)})
    found = estimate(alone, fleet, PhysicsConfig()).fidelity
    np.testing.assert_allclose(found, 0.999**2 * 0.99)
    # A part of a wider circuit has its share of that circuit's two-qubit gates.
    with pytest.raises(InputError, match="QPU mute has no two_qubit_error"):
        estimate(tasks(), fleet, PhysicsConfig(), splits=True)


SHARED = Dispatch(qpus="shared")
NEEDY = [
    ("placement", "greedy_error", {}, ("readout_error",), "take policy=greedy"),
    ("placement", "weighted", {"price": 1.0}, ("price_per_s",), "policy.parameters.price=0"),
    ("allocation", "fair", {}, ERRORS, "choose another policy"),
    ("allocation", "fidelity", {}, ERRORS, "choose another policy"),
    ("allocation", "best_in_time", {}, ERRORS, "choose another policy"),
    ("allocation", "weighted", {"price": 0.5}, ("price_per_s",), "policy.parameters.price=0"),
]


def simulate(
    track: Any, policy: str, parameters: Any, fleet: Fleet, by: str, fidelity: Any = None
) -> Records:
    physics = PhysicsConfig(time=GivenTime(), fidelity=fidelity or Noiseless())
    scenario = Scenario(
        fleet,
        Workload(np.arange(6.0), tasks()),
        track,
        Rules(dispatch=SHARED if track == "allocation" else Dispatch()),
        physics,
    )
    config = PolicyConfig(name=policy, parameters=parameters)
    context = PolicyContext(fleet, np.random.default_rng(1))
    if by == "compiled":
        return engine.simulate(scenario, config, context, seeded_streams(1))
    return Cloud(scenario, registry.make(track, config, context), seeded_streams(1)).run()


@pytest.mark.parametrize("by", ["simpy", "compiled"])
@pytest.mark.parametrize(
    ("track", "policy", "parameters", "figure", "advice"),
    [(t, p, q, f, a) for t, p, q, figures, a in NEEDY for f in figures],
)
def test_a_policy_that_ranks_by_a_figure_refuses(
    track: Any, policy: str, parameters: Any, figure: str, advice: str, by: str
) -> None:
    with pytest.raises(InputError, match=rf"^fleet lab: QPU mute has no {figure}, which") as caught:
        simulate(track, policy, parameters, fleet_without(figure), by)
    assert f"the policy {policy} needs" in str(caught.value)
    assert advice in str(caught.value)
    simulate(track, policy, parameters, fleet_without(), by)


@pytest.mark.parametrize("by", ["simpy", "compiled"])
@pytest.mark.parametrize(
    ("track", "policy"),
    [
        *(("placement", name) for name in registry.names("placement")),
        *(("allocation", name) for name in registry.names("allocation")),
    ],
)
@pytest.mark.parametrize("figure", ["readout_error", "price_per_s"])
def test_nobody_prefers_an_unknown_device(track: Any, policy: str, figure: str, by: str) -> None:
    """With a model that needs the figure nothing runs; with one that does not, nobody sees it."""
    if policy in ("learned", "scripted"):
        pytest.skip("needs a file")
    needs = {f for t, p, q, figs, _ in NEEDY if (t, p, q) == (track, policy, {}) for f in figs}
    if figure in needs:
        with pytest.raises(InputError, match=figure):
            simulate(track, policy, {}, fleet_without(figure), by)
        return
    if figure != "price_per_s":
        with pytest.raises(InputError, match=f"QPU mute has no {figure}"):
            simulate(track, policy, {}, fleet_without(figure), by, SuccessProbability())
    whole = simulate(track, policy, {}, fleet_without(), by)
    found = simulate(track, policy, {}, fleet_without(figure), by)
    assert list(map(list, found.parts)) == list(map(list, whole.parts))
    np.testing.assert_array_equal(found.finish_s, whole.finish_s)
    on_mute = np.array([any(qpu == 1 for qpu, _ in parts) for parts in found.parts])
    unknown = on_mute if figure == "price_per_s" else np.zeros(6, dtype=np.bool_)
    np.testing.assert_array_equal(np.isnan(found.cost), unknown)


@pytest.mark.parametrize("records", ["tasks", "jobs"])
@pytest.mark.parametrize("price", [None, 0.0, 2.0])
def test_engines_agree_on_the_cost_of_queued_jobs(price: float | None, records: Any) -> None:
    qpus = [QpuProfile(name=n, **COMPLETE | {"price_per_s": price}) for n in ("a", "b")]
    scenario = Scenario(
        Fleet("pair", tuple(qpus)),
        Workload(np.arange(6.0), tasks()),
        "queueing",
        Rules(dispatch=Dispatch(mode="pull"), records=records),
        PhysicsConfig(time=GivenTime(), fidelity=Noiseless()),
    )
    context = PolicyContext(scenario.fleet, np.random.default_rng(0))
    config = PolicyConfig(name="fifo")
    twin = engine.simulate(scenario, config, context, seeded_streams(0))
    cloud = Cloud(scenario, registry.make("queueing", config, context), seeded_streams(0)).run()
    expected = np.arange(1.0, 7.0) * (np.nan if price is None else price)
    np.testing.assert_array_equal(cloud.cost, expected)
    np.testing.assert_array_equal(twin.cost, expected)
    assert cloud.frame()["cost"].null_count() == (6 if price is None else 0)


def test_a_cost_that_is_unknown_is_no_metric() -> None:
    from qcbench.bench.metrics.common import task_metrics  # noqa: PLC0415

    found = simulate("placement", "round_robin", {}, fleet_without("price_per_s"), "simpy")
    assert task_metrics(found, found.summary(0.0), 0.0)["total_cost"] is None
    whole = simulate("placement", "round_robin", {}, fleet_without(), "simpy")
    assert task_metrics(whole, whole.summary(0.0), 0.0)["total_cost"] == pytest.approx(1.6 * 21)


@pytest.mark.parametrize("track", ["placement", "allocation"])
def test_observations_compare_prices_of_all_qpus_or_none(track: Any) -> None:
    with pytest.raises(InputError, match="QPU mute has no price_per_s, which the observation"):
        observer(track, fleet_without("price_per_s"))
    observer(track, fleet_without())
    unpriced = Fleet("lab", tuple(replace(q, price_per_s=None) for q in fleet_without()))
    observer(track, unpriced)


def test_an_observation_without_prices_calls_nobody_dearer() -> None:
    prices = [None, 0.0]
    seen = []
    for price in prices:
        qpus = [replace(q, price_per_s=price) for q in fleet_without()]
        fleet = Fleet("lab", (*qpus[:2], replace(qpus[2], qubits=2)))
        watcher = observer("placement", fleet)
        out = [0.0] * watcher.layout.size(3)
        scenario = Scenario(
            fleet,
            Workload(np.zeros(6), tasks()),
            physics=PhysicsConfig(time=GivenTime(), fidelity=Noiseless()),
        )
        cloud = Cloud(scenario, lambda view: 0)
        cloud.broker.view.row = 0  # type: ignore[union-attr]
        watcher.observe(cloud.broker.view, out)  # type: ignore[union-attr]
        seen.append(out)
    assert seen[0] == seen[1]
    assert np.isfinite(seen[0]).all()


def test_the_cost_of_nodes_needs_prices() -> None:
    from qcbench.workload.interaction_graph import graph_of  # noqa: PLC0415

    drawn = replace(tasks(), graphs=[graph_of(4, {(0, 1): 1})] * 6)
    with pytest.raises(InputError, match="QPU mute has no price_per_s, which the cost of a node"):
        batch_of(drawn, fleet_without("price_per_s"), "Q")


@pytest.mark.parametrize("figures", [("readout_error",), ("clops_h", "clops_v"), ERRORS])
def test_sets_of_many_qpus_leave_out_rankings_by_unknown_figures(figures: tuple[str, ...]) -> None:
    whole, found = (split_options(fleet_without(*f, qpus=12)) for f in ((), figures))
    assert set(found.members) <= set(whole.members)
    # As the QPUs are alike, the ranking by qubits is the same as those that are left out.
    assert found.members == whole.members


def test_a_mute_qpu_is_in_no_worse_set_than_the_others() -> None:
    qpus = [replace(q, readout_error=0.01 * (1 + i)) for i, q in enumerate(fleet_without(qpus=12))]
    qpus[7] = replace(qpus[7], readout_error=None)
    members = split_options(Fleet("lab", tuple(qpus))).members
    assert (7,) in members
    assert (0, 1, 2, 3) in members  # neighbours by qubits

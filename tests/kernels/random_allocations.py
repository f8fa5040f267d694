"""Random small allocation trials, full of ties, and both engines' answers to them."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from due_times import with_due_times
from hypothesis import strategies as st

from qcbench.cloud.cloud import Cloud, Streams
from qcbench.cloud.records import Records
from qcbench.cloud.rules import (
    Admission,
    Dispatch,
    Drift,
    Failures,
    Rescheduling,
    Rules,
    TokenBucket,
)
from qcbench.cloud.scenario import Scenario
from qcbench.errors import InputError
from qcbench.fleet.profile import Fleet, QpuProfile
from qcbench.kernels.engine import python_policy, simulate
from qcbench.physics.config import (
    ClopsTime,
    GivenTime,
    Links,
    Noiseless,
    PartsFidelity,
    PhysicsConfig,
    SuccessProbability,
)
from qcbench.policies.config import PolicyConfig
from qcbench.policies.protocol import Decide, PolicyContext, PolicyError
from qcbench.workload.workload import Tasks, Workload
from tests.kernels.same_records import assert_same

QPUS = st.builds(
    dict,
    qubits=st.integers(1, 8),
    clops_h=st.sampled_from([3500.0, 7000.0, 7000.0, 14000.0]),
    readout_error=st.sampled_from([0.01, 0.02, 0.04]),
    one_qubit_error=st.sampled_from([0.001, 0.002]),
    two_qubit_error=st.sampled_from([0.01, 0.03]),
    price_per_s=st.sampled_from([0.0, 1.5]),
)
COUPLINGS = st.sets(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=12)
JOBS = st.tuples(
    st.sampled_from([0.0, 0.0, 0.5, 1.0, 3.0]),  # gap
    st.sampled_from([0.0, 0.5, 1.0, 2.0, 2.75, 7.0]),  # given duration
    st.floats(0.01, 1.0),  # share of the fleet
    st.integers(0, 12),  # depth
    st.sampled_from([1, 2, 5]),  # shots
    st.integers(0, 20),  # two-qubit gates
)
POLICIES = (
    PolicyConfig(name="speed"),
    PolicyConfig(name="fidelity"),
    PolicyConfig(name="fair"),
    PolicyConfig(name="fewest_parts"),
    PolicyConfig(name="best_in_time"),
    PolicyConfig(name="proportional"),
    PolicyConfig(name="random"),
    PolicyConfig(name="weighted"),
    PolicyConfig(name="weighted", parameters={"time": 0.0, "fidelity": 1.5, "price": 1}),
    PolicyConfig(name="best_tradeoff"),
    PolicyConfig(name="best_tradeoff", parameters={"fidelity_worth": 100, "slack": 0.0}),
    PolicyConfig(name="packing"),
    PolicyConfig(name="packing", parameters={"fidelity_worth": 50, "waste": 1, "overtaken": 2.0}),
)


def coupling(qubits: int, extra: set[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Return two lines, or one where they are joined, with some edges more."""
    half = qubits // 2
    lines = {(a, a + 1) for a in range(qubits - 1) if a + 1 != half or qubits < 5}
    return tuple(sorted(lines | {(a, b) for a, b in extra if a < b < qubits}))


def erratic(context: PolicyContext) -> Decide:
    """A policy without a twin: any split in any order; it waits now and then."""
    rng = context.rng

    def decide(view: Any) -> Any:
        if view.running and rng.random() < 0.3:
            return None
        split = rng.multivariate_hypergeometric(view.free_qubits, view.task_qubits).tolist()
        if rng.random() < 0.5:
            return split
        return {int(q): split[q] for q in rng.permutation(len(split))}

    return decide


def sluggish(_context: PolicyContext) -> Decide:
    """Nothing but waiting, which must be found out where nothing runs."""
    return lambda _view: None


@dataclass(frozen=True)
class Case:
    """One trial."""

    scenario: Scenario
    policy: Any
    seed: int

    def context(self) -> PolicyContext:
        return PolicyContext(self.scenario.fleet, np.random.default_rng([self.seed, 9]))

    def streams(self) -> Streams:
        number = {"failures": 0, "drift": 1, "execution": 2}
        return Streams(lambda name: np.random.default_rng([self.seed, number[name]]))


@st.composite
def rules(draw: st.DrawFn) -> Rules:
    horizon_s = draw(st.sampled_from([None, None, None, None, 2.0, 7.5, 25.0]))
    warm_up_s = draw(st.sampled_from([0.0, 0.0, 1.0, 1.5]))
    return Rules(
        dispatch=draw(
            st.sampled_from(
                [
                    Dispatch(qpus="shared"),
                    Dispatch(qpus="shared", order="backfill"),
                    Dispatch(qpus="shared", order="backfill", backfill_depth=0),
                    Dispatch(qpus="shared", order="backfill", backfill_depth=1),
                    Dispatch(qpus="shared", order="backfill", backfill_depth=3),
                    Dispatch(qpus="shared", connected=True),
                    Dispatch(qpus="shared", order="backfill", connected=True, search_steps=15),
                ]
            )
        ),
        rescheduling=Rescheduling(
            max_decisions=draw(st.sampled_from([None, None, None, None, 1, 4, 9]))
        ),
        failures=draw(
            st.none()
            | st.builds(
                Failures,
                # Long executions over many QPUs would be restarted for ever.
                mean_up_s=st.just(20.0) if horizon_s is None else st.sampled_from([1.0, 4.0]),
                mean_down_s=st.sampled_from([0.25, 2.0]),
                on_failure=st.sampled_from(["restart", "resubmit", "fail"]),
            )
        ),
        drift=draw(st.sampled_from([None, None, Drift(step_s=1.0, calibration_interval_s=4.0)])),
        admission=draw(
            st.just(Admission())
            | st.builds(
                Admission,
                variant=st.sampled_from(["pending", "total", "paper"]),
                classical_limit=st.sampled_from([0, 40]),
                quantum_limit=st.integers(0, 4),
            )
            | st.builds(
                Admission,
                variant=st.sampled_from(["all", "total"]),
                quantum_limit=st.just(4),
                per_user=st.builds(
                    TokenBucket,
                    tokens_per_s=st.sampled_from([1e-6, 0.1, 1.0 / 3.0, 1.0]),
                    burst=st.sampled_from([1.0, 2.0, 0.5]),
                ),
            )
        ),
        execution_sigma=draw(st.sampled_from([0.0, 0.0, 0.4])),
        horizon_s=horizon_s,
        warm_up_s=warm_up_s,
    )


@st.composite
def cases(draw: st.DrawFn) -> Case:
    size = draw(st.sampled_from([3, 2, 5, 4, 1, 9, 12]))
    figures = draw(st.lists(QPUS, min_size=size, max_size=size))
    fleet = Fleet(
        "tiny",
        tuple(
            QpuProfile(
                name=f"q{i}",
                family="tiny",
                quantum_volume=128,
                coupling=coupling(f["qubits"], draw(COUPLINGS)),
                **f,
            )
            for i, f in enumerate(figures)
        ),
    )
    total = int(fleet.qubits.sum())
    count = draw(st.sampled_from([11, 4, 14, 8, 18, 1, 0]))
    jobs = draw(st.lists(JOBS, min_size=count, max_size=count))
    columns = [list(column) for column in zip(*jobs, strict=True)] or [[]] * 6
    gaps, durations, shares, depth, shots, gates = columns
    tasks = Tasks(
        algorithm=["toy"] * len(jobs),
        qubits=np.array([max(1, int(share * total)) for share in shares], dtype=np.int64),
        depth=np.array(depth, dtype=np.int64),
        shots=np.array(shots, dtype=np.int64),
        two_qubit_gates=np.array(gates, dtype=np.int64),
        duration_s=np.array(durations, dtype=np.float64),
    )
    physics = PhysicsConfig(
        time=draw(st.sampled_from([GivenTime(), ClopsTime(), ClopsTime()])),
        fidelity=draw(
            st.sampled_from(
                [
                    Noiseless(),
                    PartsFidelity(),
                    PartsFidelity(model="with_2q"),
                    SuccessProbability(gates="written"),
                ]
            )
        ),
        links=Links(time_per_qubit_s=draw(st.sampled_from([0.0, 0.02, 0.25]))),
    )
    users = draw(st.none() | st.lists(st.sampled_from("abc"), min_size=count, max_size=count))
    workload = Workload(
        np.cumsum(np.array(gaps, dtype=np.float64)),
        tasks,
        user=users,
        quota_per_s=draw(st.sampled_from([{}, {"b": 0.5}])),
    )
    scenario = Scenario(
        fleet,
        workload,
        track="allocation",
        rules=draw(rules()),
        physics=physics,
        name="random",
    )
    scenario = draw(with_due_times(st.just(scenario)))
    policy = draw(st.sampled_from([*POLICIES, erratic, erratic, sluggish]))
    return Case(scenario, policy, draw(st.integers(0, 2**32 - 1)))


def answer(case: Case, *, compiled: bool) -> Records | Exception:
    """Return the records of an engine, or what it refused with."""
    context = case.context()
    try:
        if compiled:
            return simulate(case.scenario, case.policy, context, case.streams())
        decide = python_policy("allocation", case.policy, context)
        return Cloud(case.scenario, decide, case.streams()).run()
    except (PolicyError, InputError) as error:
        return error


def assert_equal(expected: Records | Exception, found: Records | Exception) -> None:
    """Compare two answers, floats to the last bit."""
    if isinstance(expected, Exception) or isinstance(found, Exception):
        assert type(found) is type(expected)
        assert str(found) == str(expected)
        return
    assert found.workload is expected.workload
    assert_same(expected, found)


def with_policy(case: Case, policy: Any) -> Case:
    """Return the same trial for another policy."""
    return replace(case, policy=policy)

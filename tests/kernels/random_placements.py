"""Random small worlds of the placement track: ties everywhere, and everything that can go wrong."""

from typing import Any

import numpy as np
from due_times import with_due_times
from hypothesis import strategies as st

from qcbench.cloud.rules import (
    Admission,
    Drift,
    Failures,
    Rescheduling,
    Rules,
    TokenBucket,
)
from qcbench.cloud.scenario import Scenario
from qcbench.fleet.profile import Fleet, QpuProfile
from qcbench.physics.config import D1cpsTime, GivenTime, PhysicsConfig, SuccessProbability
from qcbench.policies.config import PolicyConfig
from qcbench.workload.workload import CompiledFeatures, Tasks, Workload

WRITTEN = SuccessProbability(gates="written")
GAPS_S = st.sampled_from([0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.25, 4.0])
TIMES_S = st.sampled_from([0.0, 0.25, 1.0, 1.0, 2.5, 7.0])

ERRING = ("greedy", "greedy_error", "random", "round_robin")
"""Policies that send tasks where they do not fit."""
CAREFUL = (
    *("earliest_completion", "earliest_available", "fastest", "best_fidelity"),
    "best_in_time",
)


def policies() -> st.SearchStrategy[PolicyConfig]:
    """Every built-in policy that needs no file."""
    weight = st.sampled_from([0.0, 1.0, 2.5])
    return st.one_of(
        *[st.sampled_from(ERRING).map(lambda name: PolicyConfig(name=name))] * 3,
        st.sampled_from(CAREFUL).map(lambda name: PolicyConfig(name=name)),
        st.builds(
            lambda time, fidelity, price: PolicyConfig(
                name="weighted",
                parameters={"time": time, "fidelity": fidelity, "price": price},
            ),
            st.sampled_from([0.5, 1.0]),
            weight,
            weight,
        ),
        st.builds(
            lambda horizon, samples, tail: PolicyConfig(
                name="lookahead",
                parameters={"horizon": horizon, "samples": samples, "tail": tail},
            ),
            st.one_of(st.integers(1, 4), st.just("auto"), st.just("auto")),
            st.sampled_from([1, 5, 8, 19]),
            st.sampled_from([0.5, 3.0, "any", 40.0]),
        ),
        st.builds(
            lambda coming, wanted, load, queue, fidelity, tail: PolicyConfig(
                name="shadow_price",
                parameters={
                    **{"coming": coming, "wanted": wanted, "load": load},
                    **{"queue": queue, "fidelity": fidelity, "tail": tail},
                },
            ),
            *[st.sampled_from([-1.5, 0.0, 1.12, 8.0])] * 5,
            st.sampled_from([0.5, 13.4, "any"]),
        ),
    )


@st.composite
def fleets(draw: Any) -> Fleet:
    widths = draw(st.lists(st.sampled_from([1, 2, 3, 5]), min_size=0, max_size=8))
    widths.insert(draw(st.integers(0, len(widths))), 5)
    error, price = st.sampled_from([0.0, 0.01, 0.03]), st.sampled_from([0.0, 0.0, 0.5])
    return Fleet(
        "random",
        tuple(
            QpuProfile(
                name=f"q{index}",
                qubits=width,
                family="tiny",
                d1cps=draw(st.sampled_from([512.0, 1024.0, 1500.0])),
                readout_error=draw(error),
                one_qubit_error=0.0,
                two_qubit_error=draw(error),
                price_per_s=draw(price),
            )
            for index, width in enumerate(widths)
        ),
    )


@st.composite
def workloads(draw: Any) -> Workload:
    row = st.tuples(GAPS_S, TIMES_S, st.sampled_from([1, 2, 3, 5, 5]))
    rows = draw(st.lists(row, min_size=draw(st.sampled_from([1, 4, 9])), max_size=16))
    gaps, times, qubits = (list(column) for column in zip(*rows, strict=True))
    count = len(rows)
    depth = np.array([draw(st.integers(1, 8)) for _ in rows])
    zeros = np.zeros(count, dtype=np.int64)
    users = draw(st.booleans())
    return Workload(
        np.cumsum(gaps),
        Tasks(
            algorithm=["toy"] * count,
            qubits=np.array(qubits),
            depth=depth,
            shots=np.full(count, 1024),
            two_qubit_gates=depth // 2,
            compiled={"tiny": CompiledFeatures(depth, zeros, zeros, zeros)},
            duration_s=np.array(times),
        ),
        user=[draw(st.sampled_from("ab")) for _ in rows] if users else None,
        quota_per_s={"a": 0.5} if users else {},
    )


@st.composite
def rules(draw: Any) -> Rules:
    """Half of them plain: nothing fails, times are exact, everybody is let in."""
    rescheduling = Rescheduling(
        delay_s=draw(st.sampled_from([1.0, 1.0, 0.25, 3.0])),
        max_decisions=draw(st.sampled_from([None, None, None, 1, 3, 9])),
    )
    horizon_s = draw(st.sampled_from([None, None, 0.25, 2.5, 6.0]))
    warm_up_s = draw(st.sampled_from([0.0, 0.0, 1.0, 2.5]))
    common: dict[str, Any] = {
        "rescheduling": rescheduling,
        "horizon_s": horizon_s,
        "warm_up_s": warm_up_s if horizon_s is None or warm_up_s < horizon_s else 0.0,
        "drift": draw(st.sampled_from([None, Drift(step_s=1.0, calibration_interval_s=4.0)])),
    }
    if draw(st.booleans()):
        return Rules(**common)
    failures = st.builds(
        Failures,
        # Long executions would be restarted for ever.
        mean_up_s=st.sampled_from([5.0, 20.0] if horizon_s is None else [1.0, 5.0]),
        mean_down_s=st.sampled_from([0.5, 3.0]),
        on_failure=st.sampled_from(["restart", "resubmit", "fail"]),
    )
    admission = st.builds(
        Admission,
        variant=st.sampled_from(["all", "pending", "total", "paper"]),
        classical_limit=st.sampled_from([0, 40]),
        quantum_limit=st.integers(0, 3),
        per_user=st.sampled_from([None, TokenBucket(tokens_per_s=0.25, burst=2.0)]),
    )
    return Rules(
        **common,
        failures=draw(st.one_of(st.none(), failures, failures)),
        execution_sigma=draw(st.sampled_from([0.0, 0.5])),
        admission=draw(st.one_of(st.just(Admission()), st.just(Admission()), admission)),
    )


def placements() -> st.SearchStrategy[Scenario]:
    return with_due_times(plain_placements())


@st.composite
def plain_placements(draw: Any) -> Scenario:
    time: Any = draw(st.sampled_from([GivenTime(), D1cpsTime()]))
    return Scenario(
        fleet=draw(fleets()),
        workload=draw(workloads()),
        rules=draw(rules()),
        physics=PhysicsConfig(time=time, fidelity=WRITTEN),
        name="random",
    )

"""Random small platforms with hybrid jobs, and the comparison of two trials' records."""

from dataclasses import fields
from typing import Any

import numpy as np
from due_times import with_due_times
from hypothesis import strategies as st
from tiny_clouds import PULL, make_fleet, make_tasks

from qcbench.cloud.cloud import seeded_streams
from qcbench.cloud.records import Records
from qcbench.cloud.rules import (
    Admission,
    ClassicalPoolRules,
    ColdStart,
    Drift,
    Failures,
    Rescheduling,
    Rules,
    TokenBucket,
)
from qcbench.cloud.scenario import Scenario
from qcbench.kernels import engine
from qcbench.physics.config import GivenTime, Noiseless, PartsFidelity, PhysicsConfig
from qcbench.policies.config import PolicyConfig
from qcbench.policies.protocol import PolicyContext
from qcbench.workload.workload import ClassicalPhase, Phase, QuantumPhase, Repeat, Workload

# Few values, all multiples of a quarter: many events at one instant.
TIMES = st.sampled_from([0.0, 0.25, 0.5, 1.0, 1.0, 2.0, 3.5])
ROUGH = st.floats(0.0, 4.0, allow_nan=False)
OPERATIONS = st.sampled_from([0.0, 0.5, 1.0, 2.0, 5.0])
NAMES = ["", "ann", "bob", "cy"]


@st.composite
def workloads(draw: st.DrawFn, widest: int) -> Workload:
    """Jobs of any phases, with ties in their arrivals and durations."""
    exact = draw(st.booleans())
    times, work = (TIMES, OPERATIONS) if exact else (ROUGH, ROUGH)
    count = draw(st.integers(1, 12))
    durations: list[float] = []
    qubits: list[int] = []

    def task() -> QuantumPhase:
        if durations and draw(st.integers(0, 3)) == 0:
            return QuantumPhase(draw(st.integers(0, len(durations) - 1)))
        durations.append(draw(times))
        qubits.append(draw(st.integers(1, widest)))
        return QuantumPhase(len(durations) - 1)

    def part() -> ClassicalPhase | QuantumPhase:
        return task() if draw(st.booleans()) else ClassicalPhase(draw(work))

    simple = draw(st.integers(0, 5)) == 0
    phases: list[list[Phase]] = []
    for _ in range(count):
        own: list[Phase] = []
        for _ in range(1 if simple else draw(st.integers(0, 4))):
            if simple:
                durations.append(draw(times))
                qubits.append(draw(st.integers(1, widest)))
            elif draw(st.booleans()):
                loop = tuple(part() for _ in range(draw(st.integers(0, 3))))
                own.append(Repeat(draw(st.integers(0, 3)), loop))
            else:
                own.append(part())
        phases.append(own)
    priority = draw(st.lists(st.sampled_from([1, 2, 4]), min_size=count, max_size=count))
    user = draw(st.lists(st.sampled_from(NAMES), min_size=count, max_size=count))
    return Workload(
        np.cumsum([draw(times) for _ in range(count)]),
        make_tasks(durations, qubits),
        phases=None if simple else phases,
        priority=np.array(priority) if draw(st.booleans()) else None,
        user=user if draw(st.booleans()) else None,
        quota_per_s={"ann": 0.5} if draw(st.booleans()) else {},
    )


@st.composite
def rules(draw: st.DrawFn) -> Rules:
    """Any rules that go with pull dispatch, most of them in their simplest form."""
    limit = st.integers(0, 4)
    bucket = TokenBucket(tokens_per_s=draw(st.sampled_from([0.1, 0.25, 1.0])), burst=2.0)
    cold = ColdStart(
        image_pull_s=draw(TIMES),
        boot_s=draw(TIMES),
        warm_pool=draw(st.integers(0, 2)),
        keep_alive_s=draw(TIMES),
    )
    failures = Failures(
        mean_up_s=draw(st.sampled_from([0.5, 3.0, 10.0])),
        mean_down_s=draw(st.sampled_from([0.25, 1.0, 4.0])),
        on_failure=draw(st.sampled_from(["restart", "resubmit", "fail"])),
    )
    horizon_s = draw(st.sampled_from([None, None, 5.0, 12.0, 30.0]))
    per_job = draw(st.booleans())
    return Rules(
        dispatch=PULL,
        rescheduling=Rescheduling(max_decisions=draw(st.sampled_from([None, None, None, 3, 9]))),
        failures=failures if draw(st.booleans()) else None,
        drift=Drift(step_s=1.0) if not per_job and draw(st.booleans()) else None,
        admission=Admission(
            variant=draw(st.sampled_from(["all", "pending", "total", "paper"])),
            classical_limit=draw(limit),
            quantum_limit=draw(limit),
            per_user=bucket if draw(st.integers(0, 2)) == 0 else None,
        ),
        classical=ClassicalPoolRules(
            workers=draw(st.integers(1, 3)),
            speed=draw(st.sampled_from([0.5, 1.0, 3.0])),
            cold_start=cold if draw(st.integers(0, 2)) == 0 else None,
        ),
        execution_sigma=draw(st.sampled_from([0.0, 0.0, 0.3])),
        horizon_s=horizon_s,
        warm_up_s=draw(st.sampled_from([0.0, 1.0, 4.0])),
        records="jobs" if per_job else "tasks",
    )


def scenarios() -> st.SearchStrategy[Scenario]:
    return with_due_times(plain_scenarios())


@st.composite
def plain_scenarios(draw: st.DrawFn) -> Scenario:
    """A fleet of one to four QPUs, jobs that fit it, and rules."""
    widths = draw(st.lists(st.integers(1, 3), min_size=1, max_size=4))
    if draw(st.booleans()):
        widths = [widths[0]] * len(widths)
    noisy = draw(st.booleans())
    figures: dict[str, float | None] = {"price_per_s": draw(st.sampled_from([1.7, 0.0, None]))}
    if noisy:
        figures |= {"readout_error": 0.03, "one_qubit_error": 0.002, "two_qubit_error": 0.01}
    return Scenario(
        make_fleet(*widths, **figures),
        draw(workloads(max(widths))),
        track="queueing",
        rules=draw(rules()),
        physics=PhysicsConfig(time=GivenTime(), fidelity=PartsFidelity() if noisy else Noiseless()),
    )


def compiled(scenario: Scenario, policy: engine.AnyPolicy | str, seed: int = 0) -> Records:
    chosen = PolicyConfig(name=policy) if isinstance(policy, str) else policy
    context = PolicyContext(scenario.fleet, np.random.default_rng(seed))
    return engine.simulate(scenario, chosen, context, seeded_streams(seed))


def assert_equal(found: Records, expected: Records) -> None:
    """The same trial: counts exactly, times and figures to 1e-9 of their size."""
    for column in fields(Records):
        own, other = getattr(found, column.name), getattr(expected, column.name)
        if isinstance(other, np.ndarray):
            _assert_close(column.name, own, other)
    assert list(found.parts) == list(expected.parts)
    for name in ("decisions", "truncated", "end_s"):
        assert getattr(found, name) == getattr(expected, name), name
    assert (found.levels is None) == (expected.levels is None)
    if expected.levels is not None and found.levels is not None:
        for name in ("jobs", "classical", "pending", "running"):
            own, other = getattr(found.levels, name), getattr(expected.levels, name)
            np.testing.assert_allclose(own, other, rtol=1e-9, atol=1e-12, err_msg=name)


def _assert_close(name: str, found: Any, expected: Any) -> None:
    assert found.dtype == expected.dtype, name
    if expected.dtype.kind == "f":
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12, err_msg=name)
    else:
        np.testing.assert_array_equal(found, expected, err_msg=name)

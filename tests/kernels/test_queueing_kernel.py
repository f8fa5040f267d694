"""The compiled queueing cloud against the SimPy one, trajectory by trajectory.

`pytest tests/kernels/test_queueing_kernel.py -m slow` compares 1,500 more.
"""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from queueing_worlds import assert_equal, compiled, scenarios
from tiny_clouds import PULL, make_fleet, make_tasks

from qcbench.cloud.cloud import Cloud, seeded_streams
from qcbench.cloud.records import Records
from qcbench.cloud.rules import Rules
from qcbench.cloud.scenario import Scenario
from qcbench.kernels import twins
from qcbench.physics.config import GivenTime, Noiseless, PhysicsConfig
from qcbench.policies import registry
from qcbench.policies.config import PolicyConfig
from qcbench.policies.protocol import PolicyContext, Queueing
from qcbench.policies.view import QueueView
from qcbench.workload.workload import ClassicalPhase, QuantumPhase, Repeat, Workload

BUILT_IN = [name for name in twins.names("queueing") if name != "learned"]
LENIENT = [HealthCheck.too_slow, HealthCheck.data_too_large]


def simpy(scenario: Scenario, policy: object, seed: int = 0) -> Records:
    context = PolicyContext(scenario.fleet, np.random.default_rng(seed))
    if isinstance(policy, str):
        decide = registry.make("queueing", PolicyConfig(name=policy), context)
    else:
        decide = policy(context)  # type: ignore[operator]
    return Cloud(scenario, decide, seeded_streams(seed)).run()


def widest_newest(context: PolicyContext) -> Queueing:
    """A policy without a twin that looks at all that a view shows, and draws as well."""

    def decide(view: QueueView) -> int:
        exec_s, priority = view.exec_s(), view.priority()
        values = [
            (
                task.qubits,
                task.priority + view.highest_priority + priority[position],
                round(task.arrival_s - task.job_arrival_s + view.now_s - view.qpu, 9),
                round(task.attained_s - task.remaining_s - exec_s[position], 6),
                len(task.user) - task.job - task.row,
                task.ticket,
            )
            for position, task in enumerate(view.waiting)
        ]
        if context.rng.random() < 0.25:
            return int(context.rng.integers(len(values)))
        return values.index(max(values))

    return decide


def test_every_built_in_policy_has_a_twin_but_learned_ones() -> None:
    assert set(registry.names("queueing")) == {*BUILT_IN, "learned"}


@settings(max_examples=250, deadline=None, suppress_health_check=LENIENT)
@given(scenarios(), st.sampled_from([*BUILT_IN, "custom"]), st.integers(0, 1000))
def test_trajectories_are_equal(scenario: Scenario, name: str, seed: int) -> None:
    policy = widest_newest if name == "custom" else name
    assert_equal(
        compiled(scenario, policy, seed),  # type: ignore[arg-type]
        simpy(scenario, policy, seed),
    )


@pytest.mark.parametrize("name", BUILT_IN)
def test_long_queues_are_equal(name: str) -> None:
    # Hundreds of tasks wait, of users with many jobs and of nameless ones; ties in all keys.
    rng = np.random.default_rng(7)
    jobs = 250
    loops = rng.integers(1, 5, jobs).tolist()
    scenario = Scenario(
        make_fleet(2, 3),
        Workload(
            np.sort(rng.integers(0, 40, jobs) * 0.5),
            make_tasks(rng.integers(1, 5, jobs) * 0.25, rng.integers(1, 4, jobs)),
            phases=[
                [Repeat(times, (ClassicalPhase(0.25), QuantumPhase(job)))]
                for job, times in enumerate(loops)
            ],
            priority=rng.choice([1, 2, 4], jobs),
            user=rng.choice(["", "ann", "bob"], jobs).tolist(),
        ),
        track="queueing",
        rules=Rules(dispatch=PULL),
        physics=PhysicsConfig(time=GivenTime(), fidelity=Noiseless()),
    )
    assert_equal(compiled(scenario, name), simpy(scenario, name))


@pytest.mark.slow
@pytest.mark.timeout(3600)
@settings(max_examples=1500, deadline=None, suppress_health_check=LENIENT)
@given(scenarios(), st.sampled_from([*BUILT_IN, "custom"]), st.integers(0, 10**6))
def test_many_trajectories_are_equal(scenario: Scenario, name: str, seed: int) -> None:
    policy = widest_newest if name == "custom" else name
    assert_equal(
        compiled(scenario, policy, seed),  # type: ignore[arg-type]
        simpy(scenario, policy, seed),
    )

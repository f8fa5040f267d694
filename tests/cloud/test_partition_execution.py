"""A planned batch executed as splits: times, fidelity and prices by hand, plans that are none."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from tiny_clouds import FIFO, make_fleet, make_workload

from qcbench.cloud.cloud import Cloud
from qcbench.cloud.execution import DONE
from qcbench.cloud.records import Records
from qcbench.cloud.rules import Failures, Rules
from qcbench.cloud.scenario import Scenario
from qcbench.errors import InputError
from qcbench.physics.config import GivenTime, Links, Noiseless, PhysicsConfig
from qcbench.policies.protocol import PolicyError
from qcbench.workload.interaction_graph import InteractionGraph, graph_of
from qcbench.workload.workload import Workload

CHAIN = graph_of(4, {(0, 1): 1, (1, 2): 2, (2, 3): 1})
PAIR = graph_of(2, {(0, 1): 3})


def batch(graphs: Sequence[InteractionGraph] = (CHAIN, PAIR), shots: int = 10) -> Workload:
    count = len(graphs)
    workload = make_workload([0.0] * count, [5.0] * count, [g.qubits for g in graphs])
    tasks = replace(workload.tasks, graphs=tuple(graphs), shots=np.full(count, shots))
    return replace(workload, tasks=tasks)


def run(
    plan: Sequence[Sequence[int]], workload: Workload | None = None, **rules: object
) -> Records:
    links = Links(
        time_per_qubit_s=0.0,
        fidelity_per_cut=1.0,
        time_per_remote_gate_s=0.5,
        fidelity_per_remote_gate=0.9,
    )
    scenario = Scenario(
        make_fleet(3, 3, price_per_s=2.0),
        workload or batch(),
        track="partition",
        rules=Rules(dispatch=FIFO, **rules),  # type: ignore[arg-type]
        physics=PhysicsConfig(time=GivenTime(), fidelity=Noiseless(), links=links, node_cost="Q"),
    )
    return Cloud(scenario, lambda _batch: [np.array(nodes) for nodes in plan]).run()


def test_a_plan_is_executed_as_it_stands() -> None:
    records = run([[0, 0, 1, 1], [0, 1]])
    assert records.parts == [((0, 2), (1, 2)), ((0, 1), (1, 1))]
    assert records.plan is not None
    assert records.plan.remote_gates.tolist() == [2, 3]
    # Remote gates x shots x time, then the execution; all at once from the beginning.
    np.testing.assert_allclose(records.start_s, [0.0, 0.0])
    np.testing.assert_allclose(records.comm_s, [2 * 10 * 0.5, 3 * 10 * 0.5])
    np.testing.assert_allclose(records.completion_s, [15.0, 20.0])
    np.testing.assert_allclose(records.fidelity, [0.9**2, 0.9**3])
    np.testing.assert_allclose(records.cost, [5.0 * 4.0, 5.0 * 4.0])
    frame = records.frame()
    assert frame["remote_gates"].to_list() == [2, 3]
    assert frame["nodes"].to_list() == [[0, 0, 1, 1], [0, 1]]


def test_a_circuit_on_one_node_has_no_remote_gates() -> None:
    records = run([[0, 0, 0, 1], [1, 1]])
    np.testing.assert_allclose(records.comm_s, [10 * 0.5, 0.0])
    assert records.parts[1] == ((1, 2),)


def test_qubits_are_where_the_policy_put_them() -> None:
    near, far = run([[0, 0, 1, 1], [0, 1]]), run([[0, 1, 0, 1], [0, 1]])
    assert near.parts == far.parts
    assert near.plan is not None
    assert far.plan is not None
    assert far.plan.remote_gates[0] == 4 > near.plan.remote_gates[0]


def test_a_lost_circuit_waits_for_its_own_nodes() -> None:
    failures = Failures(mean_up_s=8.0, mean_down_s=2.0, on_failure="restart")
    records = run([[0, 0, 1, 1], [0, 1]], failures=failures)
    assert (records.status == DONE).all()
    assert records.restarts.sum() > 0
    assert records.parts == [((0, 2), (1, 2)), ((0, 1), (1, 1))]


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        ([[0, 0, 1, 1]], "answered for 1 circuits; there are 2"),
        ([[0, 0, 1], [0, 1]], "one node of 0..1 for each of its 4 qubits"),
        ([[0, 0, 1, 2], [0, 1]], "gave circuit 0"),
        ([[0, 0, 1, -1], [0, 1]], "gave circuit 0"),
        ([[0.0, 0.0, 1.0, 1.0], [0, 1]], "gave circuit 0"),
        ([[0, 0, 0, 1], [0, 1]], "put 4 qubits on node 0, which has 3"),
    ],
)
def test_plans_that_are_none(plan: list[list[int]], words: str) -> None:
    with pytest.raises(PolicyError, match=words):
        run(plan)


def test_circuits_without_graphs_or_gates_are_refused() -> None:
    workload = make_workload([0.0], [5.0], [4])
    with pytest.raises(InputError, match="needs circuits with interaction graphs"):
        run([[0, 0, 1, 1]], workload)
    with pytest.raises(InputError, match=r"task 0 \(toy\): has no two-qubit gate"):
        run([[0, 0]], batch([graph_of(2, {})]))

"""A batch that is decided on at once, then executed as splits.

The policy is asked once, for everything; each circuit then holds exactly the qubits that it was
given, until it ends. What a static game answers thereby also has times, fidelity and prices.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from qcbench.arrays import IntArray
from qcbench.errors import CODE_ERRORS, InputError, shown
from qcbench.fleet.profile import Fleet, QpuProfile
from qcbench.physics.node_cost import CostDefinition
from qcbench.policies.batch.problem import Batch, check_batch
from qcbench.policies.protocol import Allocation, Partition, PolicyError
from qcbench.policies.view import AllocationView
from qcbench.workload.workload import Tasks


@dataclass(frozen=True)
class Plan:
    """What a partition policy decided.

    Attributes:
        batch: the problem.
        nodes: node of every qubit of every circuit.
        allocation: qubits of every circuit on every node, shape (circuits, nodes).
        remote_gates: gates between nodes of every circuit, shape (circuits,).
    """

    batch: Batch
    nodes: Sequence[IntArray]
    allocation: IntArray
    remote_gates: IntArray


def batch_of(tasks: Tasks, fleet: Fleet, definition: CostDefinition) -> Batch:
    """Return the static problem that a workload poses to a fleet; prices are those per second.

    Raises:
        InputError: the circuits have no interaction graphs, no two-qubit gates, or do not fit.
    """
    if tasks.graphs is None:
        raise InputError(
            "partition needs circuits with interaction graphs: set workload.circuits.source to "
            "graphs, or to file with OpenQASM"
        )
    for row, graph in enumerate(tasks.graphs):
        if not len(graph.edges):
            raise InputError(
                f"task {row} ({tasks.algorithm[row]}): has no two-qubit gate; there is nothing to "
                "partition"
            )
    batch = Batch(
        capacities=fleet.qubits.copy(),
        unit_prices=fleet.known(
            "price_per_s", "the cost of a node", "take a fleet that has prices, such as nodes20"
        ),
        demands=tasks.qubits.copy(),
        definition=definition,
        graphs=tuple(tasks.graphs),
    )
    check_batch(batch, f"fleet {fleet.name}: ")
    return batch


def fleet_of(batch: Batch) -> Fleet:
    """Return the nodes of a batch as the fleet that a policy is told of; `batch_of` reversed."""
    nodes = zip(batch.capacities.tolist(), batch.unit_prices.tolist(), strict=True)
    return Fleet(
        "nodes",
        tuple(
            QpuProfile(name=f"node{index}", qubits=qubits, family="", price_per_s=price)
            for index, (qubits, price) in enumerate(nodes)
        ),
    )


def make_plan(batch: Batch, decide: Partition) -> Plan:
    """Ask the policy, and check its answer.

    Raises:
        PolicyError: the answer is none, or puts more on a node than it has.
    """
    nodes, allocation = decided(batch, decide)
    return Plan(batch, nodes, allocation, batch.remote_gates(nodes))


def decided(batch: Batch, decide: Partition) -> tuple[list[IntArray], IntArray]:
    """Ask the policy for the node of every qubit; return it with the allocation that follows.

    Raises:
        PolicyError: the answer is none, or puts more on a node than it has.
    """
    given = decide(batch)
    try:
        answer = [np.asarray(nodes) for nodes in given]
    except CODE_ERRORS as error:  # whatever its own code does when it is read
        raise PolicyError(
            f"the policy returned {shown(given)}; a partition is a list of nodes per circuit"
        ) from error
    if len(answer) != len(batch.demands):
        raise PolicyError(
            f"the policy answered for {len(answer)} circuits; there are {len(batch.demands)}"
        )
    last = len(batch.capacities) - 1
    for row, (nodes, demand) in enumerate(zip(answer, batch.demands.tolist(), strict=True)):
        if (
            nodes.shape != (demand,)
            or not np.issubdtype(nodes.dtype, np.integer)
            or nodes.min() < 0
            or nodes.max() > last
        ):
            raise PolicyError(
                f"the policy gave circuit {row} {nodes.tolist()}; a partition names one node of "
                f"0..{last} for each of its {demand} qubits"
            )
    allocation = batch.allocation(answer)
    over = np.flatnonzero(allocation.sum(axis=0) > batch.capacities)
    if len(over):
        node = int(over[0])
        raise PolicyError(
            f"the policy put {allocation[:, node].sum()} qubits on node {node}, which has "
            f"{batch.capacities[node]}"
        )
    return answer, allocation


def as_splits(plan: Plan) -> Allocation:
    """Return the allocation policy that gives every task its planned split.

    After a failure a task waits until its nodes have the qubits again.
    """
    splits = plan.allocation.tolist()

    def decide(view: AllocationView) -> list[int] | None:
        split: list[int] = splits[view.row]
        fits = all(part <= free for part, free in zip(split, view.free_qubits, strict=True))
        return split if fits else None

    return decide

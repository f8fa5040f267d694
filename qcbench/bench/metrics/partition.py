"""Metrics of a partition trial: what the plan costs, and how its execution went."""

from typing import Any

import numpy as np

from qcbench.arrays import FloatArray
from qcbench.bench.metrics import common
from qcbench.bench.metrics.bounded import Bounded
from qcbench.bench.metrics.common import task_metrics
from qcbench.cloud.records import Records
from qcbench.cloud.scenario import Scenario
from qcbench.physics.node_cost import node_costs
from qcbench.policies.batch.games import is_equilibrium

NODES_SHOWN = 32
"""Fleets up to this size have a column for the cost of the costliest node, the second, ..."""

NAMES = (
    *("total_node_cost", "mean_node_cost", "max_node_cost", "gap_opt"),
    *("partitions_per_circuit", "remote_gates_per_circuit", "remote_share"),
    *("equilibrium_g1", "equilibrium_g2", "load"),
    *common.NAMES,
    "total_communication_s",
)
"""What every trial has."""
PREFIXES: tuple[str, ...] = ("node_cost_",)
"""How the names begin that depend on the fleet or the workload."""
MORE_IS_BETTER = common.MORE_IS_BETTER


def metrics(records: Records, warm_up_s: float) -> dict[str, Any]:
    """Return the metrics of the whole batch, then those of the execution.

    `mean_node_cost`, `total_node_cost` and `max_node_cost` are over all nodes, used or not;
    `gap_opt` is the total over the least possible one, minus 1, None where that is 0 and the total
    is more. `load` is demand over capacity.
    """
    plan = records.plan
    if plan is None:
        raise TypeError("records of another track have no plan")
    batch, allocation = plan.batch, plan.allocation
    costs = node_costs(batch.weights, allocation.sum(axis=0))
    total, least = float(costs.sum()), batch.optimal_cost
    return {
        "total_node_cost": total,
        "mean_node_cost": total / len(costs),
        "max_node_cost": float(costs.max()),
        "gap_opt": _gap(total, least),
        "partitions_per_circuit": float((allocation > 0).sum(axis=1).mean()),
        "remote_gates_per_circuit": float(plan.remote_gates.mean()),
        "remote_share": float(
            plan.remote_gates.sum() / np.sum([graph.gates for graph in batch.graphs])
        ),
        **_costs_in_order(costs),
        "equilibrium_g1": float(is_equilibrium(batch, allocation, "G1")),
        "equilibrium_g2": float(is_equilibrium(batch, allocation, "G2")),
        "load": float(batch.demands.sum() / batch.capacities.sum()),
        **task_metrics(records, records.summary(warm_up_s), warm_up_s),
        "total_communication_s": float(np.nansum(records.comm_s)),
    }


def _gap(cost: float, least: float) -> float | None:
    if least > 0:
        return cost / least - 1.0
    return None if cost > 0 else 0.0


def _costs_in_order(costs: FloatArray) -> dict[str, float]:
    """Return the cost of every node by its rank, `node_cost_01` for the costliest."""
    if len(costs) > NODES_SHOWN:
        return {}
    ranked = np.sort(costs)[::-1].tolist()
    return {f"node_cost_{rank:02d}": cost for rank, cost in enumerate(ranked, start=1)}


def bounded(_world: Scenario, _slowdown: FloatArray | None) -> Bounded | None:
    """Return nothing: the least cost is known exactly, and trials have `gap_opt`."""
    return None

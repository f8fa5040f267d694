"""Reading a partition problem from JSON, with one clear line for what is wrong in it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np

from qcbench.arrays import IntArray
from qcbench.errors import InputError, nearest
from qcbench.files import quoted, read_json
from qcbench.physics.node_cost import CostDefinition
from qcbench.policies.batch.problem import Batch, check_batch
from qcbench.workload.graphs.table import named_graph
from qcbench.workload.interaction_graph import InteractionGraph, graph_from_gates

KEYS = ("capacities", "demands", "unit_prices", "definition", "circuits", "allocation")
COMMENTS = ("id", "name", "description")
MAX_QUBITS = 100_000
"""Of all circuits together, and of one node."""
MAX_NODES = 1_000
MAX_CELLS = 1_000_000
"""Circuits times nodes: the size of an allocation."""
MAX_GRAPH_QUBITS = 2_048
"""Of a circuit whose gates are listed; its adjacency is a matrix."""
PRICES = (1e-12, 1e12)
"""Of a node that is not free; beyond these sums of costs would lose their digits."""


def read_problem(path: Path) -> dict[str, Any]:
    """Read the JSON object of a problem; its keys are checked, its values are not yet.

    Raises:
        InputError: no such file, no JSON, no object, or a key that is unknown or there twice.
    """
    content = read_json(path, finite=True)
    if not isinstance(content, dict):
        raise InputError(
            f"{path}: must be a JSON object with the keys capacities, demands, unit_prices and "
            "definition"
        )
    for key in content:
        if key not in KEYS and key not in COMMENTS:
            raise InputError(f"{path}: key {key!r} is unknown{nearest(key, KEYS)}")
    return content


def batch_from(content: Mapping[str, Any], where: str) -> Batch:
    """Return the problem that a JSON object states.

    Raises:
        InputError: a key that is missing or cannot be; ``where`` begins the message.
    """
    for key in ("capacities", "demands", "unit_prices"):
        if key not in content:
            raise InputError(f"{where}: key {key!r} is missing")
    definition = content.get("definition", "Q")
    if definition not in get_args(CostDefinition):
        raise InputError(f"{where}: definition: {definition!r}; it must be P, Q or M")
    capacities = _whole_numbers(content["capacities"], f"{where}: capacities")
    demands = _whole_numbers(content["demands"], f"{where}: demands")
    if len(capacities) > MAX_NODES:
        raise InputError(f"{where}: capacities: {len(capacities)} nodes; at most {MAX_NODES}")
    if len(demands) * len(capacities) > MAX_CELLS:
        raise InputError(
            f"{where}: demands: {len(demands)} circuits for {len(capacities)} nodes; circuits "
            f"times nodes must be at most {MAX_CELLS}"
        )
    graphs = _graphs(content["circuits"], demands, where) if "circuits" in content else ()
    batch = Batch(
        capacities=np.array(capacities, dtype=np.int64),
        unit_prices=np.array(_prices(content["unit_prices"], f"{where}: unit_prices")),
        demands=np.array(demands, dtype=np.int64),
        definition=definition,
        graphs=graphs,
    )
    check_batch(batch, f"{where}: ")
    if batch.demands.sum() > MAX_QUBITS:
        raise InputError(f"{where}: demands: {batch.demands.sum()} qubits; at most {MAX_QUBITS}")
    return batch


def allocation_from(content: Mapping[str, Any], where: str) -> IntArray:
    """Return the allocation of a JSON object as a matrix; whether it is feasible is open.

    Raises:
        InputError: it is missing, or no list of equally long rows of whole numbers.
    """
    if "allocation" not in content:
        raise InputError(f"{where}: key 'allocation' is missing: one row of qubits per circuit")
    rows = content["allocation"]
    if not isinstance(rows, list) or not rows:
        raise InputError(f"{where}: allocation: must be a list of rows, one per circuit")
    matrix = [_whole_numbers(row, f"{where}: allocation[{i}]") for i, row in enumerate(rows)]
    for index, row in enumerate(matrix):
        if len(row) != len(matrix[0]):
            raise InputError(
                f"{where}: allocation[{index}]: has {len(row)} entries, the first row "
                f"{len(matrix[0])}"
            )
    return np.array(matrix, dtype=np.int64)


def _whole_numbers(values: object, where: str) -> list[int]:
    if not isinstance(values, list):
        raise InputError(f"{where}: must be a list of whole numbers")
    for index, value in enumerate(values):
        if type(value) is not int:
            raise InputError(f"{where}[{index}]: {quoted(value)}; must be a whole number")
        if abs(value) > MAX_QUBITS:
            raise InputError(f"{where}[{index}]: {quoted(value)}; at most {MAX_QUBITS} qubits")
    return values


def _prices(values: object, where: str) -> list[float]:
    if not isinstance(values, list):
        raise InputError(f"{where}: must be a list of numbers")
    for index, value in enumerate(values):
        if type(value) not in {int, float}:
            raise InputError(f"{where}[{index}]: {quoted(value)}; must be a number")
        least, most = PRICES
        if value > most or 0 < value < least:
            raise InputError(
                f"{where}[{index}]: {quoted(value)}; a price is 0, or from {least:g} to {most:g}"
            )
    return [float(value) for value in values]


def _graphs(circuits: object, demands: Sequence[int], where: str) -> tuple[InteractionGraph, ...]:
    """Return the graph of each circuit: `algorithm:width`, or a list of its gates."""
    if not isinstance(circuits, list) or len(circuits) != len(demands):
        raise InputError(
            f"{where}: circuits: must be a list with one entry for each of the {len(demands)} "
            "demands"
        )
    graphs = []
    for index, (circuit, demand) in enumerate(zip(circuits, demands, strict=True)):
        here = f"{where}: circuits[{index}]"
        if isinstance(circuit, str):
            graph = named_graph(circuit, here)
        elif isinstance(circuit, list):
            if demand > MAX_GRAPH_QUBITS:
                raise InputError(
                    f"{here}: demands[{index}] is {demand}; a circuit whose gates are listed has "
                    f"at most {MAX_GRAPH_QUBITS} qubits"
                )
            graph = graph_from_gates(circuit, demand, here)
        else:
            raise InputError(
                f"{here}: must be a name such as 'qft:30', or a list of gates such as "
                "[[0, 1], [1, 2]]"
            )
        if graph.qubits != demand:
            raise InputError(
                f"{here}: {circuit} has {graph.qubits} qubits, demands[{index}] is {demand}"
            )
        graphs.append(graph)
    return tuple(graphs)

"""Tasks that are known by their interaction graphs."""

import numpy as np
from numpy.random import Generator

from qcbench.errors import InputError
from qcbench.workload.config import GraphCircuits
from qcbench.workload.graphs.table import graph_entry, widths_of
from qcbench.workload.workload import Tasks


def draw_graph_tasks(generator: Generator, count: int, circuits: GraphCircuits) -> Tasks:
    """Draw algorithms evenly, and for each a width evenly among those at which it exists.

    Raises:
        InputError: an algorithm exists at no width of the range.
    """
    low, high = circuits.min_qubits, circuits.max_qubits
    widths = {}
    for algorithm in circuits.algorithms:
        widths[algorithm] = [w for w in widths_of(algorithm) if low <= w <= high]
        if not widths[algorithm]:
            raise InputError(
                f"workload.circuits: {algorithm} exists at none of {low}..{high} qubits; change "
                "min_qubits and max_qubits, or leave it out of algorithms"
            )
    names = [
        circuits.algorithms[i] for i in generator.integers(len(circuits.algorithms), size=count)
    ]
    places = generator.random(count)
    chosen = [
        widths[name][int(place * len(widths[name]))]
        for name, place in zip(names, places, strict=True)
    ]
    entries = [graph_entry(name, width) for name, width in zip(names, chosen, strict=True)]
    return Tasks(
        algorithm=names,
        qubits=np.array(chosen, dtype=np.int64),
        depth=np.array([entry.depth for entry in entries], dtype=np.int64),
        shots=np.full(count, circuits.shots, dtype=np.int64),
        two_qubit_gates=np.array([entry.graph.gates for entry in entries], dtype=np.int64),
        graphs=[entry.graph for entry in entries],
    )

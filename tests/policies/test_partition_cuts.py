"""Cuts of one circuit: closed forms, and refinement against every partition of small graphs."""

from itertools import pairwise, permutations

import numpy as np
import pytest

from qcbench.policies.batch.cuts import best_cut, boundary_profile, grown_parts, refine, refined_cut
from qcbench.policies.batch.kernighan_lin import kernighan_lin
from qcbench.workload.graphs.table import graph_entry
from qcbench.workload.interaction_graph import InteractionGraph, graph_of


def random_graph(rng: np.random.Generator, qubits: int) -> InteractionGraph:
    density = rng.uniform(0.25, 0.9)
    pairs = {
        (a, b): int(rng.integers(1, 4))
        for a in range(qubits)
        for b in range(a + 1, qubits)
        if rng.random() < density
    }
    return graph_of(qubits, pairs or {(0, 1): 1})


def sizes_of(rng: np.random.Generator, qubits: int) -> np.ndarray:
    parts = int(rng.integers(2, 4))
    cuts = np.sort(rng.choice(np.arange(1, qubits), size=parts - 1, replace=False))
    return np.diff([0, *cuts, qubits])


def least_remote_gates(graph: InteractionGraph, sizes: np.ndarray) -> int:
    labels = np.repeat(np.arange(len(sizes)), sizes).tolist()
    return min(graph.remote_gates(np.array(p)) for p in set(permutations(labels)))


def test_small_graphs_are_cut_optimally_in_95_percent_and_never_below() -> None:
    rng = np.random.default_rng(7)
    hits, tries = 0, 60
    for _ in range(tries):
        qubits = int(rng.integers(4, 9))
        graph, sizes = random_graph(rng, qubits), sizes_of(rng, qubits)
        least = least_remote_gates(graph, sizes)
        found = best_cut(graph, sizes, rng)
        np.testing.assert_array_equal(np.bincount(found, minlength=len(sizes)), sizes)
        assert graph.remote_gates(found) >= least
        hits += graph.remote_gates(found) == least
    assert hits >= 0.95 * tries


@pytest.mark.parametrize("sizes", [[5, 7], [1, 4, 7], [3, 3, 3, 3], [11, 1]])
def test_closed_forms_of_the_three_algorithms(sizes: list[int]) -> None:
    row, width, rng = np.array(sizes), sum(sizes), np.random.default_rng(0)
    wanted = {
        "qft": (width**2 - int((row**2).sum())) // 2,
        "dj": width - max(sizes),
        "ghz": len(sizes) - 1,
    }
    for algorithm, least in wanted.items():
        graph = graph_entry(algorithm, width).graph
        assert graph.remote_gates(best_cut(graph, row, rng)) == least


@pytest.mark.parametrize("algorithm", ["qft", "dj", "ghz"])
def test_closed_forms_are_optimal(algorithm: str) -> None:
    graph, sizes = graph_entry(algorithm, 7).graph, np.array([4, 2, 1])
    found = best_cut(graph, sizes, np.random.default_rng(0))
    assert graph.remote_gates(found) == least_remote_gates(graph, sizes)


def test_a_relabelled_path_is_still_cut_along_it() -> None:
    order = np.random.default_rng(3).permutation(20)
    pairs = {(int(a), int(b)): 2 for a, b in pairwise(order)}
    graph = graph_of(20, pairs)
    assert graph.shape == "path"
    assert graph.remote_gates(best_cut(graph, np.array([8, 7, 5]), np.random.default_rng(0))) == 4


@pytest.mark.parametrize(
    ("pairs", "shape"),
    [
        ({(0, 1): 1, (1, 2): 1, (0, 2): 1, (3, 4): 1}, "other"),  # a cycle and an edge apart
        ({(0, 1): 1, (1, 2): 2, (2, 3): 1, (3, 4): 1}, "other"),  # unequal weights
        ({(0, 1): 3, (1, 2): 3, (2, 3): 3, (3, 4): 3}, "path"),
        ({(0, 4): 1, (1, 4): 1, (2, 4): 1, (3, 4): 1}, "star"),
    ],
)
def test_shapes_are_recognised(pairs: dict[tuple[int, int], int], shape: str) -> None:
    assert graph_of(5, pairs).shape == shape


def test_refinement_keeps_sizes_and_reports_the_gates_between_parts() -> None:
    rng = np.random.default_rng(1)
    for _ in range(20):
        graph = random_graph(rng, 12)
        sizes = sizes_of(rng, 12)
        part = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
        before = graph.remote_gates(part)
        remote, _ = refine(graph.adjacency, part, len(sizes))
        assert remote == graph.remote_gates(part) <= before
        np.testing.assert_array_equal(np.bincount(part, minlength=len(sizes)), sizes)


def test_kernighan_lin_and_growth_keep_sizes_and_refinement_is_no_worse_on_average() -> None:
    rng = np.random.default_rng(2)
    kernighan = refined = 0
    for algorithm, width in (("adder", 30), ("qaoa", 24), ("multiplier", 25), ("qft_adder", 28)):
        graph = graph_entry(algorithm, width).graph
        sizes = sizes_of(rng, width)
        for part in (
            kernighan_lin(graph.adjacency, sizes),
            grown_parts(graph.adjacency, sizes, np.arange(len(sizes))),
            refined_cut(graph, sizes, rng),
        ):
            np.testing.assert_array_equal(np.bincount(part, minlength=len(sizes)), sizes)
        kernighan += graph.remote_gates(kernighan_lin(graph.adjacency, sizes))
        refined += graph.remote_gates(refined_cut(graph, sizes, rng))
    assert refined <= kernighan


def test_boundary_of_a_complete_graph_is_exact() -> None:
    size = np.arange(10)
    np.testing.assert_allclose(boundary_profile(graph_entry("qft", 9).graph), size * (9 - size))

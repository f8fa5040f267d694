"""Figures of partitions say which colour is which node, and hide no policy behind another."""

import numpy as np
import polars as pl

from qcbench.report.partition import (
    circuit_drawing,
    graph_drawing,
    mean_node_cost_plot,
    node_cost_plot,
)
from qcbench.report.style import looks
from qcbench.workload.interaction_graph import InteractionGraph

GRAPH = InteractionGraph(4, np.array([[0, 1, 1], [1, 2, 2], [2, 3, 1]]))


def test_every_colour_is_explained():
    node = np.array([7, 7, 3, 3])
    for draw in (graph_drawing, circuit_drawing):
        (legend,) = draw(GRAPH, node, "drawn").legends
        words = [text.get_text() for text in legend.get_texts()]
        assert words == ["node 3: 2 qubits", "node 7: 2 qubits", "remote gates"]
        colours = [line.get_color() for line in legend.get_lines()]
        assert len(set(colours)) == len(colours)


def test_nothing_is_remote_on_one_node():
    (legend,) = graph_drawing(GRAPH, np.zeros(4, dtype=np.int64), "drawn").legends
    assert [text.get_text() for text in legend.get_texts()] == ["node 0: 4 qubits"]


def test_equal_costs_are_one_line_with_all_names():
    costs = {
        "one": np.array([1.0, 2.0, 3.0]),
        "other": np.array([3.0, 2.0, 1.0]),
        "third": np.array([4.0, 1.0, 1.0]),
    }
    figure = node_cost_plot(costs, looks(list(costs), ""))
    one, third = figure.axes[0].get_lines()
    assert (one.get_label(), third.get_label()) == ("one\nother", "third")


def test_a_scenario_with_fewer_nodes_than_another_has_its_figure():
    means = pl.DataFrame(
        {
            "scenario": ["two", "three"],
            "policy": ["p", "p"],
            "node_cost_01": [2.0, 3.0],
            "node_cost_02": [1.0, 2.0],
            "node_cost_03": [None, 1.0],
        }
    )
    for scenario, nodes in (("two", 2), ("three", 3)):
        figure = mean_node_cost_plot(means, scenario, ["p"], looks(["p"], ""))
        assert figure is not None
        assert len(figure.axes[0].get_lines()[0].get_xdata()) == nodes

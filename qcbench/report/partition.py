"""Figures of partitions: what each node costs, and which qubits of a circuit are on which node."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from qcbench.arrays import FloatArray, IntArray
from qcbench.cloud.partition import Plan
from qcbench.cloud.records import Records
from qcbench.errors import InputError
from qcbench.physics.node_cost import node_costs
from qcbench.report.figures import alike_of
from qcbench.report.style import (
    COLOURS,
    INK,
    LINE,
    NEUTRAL,
    QUIET,
    WIDTH_IN,
    Look,
    looks,
    render,
    save_figures,
    style,
    tell,
)
from qcbench.workload.interaction_graph import InteractionGraph

COST_PREFIX = "node_cost_"
MOST_LAYERS = 160


def mean_node_cost_plot(
    means: pl.DataFrame, scenario: str, policies: Sequence[str], looks: Mapping[str, Look]
) -> Figure | None:
    """Mean cost of the costliest node, the second, and so on, a line per policy.

    Args:
        means: `Summary.means`; columns named `node_cost_RANK` are drawn.
        scenario: its scenario.
        policies: in the order of the legend.
        looks: colour and marker of every policy.

    Returns:
        None where the result table has no such columns for the scenario.
    """
    own = means.filter(pl.col("scenario") == scenario)
    # Of another scenario there may be more nodes, which this one has not.
    columns = [
        name
        for name in means.columns
        if name.startswith(COST_PREFIX) and own.get_column(name).is_not_null().any()
    ]
    if not columns:
        return None
    costs: dict[str, FloatArray] = {}
    for policy in policies:
        found = own.filter(pl.col("policy") == policy).select(columns).drop_nulls()
        if found.height:
            costs[policy] = np.array(found.row(0), dtype=np.float64)
    return node_cost_plot(costs, looks) if costs else None


def node_cost_plot(costs: Mapping[str, FloatArray], looks: Mapping[str, Look]) -> Figure:
    """Cost per node, the costliest first, a line per policy.

    Args:
        costs: of every node, by policy.
        looks: colour and marker of every policy.
    """
    with style():
        figure = Figure(figsize=(WIDTH_IN, 3.0))
        axes = figure.add_subplot()
        ranked = {policy: np.sort(of_nodes)[::-1] for policy, of_nodes in costs.items()}
        for alike in alike_of(ranked):  # policies of least cost are often equal everywhere
            look, of_nodes = looks[alike[0]], ranked[alike[0]]
            (line,) = axes.plot(
                np.arange(1, len(of_nodes) + 1),
                of_nodes,
                look.marker,
                linestyle="-",
                color=look.colour,
                markersize=5,
                label="\n".join(alike),
            )
            tell(line, ", ".join(alike))
        axes.grid(visible=True, axis="y")
        axes.set_ylim(bottom=0)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_xlabel("node, the costliest first")
        axes.set_ylabel("cost")
        axes.set_title("Cost per node")
        figure.legend(loc="outside right upper", handlelength=1.2, labelspacing=0.5)
        return figure


def graph_drawing(graph: InteractionGraph, node: IntArray, title: str) -> Figure:
    """Draw an interaction graph on a circle, its qubits in the colours of their nodes.

    Gates within a node have its colour, remote gates are grey.

    Args:
        node: node of every qubit.
        title: above the drawing.
    """
    with style():
        figure = Figure(figsize=(4.2, 4.4))
        axes = figure.add_subplot()
        order = np.argsort(node, kind="stable")
        angle = np.empty(graph.qubits)
        angle[order] = 2 * np.pi * np.arange(graph.qubits) / graph.qubits
        place = np.stack([np.cos(angle), np.sin(angle)], axis=1)
        colour = _colours(node)
        first, second, gates = graph.edges.T
        remote = node[first] != node[second]
        heavy = 0.4 + 1.6 * gates / gates.max()
        lines = np.stack([place[first], place[second]], axis=1)
        axes.add_collection(
            LineCollection(lines[remote], colors=NEUTRAL, linewidths=0.6 * heavy[remote], alpha=0.5)
        )
        own = [colour[part] for part in node[first[~remote]].tolist()]
        axes.add_collection(
            LineCollection(lines[~remote], colors=own, linewidths=heavy[~remote], alpha=0.8)
        )
        across, up = place.T
        axes.scatter(
            across, up, c=[colour[part] for part in node.tolist()], s=70, zorder=3, edgecolors=LINE
        )
        for qubit, (x, y) in enumerate(place.tolist()):
            axes.text(1.13 * x, 1.13 * y, str(qubit), ha="center", va="center", fontsize=6)
        _bare(axes, (-1.25, 1.25), (-1.25, 1.25))
        axes.set_aspect("equal")
        axes.set_title(title)
        _legend(figure, node, colour, Line2D([], [], color=NEUTRAL, label="remote gates"))
        return figure


def circuit_drawing(graph: InteractionGraph, node: IntArray, title: str) -> Figure:
    """Draw the qubits as lines in the colours of their nodes, with the two-qubit gates.

    Every pair of qubits that meet is drawn once, in order and as early as its qubits are free; a
    remote gate is dashed and dark.
    """
    with style():
        order = np.argsort(node, kind="stable")
        row = np.empty(graph.qubits, dtype=np.int64)
        row[order] = np.arange(graph.qubits)
        layers, shown = _layers(graph)
        width = max(3.0, min(9.0, 0.09 * layers + 1.5))
        figure = Figure(figsize=(width, 0.11 * graph.qubits + 1.2))
        axes = figure.add_subplot()
        colour = _colours(node)
        for qubit in range(graph.qubits):
            axes.plot([-1, layers], [row[qubit]] * 2, color=colour[int(node[qubit])], linewidth=1.0)
        for layer, a, b in shown:
            remote = node[a] != node[b]
            axes.plot(
                [layer, layer],
                [row[a], row[b]],
                "o",
                linestyle=(0, (2, 1.2)) if remote else "-",
                color=INK if remote else colour[int(node[a])],
                markersize=1.8,
                linewidth=0.7 if remote else 1.1,
                alpha=0.65 if remote else 1.0,
            )
        _bare(axes, (-2, layers + 1), (graph.qubits, -1))
        missing = len(graph.edges) - len(shown)
        axes.set_title(title + (f" (without the last {missing} pairs)" if missing else ""))
        dashed = Line2D([], [], color=INK, linestyle=(0, (2, 1.2)), label="remote gates")
        _legend(figure, node, colour, dashed)
        return figure


def draw_plans(records: Mapping[str, Records], folder: Path) -> list[Path]:
    """Write the figures of one world: cost per node, then graph and circuit of every task.

    Args:
        records: by policy; the tasks of the first are drawn.
        folder: made where absent.

    Raises:
        InputError: records of another track, or a folder that cannot be written.
    """
    plans = {policy: _plan(found) for policy, found in records.items()}
    first = next(iter(plans))
    costs = {
        policy: node_costs(plan.batch.weights, plan.allocation.sum(axis=0))
        for policy, plan in plans.items()
    }
    drawn = {"node-costs": node_cost_plot(costs, looks(list(plans), ""))}
    plan, tasks = plans[first], records[first].workload.tasks
    for index, (graph, node) in enumerate(zip(plan.batch.graphs, plan.nodes, strict=True)):
        remote = int(plan.remote_gates[index])
        title = (
            f"{tasks.algorithm[index]} on {graph.qubits} qubits, "
            f"{remote} of {graph.gates} gates remote"
        )
        drawn[f"task-{index:02d}-graph"] = graph_drawing(graph, node, title)
        drawn[f"task-{index:02d}-circuit"] = circuit_drawing(graph, node, title)
    return save_figures({name: render(figure) for name, figure in drawn.items()}, folder)


def _plan(records: Records) -> Plan:
    if records.plan is None:
        raise InputError("only trials of track partition have a plan to draw")
    return records.plan


def _layers(graph: InteractionGraph) -> tuple[int, list[tuple[int, int, int]]]:
    """Return the number of layers, and (layer, qubit, qubit) of every pair that is drawn."""
    free = np.zeros(graph.qubits, dtype=np.int64)
    shown = []
    for a, b, _ in graph.edges.tolist():
        layer = int(max(free[a], free[b]))
        if layer < MOST_LAYERS:
            shown.append((layer, a, b))
        free[[a, b]] = layer + 1
    return min(int(free.max()), MOST_LAYERS), shown


def _colours(node: IntArray) -> dict[int, str]:
    nodes = np.unique(node).tolist()
    return {name: COLOURS[index % len(COLOURS)] for index, name in enumerate(nodes)}


def _bare(axes: Axes, across: tuple[float, float], down: tuple[float, float]) -> None:
    axes.set_xlim(*across)
    axes.set_ylim(*down)
    axes.grid(visible=False)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines["bottom"].set_visible(False)


def _legend(figure: Figure, node: IntArray, colour: Mapping[int, str], remote: Line2D) -> None:
    """Say below the drawing which colour is which node, and how remote gates are drawn."""
    nodes = [
        Line2D([], [], color=tone, linewidth=2.5, label=f"node {name}: {count} qubits")
        for (name, tone), count in zip(colour.items(), np.bincount(node)[list(colour)], strict=True)
    ]
    handles = [*nodes, remote] if len(nodes) > 1 else nodes
    columns = min(len(handles), 4 if figure.get_figwidth() > 5 else 2)
    figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=columns,
        fontsize=7,
        handlelength=1.8,
        labelcolor=QUIET,
    )

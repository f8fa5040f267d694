"""`qcbench partition`: solve, check and draw partitions of a batch over networked nodes."""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from qcbench.arrays import IntArray
from qcbench.cli.arguments import Parser
from qcbench.errors import InputError
from qcbench.files import check_writable
from qcbench.finite import finite
from qcbench.policies.batch.problem import Batch

KEYS = (
    "The file is a JSON object with the keys capacities, demands and unit_prices (lists), "
    "definition (P, Q or M), and optionally circuits: a list of names such as qft:30, or of lists "
    "of two-qubit gates."
)


def main(arguments: Sequence[str]) -> int:
    """Run `qcbench partition solve|check|bounds|anarchy|graph|draw|build`."""
    options = _parser().parse_args(arguments)
    run: Callable[[argparse.Namespace], None] = options.run
    run(options)
    return 0


def _parser() -> Parser:
    parser = Parser(prog="qcbench partition", description=__doc__)
    verbs = parser.add_subparsers(required=True, metavar="VERB")

    def on_file(name: str, run: Callable[[argparse.Namespace], None], summary: str) -> Any:
        verb = verbs.add_parser(name, help=summary, description=f"{summary}. {KEYS}")
        verb.add_argument("file", type=Path, metavar="FILE.json")
        verb.add_argument("--seed", type=int, default=0, help="of the search, where there is one")
        verb.set_defaults(run=run)
        return verb

    game = {"choices": ("G1", "G2"), "default": "G1", "help": "what a client pays"}
    on_file("solve", solve, "print an allocation of least cost with few parts").add_argument(
        "--game", **game
    )
    on_file("check", check, "check the allocation that the file also holds").add_argument(
        "--game", **game
    )
    on_file("bounds", bounds, "print the least cost, in integers and relaxed")
    on_file("anarchy", anarchy, "measure the price of anarchy").add_argument("--game", **game)

    showing = verbs.add_parser("graph", help="print the interaction graph of a circuit")
    showing.add_argument("circuit", help="ALGORITHM:WIDTH such as qft:30, or an OpenQASM file")
    showing.add_argument(
        "--decompose", action="store_true", help="accept gates on three and more qubits"
    )
    showing.set_defaults(run=graph)

    drawing = verbs.add_parser("draw", help="draw the plan of a policy for one world")
    drawing.add_argument("overrides", nargs="*", help="as for simulate: scenario=... policy=...")
    drawing.add_argument("--output", type=Path, default=Path("partition"), help="folder")
    drawing.add_argument("--compare", default="", help="more policies for the cost plot, a,b")
    drawing.add_argument("--config-dir", action="append", default=[], type=Path)
    drawing.set_defaults(run=draw)

    building = verbs.add_parser("build", help="rebuild the packaged graphs with mqt.bench")
    building.add_argument("--output", type=Path, help="instead of the packaged table")
    building.set_defaults(run=build)
    return parser


def _read(options: argparse.Namespace) -> tuple[dict[str, Any], Batch]:
    from qcbench.policies.batch.read import batch_from, read_problem  # noqa: PLC0415

    content = read_problem(options.file)
    return content, batch_from(content, str(options.file))


def _print(answer: dict[str, Any]) -> None:
    print(json.dumps(finite(answer), allow_nan=False))


def _facts(batch: Batch, allocation: IntArray, game: str) -> dict[str, Any]:
    from qcbench.policies.batch.games import is_equilibrium  # noqa: PLC0415

    holds = {name: is_equilibrium(batch, allocation, name) for name in ("G1", "G2")}
    return {
        "allocation": allocation.tolist(),
        "cost": batch.cost(allocation),
        "partitions": int((allocation > 0).sum()),
        "is_equilibrium": holds[game],
        "game": game,
        "equilibrium": holds,
        "definition": batch.definition,
    }


def solve(options: argparse.Namespace) -> None:
    """Print an allocation of least cost; with circuits, also where every qubit goes."""
    from qcbench.policies.batch.cuts import best_cut  # noqa: PLC0415
    from qcbench.policies.batch.fewest import fewest_parts  # noqa: PLC0415
    from qcbench.policies.batch.frontier import annealed_split  # noqa: PLC0415

    _, batch = _read(options)
    rng = np.random.default_rng(options.seed)
    allocation = annealed_split(batch, rng) if batch.graphs else fewest_parts(batch, rng)
    answer = _facts(batch, allocation, options.game)
    if batch.graphs:
        nodes = [best_cut(g, row, rng) for g, row in zip(batch.graphs, allocation, strict=True)]
        answer["nodes"] = [node.tolist() for node in nodes]
        answer["remote_gates"] = batch.remote_gates(nodes).tolist()
    _print(answer)


def check(options: argparse.Namespace) -> None:
    """Print what an allocation is worth, or say why it is none."""
    from qcbench.policies.batch.games import regrets  # noqa: PLC0415
    from qcbench.policies.batch.problem import check_allocation  # noqa: PLC0415
    from qcbench.policies.batch.read import allocation_from  # noqa: PLC0415

    content, batch = _read(options)
    allocation = allocation_from(content, str(options.file))
    check_allocation(batch, allocation, f"{options.file}: allocation")
    answer = _facts(batch, allocation, options.game)
    answer["optimal_cost"] = batch.optimal_cost
    answer["regrets"] = regrets(batch, allocation, options.game).tolist()
    _print(answer)


def bounds(options: argparse.Namespace) -> None:
    """Print the least cost in integers and relaxed; also the sparsest relaxed one, if small."""
    from qcbench.stats.partition_bounds import (  # noqa: PLC0415
        MOST_CELLS,
        relaxed_optimum,
        sparse_relaxed_optimum,
    )

    _, batch = _read(options)
    relaxed = relaxed_optimum(batch)
    answer: dict[str, Any] = {
        "definition": batch.definition,
        "integer": {"cost": batch.optimal_cost, "use": batch.optimal_use.tolist()},
        "relaxed": {"cost": relaxed.cost, "use": relaxed.use.tolist()},
        "sparse_relaxed": None,
    }
    if len(batch.demands) * len(batch.capacities) <= MOST_CELLS:
        sparse = sparse_relaxed_optimum(batch)
        answer["sparse_relaxed"] = {
            "cost": round(sparse.cost, 6),
            "use": [round(part, 6) for part in sparse.use.tolist()],
            "partitions": sparse.partitions,
        }
    _print(answer)


def anarchy(options: argparse.Namespace) -> None:
    """Print the cost of equilibria over the least cost, beside the 4/3 of the literature."""
    from qcbench.policies.batch.games import price_of_anarchy  # noqa: PLC0415

    _, batch = _read(options)
    found = price_of_anarchy(batch, options.game, np.random.default_rng(options.seed))
    _print(
        {
            "game": options.game,
            "definition": batch.definition,
            "equilibria": found.equilibria,
            "price_of_stability": found.best,
            "price_of_anarchy": found.worst,
            "complete": found.complete,
            "claimed_bound": 4 / 3,
            "within_bound": None if found.worst is None else found.worst <= 4 / 3 + 1e-9,
        }
    )


def graph(options: argparse.Namespace) -> None:
    """Print a circuit's graph."""
    from qcbench.workload.graph_table import graph_entry, named_graph  # noqa: PLC0415
    from qcbench.workload.qasm import SUFFIXES  # noqa: PLC0415

    name = options.circuit
    if Path(name).suffix in SUFFIXES:
        found, depth = _graph_of_file(Path(name), decompose=options.decompose)
    else:
        found = named_graph(name, "circuit")
        depth = graph_entry(name.partition(":")[0], found.qubits).depth
    _print(
        {
            "circuit": name,
            "qubits": found.qubits,
            "depth": depth,
            "gates": found.gates,
            "shape": found.shape,
            "edges": found.edges.tolist(),
        }
    )


def _graph_of_file(path: Path, *, decompose: bool) -> tuple[Any, int]:
    from qcbench.workload.graphs import require_gates  # noqa: PLC0415
    from qcbench.workload.interactions import (  # noqa: PLC0415
        interactions,
        require_two_qubit_gates,
    )
    from qcbench.workload.qasm import parse_qasm  # noqa: PLC0415
    from qcbench.workload.reading import read_text  # noqa: PLC0415

    try:
        found = interactions(parse_qasm(read_text(path), str(path)))
    except ImportError as error:
        from qcbench.workload.targets import INSTALL  # noqa: PLC0415

        raise InputError(f"OpenQASM is read with {error.name}; {INSTALL}") from error
    if not decompose:
        require_two_qubit_gates(found, str(path))
    require_gates(len(found.graph.edges), str(path))
    return found.graph, found.depth


def draw(options: argparse.Namespace) -> None:
    """Simulate one world under one or several policies and write the figures."""
    from qcbench.api import compose_simulate, trial_of  # noqa: PLC0415
    from qcbench.bench.run import simulate_trial  # noqa: PLC0415
    from qcbench.report.partition import draw_plans  # noqa: PLC0415

    overrides = list(options.overrides)
    if not any(text.startswith("scenario=") for text in overrides):
        overrides.append("scenario=partition/nodes20")
    if not any(text.startswith("policy=") for text in overrides):
        overrides.append("policy=frontier")
    chosen = next(text for text in overrides if text.startswith("policy="))
    names = [chosen.partition("=")[2], *(n for n in options.compare.split(",") if n)]
    trials = []
    for name in dict.fromkeys(names):
        told = [f"policy={name}" if text == chosen else text for text in overrides]
        trial = trial_of(compose_simulate(told, options.config_dir))
        if trial.scenario_config["track"] != "partition":
            raise InputError(f"scenario {trial.scenario}: is not of track partition")
        trials.append(trial)
    _make_folder(options.output)
    records = {trial.policy: simulate_trial(trial) for trial in trials}
    for path in draw_plans(records, options.output):
        print(path)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--output {folder}: cannot be made ({error.strerror})") from None
    check_writable(folder / "figure")


def build(options: argparse.Namespace) -> None:
    """Rebuild the packaged graphs, with a line of progress each."""
    from qcbench.workload.graph_build import build_graph_table  # noqa: PLC0415
    from qcbench.workload.graph_table import PACKAGED_GRAPHS  # noqa: PLC0415

    path = options.output or PACKAGED_GRAPHS
    check_writable(path)
    build_graph_table(path, lambda line: print(line, file=sys.stderr))
    print(f"wrote {path}")

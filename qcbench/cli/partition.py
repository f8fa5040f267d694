"""`qcbench partition`: solve, check and draw partitions of a batch over networked nodes."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from qcbench.arrays import IntArray
from qcbench.cli.arguments import Parser
from qcbench.errors import InputError
from qcbench.files import check_writable, to_json
from qcbench.policies.batch.problem import Batch

KEYS = (
    "The file is a JSON object with the keys capacities, demands and unit_prices (lists), "
    "definition (P, Q or M), and optionally circuits: a list of names such as qft:30, or of lists "
    "of two-qubit gates."
)


def main(arguments: Sequence[str]) -> int:
    """Run `qcbench partition solve|check|bounds|anarchy|graph|draw|build`."""
    parser = _parser()
    # Overrides may stand on both sides of an option, where argparse takes only the first ones.
    options, rest = parser.parse_known_args(arguments)
    overrides = getattr(options, "overrides", None)
    if rest and (overrides is None or any(text.startswith("-") for text in rest)):
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    if overrides is not None:
        options.overrides = [*overrides, *rest]
    run: Callable[[argparse.Namespace], None] = options.run
    run(options)
    return 0


def _parser() -> Parser:
    parser = Parser(prog="qcbench partition", description=__doc__)
    verbs = parser.add_subparsers(required=True, metavar="VERB")

    def on_file(name: str, run: Callable[[argparse.Namespace], None], summary: str) -> Parser:
        verb: Parser = verbs.add_parser(name, help=summary, description=f"{summary}. {KEYS}")
        verb.add_argument("file", type=Path, metavar="FILE.json")
        verb.set_defaults(run=run)
        return verb

    def of_game(verb: Parser, default: str | None) -> None:
        verb.add_argument(
            "--game", choices=("G1", "G2"), default=default, help="what a client pays"
        )

    def of_search(verb: Parser) -> None:
        verb.add_argument("--seed", type=int, default=None, help="of what is drawn; 0 by default")

    solving = on_file("solve", solve, "solve the problem by a policy of track partition")
    solving.add_argument(
        "overrides",
        nargs="*",
        help="policy=frontier (by default), policy.parameters.KEY=VALUE, seed=0, game=G1",
    )
    solving.add_argument("--config-dir", action="append", default=[], type=Path)
    of_game(solving, None)
    of_search(solving)
    of_game(on_file("check", check, "check the allocation that the file also holds"), "G1")
    on_file("bounds", bounds, "print the least cost, in integers and relaxed")
    measuring = on_file("anarchy", anarchy, "measure the price of anarchy")
    of_game(measuring, "G1")
    of_search(measuring)

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
    print(to_json(answer, "the answer"))


def _facts(batch: Batch, allocation: IntArray, game: str) -> dict[str, Any]:
    from qcbench.policies.batch.games import is_equilibrium  # noqa: PLC0415

    holds = {name: is_equilibrium(batch, allocation, name) for name in ("G1", "G2")}
    return {
        "allocation": allocation.tolist(),
        "cost": batch.cost(allocation),
        "optimal_cost": batch.optimal_cost,
        "partitions": int((allocation > 0).sum()),
        "is_equilibrium": holds[game],
        "game": game,
        "equilibrium": holds,
        "definition": batch.definition,
    }


def solve(options: argparse.Namespace) -> None:
    """Print what a policy decides; with circuits, also where every qubit goes."""
    from qcbench.api.solving import compose_solve  # noqa: PLC0415
    from qcbench.api.solving import solve as solved  # noqa: PLC0415

    _, batch = _read(options)
    given = {"seed": options.seed, "game": options.game}
    options_told = [f"{key}={value}" for key, value in given.items() if value is not None]
    config = compose_solve([*options_told, *options.overrides], options.config_dir)
    nodes, allocation = solved(batch, config)
    answer = {
        "policy": config.policy.label or config.policy.name,
        **_facts(batch, allocation, config.game),
    }
    if batch.graphs:
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
    from qcbench.configs import Seed, check_range  # noqa: PLC0415
    from qcbench.policies.batch.games import price_of_anarchy  # noqa: PLC0415

    _, batch = _read(options)
    check_range("--seed", Seed, options.seed or 0)
    found = price_of_anarchy(batch, options.game, np.random.default_rng(options.seed or 0))
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
    from qcbench.workload.formats.qasm import SUFFIXES  # noqa: PLC0415
    from qcbench.workload.graphs.table import graph_entry, named_graph  # noqa: PLC0415

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
    from qcbench.workload.circuits.interactions import (  # noqa: PLC0415
        interactions,
        require_two_qubit_gates,
    )
    from qcbench.workload.circuits.qiskit_door import asking_qiskit  # noqa: PLC0415
    from qcbench.workload.formats.qasm_parse import read_circuit  # noqa: PLC0415
    from qcbench.workload.interaction_graph import require_gates  # noqa: PLC0415

    circuit = read_circuit(path)
    with asking_qiskit(lambda reason: f"{path}: cannot be decomposed: {reason}"):
        found = interactions(circuit)
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
        config = [f"policy={name}" if text == chosen else text for text in overrides]
        trial = trial_of(compose_simulate(config, options.config_dir))
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
    from qcbench.workload.graphs.build import build_graph_table  # noqa: PLC0415
    from qcbench.workload.graphs.table import PACKAGED_GRAPHS  # noqa: PLC0415

    path = options.output or PACKAGED_GRAPHS
    check_writable(path)
    build_graph_table(path, lambda line: print(line, file=sys.stderr))
    print(f"wrote {path}")

"""`qcbench suites`: what suites there are, or what one contains."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from qcbench.api import compose_run
from qcbench.bench.compose import options_of
from qcbench.bench.suite import suite_scenarios
from qcbench.cli.arguments import Parser
from qcbench.cli.tables import Listing
from qcbench.errors import InputError


def main(arguments: Sequence[str]) -> int:
    """Run the verb."""
    parser = Parser(prog="qcbench suites", description="List the suites, or the scenarios of one.")
    parser.add_argument("suite", nargs="?", help="name of a suite")
    parser.add_argument("--config-dir", action="append", default=[], type=Path)
    options = parser.parse_args(arguments)
    console = Console()
    if not console.is_terminal:
        console.width = 160
    console.print(
        _scenarios(options.suite, options.config_dir)
        if options.suite
        else _suites(options.config_dir)
    )
    return 0


def _suites(config_dirs: Sequence[Path]) -> Listing:
    table = Listing(box=None, pad_edge=False)
    for name in ("suite", "track", "trials", "scenarios", "policies", "replicates"):
        table.add_column(name, justify="left" if name in {"suite", "track"} else "right")
    table.add_column("metric")
    table.add_column("description")
    for name in options_of("suite", config_dirs):
        try:
            suite = compose_run([f"suite={name}"], config_dirs).suite
        except InputError as error:
            table.add_row(name, *[""] * 6, f"needs more: {error}")
            continue
        sizes = (len(suite.scenarios), len(suite.policies), suite.replicates)
        trials = sizes[0] * sizes[1] * sizes[2]
        table.add_row(
            suite.name,
            suite.track,
            *map(str, (trials, *sizes)),
            suite.primary_metric,
            suite.description,
        )
    return table


def _scenarios(name: str, config_dirs: Sequence[Path]) -> Listing:
    table = Listing(
        "scenario",
        "fleet",
        "workload",
        "tasks",
        "arrivals",
        "offered load",
        "time model",
        box=None,
        pad_edge=False,
    )
    suite = compose_run([f"suite={name}"], config_dirs).suite
    for scenario in suite_scenarios(suite, config_dirs):
        load = scenario.offered_load
        table.add_row(
            scenario.name,
            scenario.fleet.name,
            scenario.workload.name,
            str(scenario.workload.tasks or "all"),
            scenario.workload.arrivals.process,
            "-" if load is None else f"{load:.3g}",
            scenario.physics.time.model,
        )
    return table

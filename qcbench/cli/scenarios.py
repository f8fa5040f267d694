"""`qcbench scenarios`: every scenario with its fleet, workload and offered load."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from qcbench.bench.compose import compose_scenario, options_of
from qcbench.bench.scenario import resolve_scenario
from qcbench.cli.arguments import Parser
from qcbench.cli.tables import Listing
from qcbench.errors import InputError


def main(arguments: Sequence[str]) -> int:
    """Run the verb."""
    parser = Parser(
        prog="qcbench scenarios", description="List the scenarios and their offered load."
    )
    parser.add_argument("--config-dir", action="append", default=[], type=Path)
    config_dirs = parser.parse_args(arguments).config_dir
    table = Listing(
        "scenario",
        "track",
        "fleet",
        "workload",
        "offered load",
        "description",
        box=None,
        pad_edge=False,
    )
    for name in options_of("scenario", config_dirs):
        try:
            scenario = resolve_scenario(compose_scenario(name, (), config_dirs), "simulate", 0)
        except InputError as error:
            table.add_row(name, "", "", "", "", f"needs more: {error}")
            continue
        load = scenario.offered_load
        table.add_row(
            name,
            scenario.track,
            scenario.fleet.name,
            scenario.workload.name,
            "-" if load is None else f"{load:.3g}",
            scenario.description,
        )
    console = Console()
    if not console.is_terminal:
        console.width = 180
    console.print(table)
    return 0

"""`qcbench scenarios`: every scenario with its fleet, workload and offered load."""

from collections.abc import Sequence
from pathlib import Path

from qcbench.bench.conf_files import options_of, providers_of
from qcbench.cli.arguments import Parser
from qcbench.cli.kept import Found, kept
from qcbench.cli.tables import Listing, print_table
from qcbench.errors import InputError, QcbenchError
from qcbench.plugins import PluginError


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
    names = options_of("scenario", config_dirs)

    def found(name: str) -> Found:
        return _found(name, config_dirs)

    rows = kept("scenarios", names, found, group="scenario", config_dirs=config_dirs)
    table.add_provided(rows, providers_of("scenario", config_dirs))
    print_table(table, 180)
    return 0


def _found(name: str, config_dirs: Sequence[Path]) -> Found:
    from qcbench.bench.compose import compose_scenario  # noqa: PLC0415 - where nothing is kept
    from qcbench.bench.scenario import resolve_scenario  # noqa: PLC0415
    from qcbench.cli.sources import of_scenario  # noqa: PLC0415

    def lacking(error: QcbenchError) -> list[str]:
        return [name, "", "", "", "", f"needs more: {error}"]

    try:
        composed = compose_scenario(name, (), config_dirs)
    except InputError as error:
        return Found([lacking(error)], "all")
    try:
        scenario = resolve_scenario(composed, "simulate", 0)
    except (InputError, PluginError) as error:
        return Found([lacking(error)], "more")
    load = scenario.offered_load
    row = [
        name,
        scenario.track,
        scenario.fleet.name,
        scenario.workload.name,
        "-" if load is None else f"{load:.3g}",
        scenario.description,
    ]
    return Found([row], of_scenario(composed))

"""`qcbench suites`: what suites there are, or what one contains."""

from collections.abc import Sequence
from pathlib import Path

from qcbench.bench.conf_files import options_of, providers_of
from qcbench.cli.arguments import Parser, check_named, told_dirs
from qcbench.cli.kept import Found, kept
from qcbench.cli.stages import next_step
from qcbench.cli.tables import Listing, print_table
from qcbench.commands import command, override
from qcbench.errors import InputError


def main(arguments: Sequence[str]) -> int:
    """Run the verb."""
    parser = Parser(prog="qcbench suites", description="List the suites, or the scenarios of one.")
    parser.add_argument("suite", nargs="?", help="name of a suite")
    parser.add_argument("--config-dir", action="append", default=[], type=Path)
    options = parser.parse_args(arguments)
    check_named("suites", options.suite, options.config_dir)
    table = (
        _scenarios(options.suite, options.config_dir)
        if options.suite
        else _suites(options.config_dir)
    )
    print_table(table, 160)
    chosen = override("suite", options.suite or "quickstart")
    next_step(f"{command('run', chosen)}{told_dirs(options.config_dir)}")
    return 0


def _suites(config_dirs: Sequence[Path]) -> Listing:
    table = Listing(box=None, pad_edge=False)
    for name in ("suite", "track", "trials", "scenarios", "policies", "replicates"):
        table.add_column(name, justify="left" if name in {"suite", "track"} else "right")
    table.add_column("metric")
    table.add_column("description")

    def found(name: str) -> Found:
        from qcbench.api import compose_run  # noqa: PLC0415 - where nothing is kept
        from qcbench.cli.sources import of_policies  # noqa: PLC0415

        try:
            suite = compose_run([f"suite={name}"], config_dirs).suite
        except InputError as error:
            return Found([[name, *[""] * 6, f"needs more: {error}"]], "more")
        sizes = (len(suite.scenarios), len(suite.policies), suite.replicates)
        trials = sizes[0] * sizes[1] * sizes[2]
        figures = map(str, (trials, *sizes))
        row = [suite.name, suite.track, *figures, suite.primary_metric, suite.description]
        return Found([row], of_policies(suite))

    names = options_of("suite", config_dirs)
    rows = kept("suites", names, found, group="suite", config_dirs=config_dirs)
    table.add_provided(rows, providers_of("suite", config_dirs))
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

    def found(name: str) -> Found:
        from qcbench.api import compose_run  # noqa: PLC0415 - where nothing is kept
        from qcbench.bench.suite import suite_scenarios  # noqa: PLC0415
        from qcbench.cli.sources import of_policies, of_scenario  # noqa: PLC0415

        suite = compose_run([f"suite={name}"], config_dirs).suite
        scenarios = suite_scenarios(suite, config_dirs)
        rows = []
        for scenario in scenarios:
            load = scenario.offered_load
            row = [
                scenario.name,
                scenario.fleet.name,
                scenario.workload.name,
                str(scenario.workload.tasks or "all"),
                scenario.workload.arrivals.process,
                "-" if load is None else f"{load:.3g}",
                scenario.physics.time.model,
            ]
            rows.append(row)
        of_files = {of_policies(suite), *map(of_scenario, scenarios)}
        return Found(rows, "named" if of_files == {"named"} else "more")

    table.add_rows(kept("suite", [name], found, group="suite", config_dirs=config_dirs))
    return table

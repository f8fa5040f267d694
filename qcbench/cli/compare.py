"""`qcbench compare`: two runs side by side, and whether they differ beyond chance."""

import sys
from collections.abc import Sequence

from qcbench.cli.arguments import Parser, as_option
from qcbench.cli.stages import next_step
from qcbench.commands import command


def main(arguments: Sequence[str]) -> int:
    """Run the verb."""
    parser = Parser(
        prog="qcbench compare",
        description="Compare two runs: configs, software, and results world by world.",
    )
    parser.add_argument("first", help="id of a run, beginning of one, or path")
    parser.add_argument("second", help="the run that is compared with it")
    parser.add_argument("--runs-dir", default="runs", help="folder of all runs (default: runs)")
    parser.add_argument("--metric", help="another column of the result tables")
    parser.add_argument("--format", choices=("table", "json"), default="table")
    options = parser.parse_intermixed_args([as_option(text) for text in arguments])
    from qcbench.api import compare  # noqa: PLC0415 - after the help
    from qcbench.report import comparison  # noqa: PLC0415

    found = compare(options.first, options.second, metric=options.metric, runs_dir=options.runs_dir)
    if options.format == "json":
        sys.stdout.write(comparison.as_json(found))
    else:
        comparison.show(found)
        told = [options.second] + [f"runs_dir={options.runs_dir}"] * (options.runs_dir != "runs")
        next_step(command("verify", *told))
    return 0

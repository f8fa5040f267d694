"""`qcbench leaderboard`: a run's ranking in the terminal, or as CSV, JSON or Markdown."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from qcbench.bench.run_names import told_name
from qcbench.cli.arguments import Parser, as_option
from qcbench.cli.stages import next_step, stage
from qcbench.report.formats import FORMATS, Format

if TYPE_CHECKING:
    from qcbench.api import Run


def main(arguments: Sequence[str]) -> int:
    """Run the verb."""
    parser = Parser(prog="qcbench leaderboard", description="Show the leaderboard of a run.")
    parser.add_argument("run", nargs="?", help="id, beginning of one, or path; the latest if none")
    parser.add_argument("--runs-dir", default="runs", help="folder of all runs (default: runs)")
    parser.add_argument("--metric", help="rank by another column of the result table")
    parser.add_argument(
        "--format",
        choices=("auto", *FORMATS),
        default="auto",
        help="auto: a table, CSV in a pipe",
    )
    options = parser.parse_args([as_option(text) for text in arguments])
    with stage("reading the run", logged=False):
        from qcbench.api import open_run  # noqa: PLC0415 - after the help

        run = open_run(options.run, runs_dir=options.runs_dir)
    warn(run)
    with stage("comparing the policies", logged=False):
        run.summary(options.metric)
    kind = options.format
    if kind == "auto":
        kind = "table" if sys.stdout.isatty() else "csv"
    show_leaderboard(run, options.metric, kind)
    next_step(f"qcbench report {told_name(run.folder)}")
    return 0


def warn(run: "Run") -> None:
    """Say which of a run's files cannot be used, and which of its numbers not compared."""
    from qcbench.bench.manifest import said_of_uncorrected  # noqa: PLC0415 - after the help

    for warning in (*run.warnings, *said_of_uncorrected(run.manifest)):
        print(f"qcbench: {warning}", file=sys.stderr)


def show_leaderboard(run: "Run", metric: str | None = None, kind: Format = "table") -> None:
    """Print the leaderboard of a run, and what it lacks."""
    from qcbench.report.leaderboard import leaderboard  # noqa: PLC0415

    leaderboard(run.summary(metric), kind)

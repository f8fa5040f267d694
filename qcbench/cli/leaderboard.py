"""`qcbench leaderboard`: a run's ranking in the terminal, or as CSV, JSON or Markdown."""

from collections.abc import Sequence

from qcbench.api import Run, open_run
from qcbench.cli.arguments import Parser
from qcbench.report.leaderboard import FORMATS, Format, leaderboard


def main(arguments: Sequence[str]) -> int:
    """Run the verb."""
    parser = Parser(prog="qcbench leaderboard", description="Show the leaderboard of a run.")
    parser.add_argument("run", nargs="?", help="id, beginning of one, or path; the latest if none")
    parser.add_argument("--runs-dir", default="runs", help="folder of all runs (default: runs)")
    parser.add_argument("--metric", help="rank by another column of the result table")
    parser.add_argument("--format", choices=FORMATS, default="table")
    told = parser.parse_args(arguments)
    show_leaderboard(open_run(told.run, runs_dir=told.runs_dir), told.metric, told.format)
    return 0


def show_leaderboard(run: Run, metric: str | None = None, kind: Format = "table") -> None:
    """Print the leaderboard of a run, and what it lacks."""
    leaderboard(run.summary(metric), kind)

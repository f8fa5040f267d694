"""`qcbench report`: a run's HTML report with its figures."""

from collections.abc import Sequence

from qcbench.bench.run_names import told_name
from qcbench.cli.arguments import Parser, as_option
from qcbench.cli.leaderboard import warn
from qcbench.cli.stages import next_step, stage


def main(arguments: Sequence[str]) -> int:
    """Run the verb."""
    parser = Parser(prog="qcbench report", description="Write the HTML report of a run.")
    parser.add_argument("run", nargs="?", help="id, beginning of one, or path; the latest if none")
    parser.add_argument("--runs-dir", default="runs", help="folder of all runs (default: runs)")
    parser.add_argument(
        "--worlds",
        choices=("quick", "all", "none"),
        default="quick",
        help="show a world of each scenario over time: where its trials are quick to simulate again"
        " and no code that the run brings along (default), wherever there is one, or nowhere",
    )
    options = parser.parse_args([as_option(text) for text in arguments])
    from qcbench.api import open_run  # noqa: PLC0415 - after the help
    from qcbench.bench.manifest import usable_cores  # noqa: PLC0415
    from qcbench.report.drawers import drawers  # noqa: PLC0415

    run = open_run(options.run, runs_dir=options.runs_dir)
    with drawers(usable_cores()) as drawing:
        warn(run)
        with stage("simulating a world of each scenario, drawing the report"):
            page = run.report(drawing, worlds=options.worlds)
        print(page)
    next_step(f"qcbench show {told_name(run.folder)}")
    return 0

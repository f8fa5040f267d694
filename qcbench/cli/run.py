"""`qcbench run`: a suite from its configs to leaderboard and report."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from qcbench.bench.run_names import told_name
from qcbench.cli.arguments import parse, show
from qcbench.cli.stages import next_step, stage
from qcbench.storage.places import shown_path

if TYPE_CHECKING:
    from qcbench.api import Published, Run
    from qcbench.tracking.config import TrackingConfig

SUMMARY = "Run a benchmark suite on Ray; store, track and report it."


def main(arguments: Sequence[str]) -> int:
    """Run the verb."""
    options = parse("run", SUMMARY, arguments)
    if options.show:
        for overrides in options.runs:
            show("run", options, overrides)
        return 0
    with stage("reading the configs", logged=False):
        from qcbench.api import compose_run, drive, get_ready, start_run  # noqa: PLC0415 - a second
        from qcbench.bench.overrides import rerun_command  # noqa: PLC0415

        runs = [compose_run(overrides, options.config_dirs) for overrides in options.runs]
    for config, overrides in zip(runs, options.runs, strict=True):
        with stage(
            f"{config.suite.name}: drawing a world of every scenario to check it", logged=False
        ):
            command = rerun_command(overrides, options.config_dirs)
            store = start_run(config, options.config_dirs, command)
        begun = " in the first round" if store.rounds else ""
        print(f"{shown_path(store.folder)}: {len(store.trials)} trials{begun}", file=sys.stderr)
        get_ready(config.tracking, config.runs_dir)
        announce(drive(store, config.cluster), config.tracking)
    return 0


def announce(run: "Run", tracking: "TrackingConfig") -> None:
    """Print the leaderboard of a finished run, report and track it, and say where all that is."""
    from qcbench.api import UnfinishedError, finish  # noqa: PLC0415 - as above
    from qcbench.bench.manifest import usable_cores  # noqa: PLC0415
    from qcbench.cli.leaderboard import show_leaderboard  # noqa: PLC0415
    from qcbench.report.drawers import drawers  # noqa: PLC0415

    # They load Matplotlib while the policies are compared.
    with drawers(usable_cores()) as drawing:
        with stage("comparing the policies"):
            run.summary()
        show_leaderboard(run)
        print(f"\nresults     {shown_path(run.folder / 'trials.parquet')}", flush=True)
        doing = "simulating a world of each scenario, drawing the report" + (
            ", publishing to MLflow" if tracking.enabled else ""
        )
        try:
            with stage(doing):
                published = finish(run, tracking, drawing)
        except UnfinishedError as error:
            _show(error.published)
            raise
    _show(published)
    next_step(f"qcbench show {told_name(run.folder)}")


def _show(published: "Published") -> None:
    if published.report:
        print(f"report      {published.report}")
    if published.link:
        print(f"tracking    {published.link}")
        print(f"browse it   {published.command}")

"""`qcbench run`: a suite from its configs to leaderboard and report."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from qcbench.cli.arguments import parse, show
from qcbench.cli.leaderboard import show_leaderboard

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
    from qcbench.api import compose_run, drive, start_run  # noqa: PLC0415 - after the help

    runs = [compose_run(overrides, options.config_dirs) for overrides in options.runs]
    for config in runs:
        store = start_run(config, options.config_dirs)
        print(f"{store.folder}: {len(store.trials)} trials", file=sys.stderr)
        announce(drive(store, config.cluster), config.tracking)
    return 0


def announce(run: "Run", tracking: "TrackingConfig") -> None:
    """Print the leaderboard of a finished run, report and track it, and say where all that is."""
    from qcbench.api import UnfinishedError, finish  # noqa: PLC0415

    show_leaderboard(run)
    print(f"\nresults     {run.folder / 'trials.parquet'}", flush=True)
    try:
        published = finish(run, tracking)
    except UnfinishedError as error:
        _show(error.published)
        raise
    _show(published)


def _show(published: "Published") -> None:
    if published.report:
        print(f"report      {published.report}")
    if published.link:
        print(f"tracking    {published.link}")
        print(f"browse it   {published.command}")

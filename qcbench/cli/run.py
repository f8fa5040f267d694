"""`qcbench run`: a suite from its configs to leaderboard and report."""

import sys
from collections.abc import Sequence

from qcbench.api import Published, Run, compose_run, drive, finish, start_run
from qcbench.cli.arguments import parse, show
from qcbench.cli.leaderboard import show_leaderboard

SUMMARY = "Run a benchmark suite on Ray; store, track and report it."


def main(arguments: Sequence[str]) -> int:
    """Run the verb."""
    told = parse("run", SUMMARY, arguments)
    if told.show:
        for overrides in told.runs:
            show("run", told, overrides)
        return 0
    runs = [compose_run(overrides, told.config_dirs) for overrides in told.runs]
    for config in runs:
        store = start_run(config, told.config_dirs)
        print(f"{store.folder}: {len(store.trials)} trials", file=sys.stderr)
        run = drive(store, config.cluster)
        announce(run, finish(run, config.tracking))
    return 0


def announce(run: Run, published: Published) -> None:
    """Print the leaderboard of a finished run and where the rest of it is."""
    show_leaderboard(run)
    print(f"\nresults     {run.folder / 'trials.parquet'}")
    print(f"report      {published.report}")
    if published.link:
        print(f"tracking    {published.link}")
        print(f"browse it   {published.command}")

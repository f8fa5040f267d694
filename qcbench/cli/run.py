"""`qcbench run`: a suite from its configs to leaderboard and report."""

import sys
from collections.abc import Sequence

from qcbench.api import compose_run, drive, publish, start_run
from qcbench.cli.arguments import parse, show

SUMMARY = "Run a benchmark suite on Ray; store, track and report it."


def main(arguments: Sequence[str]) -> int:
    """Run the verb."""
    told = parse("run", SUMMARY, arguments)
    if told.show:
        for overrides in told.runs:
            show("run", told, overrides)
        return 0
    runs = [compose_run(overrides, told.config_dirs) for overrides in told.runs]
    for run in runs:
        store = start_run(run, told.config_dirs)
        print(f"{store.folder}: {len(store.trials)} trials", file=sys.stderr)
        publish(drive(store, run.cluster), run.tracking)
    return 0

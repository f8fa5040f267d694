"""`qcbench rerun`: a stored run once more, as it stands in its manifest."""

import sys
from collections.abc import Sequence

from qcbench.cli.arguments import named_run, parse, show
from qcbench.cli.run import announce
from qcbench.cli.stages import stage
from qcbench.errors import InputError
from qcbench.storage.places import runs_folder, shown_path

SUMMARY = (
    "Run the trials of a stored run once more, in a run of their own: configs, policies and seeds"
    " are those of its manifest, whatever has become of the files that they were from. The first"
    " argument may be its id; the latest run if none."
)


def main(arguments: Sequence[str]) -> int:
    """Run the verb."""
    named, rest = named_run(arguments)
    options = parse("rerun", SUMMARY, rest)
    if len(options.runs) > 1:
        raise InputError("--multirun: a run is run again once at a time")
    overrides = options.runs[0]
    if options.show:
        show("where", options, overrides)
        return 0
    with stage("reading the run", logged=False):
        from qcbench.api import drive, get_ready, start_again  # noqa: PLC0415 - a second
        from qcbench.bench.run_names import find  # noqa: PLC0415
        from qcbench.cli.where import compose_where, is_where  # noqa: PLC0415

        for text in overrides:
            if not is_where(text):
                raise InputError(
                    f"rerun: {text}: only cluster, tracking and runs_dir are told here, the suite"
                    " is the run's own"
                )
        where = compose_where(overrides, options.config_dirs)
        runs = runs_folder(where.runs_dir)
        store = start_again(find("run", runs, named), runs)
    print(f"{shown_path(store.folder)}: {len(store.trials)} trials", file=sys.stderr)
    get_ready(where.tracking, where.runs_dir)
    announce(drive(store, where.cluster), where.tracking)
    return 0

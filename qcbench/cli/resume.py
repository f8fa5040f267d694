"""`qcbench resume`: what a stopped or killed run still lacks."""

from collections.abc import Sequence

from qcbench.cli.arguments import named_run, parse, show
from qcbench.cli.run import announce
from qcbench.cli.stages import stage
from qcbench.errors import InputError
from qcbench.storage.places import runs_folder

SUMMARY = "Run what a run still lacks. The first argument may be its id; the latest run if none."


def main(arguments: Sequence[str]) -> int:
    """Run the verb."""
    named, rest = named_run(arguments)
    options = parse("resume", SUMMARY, rest)
    if len(options.runs) > 1:
        raise InputError("--multirun: a run is resumed once")
    overrides = options.runs[0]
    if options.show:
        show("resume", options, overrides)
        return 0
    with stage("reading the run", logged=False):
        from qcbench.api import compose_resume, drive, get_ready  # noqa: PLC0415 - a second
        from qcbench.bench.run_folder import open_run  # noqa: PLC0415
        from qcbench.bench.run_names import find  # noqa: PLC0415

        how = compose_resume(overrides, options.config_dirs)
        store = open_run(find("run", runs_folder(how.runs_dir), named), write=True)
    get_ready(how.tracking, how.runs_dir)
    run = drive(store, how.cluster, retry_failed=how.retry_failed)
    announce(run, how.tracking)
    return 0

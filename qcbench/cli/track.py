"""`qcbench track`: publish a stored run to MLflow, or again; MLflow is a view of the store."""

from collections.abc import Sequence
from pathlib import Path

from qcbench.api import Run, compose_resume, finish
from qcbench.bench.store import find_run
from qcbench.cli.arguments import named_run, parse, show
from qcbench.errors import InputError

SUMMARY = "Publish a run to MLflow. The first argument may be its id; the latest run if none."


def main(arguments: Sequence[str]) -> int:
    """Run the verb."""
    named, rest = named_run(arguments)
    told = parse("track", SUMMARY, rest)
    overrides = told.runs[0]
    if told.show:
        show("resume", told, overrides)
        return 0
    how = compose_resume(overrides, told.config_dirs)
    if not how.tracking.enabled:
        raise InputError("tracking: is off; choose tracking=sqlite or tracking=server")
    published = finish(Run(find_run(Path(how.runs_dir), named)), how.tracking)
    print(published.link)
    if published.command:
        print(published.command)
    return 0

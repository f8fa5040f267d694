"""`qcbench track`: publish a stored run to MLflow, or again; MLflow is a view of the store."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from qcbench.cli.arguments import named_run, parse, show
from qcbench.errors import InputError
from qcbench.storage.places import runs_folder

if TYPE_CHECKING:
    from qcbench.api import Published
    from qcbench.bench.run_names import Kind
    from qcbench.tracking.training_view import PublishedTraining

SUMMARY = (
    "Publish a run to MLflow: of a suite, or a training run. The first argument may be its id; the"
    " latest run of a suite if none."
)


def main(arguments: Sequence[str]) -> int:
    """Run the verb."""
    named, rest = named_run(arguments)
    options = parse("track", SUMMARY, rest)
    overrides = options.runs[0]
    if options.show:
        show("resume", options, overrides)
        return 0
    from qcbench.api import Run, compose_resume, finish  # noqa: PLC0415 - after the help
    from qcbench.bench.run_names import find, find_any  # noqa: PLC0415

    how = compose_resume(overrides, options.config_dirs)
    if not how.tracking.enabled:
        raise InputError("tracking: is off; choose tracking=sqlite or tracking=server")
    runs = runs_folder(how.runs_dir)
    kind: Kind = "run"
    if named is None:
        folder = find("run", runs)
    else:
        folder, kind = find_any(("run", "training"), (runs,), named)
    published: Published | PublishedTraining
    if kind == "training":
        from qcbench.agents.curves import publish  # noqa: PLC0415 - torch

        published = publish(folder, how.tracking)
    else:
        published = finish(Run(folder), how.tracking)
    print(published.link)
    if published.command:
        print(published.command)
    return 0

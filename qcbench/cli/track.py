"""`qcbench track`: publish a stored run to MLflow, or again; MLflow is a view of the store."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from qcbench.cli.arguments import named_run, parse, show
from qcbench.errors import InputError
from qcbench.storage.mirror import heads
from qcbench.storage.places import runs_folder

if TYPE_CHECKING:
    from qcbench.api import Published
    from qcbench.tracking.training_view import PublishedTraining

SUMMARY = (
    "Publish a run to MLflow: of a suite, or a training run. The first argument may be its id; the"
    " latest run of a suite if none."
)


TRAINING = "config.yaml"
"""What the folder of a training run has, and no other."""


def main(arguments: Sequence[str]) -> int:
    """Run the verb."""
    named, rest = named_run(arguments)
    options = parse("track", SUMMARY, rest)
    overrides = options.runs[0]
    if options.show:
        show("resume", options, overrides)
        return 0
    from qcbench.api import Run, compose_resume, finish  # noqa: PLC0415 - after the help
    from qcbench.bench.store import find_run  # noqa: PLC0415

    how = compose_resume(overrides, options.config_dirs)
    if not how.tracking.enabled:
        raise InputError("tracking: is off; choose tracking=sqlite or tracking=server")
    published: Published | PublishedTraining
    if named is not None and is_training(named, runs_folder(how.runs_dir)):
        from qcbench.agents.curves import publish  # noqa: PLC0415 - torch
        from qcbench.agents.run_folder import find_training  # noqa: PLC0415

        published = publish(find_training(runs_folder(how.runs_dir), named), how.tracking)
    else:
        published = finish(Run(find_run(runs_folder(how.runs_dir), named)), how.tracking)
    print(published.link)
    if published.command:
        print(published.command)
    return 0


def is_training(name: str, runs: Path) -> bool:
    """Whether a name means a training run, by path, by id or by the beginning of one."""
    if (Path(name) / TRAINING).is_file():
        return True
    begun = (path.parent.name for path in heads(runs, TRAINING))
    return any(name and folder.startswith(name) for folder in begun)

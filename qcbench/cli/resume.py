"""`qcbench resume`: what a stopped or killed run still lacks."""

import sys
from collections.abc import Sequence, Set
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from qcbench.cli.arguments import named_run, parse, show
from qcbench.cli.run import announce
from qcbench.cli.stages import next_step, stage
from qcbench.errors import InputError
from qcbench.storage.places import runs_folder, shown_path

if TYPE_CHECKING:
    from qcbench.api import ResumeConfig
    from qcbench.tracking.begun import Begun

SUMMARY = (
    "Run what a run still lacks; a promotion is judged then. The first argument may be its id; the"
    " latest run if none."
)


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
        from qcbench.api import compose_resume  # noqa: PLC0415 - a second
        from qcbench.bench.run_names import find  # noqa: PLC0415
        from qcbench.cli.where import key_of  # noqa: PLC0415
        from qcbench.storage import mirror  # noqa: PLC0415
        from qcbench.tracking.begun import begun_in  # noqa: PLC0415

        how = compose_resume(overrides, options.config_dirs)
        folder = find("run", runs_folder(how.runs_dir), named)
        mirror.pull(folder, without="records")
        begun = begun_in(folder)
    asked = {key_of(text).partition(".")[0] for text in overrides}
    if begun is not None:
        return _promotion(folder, begun, how, asked)
    return _suite(folder, how, asked)


def _suite(folder: Path, how: "ResumeConfig", asked: Set[str]) -> int:
    from qcbench.api import drive, get_ready  # noqa: PLC0415 - as above
    from qcbench.api.suites import lacks  # noqa: PLC0415
    from qcbench.bench.run_folder import open_run  # noqa: PLC0415
    from qcbench.bench.run_names import PROMOTION_SUITE, told_name  # noqa: PLC0415
    from qcbench.tracking.mlflow_view import is_published  # noqa: PLC0415
    from qcbench.tracking.verdict_view import outcome_in  # noqa: PLC0415

    with stage("reading the run", logged=False):
        store = open_run(folder, write=True)
        wanted = how.tracking.enabled and "tracking" in asked
        shown = (folder / "report.html").is_file() and is_published(folder, how.tracking)
        nothing = shown and not wanted and not lacks(store, how.retry_failed)
    if not nothing:
        get_ready(how.tracking, how.runs_dir)
    # Also of a complete run: its tables are made again where they are not right.
    run = drive(store, how.cluster, retry_failed=how.retry_failed)
    if nothing:
        name = told_name(folder)
        print(f"{shown_path(folder)}: complete, {run.expected:,} trials; nothing to do")
        next_step(f"qcbench show {name}", f"qcbench report {name}")
    else:
        announce(run, how.tracking)
    if run.suite.name == PROMOTION_SUITE and (outcome := outcome_in(folder)):
        print(f"{shown_path(folder)}: was judged before; {outcome}")
    elif run.suite.name == PROMOTION_SUITE:
        print(
            "qcbench: these are the trials of a promotion, without what was to be promoted; nothing"
            " is judged or registered, `qcbench promote` begins anew",
            file=sys.stderr,
        )
    return 0


def _promotion(folder: Path, begun: "Begun", how: "ResumeConfig", asked: Set[str]) -> int:
    from qcbench.cli import promote  # noqa: PLC0415 - as above
    from qcbench.tracking.promotion import go_on  # noqa: PLC0415
    from qcbench.tracking.verdict_view import outcome_in  # noqa: PLC0415

    settings = begun.settings
    settings = replace(
        settings,
        # Where nothing is said it goes on as it began.
        cluster=how.cluster if "cluster" in asked else settings.cluster,
        tracking=how.tracking if "tracking" in asked else settings.tracking,
    )
    done = go_on(folder, replace(begun, settings=settings), retry_failed=how.retry_failed)
    if done is None:
        print(f"{shown_path(folder)}: complete; {outcome_in(folder)}; nothing to do")
        return 0
    return promote.announce(settings, done)

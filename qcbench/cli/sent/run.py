"""A suite that is run on a cluster."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from qcbench.bench.run_names import HEADS
from qcbench.cli.sent.verb import Going, JobVerb, There, Told, brought_along, say

if TYPE_CHECKING:
    from qcbench.cli.where import Where


def _going(told: Told) -> Going:
    from qcbench.api import compose_run  # noqa: PLC0415 - a second
    from qcbench.api.suites import own_files  # noqa: PLC0415
    from qcbench.bench.suite import suite_scenarios  # noqa: PLC0415
    from qcbench.bench.typed import plain  # noqa: PLC0415

    config = compose_run(told.overrides, told.config_dirs)
    scenarios = suite_scenarios(config.suite, told.config_dirs)
    composed = {"suite": plain(config.suite), "scenarios": [plain(each) for each in scenarios]}
    brought = brought_along(own_files(told.overrides, told.config_dirs))
    return Going(config.suite.name, composed, brought)


def _work(told: Told, there: There) -> None:
    from qcbench.api import RunConfig, compose_run, drive, finish, start_run  # noqa: PLC0415
    from qcbench.bench.overrides import rerun_command  # noqa: PLC0415
    from qcbench.bench.run_folder import open_run  # noqa: PLC0415
    from qcbench.bench.run_names import list_runs  # noqa: PLC0415
    from qcbench.bench.store import RunStore  # noqa: PLC0415
    from qcbench.bench.suite import expand, suite_data, suite_scenarios  # noqa: PLC0415

    def earlier(config: RunConfig) -> RunStore | None:
        """Open the newest run of the same suite and trials that can be continued, if any."""
        trials = expand(config.suite, suite_scenarios(config.suite, told.config_dirs))
        wanted = (suite_data(config.suite), config.keep_records, tuple(t.trial_id for t in trials))
        for folder in reversed(list_runs(there.place)):
            found = open_run(folder).manifest
            if (found.suite, found.keep_records, found.trial_ids) == wanted and not found.mismatch:
                return open_run(folder, write=True)
        return None

    config = compose_run(told.overrides, told.config_dirs)
    config = replace(config, cluster=there.cluster, runs_dir=str(there.place))
    command = rerun_command(told.overrides, told.config_dirs)
    store = earlier(config) if there.continued else None
    store = store or start_run(config, told.config_dirs, command)
    say(f"run {store.manifest.run_id}: {len(store.trials)} trials, {len(store.finished)} done")
    run = drive(store, config.cluster, "lines")
    if not there.delivers:
        finish(run, config.tracking)


def _lacks(folder: Path, told: Told, where: "Where") -> str:
    from qcbench.api import Run  # noqa: PLC0415
    from qcbench.bench.run_names import told_name  # noqa: PLC0415

    del told, where
    going_on = f"`qcbench resume {told_name(folder)}` runs the rest here"
    return "" if Run(folder).complete else going_on


def _announce(folder: Path, told: Told, where: "Where") -> int:
    from qcbench.api import Run  # noqa: PLC0415
    from qcbench.cli.run import announce  # noqa: PLC0415

    del told
    announce(Run(folder), where.tracking)
    return 0


RUN = JobVerb(
    summary="Run a suite on a Ray cluster and fetch the results.",
    mark=HEADS["run"],
    going=_going,
    work=_work,
    lacks=_lacks,
    announce=_announce,
)

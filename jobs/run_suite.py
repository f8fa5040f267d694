"""Runs a suite on the Ray cluster that this script was started on.

Two ways lead here. `qcbench submit run` sends this script with the package and names a job id in
`--deliver`: the run is written below the logs of the Ray session and packed there, for
`qcbench submit fetch`. In an image that holds qcbench (`deploy/Dockerfile`, `k8s/`) the script gets
a folder in `--runs-dir`, usually a volume, and leaves the run there with its report.

Exit codes: 0 done, 1 a run that could not go on, 2 input that cannot be used, 130 stopped.
"""

import argparse
import json
import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

# Before NumPy and Ray: one thread a process, no reports to elsewhere.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")

from qcbench.bench import nodes
from qcbench.errors import InputError, QcbenchError, reason_of

SAYS = "run_suite: "
"""Begins the line that says why the job ends."""

try:
    nodes.check(nodes.requirements())
    from qcbench.api import Run, RunConfig, compose_run, drive, finish, start_run
    from qcbench.bench.jobs.client import LOGS_FOLDER
    from qcbench.bench.jobs.parcel import INDEX, is_name, pack
    from qcbench.bench.run_names import list_runs
    from qcbench.bench.store import RunStore, open_run
except (InputError, ImportError) as unusable:
    reason = unusable if isinstance(unusable, InputError) else reason_of(unusable)
    print(f"{SAYS}{reason}", flush=True)
    sys.exit(InputError.exit_code)


def say(line: str) -> None:
    """Print a line to the job's log."""
    print(line, flush=True)


def session_logs() -> Path:
    """Join the cluster; return the folder of its logs on this node."""
    import ray  # noqa: PLC0415 - the modules above start without it

    joined = ray.init(address="auto", log_to_driver=False, logging_level="error")
    return Path(str(joined.address_info["session_dir"])) / "logs"


def run(told: RunConfig, config_dirs: Sequence[Path], *, continued: bool) -> Run:
    """Run a suite, or what an earlier attempt at it lacks, which may be nothing."""
    store = earlier(told, config_dirs) if continued else None
    store = store or start_run(told, config_dirs)
    say(f"run {store.manifest.run_id}: {len(store.trials)} trials, {len(store.finished)} done")
    return drive(store, told.cluster, "lines")


def earlier(told: RunConfig, config_dirs: Sequence[Path]) -> RunStore | None:
    """Open the newest run of the same suite and trials, if there is one that can be continued."""
    from qcbench.bench.suite import expand, suite_scenarios  # noqa: PLC0415
    from qcbench.bench.typed import plain  # noqa: PLC0415

    trials = expand(told.suite, suite_scenarios(told.suite, config_dirs))
    wanted = (plain(told.suite), told.keep_records, tuple(trial.trial_id for trial in trials))
    for folder in reversed(list_runs(Path(told.runs_dir))):
        found = open_run(folder).manifest
        if (found.suite, found.keep_records, found.trial_ids) == wanted and not found.mismatch:
            return open_run(folder, write=True)
    return None


def deliver(told: RunConfig, config_dirs: Sequence[Path], job_id: str) -> None:
    """Run a suite below the session's logs and pack whatever it has given, also when it fails."""
    parcel = session_logs() / LOGS_FOLDER / job_id
    try:
        run(replace(told, runs_dir=str(parcel / "runs")), config_dirs, continued=False)
    finally:
        close(parcel)


def close(parcel: Path) -> None:
    """Pack the run in a parcel's folder and remove the folder it was made in."""
    runs = list_runs(parcel / "runs")
    if not runs:
        return
    index = pack(runs[-1], parcel)
    shutil.rmtree(parcel / "runs")
    say(f"packed {index.run_id}: {index.size / 1e6:.1f} MB in {len(index.parts)} part(s)")


def read_overrides(text: str, source: str) -> list[str]:
    """Read a JSON list of Hydra overrides."""
    try:
        overrides = json.loads(text)
    except ValueError as error:
        raise InputError(f"{source}: is no JSON ({error})") from error
    if not isinstance(overrides, list) or not all(isinstance(one, str) for one in overrides):
        raise InputError(
            f'{source}: must be a JSON list of overrides, such as ["suite=quickstart"]'
        )
    return overrides


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description="Run a suite on this Ray cluster.")
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--overrides", default="[]", help="JSON list of Hydra overrides")
    source.add_argument("--overrides-file", type=Path, help="file with such a list")
    parser.add_argument("--config-dir", action="append", default=[], type=Path)
    place = parser.add_mutually_exclusive_group(required=True)
    place.add_argument("--runs-dir", type=Path, help="folder of all runs, such as a volume")
    place.add_argument("--deliver", metavar="JOB", help="pack the run for `qcbench submit fetch`")
    place.add_argument("--pack", metavar="JOB", help="only pack what a killed job has left")
    parser.add_argument(
        "--continue",
        dest="continued",
        action="store_true",
        help="with --runs-dir: go on with the newest run of the same trials; end if it is complete",
    )
    told = parser.parse_args(arguments)
    for name in ("deliver", "pack"):
        job_id = getattr(told, name)
        if job_id is not None and not is_name(job_id):
            parser.error(f"--{name} {job_id!r}: is no job id")
    return told


def work(arguments: Sequence[str] | None) -> int:
    """Do what the command line says."""
    told = parse(arguments)
    if told.pack:
        parcel = session_logs() / LOGS_FOLDER / told.pack
        close(parcel)
        return 0 if (parcel / INDEX).is_file() else 1
    if told.overrides_file:
        try:
            text = told.overrides_file.read_text()
        except OSError as error:
            raise InputError(
                f"--overrides-file {told.overrides_file}: cannot be read ({error.strerror})"
            ) from error
        overrides = read_overrides(text, f"--overrides-file {told.overrides_file}")
    else:
        overrides = read_overrides(told.overrides, "--overrides")
    config = compose_run(overrides, told.config_dir)
    config = replace(config, cluster=replace(config.cluster, address="auto", token_path=None))
    if told.deliver:
        deliver(config, told.config_dir, told.deliver)
    else:
        config = replace(config, runs_dir=str(told.runs_dir))
        finish(run(config, told.config_dir, continued=told.continued), config.tracking)
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, and turn errors into one line and an exit code."""
    try:
        return work(arguments)
    except QcbenchError as error:
        say(f"{SAYS}{error}")
        return error.exit_code
    except ImportError as error:
        say(f"{SAYS}{reason_of(error)}")
        return InputError.exit_code
    except KeyboardInterrupt:
        say(f"{SAYS}stopped")
        return 130


if __name__ == "__main__":
    sys.exit(main())

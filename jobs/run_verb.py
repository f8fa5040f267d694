"""Runs a verb on the Ray cluster that this script was started on.

Two ways lead here. `qcbench submit VERB` sends this script with the package and names a job id in
`--deliver`: the verb works below the logs of the Ray session, and the folder that it makes is
packed there, for `qcbench submit fetch`. In an image that holds qcbench (`deploy/Dockerfile`,
`k8s/`) the script gets a folder in `--runs-dir`, usually a volume, and leaves there what it makes.

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

from qcbench import api
from qcbench.bench import nodes
from qcbench.bench.jobs.plugged import sent_needs
from qcbench.cli.job_verbs import VERBS
from qcbench.cli.sent.verb import JobVerb, There, Told
from qcbench.errors import InputError, QcbenchError, reason_of

SAYS = "run_verb: "
"""Begins the line that says why the job ends."""

JOINED = "auto"
"""Address of the cluster that this process is part of already."""

MADE = "made"
"""Folder of a parcel in which the verb works."""


def say(line: str) -> None:
    """Print a line to the job's log."""
    print(line, flush=True)


def parcel_of(job_id: str) -> Path:
    """Join the cluster; return the folder for a job below the logs of its session on this node."""
    import ray  # noqa: PLC0415 - the modules above start without it

    from qcbench.bench.jobs.client import LOGS_FOLDER  # noqa: PLC0415

    joined = ray.init(address="auto", log_to_driver=False, logging_level="error")
    return Path(str(joined.address_info["session_dir"])) / "logs" / LOGS_FOLDER / job_id


def work(
    verb: JobVerb, told: Told, place: Path, *, delivers: bool, continued: bool = False
) -> None:
    """Let a verb work on the cluster that this process is part of."""
    from qcbench.cli.where import compose_where  # noqa: PLC0415

    place.mkdir(parents=True, exist_ok=True)
    cluster = compose_where(told.overrides, told.config_dirs).cluster
    there = There(place, replace(cluster, address=JOINED, token_path=None), delivers, continued)
    verb.work(told, there)


def deliver(verb: JobVerb, told: Told, job_id: str) -> None:
    """Let a verb work below the session's logs and pack whatever it has made, also if it fails."""
    parcel = parcel_of(job_id)
    try:
        work(verb, told, parcel / MADE, delivers=True)
    finally:
        close(parcel, verb.mark)


def close(parcel: Path, mark: str) -> bool:
    """Pack what was made in a parcel's folder and remove the place it was made in."""
    from qcbench.bench.jobs.parcel import pack  # noqa: PLC0415

    made = [path.parent for path in (parcel / MADE).glob(f"[!.]*/{mark}")]
    if not made:
        return False
    index = pack(max(made, key=lambda folder: (folder / mark).stat().st_mtime), parcel)
    shutil.rmtree(parcel / MADE)
    say(f"packed {index.run_id}: {index.size / 1e6:.1f} MB in {len(index.parts)} part(s)")
    return True


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
    parser = argparse.ArgumentParser(description="Run a verb on this Ray cluster.")
    parser.add_argument("verb", choices=sorted(VERBS))
    parser.add_argument("--named", default="", help="the verb's leading name, such as a policy")
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--overrides", default="[]", help="JSON list of Hydra overrides")
    source.add_argument("--overrides-file", type=Path, help="file with such a list")
    parser.add_argument("--config-dir", action="append", default=[], type=Path)
    place = parser.add_mutually_exclusive_group(required=True)
    place.add_argument("--runs-dir", type=Path, help="folder of all runs, such as a volume")
    place.add_argument("--deliver", metavar="JOB", help="pack it for `qcbench submit fetch`")
    place.add_argument("--pack", metavar="JOB", help="only pack what a killed job has left")
    parser.add_argument(
        "--continue",
        dest="continued",
        action="store_true",
        help="with --runs-dir: go on with the newest run of the same; end if it is complete",
    )
    return parser.parse_args(arguments)


def run(arguments: Sequence[str] | None) -> int:
    """Do what the command line says."""
    options = parse(arguments)
    verb = VERBS[options.verb]
    nodes.check((*nodes.requirements(verb.extras), *sent_needs(Path(__file__).resolve().parent)))
    # What is noted as installed may not be there; better known before a cluster is joined.
    for name in api.__all__:
        getattr(api, name)
    from qcbench.bench.jobs.parcel import is_name  # noqa: PLC0415 - after the check

    for name in ("deliver", "pack"):
        job_id = getattr(options, name)
        if job_id is not None and not is_name(job_id):
            raise InputError(f"--{name} {job_id!r}: is no job id")
    if options.pack:
        return 0 if close(parcel_of(options.pack), verb.mark) else 1
    if options.overrides_file:
        try:
            text = options.overrides_file.read_text()
        except OSError as error:
            raise InputError(
                f"--overrides-file {options.overrides_file}: cannot be read ({error.strerror})"
            ) from error
        overrides = read_overrides(text, f"--overrides-file {options.overrides_file}")
    else:
        overrides = read_overrides(options.overrides, "--overrides")
    told = Told(options.named, overrides, options.config_dir)
    if options.deliver:
        deliver(verb, told, options.deliver)
    else:
        work(verb, told, options.runs_dir, delivers=False, continued=options.continued)
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, and turn errors into one line and an exit code."""
    try:
        return run(arguments)
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

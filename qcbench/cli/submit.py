"""`qcbench submit`: a suite on a Ray cluster, through the port of its dashboard."""

from collections.abc import Callable, Sequence
from pathlib import Path

from qcbench.cli.arguments import HydraArguments, Parser, show
from qcbench.errors import InputError, nearest


def run(arguments: Sequence[str]) -> int:
    """Send a suite, follow it and fetch its results."""
    parser = _parser("run", "Run a suite on a Ray cluster and fetch the results.")
    parser.add_argument("overrides", nargs="*", help="such as suite=placement-v1")
    parser.add_argument("--config-dir", action="append", default=[], type=Path)
    parser.add_argument(
        "--send",
        action="append",
        default=[],
        type=Path,
        metavar="PATH",
        help="a file or folder below this one that the suite reads; goes along under its path",
    )
    parser.add_argument(
        "--pip", action="store_true", help="install what qcbench needs on nodes that lack it"
    )
    parser.add_argument(
        "--no-follow", action="store_true", help="print the job's id and leave it alone"
    )
    parser.add_argument("--cfg", "-c", choices=("job",), help="print the config and stop")
    options = parser.parse_intermixed_args(arguments)
    if options.cfg:
        shown = HydraArguments([options.overrides], options.cfg, None, options.config_dir)
        show("run", shown, options.overrides)
        return 0
    from qcbench.cli import cluster_jobs  # noqa: PLC0415 - after the help

    return cluster_jobs.send(options)


def follow(arguments: Sequence[str]) -> int:
    """Show a job's log until it ends, then fetch its results."""
    job_id, overrides = _job("follow", follow.__doc__ or "", arguments)
    from qcbench.cli import cluster_jobs  # noqa: PLC0415 - after the help

    return cluster_jobs.follow(job_id, overrides)


def fetch(arguments: Sequence[str]) -> int:
    """Fetch the results of a job that has ended."""
    job_id, overrides = _job("fetch", fetch.__doc__ or "", arguments)
    from qcbench.cli import cluster_jobs  # noqa: PLC0415 - after the help

    return cluster_jobs.fetch(job_id, overrides)


def stop(arguments: Sequence[str]) -> int:
    """Stop a job; what it has finished can be fetched."""
    job_id, overrides = _job("stop", stop.__doc__ or "", arguments)
    from qcbench.cli import cluster_jobs  # noqa: PLC0415 - after the help

    return cluster_jobs.stop(job_id, overrides)


def list_jobs(arguments: Sequence[str]) -> int:
    """List the jobs that qcbench has sent to a cluster, or to those it was used with from here."""
    parser = _parser("list", list_jobs.__doc__ or "")
    parser.add_argument("overrides", nargs="*", help="such as cluster.address=http://HOST:8265")
    overrides = parser.parse_args(arguments).overrides
    from qcbench.cli import cluster_jobs  # noqa: PLC0415 - after the help

    return cluster_jobs.list_jobs(overrides)


def token(arguments: Sequence[str]) -> int:
    """Make a file with a new random token that only you can read, for a cluster of your own."""
    parser = _parser("token", token.__doc__ or "")
    parser.add_argument("file", type=Path)
    path = parser.parse_args(arguments).file
    from qcbench.bench.jobs.token import create_token  # noqa: PLC0415 - after the help

    create_token(path)
    print(path)
    return 0


VERBS: dict[str, Callable[[Sequence[str]], int]] = {
    "run": run,
    "follow": follow,
    "fetch": fetch,
    "stop": stop,
    "list": list_jobs,
    "token": token,
}


def main(arguments: Sequence[str]) -> int:
    """Run the verb."""
    if not arguments or arguments[0] in {"-h", "--help"}:
        print("usage: qcbench submit VERB [arguments]\n\nSuites on a Ray cluster.\n")
        for name, verb in VERBS.items():
            print(f"  {name:<7} {(verb.__doc__ or '').splitlines()[0]}")
        return 0
    if arguments[0] not in VERBS:
        raise InputError(f"submit {arguments[0]}: no such verb{nearest(arguments[0], VERBS)}")
    return VERBS[arguments[0]](arguments[1:])


def _parser(verb: str, summary: str) -> Parser:
    return Parser(prog=f"qcbench submit {verb}", description=summary)


def _job(verb: str, summary: str, arguments: Sequence[str]) -> tuple[str, list[str]]:
    """Parse `ID [overrides]`."""
    parser = _parser(verb, summary)
    parser.add_argument("job", metavar="ID", help="as `qcbench submit run` printed it")
    parser.add_argument("overrides", nargs="*", help="such as cluster.address=http://HOST:8265")
    options = parser.parse_args(arguments)
    return options.job, options.overrides

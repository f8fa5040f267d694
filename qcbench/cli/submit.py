"""`qcbench submit`: a verb on a Ray cluster, through the port of its dashboard."""

import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from qcbench.cli.arguments import HydraArguments, Parser, leading_name
from qcbench.cli.examples import examples_of
from qcbench.cli.job_verbs import VERBS
from qcbench.cli.sent.verb import Told
from qcbench.commands import command
from qcbench.errors import InputError, nearest


def send(name: str, arguments: Sequence[str]) -> int:
    """Send a verb, follow it and fetch its results."""
    verb = VERBS[name]
    named, rest = leading_name(arguments)
    parser = _parser(f"{name} {verb.named}".rstrip(), verb.summary)
    parser.add_argument("overrides", nargs="*", help="as of the verb, and cluster=...")
    parser.add_argument("--config-dir", action="append", default=[], type=Path)
    parser.add_argument(
        "--send",
        action="append",
        default=[],
        type=Path,
        metavar="PATH",
        help="a file or folder below this one that it reads; goes along under its path",
    )
    parser.add_argument(
        "--pip", action="store_true", help="install what qcbench needs on nodes that lack it"
    )
    parser.add_argument(
        "--no-follow", action="store_true", help="print the job's id and leave it alone"
    )
    parser.add_argument("--cfg", "-c", choices=("job",), help="print the config and stop")
    options = parser.parse_intermixed_args(rest)
    if named and not verb.named:
        why = (
            f"`{command(name, named)}` goes on with it here"
            if name in {"train", "sweep"}
            else "it takes overrides such as key=value"
        )
        raise InputError(f"submit {name}: {named}: {why}")
    told = Told(named, tuple(options.overrides), tuple(options.config_dir))
    if options.cfg:
        shown = HydraArguments([options.overrides], options.cfg, None, options.config_dir)
        verb.show(name, shown, verb.shown(told))
        return 0
    from qcbench.cli import cluster_jobs  # noqa: PLC0415 - after the help

    return cluster_jobs.send(
        name, told, options.send, pip=options.pip, follows=not options.no_follow
    )


def follow(arguments: Sequence[str]) -> int:
    """Show a job's log until it ends, then fetch its results."""
    job_id, overrides = _job("follow", follow.__doc__ or "", arguments)
    from qcbench.cli import cluster_jobs  # noqa: PLC0415 - after the help

    return cluster_jobs.follow(job_id, overrides)


def logs(arguments: Sequence[str]) -> int:
    """Print what a job has said up to now."""
    job_id, overrides = _job("logs", logs.__doc__ or "", arguments)
    from qcbench.cli import cluster_jobs  # noqa: PLC0415 - after the help

    return cluster_jobs.logs(job_id, overrides)


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
    parser.add_argument(
        "--rotate", action="store_true", help="write FILE.new, which takes over at the next start"
    )
    options = parser.parse_args(arguments)
    path = options.file
    from qcbench.bench.jobs.token import create_token, rotate_token  # noqa: PLC0415 - after the help

    if not options.rotate:
        create_token(path)
        print(path)
        return 0
    following = rotate_token(path)
    print(following)
    words = shlex.join(["mv", str(following), str(path)])
    note = (
        "Ray reads its token when it starts: let the jobs end, stop the cluster, then on every node"
        f" and client\n  {words}\nand start the cluster again; the old token is worth nothing then"
    )
    print(note, file=sys.stderr)
    return 0


WITH_JOBS: dict[str, Callable[[Sequence[str]], int]] = {
    "list": list_jobs,
    "follow": follow,
    "logs": logs,
    "fetch": fetch,
    "stop": stop,
    "token": token,
}
"""What is done with jobs that have been sent."""


def main(arguments: Sequence[str]) -> int:
    """Run the verb."""
    if not arguments or arguments[0] in {"-h", "--help"}:
        print("usage: qcbench submit VERB [arguments]\n\nVerbs on a Ray cluster.\n")
        for name, verb in VERBS.items():
            print(f"  {name:<7} {verb.summary}")
        for name, function in WITH_JOBS.items():
            print(f"  {name:<7} {(function.__doc__ or '').splitlines()[0]}")
        print(examples_of("submit"), end="")
        return 0
    name, rest = arguments[0], arguments[1:]
    if name in VERBS:
        return send(name, rest)
    if name in WITH_JOBS:
        return WITH_JOBS[name](rest)
    raise InputError(f"submit {name}: no such verb{nearest(name, [*VERBS, *WITH_JOBS])}")


def _parser(verb: str, summary: str) -> Parser:
    return Parser(prog=f"qcbench submit {verb}", description=summary)


def _job(verb: str, summary: str, arguments: Sequence[str]) -> tuple[str, list[str]]:
    """Parse `ID [overrides]`."""
    parser = _parser(verb, summary)
    parser.add_argument("job", metavar="ID", help="as it was printed when the job was sent")
    parser.add_argument("overrides", nargs="*", help="such as cluster.address=http://HOST:8265")
    options = parser.parse_args(arguments)
    return options.job, options.overrides

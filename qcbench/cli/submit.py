"""`qcbench submit`: a suite on a Ray cluster, through the port of its dashboard."""

import shlex
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from qcbench.api import Run, compose_run
from qcbench.bench.compose import compose, to_plain
from qcbench.bench.config import ClusterConfig
from qcbench.bench.driver import RunError
from qcbench.bench.jobs import submission as jobs
from qcbench.bench.jobs.client import ConnectionLostError, Job, JobsClient, check_address
from qcbench.bench.jobs.submission import Submission
from qcbench.bench.jobs.token import create_token, readable_by_others
from qcbench.bench.run_names import told_name
from qcbench.bench.suite import suite_scenarios
from qcbench.bench.typed import typed
from qcbench.cli.arguments import HydraArguments, Parser, show
from qcbench.cli.run import announce
from qcbench.errors import InputError, nearest
from qcbench.tracking.config import TrackingConfig

LAST_LINES = 15
"""Of a failed job's log."""

SAYS = "run_suite: "
"""How the entry point begins the line that says why it ends."""

INPUT_ERROR = 2
"""Exit code of an entry point that could not use its input."""


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
    config = compose_run(options.overrides, options.config_dir)
    check_address(config.cluster.address)
    suite_scenarios(config.suite, options.config_dir)
    client = _client(config.cluster)
    token_path = config.cluster.token_path
    sent = Submission(
        job_id=jobs.new_job_id(config.suite.name),
        address=client.address,
        token_path=None if token_path is None else str(Path(token_path).expanduser().absolute()),
        overrides=tuple(options.overrides),
        config_dirs=tuple(str(folder.absolute()) for folder in options.config_dir),
        submitted=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    runs = Path(config.runs_dir)
    jobs.remember(runs, sent)
    try:
        size = jobs.submit(client, sent, config.suite.name, options.send, pip=options.pip)
    except InputError:
        jobs.forget(runs, sent.job_id)
        raise
    _note(f"submitted to {client.address}: {size / 1e6:.1f} MB")
    print(sent.job_id, flush=True)
    if options.no_follow:
        _note(_ways_back(sent.job_id, config.runs_dir))
        return 0
    return _follow(client, sent.job_id, _Here(config.cluster, config.tracking, config.runs_dir))


def follow(arguments: Sequence[str]) -> int:
    """Show a job's log until it ends, then fetch its results."""
    job_id, client, here = _known_job("follow", follow.__doc__ or "", arguments)
    return _follow(client, job_id, here)


def fetch(arguments: Sequence[str]) -> int:
    """Fetch the results of a job that has ended."""
    job_id, client, here = _known_job("fetch", fetch.__doc__ or "", arguments)
    _bring_home(client, client.job(job_id), here, log_shown=False)
    return 0


def stop(arguments: Sequence[str]) -> int:
    """Stop a job; what it has finished can be fetched."""
    job_id, client, here = _known_job("stop", stop.__doc__ or "", arguments)
    if not client.stop(job_id):
        raise InputError(f"job {job_id}: has ended already ({client.job(job_id).status})")
    job = client.wait(job_id, 30.0)
    _note(
        f"{job_id}: {job.status}; `{_command('fetch', job_id, here.runs_dir)}` gets what is there"
    )
    return 0


def list_jobs(arguments: Sequence[str]) -> int:
    """List the jobs that qcbench has sent to a cluster, or to those it was used with from here."""
    parser = _parser("list", list_jobs.__doc__ or "")
    parser.add_argument("overrides", nargs="*", help="such as cluster.address=http://HOST:8265")
    here = _here(parser.parse_args(arguments).overrides, [])
    clusters = {(here.cluster.address, here.cluster.token_path)}
    if not here.cluster.address.startswith("http"):
        runs = Path(here.runs_dir)
        known = [jobs.recall(runs, job_id) for job_id in jobs.remembered(runs)]
        clusters = {(job.address, job.token_path) for job in known if job}
        if not clusters:
            raise InputError(
                f"{runs}: no job was submitted from here; give cluster.address=http://HOST:8265"
            )
    for address, token_path in sorted(clusters, key=str):
        client = _client(ClusterConfig(address=address, token_path=token_path))
        for job in client.jobs():
            moment = datetime.fromtimestamp(job.started_s or 0, UTC)
            began = f"{moment:%Y-%m-%d %H:%M}" if job.started_s else "-"
            print(
                f"{job.job_id}\t{job.status}\t{began}\t{job.metadata.get('suite', '-')}\t{address}"
            )
    return 0


def token(arguments: Sequence[str]) -> int:
    """Make a file with a new random token that only you can read, for a cluster of your own."""
    parser = _parser("token", token.__doc__ or "")
    parser.add_argument("file", type=Path)
    path = parser.parse_args(arguments).file
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
    try:
        return VERBS[arguments[0]](arguments[1:])
    except ConnectionLostError as error:
        raise RunError(str(error)) from error


def _parser(verb: str, summary: str) -> Parser:
    return Parser(prog=f"qcbench submit {verb}", description=summary)


def _note(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _client(cluster: ClusterConfig) -> JobsClient:
    """Connect, and say what is unsafe about it."""
    if cluster.token_path is not None and readable_by_others(Path(cluster.token_path)):
        _note(f"{cluster.token_path}: other users can read this token; `chmod 600` it")
    client = JobsClient(cluster)
    if client.warning:
        _note(client.warning)
    return client


@dataclass(frozen=True)
class _Here:
    """The part of the config that concerns this side."""

    cluster: ClusterConfig
    tracking: TrackingConfig
    runs_dir: str


def _here(overrides: Sequence[str], config_dirs: Sequence[Path]) -> _Here:
    data = to_plain(compose("run", overrides, config_dirs))
    return _Here(
        typed(ClusterConfig, data["cluster"], "cluster"),
        typed(TrackingConfig, data["tracking"], "tracking"),
        str(data["runs_dir"]),
    )


def _known_job(verb: str, summary: str, arguments: Sequence[str]) -> tuple[str, JobsClient, _Here]:
    """Parse `ID [overrides]` and connect to the cluster that the job was sent to."""
    parser = _parser(verb, summary)
    parser.add_argument("job", metavar="ID", help="as `qcbench submit run` printed it")
    parser.add_argument("overrides", nargs="*", help="such as cluster.address=http://HOST:8265")
    options = parser.parse_args(arguments)
    here = _here(options.overrides, [])
    sent = jobs.recall(Path(here.runs_dir), options.job)
    if sent is not None:
        # What was said then still holds; what is said now comes last.
        folders = [Path(folder) for folder in sent.config_dirs]
        here = _here([*sent.overrides, *options.overrides], folders)
        if not any(text.lstrip("+").startswith("cluster") for text in options.overrides):
            known = replace(here.cluster, address=sent.address, token_path=sent.token_path)
            here = replace(here, cluster=known)
    elif not here.cluster.address.startswith("http"):
        near = nearest(options.job, jobs.remembered(Path(here.runs_dir)))
        raise InputError(
            f"job {options.job}: not submitted from {here.runs_dir}{near}; give "
            "cluster.address=http://HOST:8265"
        )
    return options.job, _client(here.cluster), here


def _command(verb: str, job_id: str, runs_dir: str) -> str:
    place = "" if runs_dir == "runs" else f" runs_dir={shlex.quote(runs_dir)}"
    return f"qcbench submit {verb} {job_id}{place}"


def _ways_back(job_id: str, runs_dir: str) -> str:
    verbs = {
        "follow": "watch it and fetch its results",
        "fetch": "fetch them when it has ended",
        "stop": "stop it",
    }
    return "\n".join(f"  {_command(v, job_id, runs_dir)}  # {what}" for v, what in verbs.items())


def _follow(client: JobsClient, job_id: str, here: _Here) -> int:
    try:
        job = client.follow(job_id, _show)
    except (KeyboardInterrupt, ConnectionLostError):
        _note(f"\nthe job goes on without you:\n{_ways_back(job_id, here.runs_dir)}")
        raise
    _bring_home(client, job, here, log_shown=True)
    return 0


def _show(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()


def _bring_home(client: JobsClient, job: Job, here: _Here, *, log_shown: bool) -> None:
    """Fetch what a job left and show it; raise what ended the job if that was no success."""
    try:
        folder = jobs.fetch(client, job, Path(here.runs_dir), _note)
    except jobs.NothingLeftError as error:
        raise _failure(client, job, str(error), log_shown) from None
    run = Run(folder)
    if not run.complete:
        why = f"{folder} is incomplete; `qcbench resume {told_name(folder)}` runs the rest here"
        raise _failure(client, job, why, log_shown)
    announce(run, here.tracking)


def _failure(client: JobsClient, job: Job, why: str, log_shown: bool) -> Exception:
    """Return why a job ended; the end of its log goes above that, unless it is there already."""
    if job.status == "STOPPED":
        return RunError(f"job {job.job_id}: was stopped; {why}")
    text = client.log(job.job_id) if job.node_id else job.message
    lines = [line for line in text.splitlines() if line.strip()]
    for line in [] if log_shown else lines[-LAST_LINES:]:
        _note(f"| {line}")
    said = [line for line in lines if line.startswith(SAYS)]
    if said:
        reason = said[-1].removeprefix(SAYS)
    elif any(line.startswith("Traceback ") for line in lines):
        reason = lines[-1].strip()
    else:
        # What Ray says of it; it repeats the log after a comma.
        reason = (job.message.splitlines() or [""])[0].partition(", last available")[0].strip()
    kind = InputError if job.exit_code == INPUT_ERROR else RunError
    return kind(f"job {job.job_id}: {job.status}: {reason[:300]}; {why}")

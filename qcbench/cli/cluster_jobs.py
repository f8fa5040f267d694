"""Suites on a Ray cluster: sent, followed, fetched, stopped; what `qcbench submit` does."""

import shlex
import sys
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from qcbench.api import Run, compose_run
from qcbench.bench.compose import compose, to_plain
from qcbench.bench.config import ClusterConfig
from qcbench.bench.driver import RunError
from qcbench.bench.jobs import submission as jobs
from qcbench.bench.jobs.client import (
    ConnectionLostError,
    Job,
    JobsClient,
    NoAnswerError,
    UnknownJobError,
    check_address,
)
from qcbench.bench.jobs.submission import Submission
from qcbench.bench.jobs.token import readable_by_others
from qcbench.bench.run_names import told_name
from qcbench.bench.suite import suite_scenarios
from qcbench.bench.typed import typed
from qcbench.cli.run import announce
from qcbench.errors import InputError, nearest
from qcbench.files import runs_folder
from qcbench.tracking.config import TrackingConfig

LAST_LINES = 15
"""Of a failed job's log."""

SAYS = "run_suite: "
"""How the entry point begins the line that says why it ends."""

INPUT_ERROR = 2
"""Exit code of an entry point that could not use its input."""


@contextmanager
def _lost(job_id: str, sent: Submission | None, here: "_Here") -> Iterator[None]:
    """Say what it means for a job that its cluster does not answer, or another one in its place.

    Args:
        job_id: the job.
        sent: what is remembered of it; None where it was not sent from here.
        here: the cluster that is asked.
    """
    try:
        yield
    except UnknownJobError as error:
        if sent is None or here.cluster.address.rstrip("/") != sent.address:
            raise
        raise RunError(
            f"job {job_id}: is gone: it was sent to {sent.address} at {sent.submitted}, and the "
            "cluster that answers there now was started since; what was not fetched went with the "
            "old one; send it again with `qcbench submit run`"
        ) from error
    except (NoAnswerError, ConnectionLostError) as error:
        if sent is None and isinstance(error, NoAnswerError):
            raise
        what = (
            f"{here.cluster.address}: {error.reason}" if isinstance(error, NoAnswerError) else error
        )
        raise RunError(
            f"job {job_id}: {what}; whether it goes on there or is gone with its cluster cannot be "
            f"told from here; `{_command('follow', job_id, here.runs_dir)}` asks again"
        ) from error


def send(options: Namespace) -> int:
    """Send a suite, follow it and fetch its results."""
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
    runs = runs_folder(config.runs_dir)
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
    here = _Here(config.cluster, config.tracking, config.runs_dir)
    with _lost(sent.job_id, sent, here):
        return _follow(client, sent.job_id, here)


def follow(job_id: str, overrides: Sequence[str]) -> int:
    """Show a job's log until it ends, then fetch its results."""
    with _known_job(job_id, overrides) as (client, here):
        return _follow(client, job_id, here)


def fetch(job_id: str, overrides: Sequence[str]) -> int:
    """Fetch the results of a job that has ended."""
    with _known_job(job_id, overrides) as (client, here):
        _bring_home(client, client.job(job_id), here, log_shown=False)
    return 0


def stop(job_id: str, overrides: Sequence[str]) -> int:
    """Stop a job; what it has finished can be fetched."""
    with _known_job(job_id, overrides) as (client, here):
        if not client.stop(job_id):
            raise InputError(f"job {job_id}: has ended already ({client.job(job_id).status})")
        job = client.wait(job_id, 30.0)
    _note(
        f"{job_id}: {job.status}; `{_command('fetch', job_id, here.runs_dir)}` gets what is there"
    )
    return 0


def list_jobs(overrides: Sequence[str]) -> int:
    """List the jobs of a cluster, or of those that were used from here."""
    here = _here(overrides, [])
    clusters = {(here.cluster.address, here.cluster.token_path)}
    if not here.cluster.address.startswith("http"):
        runs = runs_folder(here.runs_dir)
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


@contextmanager
def _known_job(job_id: str, overrides: Sequence[str]) -> Iterator[tuple[JobsClient, _Here]]:
    """Connect to the cluster that a job was sent to, for what is done with the job."""
    here = _here(overrides, [])
    sent = jobs.recall(runs_folder(here.runs_dir), job_id)
    if sent is not None:
        # What was said then still holds; what is said now comes last.
        folders = [Path(folder) for folder in sent.config_dirs]
        here = _here([*sent.overrides, *overrides], folders)
        if not any(text.lstrip("+").startswith("cluster") for text in overrides):
            known = replace(here.cluster, address=sent.address, token_path=sent.token_path)
            here = replace(here, cluster=known)
    elif not here.cluster.address.startswith("http"):
        near = nearest(job_id, jobs.remembered(runs_folder(here.runs_dir)))
        raise InputError(
            f"job {job_id}: not submitted from {here.runs_dir}{near}; give "
            "cluster.address=http://HOST:8265"
        )
    with _lost(job_id, sent, here):
        yield _client(here.cluster), here


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
    except KeyboardInterrupt:
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
        folder = jobs.fetch(client, job, runs_folder(here.runs_dir), _note)
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
    try:
        text = client.log(job.job_id) if job.node_id else job.message
    except NoAnswerError:
        # The log lies on the node that ran the job, which may be gone.
        text = job.message
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

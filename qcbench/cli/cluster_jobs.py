"""Verbs on a Ray cluster: sent, followed, fetched, stopped; what `qcbench submit` does."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from qcbench.bench.config import ClusterConfig
from qcbench.bench.driver import RunError
from qcbench.bench.jobs import submission as jobs
from qcbench.bench.jobs.client import JobsClient, check_address
from qcbench.bench.jobs.job import (
    ConnectionLostError,
    Job,
    NoAnswerError,
    NodeGoneError,
    UnknownJobError,
)
from qcbench.bench.jobs.plugged import packages_named, split
from qcbench.bench.jobs.submission import Contents, Submission, sent_overrides
from qcbench.bench.jobs.token import readable_by_others
from qcbench.cli.job_verbs import VERBS
from qcbench.cli.sent.verb import JobVerb, Told, note
from qcbench.cli.where import Where, compose_where, is_where
from qcbench.commands import command, override
from qcbench.errors import InputError, nearest
from qcbench.files import at_home
from qcbench.storage.places import runs_folder

LAST_LINES = 15
"""Of a failed job's log."""

SAYS = "run_verb: "
"""How the entry point begins the line that says why it ends."""

INPUT_ERROR = 2
"""Exit code of an entry point that could not use its input."""


@contextmanager
def _lost(job_id: str, sent: Submission | None, here: Where) -> Iterator[None]:
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
            f"old one; send it again with `qcbench submit {sent.verb}`"
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


def send(name: str, told: Told, files: Sequence[Path], *, pip: bool, follows: bool) -> int:
    """Send a verb, follow it and fetch its results.

    Args:
        name: of the verb.
        told: what it is told.
        files: of the user, that go along.
        pip: install on the nodes what they need.
        follows: whether to wait for it.
    """
    verb = VERBS[name]
    here = compose_where(told.overrides, told.config_dirs)
    check_address(here.cluster.address)
    going = verb.going(told)
    named = packages_named(going.config, told.overrides, told.config_dirs)
    plugged, installed, notes = split(named, pip=pip)
    client = _client(here.cluster)
    token_path = here.cluster.token_path
    sent = Submission(
        job_id=jobs.new_job_id(f"{name}-{going.title}"),
        address=client.address,
        token_path=None if token_path is None else str(at_home(token_path).absolute()),
        overrides=tuple(told.overrides),
        config_dirs=tuple(str(folder.absolute()) for folder in told.config_dirs),
        submitted=datetime.now(UTC).isoformat(timespec="seconds"),
        verb=name,
        named=told.named,
    )
    contents = Contents(
        title=going.title,
        overrides=sent_overrides(told.overrides, verb.stays),
        files=files,
        brought=going.brought,
        extras=verb.extras,
        plugged=plugged,
        installed=installed,
    )
    for line in notes:
        note(line)
    runs = runs_folder(here.runs_dir)
    jobs.remember(runs, sent)
    try:
        size = jobs.submit(client, sent, contents, pip=pip)
    except InputError:
        jobs.forget(runs, sent.job_id)
        raise
    note(f"submitted to {client.address}: {size / 1e6:.1f} MB")
    print(sent.job_id, flush=True)
    if not follows:
        note(_ways_back(sent.job_id, here.runs_dir))
        return 0
    with _lost(sent.job_id, sent, here):
        return _follow(client, sent.job_id, sent, here)


def follow(job_id: str, overrides: Sequence[str]) -> int:
    """Show a job's log until it ends, then fetch its results."""
    with _known_job(job_id, overrides) as (client, sent, here):
        return _follow(client, job_id, sent, here)


def logs(job_id: str, overrides: Sequence[str]) -> int:
    """Print what a job has said up to now."""
    with _known_job(job_id, overrides) as (client, _sent, _here):
        try:
            sys.stdout.write(client.log(job_id))
        except NodeGoneError as error:
            raise RunError(f"job {job_id}: {error}, and its log with it") from None
    return 0


def fetch(job_id: str, overrides: Sequence[str]) -> int:
    """Fetch the results of a job that has ended."""
    with _known_job(job_id, overrides) as (client, sent, here):
        return _bring_home(client, client.job(job_id), sent, here, log_shown=False)


def stop(job_id: str, overrides: Sequence[str]) -> int:
    """Stop a job; what it has finished can be fetched."""
    with _known_job(job_id, overrides) as (client, _sent, here):
        # What ran on a node that is dead has ended, and nobody is left who could be asked.
        if client.job(job_id).finished or not client.stop(job_id):
            raise InputError(f"job {job_id}: has ended already ({client.job(job_id).status})")
        job = client.wait(job_id, 30.0)
    note(f"{job_id}: {job.status}; `{_command('fetch', job_id, here.runs_dir)}` gets what is there")
    return 0


def list_jobs(overrides: Sequence[str]) -> int:
    """List the jobs of a cluster, or of those that were used from here."""
    here = compose_where(overrides)
    clusters = {(here.cluster.address, here.cluster.token_path)}
    if not here.cluster.address.startswith("http"):
        runs = runs_folder(here.runs_dir)
        known = [jobs.recall(runs, job_id) for job_id in jobs.remembered(runs)]
        clusters = {(job.address, job.token_path) for job in known if job}
        if not clusters:
            raise InputError(
                f"{runs}: no job was submitted from here; give cluster.address=http://HOST:8265"
            )
    silent: list[InputError] = []
    for address, token_path in sorted(clusters, key=str):
        try:
            found = _client(ClusterConfig(address=address, token_path=token_path)).jobs()
        except InputError as error:
            # A cluster that is gone, or has another token now, hides none of the others.
            silent.append(error)
            continue
        for job in found:
            moment = datetime.fromtimestamp(job.started_s or 0, UTC)
            began = f"{moment:%Y-%m-%d %H:%M}" if job.started_s else "-"
            title = job.metadata.get("title", "-")
            print(f"{job.job_id}\t{job.status}\t{began}\t{job.verb}\t{title}\t{address}")
    if len(silent) == len(clusters):
        raise silent[0]
    for why in silent:
        note(f"{why}; its jobs are not listed")
    return 0


def _client(cluster: ClusterConfig) -> JobsClient:
    """Connect, and say what is unsafe about it."""
    if cluster.token_path is not None and readable_by_others(Path(cluster.token_path)):
        note(f"{cluster.token_path}: other users can read this token; `chmod 600` it")
    client = JobsClient(cluster)
    if client.warning:
        note(client.warning)
    return client


@contextmanager
def _known_job(
    job_id: str, overrides: Sequence[str]
) -> Iterator[tuple[JobsClient, Submission | None, Where]]:
    """Connect to the cluster that a job was sent to, for what is done with the job.

    Gives what is remembered of the job, too; None where it was not sent from here.
    """
    for text in overrides:
        if not is_where(text):
            raise InputError(f"{text}: only cluster=..., tracking=... and folders go here")
    here = compose_where(overrides)
    sent = jobs.recall(runs_folder(here.runs_dir), job_id)
    if sent is not None:
        # What was said then still holds; what is said now comes last.
        folders = [Path(folder) for folder in sent.config_dirs]
        here = compose_where([*sent.overrides, *overrides], folders)
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
        yield _client(here.cluster), sent, here


def _command(verb: str, job_id: str, runs_dir: str) -> str:
    place = [] if runs_dir == "runs" else [override("runs_dir", runs_dir)]
    return command(f"submit {verb}", job_id, *place)


def _ways_back(job_id: str, runs_dir: str) -> str:
    verbs = {
        "follow": "watch it and fetch its results",
        "fetch": "fetch them when it has ended",
        "stop": "stop it",
    }
    return "\n".join(f"  {_command(v, job_id, runs_dir)}  # {what}" for v, what in verbs.items())


def _follow(client: JobsClient, job_id: str, sent: Submission | None, here: Where) -> int:
    try:
        job = client.follow(job_id, _show)
    except KeyboardInterrupt:
        note(f"\nthe job goes on without you:\n{_ways_back(job_id, here.runs_dir)}")
        raise
    return _bring_home(client, job, sent, here, log_shown=True)


def _show(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()


def _bring_home(
    client: JobsClient, job: Job, sent: Submission | None, here: Where, *, log_shown: bool
) -> int:
    """Fetch what a job left and show it as its verb does; return the exit code.

    Raises:
        RunError: what ended the job, if that was no success.
        InputError: as well, where it was the user's input.
    """
    verb = _verb(job)
    home = runs_folder(getattr(here, verb.place))
    try:
        folder = jobs.fetch(client, job, home, verb.mark, note)
    except jobs.NothingLeftError as error:
        raise _failure(client, job, str(error), log_shown) from None
    told = Told(
        named=sent.named if sent else "",
        overrides=sent.overrides if sent else (),
        config_dirs=tuple(Path(each) for each in sent.config_dirs) if sent else (),
    )
    if what := verb.lacks(folder, told, here):
        raise _failure(client, job, f"{folder} is incomplete; {what}", log_shown)
    return verb.announce(folder, told, here)


def _verb(job: Job) -> JobVerb:
    if job.verb not in VERBS:
        raise InputError(f"job {job.job_id}: is a {job.verb!r}, which this qcbench does not know")
    return VERBS[job.verb]


def _failure(client: JobsClient, job: Job, why: str, log_shown: bool) -> Exception:
    """Return why a job ended; the end of its log goes above that, unless it is there already."""
    if job.status == "STOPPED":
        return RunError(f"job {job.job_id}: was stopped; {why}")
    try:
        text = client.log(job.job_id) if job.node_id else job.message
    except (NoAnswerError, NodeGoneError):
        # The log lies on the node that ran the job, which may be gone.
        text = job.message
    lines = [line for line in text.splitlines() if line.strip()]
    for line in [] if log_shown else lines[-LAST_LINES:]:
        note(f"| {line}")
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

"""A verb as a job: sent, remembered, and what it made brought home."""

import json
import re
import secrets
import shlex
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from qcbench.bench import nodes
from qcbench.bench.jobs.client import JobsClient
from qcbench.bench.jobs.job import Job, NodeGoneError
from qcbench.bench.jobs.package import ENTRY, stage
from qcbench.bench.jobs.parcel import INDEX, is_name, read_index, receive
from qcbench.bench.jobs.plugged import PluggedPackage
from qcbench.errors import InputError, nearest
from qcbench.files import write_durable
from qcbench.storage.places import local_folder
from qcbench.version import __version__

FOLDER = ".submitted"
"""Folder below that of all runs where submissions are remembered."""

ORDERLY = (0, 1, 2, 130)
"""Exit codes of an entry point that came to its end, and so packed whatever there was."""

PACK_S = 300.0
"""Time that a second job gets to pack what a killed one left [s]."""


class NothingLeftError(RuntimeError):
    """A job that ended before it had a run."""


@dataclass(frozen=True, kw_only=True)
class Submission:
    """What is remembered of a job, so that its id is enough to come back to it.

    Attributes:
        job_id: the id, also on the cluster.
        address: of the cluster's dashboard.
        token_path: file of its token, never the token.
        overrides: of the verb, as they were given.
        config_dirs: the user's config folders, absolute.
        submitted: when, in UTC.
        verb: that was sent.
        named: what it was told by name; empty where nothing was.
    """

    job_id: str
    address: str
    token_path: str | None
    overrides: tuple[str, ...]
    config_dirs: tuple[str, ...]
    submitted: str
    verb: str = "run"
    named: str = ""


def new_job_id(title: str) -> str:
    """Return an id that says what and when, and that nobody else draws."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", title).strip("-.") or "job"
    return f"qcbench-{name}-{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(4)}"


def sent_overrides(overrides: Sequence[str], here: Sequence[str]) -> list[str]:
    """Return the overrides for the other side: without those that belong to this one.

    Args:
        overrides: all of them.
        here: keys that mean something only on this side.
    """

    def stays(text: str) -> bool:
        key = text.lstrip("+~").partition("=")[0]
        return any(key == name or key.startswith(f"{name}.") for name in here)

    # Results are published from here, where the user's MLflow is.
    return [*(text for text in overrides if not stays(text)), "tracking=none"]


@dataclass(frozen=True, kw_only=True)
class Contents:
    """What goes out with a job besides qcbench itself and the user's config folders.

    Attributes:
        title: of what is sent, such as a suite's name.
        overrides: for the other side.
        files: of the user, as in `qcbench.bench.jobs.package.stage`.
        brought: of the verb itself, as there.
        extras: of the package, that its nodes need besides those of any node.
        plugged: packages of plug-ins.
        installed: requirements of these, that `--pip` installs besides.
    """

    title: str
    overrides: Sequence[str]
    files: Sequence[Path] = ()
    brought: Mapping[str, Path | bytes] = field(default_factory=dict)
    extras: Sequence[str] = ()
    plugged: Sequence[PluggedPackage] = ()
    installed: Sequence[str] = ()


def submit(
    client: JobsClient, submission: Submission, contents: Contents, *, pip: bool = False
) -> int:
    """Send package, configs and files, and start the verb; return the bytes that were staged."""
    requirements = nodes.installed_here(contents.extras, contents.installed) if pip else []
    with tempfile.TemporaryDirectory(prefix="qcbench-send-") as name:
        folders = [Path(folder) for folder in submission.config_dirs]
        package = stage(Path(name), folders, contents.files, contents.brought, contents.plugged)
        command = ["python", ENTRY, submission.verb, "--deliver", submission.job_id]
        for folder in package.config_dirs:
            command += ["--config-dir", folder]
        command += ["--overrides", json.dumps(list(contents.overrides))]
        client.submit(
            submission.job_id,
            shlex.join(command),
            name,
            pip=requirements,
            metadata={"qcbench": __version__, "verb": submission.verb, "title": contents.title},
        )
    return package.size


def fetch(client: JobsClient, job: Job, runs: Path, mark: str, note: Callable[[str], None]) -> Path:
    """Fetch what a finished job made; return its folder, which lies in `runs` and has a `mark`.

    A job that was killed before it could pack its results is packed by a second, short job.

    Raises:
        NothingLeftError: the job left no results, or they are gone with the node that had them.
        InputError: a job that is still running, or a parcel that arrives damaged.
    """
    if not job.finished:
        raise InputError(
            f"job {job.job_id}: is {job.status}; its results can be fetched when it has ended"
        )
    try:
        data = client.read(job, INDEX) if job.node_id else None
        if data is None and job.node_id and job.exit_code not in ORDERLY:
            note(f"job {job.job_id} has packed nothing; looking for what it left")
            data = _salvage(client, job)
        if data is None:
            raise NothingLeftError("it left no results")
        index = read_index(data, f"job {job.job_id}")
        note(f"fetching {index.run_id}: {index.size / 1e6:.1f} MB")
        return receive(index, lambda name, file: client.download(job, name, file), runs, mark)
    except NodeGoneError as error:
        raise NothingLeftError(f"{error} and all that the job left with it") from error


def _salvage(client: JobsClient, job: Job) -> bytes | None:
    job_id = f"{job.job_id}-pack-{secrets.token_hex(2)}"
    with tempfile.TemporaryDirectory(prefix="qcbench-send-") as name:
        stage(Path(name))
        client.submit(job_id, shlex.join(["python", ENTRY, job.verb, "--pack", job.job_id]), name)
    packed = client.wait(job_id, PACK_S)
    return client.read(job, INDEX) if packed.status == "SUCCEEDED" else None


def remember(runs: Path, submission: Submission) -> None:
    """Write a submission below the folder of all runs."""
    folder = _folder(runs)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"{runs}: runs cannot be stored here ({error.strerror}); choose another folder"
        ) from error
    text = json.dumps(asdict(submission), indent=2)
    write_durable(folder / f"{submission.job_id}.json", f"{text}\n".encode())


def forget(runs: Path, job_id: str) -> None:
    """Remove what was written of a submission that failed."""
    (_folder(runs) / f"{job_id}.json").unlink(missing_ok=True)


def recall(runs: Path, job_id: str) -> Submission | None:
    """Return what is remembered of a job; None where nothing is.

    Raises:
        InputError: an id that can be none, or a damaged file.
    """
    if not is_name(job_id):
        raise InputError(f"job {job_id!r}: is no job id{nearest(job_id, remembered(runs))}")
    path = _folder(runs) / f"{job_id}.json"
    try:
        data = json.loads(path.read_bytes())
        data |= {name: tuple(data[name]) for name in ("overrides", "config_dirs")}
        return Submission(**data)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise InputError(f"{path}: is no remembered submission ({error!r})") from error


def remembered(runs: Path) -> list[str]:
    """Return the ids of the jobs that are remembered, oldest first."""
    found = _folder(runs).glob("*.json")
    return [path.stem for path in sorted(found, key=lambda path: path.stat().st_mtime)]


def _folder(runs: Path) -> Path:
    return local_folder(runs) / FOLDER

"""A run in MLflow, alone or with its children: there once, whoever publishes it, when and where.

Suites, trainings and sweeps are written by this one rule. What is there and as it should be stays;
what is not is written anew and whole, and what was there before is deleted after that; then the
publisher looks again, and of what several have written all keep the same one. What a killed
publication has left is completed or replaced by the next.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from qcbench.errors import InputError
from qcbench.locks import turn
from qcbench.tracking.children import log, status_of, write_children
from qcbench.tracking.client import begin_run, mlflow_errors
from qcbench.tracking.content import DIGEST_TAG, NOTE_TAG, RUN_TAG, Content
from qcbench.tracking.failures import SQLITE
from qcbench.tracking.identity import NOT_THERE, PARENT, Key, OvertakenError, key_of, shown

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient

TRIES = 5
"""Times that a run is written while other machines publish it, too."""
PAUSE_S = 0.5
ENDED = ("FINISHED", "FAILED", "KILLED")

T = TypeVar("T")


@dataclass(frozen=True)
class Family:
    """What MLflow has of a run.

    Attributes:
        parent: its id.
        children: their ids.
        written: runs that were new or had changed.
    """

    parent: str
    children: Mapping[Key, str]
    written: int


@contextmanager
def publishing(uri: str, folder: Path, *, wait: bool = True) -> Iterator[None]:
    """Publish from a folder while nobody else of this machine does so; say what fails in one line.

    Two that publish the same run at once would each find nothing and make it. Copies of it may be
    published to one file from several folders; a server is also asked again when all is written.

    Raises:
        TakenError: somebody does so, and nobody is to wait.
    """
    place = Path(uri.removeprefix(SQLITE)).parent if uri.startswith(SQLITE) else folder
    with mlflow_errors(uri), turn(place, wait=wait):
        yield


def write_family(
    client: "MlflowClient",
    uri: str,
    experiment: str,
    begun: Content,
    children: Callable[[str], Sequence[Content]],
    whole: Callable[[str], Content],
    folder: Path,
) -> Family:
    """Write a parent and its children.

    Args:
        client: of the store.
        uri: its address.
        experiment: id of the experiment.
        begun: the parent, as far as it is known before its children are written.
        children: gives them, from the parent's id.
        whole: gives the parent when they are written, from its id.
        folder: with the parent's files.

    Raises:
        InputError: others publish the same run all the time.
    """
    identity = begun.tags[RUN_TAG]

    def written_once() -> Family:
        parent, known, old = _parent(client, experiment, begun)
        contents = children(parent)
        ids, count = _write_children(client, uri, experiment, known, contents)
        count += _write_parent(client, parent, old, whole(parent), folder)
        if not uri.startswith(SQLITE):
            ids = _settle(client, experiment, identity, parent, contents)
        return Family(parent, ids, count)

    return until_settled(written_once)


def write_alone(
    client: "MlflowClient",
    uri: str,
    experiment: str,
    content: Content,
    has_all: Callable[["Run"], bool],
) -> tuple[str, bool]:
    """Write a run that has no children; return its id, and whether it was new or had changed.

    Args:
        client: of the store.
        uri: its address.
        experiment: id of the experiment.
        content: of the run.
        has_all: whether a run that was written bit by bit has the points of the content.

    Raises:
        InputError: others publish the same run all the time.
    """
    identity = content.tags[RUN_TAG]

    def known() -> tuple[list[str], list[str]]:
        runs = shown(client, experiment, identity).get(PARENT, [])
        good = [str(run.info.run_id) for run in runs if _is_current(run, content)]
        return good, [str(run.info.run_id) for run in runs if run.info.run_id not in good]

    def adopted() -> str:
        """Finish what a training has written by itself, if it is all there."""
        for run in shown(client, experiment, identity).get(PARENT, []):
            if not run.data.tags.get(DIGEST_TAG) and has_all(run):
                client.set_tag(run.info.run_id, DIGEST_TAG, content.digest)
                client.set_terminated(run.info.run_id, status=status_of(content))
                return str(run.info.run_id)
        return ""

    def written_once() -> tuple[str, bool]:
        good, others = known()
        if not good and (run := adopted()):
            good, others = [run], [other for other in others if other != run]
        new = [] if good else [content]
        write_children(client, uri, experiment, new, others)
        good, _ = known()
        if not good:
            raise OvertakenError
        for double in good[1:]:
            client.delete_run(double)
        return good[0], bool(new)

    return until_settled(written_once)


def find_or_begin(client: "MlflowClient", experiment: str, content: Content) -> tuple[str, bool]:
    """Return the run that has no children and is written bit by bit; whether it has just begun.

    Who writes asks each time: where two have begun at once, all come to the same one.

    Raises:
        InputError: others publish the same run all the time.
    """
    identity = content.tags[RUN_TAG]

    def found_once() -> tuple[str, bool]:
        known = shown(client, experiment, identity).get(PARENT, [])
        if known:
            return str(known[0].info.run_id), False
        own = begin_run(client, experiment, content.tags, content.name)
        # Another machine may have made it meanwhile, or taken ours away.
        known = shown(client, experiment, identity).get(PARENT, [])
        first = str(known[0].info.run_id) if known else ""
        if first != own:
            with suppress(MlflowException):
                client.delete_run(own)
        if not first:
            raise OvertakenError
        return first, first == own

    from mlflow.exceptions import MlflowException  # noqa: PLC0415 - heavy

    return until_settled(found_once)


def until_settled(write: Callable[[], T]) -> T:
    """Write, and once more what another machine, which publishes the same run, has removed."""
    from mlflow.exceptions import MlflowException  # noqa: PLC0415 - heavy

    for further in reversed(range(TRIES)):
        try:
            return write()
        except (OvertakenError, MlflowException) as error:
            if isinstance(error, MlflowException) and NOT_THERE not in str(error):
                raise
            if not further:
                break
        time.sleep(PAUSE_S)
    raise InputError("another machine publishes the same run; publish it again when that has ended")


def _parent(
    client: "MlflowClient", experiment: str, content: Content
) -> tuple[str, dict[Key, list["Run"]], list["Run"]]:
    """Find the parent or make it; return its id, the children, and it as it was found."""
    identity = content.tags[RUN_TAG]
    known = shown(client, experiment, identity)
    own = ""
    if PARENT not in known:
        own = begin_run(client, experiment, content.tags, content.name)
        known = shown(client, experiment, identity)  # another machine may have made it meanwhile
    parents = known.pop(PARENT, [])
    if not parents:
        raise OvertakenError
    parent = str(parents[0].info.run_id)
    for double in parents[1:]:
        client.delete_run(double.info.run_id)
    return parent, known, [] if parent == own else parents[:1]


def _settle(
    client: "MlflowClient",
    experiment: str,
    identity: str,
    parent: str,
    contents: Sequence[Content],
) -> dict[Key, str]:
    """Remove what several machines have written twice; return the children that stay.

    What is not finished yet is left to the one that writes it and looks again, too.

    Raises:
        OvertakenError: not all is there.
    """
    known = shown(client, experiment, identity)
    parents = known.pop(PARENT, [])
    if not parents or parents[0].info.run_id != parent:
        raise OvertakenError
    doubles, kept = parents[1:], {}
    for content in contents:
        key = key_of(content.tags)
        current = [run for run in known.get(key, []) if _is_current(run, content)]
        if not current:
            raise OvertakenError
        kept[key] = str(current[0].info.run_id)
        doubles += current[1:]
    for double in doubles:
        client.delete_run(double.info.run_id)
    return kept


def _write_parent(
    client: "MlflowClient", run_id: str, before: Sequence["Run"], content: Content, folder: Path
) -> int:
    """Write the parent, in place where it was there before: its id stays. Returns runs written.

    A run that is as it should be may have lost files: they lie elsewhere than its numbers.
    """
    if before and _is_current(before[0], content):
        lost = [name for name in content.files if not _has(client, run_id, folder, name)]
        _log_files(client, run_id, folder, lost)
        return 1 if lost else 0
    if before:
        client.update_run(run_id, status="RUNNING")
    for name, value in content.tags.items():
        if before or name == NOTE_TAG:  # the others were there from the beginning
            client.set_tag(run_id, name, value)
    log(client, run_id, content)
    _log_files(client, run_id, folder, content.files)
    # Last of all: a run that is not finished is written again by the next publication.
    client.set_terminated(run_id, status=status_of(content))
    return 1


def _log_files(client: "MlflowClient", run_id: str, folder: Path, names: Iterable[str]) -> None:
    for name in names:
        if (folder / name).is_dir():
            client.log_artifacts(run_id, str(folder / name), name)
        else:
            client.log_artifact(run_id, str(folder / name))


def _has(client: "MlflowClient", run_id: str, folder: Path, name: str) -> bool:
    """Whether a run has a file, or all files of a folder, in their sizes."""
    path = folder / name
    inside, own = (name, path.glob("*")) if path.is_dir() else (None, iter([path]))
    sizes = {file.path: file.file_size for file in client.list_artifacts(run_id, inside)}
    return all(
        sizes.get(str(file.relative_to(folder))) == file.stat().st_size
        for file in own
        if file.is_file()
    )


def _write_children(
    client: "MlflowClient",
    uri: str,
    experiment: str,
    known: Mapping[Key, Sequence["Run"]],
    contents: Sequence[Content],
) -> tuple[dict[Key, str], int]:
    """Keep children that are as they should be; write the others anew: histories stay as they are.

    Returns:
        The run of every child, and how many were written.
    """
    wanted = {key_of(each.tags): each for each in contents}
    kept = {
        key: next((run.info.run_id for run in known.get(key, []) if _is_current(run, each)), None)
        for key, each in wanted.items()
    }
    current = set(kept.values())
    old = [run.info.run_id for runs in known.values() for run in runs]
    new = [each for key, each in wanted.items() if kept[key] is None]
    ids = iter(
        write_children(client, uri, experiment, new, [run for run in old if run not in current])
    )
    return {key: run or next(ids) for key, run in kept.items()}, len(new)


def _is_current(run: "Run", content: Content) -> bool:
    return run.info.status in ENDED and run.data.tags.get(DIGEST_TAG) == content.digest

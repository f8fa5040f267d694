"""Runs at a URL, worked on in a folder of this machine that mirrors them.

The store is the truth. What is durable in the folder is put there and counts as stored when it has
arrived; a run is made equal to the store when it is opened, and never the other way round. Every
function does nothing to a path that is in no mirror.

MIRROR/.url             the URL
MIRROR/.index/RUN.jsonl what the store and the folder said of each file when they were equal
MIRROR/.index/RUN.lock  held while a run is made equal
MIRROR/RUN/...          as a run in any folder
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from threading import Event, Thread
from typing import Protocol

from qcbench.errors import QcbenchError
from qcbench.locks import LOCKS, is_running
from qcbench.storage import lease as leases
from qcbench.storage.index import signature
from qcbench.storage.places import place_of
from qcbench.storage.stored_run import (
    ABOUT,
    HEADS,
    PROBE,
    StoredRun,
    files_of,
    for_all,
    is_plain,
    objects_at,
    stored_run,
)

PUSH_S = 20.0
"""How often a folder is pushed that others write to."""


class Lock(Protocol):
    """What is held while a run is written."""

    def close(self) -> None:
        """Let others write."""


def refresh(runs: Path) -> set[str] | None:
    """Look which runs there are at the URL of a folder; return their names, None of a plain folder.

    What makes them runs is fetched, the rest when they are opened.
    """
    place = place_of(runs)
    if place is None:
        return None
    objects, top = objects_at(place.url), place.top
    names, _ = objects.level("")
    unknown = [name for name in names if not any((top / name / head).is_file() for head in HEADS)]

    def fetch(name: str) -> None:
        if name.startswith("."):
            return
        _, files = objects.level(name)
        for head in (ABOUT, *HEADS):  # a head makes a folder a run, so it comes last
            if head in files:
                (top / name).mkdir(exist_ok=True)
                objects.download(f"{name}/{head}", top / name / head)

    for_all(fetch, unknown)
    return set(names)


def heads(runs: Path, name: str) -> list[Path]:
    """Return the files that make a folder a run of a kind, of all runs that there are.

    Args:
        runs: folder of all runs.
        name: of the file, one of `HEADS`.
    """
    there = refresh(runs)
    found = runs.glob(f"[!.]*/{name}")
    return [path for path in found if there is None or path.parent.name in there]


def pull_begun(runs: Path, name: str, part: str) -> None:
    """Make a folder of all runs whose names begin so equal to the store."""
    for run in sorted(refresh(runs) or ()):
        if name and run.startswith(name):
            pull(runs / run / part)


def check(runs: Path) -> None:
    """Raise before any work what storing a run at a URL would raise after it.

    Raises:
        InputError: there is no such bucket, or it cannot be written.
        StoppedError: the store cannot be reached.
    """
    place = place_of(runs)
    if place is not None:
        key = f".probe-{token_hex(8)}"
        objects_at(place.url).put(key, b"")
        objects_at(place.url).delete([key])


def claim(head: Path, data: bytes) -> bool:
    """Make the first file of a run at its URL; whether it is ours, and nobody else's.

    Args:
        head: path of the file in the folder that the run will have here.
        data: its bytes.
    """
    place = place_of(head)
    return place is None or objects_at(place.url).create(place.key, data) is not None


def pull(path: Path, *, without: str = "") -> None:
    """Make a run, or a part of it, equal to the store, unless a process here is writing it.

    Args:
        path: of the run's folder, or of a folder or file in it.
        without: folder of the run that is left as it is.
    """
    place = place_of(path)
    if place is None or not place.parts:
        return
    mirrored = stored_run(place)
    with mirrored.guard():
        if not is_running(place.run):
            mirrored.pull(place, without)


def push(*paths: Path, last: str = "") -> None:
    """Put files, or all that is new in folders, into the store; it has them when this returns.

    Args:
        paths: files and folders of one run.
        last: files of this name are put after all others, and are the first to be deleted, so that
            what is with one is complete.

    Raises:
        InputError: the store refuses; the message has the command that goes on.
        StoppedError: the store cannot be reached, or another process has taken the run over.
    """
    place = place_of(paths[0])
    if place is not None:
        stored_run(place).push(paths, last)


def drop(*paths: Path) -> None:
    """Delete files and folders from the store that are gone here."""
    place = place_of(paths[0])
    if place is not None:
        stored_run(place).drop(paths)


def discard(folder: Path) -> None:
    """Delete a run that has not begun; a store that fails meanwhile keeps what there is of it."""
    place = place_of(folder)
    if place is not None:
        stored_run(place).discard(place)


def hold(folder: Path, take: Callable[[], Lock]) -> Lock:
    """Take the lock of a run, for this machine and at the store, and make the folder equal to it.

    What lies in a run of a mirror, such as a sweep's trial, belongs to whoever holds the run.

    Args:
        folder: of the run.
        take: takes the lock for this machine.
    """
    place = place_of(folder)
    if place is None or len(place.parts) > 1:
        return take()
    mirrored = stored_run(place)
    with mirrored.guard():
        lock = take()
        try:
            mirrored.lease = leases.take(mirrored.objects, f"{place.key}/{LOCKS[0]}", place.shown)
            mirrored.pull(place, "")
        except BaseException:
            mirrored.let_go()
            lock.close()
            raise
    return _Held(lock, mirrored)


@contextmanager
def storing(folder: Path, *, last: str) -> Iterator[None]:
    """Push a folder that others write to every now and then, and at the end.

    A push that fails is made good by the next one; the last one raises.

    Args:
        folder: of a run.
        last: folder in it that tells of the rest: it is put after what it tells of, and only if it
            has not changed meanwhile; else the next time.
    """
    if place_of(folder) is None:
        yield
        return
    ending = Event()

    def push_all() -> None:
        told = _signatures(folder / last)
        left_out = (last, *LOCKS, PROBE)
        rest = [p for p in folder.iterdir() if is_plain(p.name) and p.name not in left_out]
        if rest:
            push(*rest)
        if _signatures(folder / last) == told:
            push(folder / last)

    def push_often() -> None:
        while not ending.wait(PUSH_S):
            with suppress(QcbenchError):
                push_all()

    pushing = Thread(target=push_often, name="storing", daemon=True)
    pushing.start()
    try:
        yield
    finally:
        ending.set()
        pushing.join()
        push_all()


class _Held:
    """Both locks of a run in a mirror."""

    def __init__(self, lock: Lock, mirrored: "StoredRun") -> None:
        self._lock, self._mirrored = lock, mirrored

    def close(self) -> None:
        self._mirrored.let_go()
        self._lock.close()


def _signatures(folder: Path) -> dict[Path, list[str | int]]:
    """Return what the file system says of all files of a folder; of one that is gone, nothing."""
    found = {}
    for path in files_of(folder):
        with suppress(FileNotFoundError):
            found[path] = signature(path.stat())
    return found

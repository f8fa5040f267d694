"""A run at a URL: its folder in the mirror, its objects in the store, how one becomes the other."""

import fcntl
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from qcbench.errors import InputError, QcbenchError, StoppedError
from qcbench.locks import LOCKS
from qcbench.storage import lease as leases
from qcbench.storage.index import RunIndex
from qcbench.storage.objects import Objects, Stored
from qcbench.storage.places import Place, place_of

HEADS = {"manifest.json": "resume", "config.yaml": "train", "sweep.yaml": "sweep"}
"""The file that makes a folder a run, never changed once written, and the verb that goes on."""

ABOUT = "training.json"
"""Read with its head."""

AT_ONCE = 16
"""Objects that are on their way at the same time."""

PROBE = "probe"
"""File that is written to see whether there is place for others."""

IN_MEMORY = 8 << 20
"""Bytes of a file that is read before it is put; a longer one is put from the disk."""


class StoredRun:
    """A run, its folder here and its objects there.

    Attributes:
        lease: held while this process writes.
    """

    def __init__(self, place: Place) -> None:
        self.lease: leases.Lease | None = None
        self._place = Place(place.top, place.url, place.parts[:1])
        self._run = place.parts[0]
        self._index = RunIndex(place.top / ".index", place.parts[0])
        self._failed = False

    @property
    def objects(self) -> Objects:
        """The store, which is waited for longer while there is work that would be lost."""
        return objects_at(self._place.url, patient=self.lease is not None and not self._failed)

    @contextmanager
    def guard(self) -> Iterator[None]:
        """Keep other processes of this machine from making the run equal meanwhile."""
        with self._index.lock.open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def pull(self, place: Place, without: str) -> None:
        """Fetch what is missing or different, and remove what the store does not have."""
        self._failed = False
        self._index.load()
        below = "/".join(place.parts[1:])
        prefix = f"{below}/" if below else ""
        skipped = f"{without}/"
        there = {
            name: stored
            for key, stored in self.objects.below(place.key).items()
            if (name := key.removeprefix(f"{self._run}/")) not in LOCKS
            and is_plain(name)
            and not (without and name.startswith(skipped))
        }
        if below and not there:  # a file, of which a store lists nothing
            there = {below: Stored(-1, "")}
        here = {
            name
            for name in map(self._name, files_of(place.top.joinpath(*place.parts)))
            if not (without and name.startswith(skipped))
        }
        for name in here - there.keys():
            if name == below or name.startswith(prefix):
                self._path(name).unlink(missing_ok=True)
                self._index.forget(name)
        self._remove_empty({name for name in here if name not in there})

        def fetch(name: str) -> None:
            path = self._path(name)
            path.parent.mkdir(parents=True, exist_ok=True)
            got = self.objects.download(f"{self._run}/{name}", path)
            if got is None:  # deleted since
                path.unlink(missing_ok=True)
            else:
                self._index.note(name, got, path.stat())

        is_equal = self._index.is_equal
        for_all(fetch, [n for n, stored in there.items() if not is_equal(n, stored, self._path(n))])
        self._index.compact()

    def push(self, paths: Sequence[Path], last: str) -> None:
        """Put what is new; where a lease is held, delete what is gone from folders."""
        self._index.load()  # other processes of a run note what they have put
        files = [
            found for path in paths for found in ([path] if path.is_file() else files_of(path))
        ]
        new = [
            name for name in map(self._name, files) if self._index.is_new(name, self._path(name))
        ]
        folders = [f"{name}/" if (name := self._name(p)) else "" for p in paths if p.is_dir()]
        known = self._index.names() if self.lease is not None else ()
        gone = [
            name
            for name in known
            if any(name.startswith(folder) for folder in folders) and not self._path(name).is_file()
        ]

        def put(name: str) -> None:
            path = self._path(name)
            try:
                before = path.stat()
                data = path.read_bytes() if before.st_size < IN_MEMORY else path
            except FileNotFoundError:  # its writer has replaced it by others
                return
            stored = self.objects.put(f"{self._run}/{name}", data)
            self._index.note(name, stored, before)

        with self._going_on():
            for chosen in (False, True):
                for_all(put, [name for name in new if (name.rpartition("/")[2] == last) is chosen])
            self._delete(gone, last)

    def drop(self, paths: Sequence[Path]) -> None:
        """Delete files, and all that is known of folders."""
        self._index.load()
        names = [self._name(path) for path in paths]
        known = [n for n in self._index.names() for name in names if n.startswith(f"{name}/")]
        with self._going_on():
            self._delete([*names, *known], "")

    def discard(self, place: Place) -> None:
        """Delete what was made here of a run; what cannot be deleted stays."""
        below = "".join(f"{part}/" for part in place.parts[1:])
        known = [name for name in self._index.names() if name.startswith(below)]
        with suppress(QcbenchError):
            self._delete([*known, *(below + head for head in (*HEADS, ABOUT))], "")

    def let_go(self) -> None:
        """Give up the lease."""
        if self.lease is not None:
            self.lease.close()
            self.lease = None

    def _delete(self, names: Sequence[str], last: str) -> None:
        first = [name for name in names if last and name.rpartition("/")[2] == last]
        for part in (first, [name for name in names if name not in first]):
            self.objects.delete([f"{self._run}/{name}" for name in part])
            for name in part:
                self._index.forget(name)

    @contextmanager
    def _going_on(self) -> Iterator[None]:
        """Say how to go on where the store fails; after that it is waited for no longer."""
        try:
            if self.lease is not None:
                leases.check(self.lease, self._place.shown)
            yield
        except (InputError, StoppedError) as error:
            verb = next((v for h, v in HEADS.items() if (self._place.run / h).is_file()), "")
            command = f"qcbench {verb} {self._place.told}"
            told = f"; what is stored stays, go on with `{command}`" if self.lease else ""
            self._failed = True
            raise type(error)(f"{error}{told}") from error

    def _path(self, name: str) -> Path:
        return self._place.run / name

    def _name(self, path: Path) -> str:
        place = place_of(path)
        if place is None or place.run != self._place.run:
            raise ValueError(f"{path}: is not in {self._place.run}")
        return "/".join(place.parts[1:])

    def _remove_empty(self, gone: Iterable[str]) -> None:
        for name in gone:
            for folder in self._path(name).parents:
                if folder == self._place.run or not folder.is_dir() or any(folder.iterdir()):
                    break
                folder.rmdir()


@cache
def objects_at(url: str, *, patient: bool = False) -> Objects:
    """Return the store of a URL; a process has one of each."""
    return Objects(url, patient=patient)


@cache
def _of_run(place: Place) -> StoredRun:
    return StoredRun(place)


def stored_run(place: Place) -> StoredRun:
    """Return the run of a place; a process has one of each."""
    return _of_run(Place(place.top, place.url, place.parts[:1]))


def files_of(folder: Path) -> list[Path]:
    """Return the files that are part of a run: no locks, and nothing that is being written."""
    if folder.is_file():
        return [folder]
    found = []
    for where, inside, names in os.walk(folder):
        inside[:] = [name for name in inside if not name.startswith(".")]
        found += [Path(where) / n for n in names if is_plain(n) and n not in (*LOCKS, PROBE)]
    return found


def is_plain(name: str) -> bool:
    """Whether a name can be that of a file of a run, which does not lead out of its folder."""
    return all(part and not part.startswith(".") for part in name.split("/"))


def for_all(call: Callable[[str], None], names: Sequence[str]) -> None:
    """Call for each name, several at a time; the first failure is raised when all have ended."""
    if len(names) < 2:
        for name in names:
            call(name)
        return
    with ThreadPoolExecutor(min(AT_ONCE, len(names))) as pool:
        for _ in pool.map(call, names):
            pass

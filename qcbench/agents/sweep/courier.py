"""A sweep's folder as seen from nodes that do not have its disk.

The process that runs a sweep has its folder. Beside it, on the same node, lives the courier: an
actor that reads and writes there for those elsewhere. Whether a node has the disk is told by a file
with a token in the folder; where it has, nobody asks the courier. A folder that mirrors a URL has
no such file: its sweep alone puts what is in it, for only that process has the credentials.

A trial elsewhere works in a temporary folder. What is durable there, files and whole checkpoints,
goes to the courier, which writes it whole or not at all; a trial that begins again, on whatever
node, gets its folder back first. Each attempt at a trial has a lease: one that lives on behind a
cut link is refused as soon as another has begun.

Ray Tune's own files go the same way, by a file system of PyArrow's (`file_system`). Tune keeps that
file system with what it goes on from, so a sweep's courier has the same name whenever it goes on.

Where the folder cannot be written any more, whoever meets it tells the courier: it needs no disk to
remember that, and the sweep stops instead of losing one trial after the other (`lines`).
"""

import secrets
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import RayActorError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from qcbench.agents.checkpoints import CHECKPOINTS
from qcbench.agents.sweep.files import Files, durable
from qcbench.errors import QcbenchError, UnwritableError
from qcbench.files import force_to_disk, write_durable, write_text, writing
from qcbench.storage.places import place_of

MARKER = ".place"
"""File of a sweep's folder that tells whether a node has the disk."""

COURIER = "courier.txt"
"""File of a sweep's folder with the name of its courier."""

NAMESPACE = "qcbench"

PREDECESSOR_S = 120.0
"""How long the courier of a killed process may still have the name [s]."""


class LeaseError(QcbenchError):
    """Another attempt at a trial has begun; this one is wanted no more."""


@dataclass(frozen=True)
class SweepPlace:
    """A sweep's folder, for whoever may or may not have its disk.

    Attributes:
        folder: its path where the disk is.
        token: what its token file holds there, as long as the sweep runs.
        name: of the courier.
    """

    folder: str
    token: str
    name: str

    @property
    def is_here(self) -> bool:
        """Whether this node has the disk."""
        try:
            return (Path(self.folder) / MARKER).read_text() == self.token
        except OSError:
            return False

    @property
    def courier(self) -> Any:
        """The courier."""
        return ray.get_actor(self.name, namespace=NAMESPACE)

    def note_fault(self, fault: str) -> None:
        """Tell the courier that the folder cannot be written; one that has died is told nothing."""
        with suppress(ValueError, RayActorError):
            ray.get(self.courier.note_fault.remote(fault))


class Courier(Files):
    """Reads and writes in a sweep's folder for those elsewhere; an actor beside it."""

    def __init__(self, folder: str) -> None:
        super().__init__(folder)
        self._leases: dict[str, str] = {}
        self._fault = ""

    def call(self, name: str, *arguments: Any) -> Any:
        """Do one of the things that `Files` does."""
        with telling(self.note_fault):
            return getattr(self, name)(*arguments)

    def note_fault(self, fault: str) -> None:
        """Remember why the folder cannot be written; the first reason stays."""
        self._fault = self._fault or fault

    def fault(self) -> str:
        """Return why the folder cannot be written, or nothing."""
        return self._fault

    def begin(self, home: str) -> tuple[str, dict[str, bytes]]:
        """Begin an attempt at a trial: return its lease, and the files that there are already.

        Args:
            home: folder of the trial.
        """
        # Not a number: those of the courier before, of a killed process, are none of this one.
        self._leases[home] = secrets.token_hex(8)
        found = self.at(home)
        files = {name: path.read_bytes() for name, path in durable(found)}
        return self._leases[home], files

    def keep(self, home: str, lease: str, name: str, files: Mapping[str, bytes]) -> None:
        """Keep a unit of a trial's files whole or not at all: a file, or a whole checkpoint.

        Args:
            name: of the unit within the trial's folder.
            files: by their names within the unit; the empty one where it is a file itself.

        Raises:
            LeaseError: another attempt has begun.
            UnwritableError: the folder cannot be written.
        """
        self._check(home, lease)
        target = self.at(home) / name
        with telling(self.note_fault), writing(target):
            _keep(target, files)

    def drop(self, home: str, lease: str, name: str) -> None:
        """Remove a unit that is no longer wanted.

        Raises:
            LeaseError: another attempt has begun.
        """
        self._check(home, lease)
        self.remove(str(self.at(home) / name))

    def _check(self, home: str, lease: str) -> None:
        if lease != self._leases.get(home):
            raise LeaseError(f"{home}: another attempt at this trial has begun")


def _keep(target: Path, files: Mapping[str, bytes]) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if "" in files:
        write_durable(target, files[""])
        return
    if target.is_dir():
        return
    draft = target.with_name(f".{target.name}-{secrets.token_hex(4)}.tmp")
    try:
        for inside, content in files.items():
            (draft / inside).parent.mkdir(parents=True, exist_ok=True)
            (draft / inside).write_bytes(content)
            force_to_disk(draft / inside)
        draft.rename(target)
        force_to_disk(target.parent)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


@contextmanager
def telling(tell: Callable[[str], object]) -> Iterator[None]:
    """Tell of a folder that cannot be written, besides raising the error."""
    try:
        yield
    except UnwritableError as error:
        tell(str(error))
        raise


@contextmanager
def courier_beside(folder: Path) -> Iterator[SweepPlace]:
    """Say where a sweep's folder is for the length of the context, and start its courier.

    Args:
        folder: on this node.
    """
    token = secrets.token_hex(16)
    place = SweepPlace(str(folder.resolve()), token, _name(folder))
    if place_of(folder) is None:
        write_text(folder / MARKER, place.token)
    actor = None
    try:
        actor = _start(place)
        yield place
    finally:
        if actor is not None:
            ray.kill(actor)
        (folder / MARKER).unlink(missing_ok=True)


def _name(folder: Path) -> str:
    """Return the name of a sweep's courier, from its folder or made up now."""
    file = folder / COURIER
    if not file.is_file():
        write_text(file, f"qcbench-{secrets.token_hex(16)}\n")
    return file.read_text(encoding="utf-8").strip()


def _start(place: SweepPlace) -> Any:
    """Start a sweep's courier on this node; one of a killed process may be ending still."""
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    options = {"num_cpus": 0, "max_restarts": 0, "scheduling_strategy": here}
    named = ray.remote(**options)(Courier).options(name=place.name, namespace=NAMESPACE)
    until = time.monotonic() + PREDECESSOR_S
    while True:
        try:
            actor = named.remote(place.folder)
            break
        except ValueError:
            if time.monotonic() > until:
                raise
            time.sleep(0.5)
    ray.get(actor.call.remote("info", place.folder))
    return actor


@dataclass(frozen=True)
class Workplace:
    """Where a trial works on its node.

    Attributes:
        home: folder of its training runs.
        ship: makes what is durable in it durable in the sweep's folder.
        sweep: name of the sweep.
        note_fault: is told why `home` cannot be written.
    """

    home: Path
    ship: Callable[[], None]
    sweep: str
    note_fault: Callable[[str], None]


@contextmanager
def workplace(place: SweepPlace, home: str) -> Iterator[Workplace]:
    """Give a trial its folder: in the sweep's, or a temporary one of the same content.

    Args:
        place: of the sweep.
        home: folder of the trial within it.
    """
    if place.is_here:
        at = Path(place.folder)
        yield Workplace(at / home, lambda: None, at.name, place.note_fault)
        return
    there = str(Path(place.folder) / home)
    courier = place.courier
    lease, files = ray.get(courier.begin.remote(there))
    with tempfile.TemporaryDirectory(prefix="qcbench-trial-") as name:
        here = Path(name) / Path(home).name
        here.mkdir()
        for inside, content in files.items():
            path = here / inside
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        kept = _units(here)

        def ship() -> None:
            """Send what has changed; checkpoints first, for the curves count from them."""
            nonlocal kept
            now = _units(here)
            for unit in sorted(now, key=lambda each: (CHECKPOINTS not in each, each)):
                if now[unit] != kept.get(unit):
                    parts = {n: p.read_bytes() for n, p in durable(here / unit)}
                    ray.get(courier.keep.remote(there, lease, unit, parts))
            for unit in kept.keys() - now.keys():
                ray.get(courier.drop.remote(there, lease, unit))
            kept = now

        # A node whose own disk is full is no fault of the sweep: others have theirs.
        yield Workplace(here, ship, Path(place.folder).name, lambda _: None)


def _units(home: Path) -> dict[str, tuple[int, int]]:
    """Return what is sent together, and what tells whether it has changed.

    Checkpoints are never changed; other files are sent one by one.
    """
    found = {}
    for name, path in durable(home):
        before, middle, after = name.partition(f"/{CHECKPOINTS}/")
        if middle:
            found[before + middle + after.partition("/")[0]] = (0, 0)
        else:
            status = path.stat()
            found[name] = (status.st_size, status.st_mtime_ns)
    return found

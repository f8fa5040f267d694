"""A run, of any verb, as a parcel: packed where it was made, checked and unpacked elsewhere.

A parcel is a folder with an archive in parts and an `index.json` that is written last:

    PARCEL/
        index.json              format, run id, bytes, SHA-256, and the same of each part
        results.tar.gz.000 ...  the run's folder as a compressed archive, cut into parts

Parts can be fetched one by one, and one that was torn on the way is fetched again.
"""

import gzip
import hashlib
import json
import re
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any, cast

from qcbench.errors import InputError
from qcbench.files import write_durable
from qcbench.locks import LOCKS
from qcbench.storage import mirror

FORMAT = 1
INDEX = "index.json"
PART_BYTES = 16 * 2**20
BLOCK = 2**20
TAR_BYTES = 64 * 2**20
"""Of an archive beside the files in it: a header for each, and what fills up their blocks."""

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, kw_only=True)
class Part:
    """A piece of the archive: file name, size [bytes], SHA-256 in hexadecimal."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Index:
    """What is in a parcel.

    Attributes:
        run_id: name of the run's folder, the only one in the archive.
        parts: pieces of the archive in order.
        sha256: of the whole archive.
        unpacked: size of the files in the archive [bytes].
    """

    run_id: str
    parts: tuple[Part, ...]
    sha256: str
    unpacked: int

    @property
    def size(self) -> int:
        """Size of the archive [bytes]."""
        return sum(part.size for part in self.parts)


def is_name(text: str) -> bool:
    """Whether a text can be the name of a run or a job: a file name of plain characters."""
    return NAME.fullmatch(text) is not None


def pack(run: Path, parcel: Path, part_bytes: int = PART_BYTES) -> Index:
    """Pack the folder of a run; the same files give the same bytes.

    Args:
        run: folder of the run.
        parcel: folder to write; made where absent. Its index is replaced last, in one step.
        part_bytes: size of a part [bytes].
    """
    parcel.mkdir(parents=True, exist_ok=True)
    parts = _Parts(parcel, part_bytes)
    unpacked = 0
    # Fast compression: most of a run is Parquet, which is compressed already.
    with (
        gzip.GzipFile(filename="", mode="wb", compresslevel=1, fileobj=parts, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w|") as archive,
    ):
        for path in sorted(run.rglob("*")):
            relative = path.relative_to(run)
            hidden = any(part.startswith(".") for part in relative.parts)
            if hidden or path.name in LOCKS or path.is_symlink() or not path.is_file():
                continue
            entry = tarfile.TarInfo(str(PurePosixPath(run.name, relative)))
            entry.size = path.stat().st_size
            with path.open("rb") as file:
                archive.addfile(entry, file)
            unpacked += entry.size
    parts.close_part()
    index = Index(
        run_id=run.name,
        parts=tuple(parts.done),
        sha256=parts.whole.hexdigest(),
        unpacked=unpacked,
    )
    text = json.dumps({"format": FORMAT, **asdict(index)}, indent=2)
    write_durable(parcel / INDEX, f"{text}\n".encode())
    return index


class _Parts:
    """A file to write to that is many files of at most `part_bytes`."""

    def __init__(self, folder: Path, part_bytes: int) -> None:
        self.done: list[Part] = []
        self.whole = hashlib.sha256()
        self._folder = folder
        self._limit = part_bytes
        self._file: IO[bytes] | None = None
        self._size = 0
        self._hash = hashlib.sha256()

    def write(self, data: bytes) -> int:
        """Write all of `data`, starting new parts where one is full."""
        view = memoryview(data)
        self.whole.update(view)
        while view:
            if self._file is None:
                self._file = (self._folder / self._name()).open("wb")
                self._size, self._hash = 0, hashlib.sha256()
            piece = view[: self._limit - self._size]
            self._file.write(piece)
            self._hash.update(piece)
            self._size += len(piece)
            view = view[len(piece) :]
            if self._size == self._limit:
                self.close_part()
        return len(data)

    def flush(self) -> None:
        """Do nothing: a part is flushed when it is full."""

    def close_part(self) -> None:
        """Finish the part that is being written, if any."""
        if self._file is not None:
            self._file.close()
            self._file = None
            part = Part(name=self._name(), size=self._size, sha256=self._hash.hexdigest())
            self.done.append(part)

    def _name(self) -> str:
        return f"results.tar.gz.{len(self.done):03}"


def read_index(data: bytes, where: str) -> Index:
    """Read an index that came from elsewhere.

    Raises:
        InputError: not an index, or of another format.
    """
    try:
        content = json.loads(data)
        if content.pop("format") != FORMAT:
            raise InputError(f"{where}: packed by another version of qcbench")
        parts = tuple(Part(**part) for part in content.pop("parts"))
        index = Index(parts=parts, **content)
        sizes = [index.unpacked, *(part.size for part in parts)]
        hashes = [index.sha256, *(part.sha256 for part in parts)]
        sound = (
            all(isinstance(size, int) and size >= 0 for size in sizes)
            and all(re.fullmatch(r"[0-9a-f]{64}", text) for text in hashes)
            and all(is_name(name) for name in [index.run_id, *(part.name for part in parts)])
        )
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{where}: is no index of a run's results ({error!r})") from error
    if not sound:
        raise InputError(f"{where}: is no index of a run's results (a value out of range)")
    return index


Download = Callable[[str, IO[bytes]], None]
"""Writes the file of that name to a stream; may raise OSError where the way to it is broken."""


def receive(index: Index, download: Download, runs: Path, mark: str, attempts: int = 3) -> Path:
    """Download a parcel, check every byte, and put the run below `runs`.

    Args:
        index: what is in the parcel.
        download: gets one of its files.
        runs: folder of all runs; made where absent.
        mark: file that such a run has.
        attempts: how often a part is asked for before it is given up.

    Returns:
        The folder of the run. A run that is there already with the same files is left as it is.

    Raises:
        InputError: damaged on the way, unsafe names in it, no space, or another run of that name is
            there already. Nothing is left behind.
    """
    runs.mkdir(parents=True, exist_ok=True)
    needed = index.size + index.unpacked
    free = shutil.disk_usage(runs).free
    if needed > free:
        raise InputError(
            f"{runs}: {needed / 1e6:.0f} MB are needed for run {index.run_id} and "
            f"{free / 1e6:.0f} MB are free"
        )
    with tempfile.TemporaryDirectory(prefix=".fetch-", dir=runs) as name:
        draft = Path(name)
        archive = draft / "results.tar.gz"
        with archive.open("wb") as file:
            for part in index.parts:
                _receive_part(part, download, file, attempts)
        if _sha256(archive) != index.sha256:
            raise InputError(f"run {index.run_id}: its archive is damaged; fetch it again")
        unpack(archive, index.run_id, draft, mark, declared=index.unpacked)
        target = runs / index.run_id
        mirror.pull(target)
        _put(draft / index.run_id, target)
        mirror.push(target, last=mark)
        return target


def _receive_part(part: Part, download: Download, file: IO[bytes], attempts: int) -> None:
    begin = file.tell()
    problem: object = "nothing arrived"
    for _ in range(attempts):
        file.seek(begin)
        file.truncate()
        try:
            download(part.name, cast("IO[bytes]", _Bounded(file, part.size)))
        except OSError as error:
            problem = error
            continue
        file.flush()
        size = file.tell() - begin
        if size == part.size and _sha256(Path(file.name), begin) == part.sha256:
            return
        problem = f"{size} bytes of {part.size}, or other ones"
    raise InputError(f"{part.name}: could not be fetched in {attempts} attempts ({problem})")


def _sha256(path: Path, begin: int = 0) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        file.seek(begin)
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


class _OverfullError(OSError):
    """More bytes than the index declares."""

    def __init__(self) -> None:
        super().__init__("holds more than its index declares")


class _Bounded:
    """A stream out of which, or into which, go no more bytes than were declared."""

    def __init__(self, file: Any, most: int) -> None:
        self._file = file
        self._left = most

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes of an archive that is unfolded."""
        data: bytes = self._file.read(size)
        self._take(len(data))
        return data

    def write(self, data: bytes) -> int:
        """Write bytes that were fetched."""
        self._take(len(data))
        return int(self._file.write(data))

    def _take(self, count: int) -> None:
        self._left -= count
        if self._left < 0:
            raise _OverfullError


def _tar(packed: Any, most: int) -> tarfile.TarFile:
    """Open an archive of which no more is read than that; a header may hold a name without end."""
    stream: Any = _Bounded(packed, most)
    return tarfile.open(fileobj=stream, mode="r|")


def unpack(archive: Path, run_id: str, folder: Path, mark: str, *, declared: int) -> None:
    """Unpack an archive that holds nothing but files below a folder `run_id`.

    Files are written one by one and nothing else of the archive is used: no links, devices, owners
    or modes, and no path that leaves the folder.

    Args:
        archive: the file.
        run_id: name of the only folder in it.
        folder: where that goes.
        declared: size of all files in it [bytes]; not one byte more is written.

    Raises:
        InputError: an entry that is none of this, more than was declared, or an archive that cannot
            be read.
    """
    try:
        with gzip.open(archive) as packed, _tar(packed, 2 * declared + TAR_BYTES) as content:
            for entry in content:
                path = PurePosixPath(entry.name)
                inside = path.parts[:1] == (run_id,) and len(path.parts) > 1
                source = content.extractfile(entry) if entry.isreg() else None
                if source is None or not inside or path.is_absolute() or ".." in path.parts:
                    raise InputError(f"{archive.name}: unsafe entry {entry.name!r}; not unpacked")
                if not 0 <= entry.size <= declared:  # a header can say less than nothing
                    raise _OverfullError
                declared -= entry.size
                target = folder.joinpath(*path.parts)
                target.parent.mkdir(parents=True, exist_ok=True)
                with target.open("xb") as file:
                    shutil.copyfileobj(source, file, BLOCK)
    except (
        *(tarfile.TarError, gzip.BadGzipFile, zlib.error),
        *(EOFError, FileExistsError, _OverfullError),
    ) as error:
        raise InputError(f"{archive.name}: is no archive of a run ({error})") from error
    if not (folder / run_id / mark).is_file():
        raise InputError(f"{archive.name}: holds no run; it has no {mark}")


def _put(new: Path, target: Path) -> None:
    """Move a run to its place, unless the same run is there already."""
    if not target.exists():
        new.replace(target)
        return
    for path in new.rglob("*"):
        if path.is_dir():
            continue
        there = target / path.relative_to(new)
        if not there.is_file() or there.read_bytes() != path.read_bytes():
            what = "with another" if there.exists() else "without the job's"
            raise InputError(
                f"{target}: is there already {what} {path.relative_to(new)}; it may have gone on "
                "since it was fetched. To fetch it again, move it away"
            )

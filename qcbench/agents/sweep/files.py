"""Reading and writing below a folder, for those who do not have its disk."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from qcbench.files import write_durable, writing
from qcbench.locks import LOCKS


class Files:
    """Reads and writes below a folder; paths are absolute, as Tune knows them.

    Attributes:
        root: the folder.
    """

    def __init__(self, root: str) -> None:
        self.root = Path(root).resolve()

    def at(self, path: str) -> Path:
        """Return where a path leads.

        Raises:
            PermissionError: out of the folder.
        """
        found = Path("/", path).resolve()
        if not found.is_relative_to(self.root):
            raise PermissionError(f"{found}: is not below {self.root}")
        return found

    def info(self, path: str) -> tuple[str, str, int]:
        """Return path, kind (`file`, `folder` or nothing) and size."""
        found = self.at(path)
        if found.is_file():
            return path, "file", found.stat().st_size
        return path, "folder" if found.is_dir() else "", 0

    def below(self, path: str, recursive: bool, absent_ok: bool) -> list[tuple[str, str, int]]:
        """Return `info` of what lies in a folder."""
        found = self.at(path)
        if not found.is_dir():
            if absent_ok:
                return []
            raise FileNotFoundError(path)
        return [
            self.info(str(each)) for each in (found.rglob("*") if recursive else found.iterdir())
        ]

    def read(self, path: str) -> bytes:
        """Return a file's content."""
        return self.at(path).read_bytes()

    def write(self, path: str, content: bytes) -> None:
        """Write a file whole or not at all."""
        found = self.at(path)
        self.make_folder(str(found.parent))
        write_durable(found, content)

    def make_folder(self, path: str) -> None:
        """Make a folder and those that it lies in."""
        found = self.at(path)
        with writing(found):
            found.mkdir(parents=True, exist_ok=True)

    def remove(self, path: str) -> None:
        """Remove a file, or a folder with all that is in it."""
        found = self.at(path)
        if found.is_dir():
            shutil.rmtree(found)
        else:
            found.unlink(missing_ok=True)

    def move(self, path: str, to: str) -> None:
        """Rename."""
        self.at(path).rename(self.at(to))


def durable(folder: Path) -> Iterator[tuple[str, Path]]:
    """Give the files of a folder, or a file itself: without hidden ones, drafts and locks."""
    if folder.is_file():
        yield "", folder
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        hidden = any(part.startswith(".") for part in inside.parts)
        if path.is_file() and not hidden and path.name not in LOCKS:
            yield inside.as_posix(), path

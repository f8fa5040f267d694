"""A sweep's folder as a file system of PyArrow's, for Ray Tune's own files on whatever node."""

import io
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import ray
from pyarrow import fs

from qcbench.agents.sweep.courier import SweepPlace, telling
from qcbench.agents.sweep.files import Files

KINDS = {"file": fs.FileType.File, "folder": fs.FileType.Directory, "": fs.FileType.NotFound}


class SweepFiles(fs.FileSystemHandler):
    """The sweep's folder as a file system of PyArrow's, on whatever node."""

    def __init__(self, place: SweepPlace) -> None:
        self.place = place

    def __reduce__(self) -> tuple[Any, ...]:
        return SweepFiles, (self.place,)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SweepFiles) and other.place == self.place

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(self.place)

    def _do(self, name: str, *arguments: Any) -> Any:
        if self.place.is_here:
            with telling(self.place.note_fault):
                return getattr(Files(self.place.folder), name)(*arguments)
        return ray.get(self.place.courier.call.remote(name, *arguments))

    def get_type_name(self) -> str:
        """Return what it is called."""
        return "qcbench-sweep"

    def normalize_path(self, path: str) -> str:
        """Return the path."""
        return path

    def get_file_info(self, paths: list[str]) -> list[Any]:
        """Return what lies at some paths."""
        return [_info(self._do("info", path)) for path in paths]

    def get_file_info_selector(self, selector: Any) -> list[Any]:
        """Return what lies in a folder."""
        told = (selector.base_dir, selector.recursive, selector.allow_not_found)
        return [_info(each) for each in self._do("below", *told)]

    def create_dir(self, path: str, recursive: bool) -> None:
        """Make a folder."""
        del recursive
        self._do("make_folder", path)

    def delete_dir(self, path: str) -> None:
        """Remove a folder."""
        self._do("remove", path)

    def delete_dir_contents(self, path: str, missing_dir_ok: bool = False) -> None:
        """Remove what is in a folder."""
        for inside, _, _ in self._do("below", path, False, missing_dir_ok):
            self._do("remove", inside)

    def delete_root_dir_contents(self) -> None:
        """Refuse to remove everything."""
        raise NotImplementedError

    def delete_file(self, path: str) -> None:
        """Remove a file."""
        self._do("remove", path)

    def move(self, src: str, dest: str) -> None:
        """Rename."""
        self._do("move", src, dest)

    def copy_file(self, src: str, dest: str) -> None:
        """Copy a file."""
        self._do("write", dest, self._do("read", src))

    def open_input_stream(self, path: str) -> Any:
        """Open a file to read from its beginning."""
        return pa.BufferReader(self._do("read", path))

    def open_input_file(self, path: str) -> Any:
        """Open a file to read from anywhere."""
        return self.open_input_stream(path)

    def open_output_stream(self, path: str, metadata: Any) -> Any:
        """Open a file to write; it is there, whole, when it is closed."""
        del metadata
        return pa.PythonFile(_Draft(lambda content: self._do("write", path, content)), mode="w")

    def open_append_stream(self, path: str, metadata: Any) -> Any:
        """Refuse to append: a file is whole or not there."""
        raise NotImplementedError


def _info(found: tuple[str, str, int]) -> Any:
    path, kind, size = found
    return fs.FileInfo(path, KINDS[kind], size=size if kind == "file" else None)


class _Draft(io.BytesIO):
    """A file in memory whose content is handed on when it is closed."""

    def __init__(self, hand_on: Callable[[bytes], None]) -> None:
        super().__init__()
        self._hand_on = hand_on

    def close(self) -> None:
        """Hand the content on, once."""
        if not self.closed:
            self._hand_on(self.getvalue())
        super().close()


def file_system(place: SweepPlace) -> Any:
    """Return the file system of a sweep's folder for Ray Tune."""
    return fs.PyFileSystem(SweepFiles(place))

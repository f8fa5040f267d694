"""What the store and the folder of a run said of each file when both were equal."""

import json
import os
from contextlib import suppress
from pathlib import Path

from qcbench.files import replacing
from qcbench.storage.objects import Stored


class RunIndex:
    """What the store and the folder said of each file of a run when both were equal."""

    def __init__(self, folder: Path, run: str) -> None:
        folder.mkdir(exist_ok=True)
        self.lock = folder / f"{run}.lock"
        self._path = folder / f"{run}.jsonl"
        self._known: dict[str, list[str | int]] = {}

    def load(self) -> None:
        """Read it; a line that is torn or damaged costs a download."""
        self._known = {}
        with suppress(FileNotFoundError):
            for line in self._path.read_bytes().splitlines():
                with suppress(ValueError, TypeError, RecursionError):
                    name, *said = json.loads(line)
                    if isinstance(name, str):
                        self._known[name] = said
                        if not said:
                            del self._known[name]

    def compact(self) -> None:
        """Write it anew, a line a file."""
        with replacing(self._path) as temporary:
            lines = (json.dumps([name, *said]) + "\n" for name, said in self._known.items())
            temporary.write_text("".join(lines), encoding="utf-8")

    def names(self) -> list[str]:
        """Return the files that both have."""
        return list(self._known)

    def note(self, name: str, stored: Stored, status: os.stat_result) -> None:
        """Note that both have a file."""
        self._add(name, [stored.etag, *signature(status)])

    def forget(self, name: str) -> None:
        """Note that a file is gone from both."""
        if name in self._known:
            self._add(name, [])
            del self._known[name]

    def _add(self, name: str, said: list[str | int]) -> None:
        self._known[name] = said
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps([name, *said]) + "\n")

    def is_new(self, name: str, path: Path) -> bool:
        """Whether a file here is another than the store has."""
        try:
            return self._known.get(name, [""])[1:] != signature(path.stat())
        except FileNotFoundError:
            return False

    def is_equal(self, name: str, stored: Stored, path: Path) -> bool:
        """Whether a file here is the one that the store has."""
        etag, *said = self._known.get(name, [""])
        with suppress(FileNotFoundError):
            status = path.stat()
            return bool(stored.etag) and etag == stored.etag and said == signature(status)
        return False


def signature(status: os.stat_result) -> list[str | int]:
    """Return what tells a file from what was there under its name before."""
    return [status.st_size, status.st_mtime_ns, status.st_ino]

"""Where runs are kept: a folder, or a URL and the folder of the user's cache that mirrors it."""

import hashlib
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from qcbench.caches import user_cache
from qcbench.errors import InputError
from qcbench.extras import require
from qcbench.files import quoted, write_text

SCHEMES = ("s3", "gs", "az", "abfs", "abfss")
URL_FILE = ".url"
"""In a mirror's folder: the URL, so that every process knows whose mirror it is."""

LOCAL = Path("runs")
"""What belongs to this machine lies here where runs are kept at a URL: the usual folder of runs."""


@dataclass(frozen=True)
class Place:
    """A path in a mirror.

    Attributes:
        top: folder of the mirror.
        url: that it mirrors.
        parts: of the path below both; the first is the run.
    """

    top: Path
    url: str
    parts: tuple[str, ...]

    @property
    def key(self) -> str:
        """Of the object."""
        return "/".join(self.parts)

    @property
    def shown(self) -> str:
        """The whole URL."""
        return "/".join((self.url, *self.parts))

    @property
    def told(self) -> str:
        """How the run is named on the command line."""
        return f"{shlex.quote(self.parts[0])} {self.told_all}"

    @property
    def told_all(self) -> str:
        """How all runs are named on the command line."""
        return shlex.quote(f"runs_dir={self.url}")

    @property
    def run(self) -> Path:
        """Folder of the run that the path is in."""
        return self.top / self.parts[0]


def runs_folder(runs_dir: str) -> Path:
    """Return the folder of all runs, as the key `runs_dir` of every verb names it.

    That of a URL is a mirror in the user's cache, which nobody else can read.

    Raises:
        InputError: a URL of no known scheme, with more than bucket and path, or with credentials.
        MissingExtraError: a URL, and the extra `storage` is not installed.
    """
    if not _is_url(runs_dir):
        return Path(runs_dir)
    url = _checked(runs_dir)
    if url.startswith("file://"):
        return Path(unquote(urlsplit(url).path))
    require("obstore", room="storage")
    folder = _mirrors() / hashlib.sha256(url.encode()).hexdigest()[:16]
    if not (folder / URL_FILE).is_file():
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(
                f"{folder}: cannot be written ({error.strerror}); runs at a URL are mirrored "
                "there, set XDG_CACHE_HOME to another folder"
            ) from None
        write_text(folder / URL_FILE, url)
    return folder


def local_folder(runs: Path) -> Path:
    """Return the folder of what stays on this machine: MLflow's file, jobs that were submitted.

    Args:
        runs: folder of all runs; itself, unless it is a mirror.
    """
    return LOCAL if place_of(runs) else runs


def place_of(path: Path) -> Place | None:
    """Return the place of a path in a mirror; None for every other path."""
    mirrors = _mirrors()
    for whole in (path, path.resolve()) if path.is_absolute() else (path.resolve(),):
        if whole.is_relative_to(mirrors):
            first, *parts = whole.relative_to(mirrors).parts or ("",)
            url = mirrors / first / URL_FILE
            if url.is_file():
                return Place(url.parent, url.read_text(encoding="utf-8"), tuple(parts))
    return None


def shown_path(path: Path) -> str:
    """Return a path as it is shown: as a URL where it is mirrored."""
    place = place_of(path)
    return place.shown if place else str(path)


def _is_url(text: str) -> bool:
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", text) is not None


def _mirrors() -> Path:
    return (user_cache() / "runs").resolve()


def _checked(text: str) -> str:
    """Return a URL as it is meant.

    Raises:
        InputError: as `runs_folder` says.
    """
    try:
        parts = urlsplit(text)
        secret = parts.password is not None or (
            parts.username is not None and not parts.scheme.startswith("abfs")
        )
    except ValueError:
        raise InputError(f"runs_dir: {quoted(text)} is no URL that can be read") from None
    if secret:
        raise InputError(
            f"runs_dir: the {parts.scheme}:// URL has credentials in it; leave them out, they are "
            "taken from the environment (AWS_ACCESS_KEY_ID and the like)"
        )
    names = parts.path.strip("/").split("/") if parts.path.strip("/") else []
    plain = not (parts.query or parts.fragment) and _are_plain(names)
    if parts.scheme == "file" and not parts.netloc and names and plain:
        return f"file:///{'/'.join(names)}"
    if parts.scheme in SCHEMES and parts.netloc and plain:
        return "/".join((f"{parts.scheme}://{parts.netloc}", *names))
    known = ", ".join(f"{scheme}://BUCKET/PATH" for scheme in SCHEMES[:3])
    raise InputError(
        f"runs_dir: {quoted(text)} is no URL that runs are kept at; give a folder, {known}, "
        "abfs://CONTAINER@ACCOUNT.dfs.core.windows.net/PATH or file:///PATH"
    )


def _are_plain(names: Sequence[str]) -> bool:
    return all(name not in ("", ".", "..") and name.isprintable() for name in names)

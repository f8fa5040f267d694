"""Where what can be computed again is kept between processes, also by users without a home."""

import os
import sys
from pathlib import Path


def user_cache() -> Path:
    """Return the user's cache folder for qcbench; it need not exist.

    `XDG_CACHE_HOME` counts where it is an absolute path, as its specification says.
    """
    told = os.environ.get("XDG_CACHE_HOME", "")
    if Path(told).is_absolute():
        return Path(told) / "qcbench"
    try:
        home = Path.home()
    except RuntimeError:
        return private_folder()
    if sys.platform == "darwin":
        return home / "Library" / "Caches" / "qcbench"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local") / "qcbench"
    return home / ".cache" / "qcbench"


def private_folder() -> Path:
    """Return a folder below that of temporary files that nobody else can write to; made if absent.

    The same one in every process, unless somebody else has taken its name: compiled code that is
    kept in it must be one's own.
    """
    import tempfile  # noqa: PLC0415 - for few, and everything that starts would wait for it

    folder = Path(tempfile.gettempdir()) / f"qcbench-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        status = folder.lstat()
        if folder.is_dir() and status.st_uid == os.getuid() and not status.st_mode & 0o022:
            return folder
    except OSError:
        pass  # a file, or a link to nowhere
    return Path(tempfile.mkdtemp(prefix="qcbench-"))


def ensure_home() -> None:
    """Give a process a home and a name where it has none, for the libraries that ask for them.

    A container that is run under any number has neither `HOME` nor an entry for its user. Some
    libraries stop there, others make a folder named `~` wherever they are started.
    """
    if os.name != "posix":
        return
    if not os.path.isabs(os.path.expanduser("~")):  # noqa: PTH111, PTH117 - pathlib raises here
        os.environ["HOME"] = str(private_folder())
    if not any(os.environ.get(name) for name in ("LOGNAME", "USER", "LNAME", "USERNAME")):
        import pwd  # noqa: PLC0415 - not on every platform

        try:
            pwd.getpwuid(os.getuid())
        except KeyError:
            os.environ["LOGNAME"] = f"user-{os.getuid()}"

"""URLs in the place of files, which are not read; a path that was made of one hides it."""

import re
from pathlib import Path

from qcbench.errors import InputError


def check_no_url(path: Path) -> None:
    """Refuse a path that was made of a URL, unless something lies there.

    Raises:
        InputError: it was; names the URL, whose slashes a path does not repeat.
    """
    scheme, there, rest = str(path).partition(":/")
    if not there or not re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]+", scheme) or path.exists():
        return
    if scheme.lower() == "file":
        raise InputError(f"{scheme}:///{rest}: is a URL; give the path, /{rest}")
    raise InputError(
        f"{scheme}://{rest}: is a URL; files are read from this machine, so download it first"
    )

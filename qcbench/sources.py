"""Which code of this package something depends on: what its modules import, and those in turn.

Part of the keys under which results are kept: what was found by other code is found anew.
"""

import hashlib
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

TOP = Path(__file__).resolve().parent

IMPORT = re.compile(
    rb"^ *(?:from|import) (%b\.[\w.]+)(?: import (\([^)]*\)|.*))?" % TOP.name.encode(), re.MULTILINE
)
"""A module, and what is taken from it. Modules are imported by their whole names, and the package's
top, which is for users, by none."""


def sources_of(modules: Iterable[str], top: Path = TOP) -> dict[str, bytes]:
    """Return the text of some modules and of all of this package that they import, by name.

    Nothing is imported. What a function imports when it is called counts, and what is imported for
    its types.

    Args:
        modules: their whole names.
        top: folder of the package.
    """
    found: dict[str, bytes] = {}
    todo = list(modules)
    while todo:
        name = todo.pop()
        room, _, _ = name.rpartition(".")
        if name in found or not room:
            continue
        path = top.joinpath(*name.split(".")[1:])
        is_room = path.is_dir()
        path = path / "__init__.py" if is_room else path.with_suffix(".py")
        if not path.is_file():
            continue
        found[name] = text = path.read_bytes()
        todo.append(room)
        for module, taken in IMPORT.findall(text):
            inside = module.decode()
            todo.append(inside)
            if top.joinpath(*inside.split(".")[1:]).is_dir():
                todo += [f"{inside}.{word.decode()}" for word in re.findall(rb"\w+", taken)]
    return found


@cache
def source_hash(*modules: str) -> str:
    """Return a hash of the code that modules consist of, see `sources_of`; once a process."""
    digest = hashlib.sha256()
    for name, text in sorted(sources_of(modules).items()):
        digest.update(f"{name}\0{hashlib.sha256(text).hexdigest()}\n".encode())
    return digest.hexdigest()

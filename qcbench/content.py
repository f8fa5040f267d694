"""Which content of a file was meant: its SHA-256, checked wherever the file is read again."""

import hashlib
from pathlib import Path

from qcbench.errors import InputError
from qcbench.files import read_bytes


def hash_of(content: bytes) -> str:
    """Return the SHA-256 of a file's content."""
    return hashlib.sha256(content).hexdigest()


def check_meant(path: object, found: str, expected: str, what: str = "file") -> None:
    """Refuse what is another content than was meant.

    Args:
        path: what the message calls it.
        found: SHA-256 of the content that is there.
        expected: what it must be; not looked at where empty.
        what: is it: a file, a script, a policy.

    Raises:
        InputError: it is another one.
    """
    if expected not in ("", found):
        raise InputError(
            f"{path}: is not the {what} that was meant; its SHA-256 is {found[:16]}..., expected "
            f"{expected[:16]}..."
        )


def meant_hash(path: Path, expected: str = "", what: str = "file") -> str:
    """Return the SHA-256 of a file's content; arguments and errors as of `check_meant`."""
    found = hash_of(read_bytes(path))
    check_meant(path, found, expected, what)
    return found


def read_meant(path: Path, expected: str = "", what: str = "file") -> bytes:
    """Return a file's content; arguments and errors as of `check_meant`."""
    content = read_bytes(path)
    check_meant(path, hash_of(content), expected, what)
    return content

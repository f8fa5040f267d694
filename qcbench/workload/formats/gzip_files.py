"""Task files that are compressed with gzip, as the archives of logs have them: `.swf.gz`."""

import gzip
import zlib
from io import BytesIO
from pathlib import Path

from qcbench.errors import InputError
from qcbench.files import encoded, read_bytes, replacing

SUFFIX = ".gz"
SIGNATURE = b"\x1f\x8b"
MOST_BYTES = 2**32
"""Of the content: a few kilobytes can unfold to more than any machine holds."""


def plain_name(path: Path) -> Path:
    """Return the name of the content: without `.gz`, where the name ends in it."""
    return path.with_suffix("") if path.suffix.lower() == SUFFIX else path


def read_content(path: Path) -> bytes:
    """Return the bytes of a file, unfolded where its name ends in `.gz`.

    Raises:
        InputError: it cannot be read, is damaged, or its name says what it is not.
    """
    data = read_bytes(path)
    named, packed = plain_name(path) != path, data.startswith(SIGNATURE)
    if packed and not named:
        raise InputError(f"{path}: is compressed with gzip; give it the suffix {path.suffix}.gz")
    if not named:
        return data
    if not packed:
        what = "is not compressed with gzip" if data else "is empty"
        raise InputError(f"{path}: {what}; without .gz at its end it is read as it is")
    try:
        with gzip.open(BytesIO(data)) as file:
            content = file.read(MOST_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path}: is a damaged gzip file, or a torn one") from error
    if len(content) > MOST_BYTES:
        raise InputError(f"{path}: unfolds to more than {MOST_BYTES >> 30} GB; take a part of it")
    return content


def write_text(path: Path, text: str) -> None:
    """Write a text file whole or not at all, compressed where its name ends in `.gz`.

    The same text gives the same bytes: no time is written.

    Raises:
        InputError: it cannot be written, or part of it is no text.
    """
    data = encoded(path, text)
    with replacing(path) as temporary:
        temporary.write_bytes(gzip.compress(data, mtime=0) if plain_name(path) != path else data)

"""Reading text files so that every failure names the file."""

from pathlib import Path

from qcbench.errors import InputError
from qcbench.workload.formats.gzip_files import read_content

LONGEST_LINE = 1_000_000
"""Characters; a line that is longer is no line of a table, and its cells could fill the memory."""


def read_text(path: Path) -> str:
    """Return a file's text; that of `NAME.gz` is unfolded.

    Raises:
        InputError: it cannot be read, is empty, or is not UTF-8.
    """
    return decoded(path, read_content(path))


def decoded(path: Path, content: bytes) -> str:
    """Return the text of a file; raises `InputError` as `read_text` does."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise InputError(f"{path}: is text in UTF-16; save it as UTF-8")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise InputError(f"{path}: line {line}: is not text in UTF-8") from error
    if not text.strip():
        raise InputError(f"{path}: is empty")
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise InputError(f"{path}: line {line}: holds a NUL, so it is no text, or damaged")
    return text


def check_line_lengths(path: Path, text: str | bytes) -> None:
    """Refuse a table with a line that is none."""
    newline = "\n" if isinstance(text, str) else b"\n"
    start, line = 0, 1
    while len(text) - start > LONGEST_LINE:
        end = text.find(newline, start)  # type: ignore[arg-type]
        length = (len(text) if end < 0 else end) - start
        if length > LONGEST_LINE:
            raise InputError(
                f"{path}: line {line}: has {length:,} characters; no line of a table is longer "
                f"than {LONGEST_LINE:,}"
            )
        start, line = end + 1, line + 1


def unified_lines(text: str) -> str:
    """Return the text of a table; where lines end with a carriage return only, with newlines."""
    return text if "\n" in text else text.replace("\r", "\n")


def no_newline(path: Path) -> str:
    """Return the note on a file whose last line does not end."""
    return f"{path.name} ends without a newline; its last value may be cut off"

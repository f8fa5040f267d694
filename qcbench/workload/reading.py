"""Reading text files so that every failure names the file."""

from pathlib import Path

from qcbench.errors import InputError


def read_text(path: Path) -> str:
    """Return a file's text.

    Raises:
        InputError: it cannot be read, is empty, or is not UTF-8.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise InputError(f"{path}: line {line}: is not text in UTF-8") from error
    if not text.strip():
        raise InputError(f"{path}: is empty")
    return text


def check_last_line(path: Path, text: str) -> None:
    """Refuse a file that stops within a line: what was cut off may have looked complete."""
    if not text.endswith("\n"):
        line = text.count("\n") + 1
        raise InputError(
            f"{path}: line {line}: the file stops within this line, so it may be torn; if it is "
            "complete, end it with a newline"
        )

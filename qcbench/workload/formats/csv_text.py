"""Comma-separated text: which columns a header names, and writing what is read back as it was."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from qcbench.errors import InputError
from qcbench.files import quoted
from qcbench.workload.formats.gzip_files import write_text

if TYPE_CHECKING:
    import _csv

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
LONGEST_CELL = 131_072
"""Characters; more is a quotation mark that is not closed."""

LONGEST_HEADER = 65_536

REASONS = {
    "unexpected end of data": "a quotation mark is not closed",
    "expected after": "something follows a closing quotation mark",
    "field larger than": f"a cell has more than {LONGEST_CELL:,} characters; a quotation mark may "
    "not be closed",
    "new-line character": "a carriage return stands within a cell without quotation marks",
}
"""What Python's reader says, by part of its words, in ours."""


@dataclass(frozen=True)
class Header:
    """The first row of a table.

    Attributes:
        names: of the columns; without blanks around them, known ones in the case they are known in.
        delimiter: what stands between cells.
        known: how many of the names are known.
    """

    names: tuple[str, ...]
    delimiter: str
    known: int


def read_header(text: str, known: Iterable[str]) -> Header:
    """Return the header of a table, by the delimiter that gives most of the known names.

    Args:
        text: of the file, or of its beginning.
        known: names that a header may have, in lower case; those of the file may have capitals.
    """
    spelt = {name.casefold(): name for name in known}
    found = []
    for delimiter in DELIMITERS:
        rows = cells(text[:LONGEST_HEADER], delimiter)
        try:
            row: list[str] = next((row for row in rows if any(cell.strip() for cell in row)), [])
        except csv.Error:
            row = []
        stripped = (cell.strip() for cell in row)
        names = tuple(spelt.get(name.casefold(), name) for name in stripped)
        found.append(Header(names, delimiter, len(set(names) & set(spelt.values()))))
    return max(found, key=lambda header: header.known)  # the first of equal ones


def cells(text: str, delimiter: str) -> "_csv.Reader":
    """Return a reader of a table's rows; blanks before a quotation mark do not count."""
    return csv.reader(
        io.StringIO(text, newline="\n"), delimiter=delimiter, strict=True, skipinitialspace=True
    )


def reason(error: csv.Error) -> str:
    """Return what is wrong with a row, in our words."""
    text = str(error)
    return next((ours for part, ours in REASONS.items() if part in text), "is no row of a table")


def write_csv(path: Path, columns: dict[str, Sequence[object]]) -> None:
    """Write a table, whole or not at all; what is read back is what was written.

    Args:
        path: the file; compressed where its name ends in `.gz`.
        columns: cells by column; texts and numbers as `str` writes them.

    Raises:
        InputError: a text cannot stand in a CSV file, or the file cannot be written.
    """
    spelt: set[str] = set()
    for name in columns:
        if name.strip() != name or name.casefold() in spelt:
            raise InputError(
                f"{path}: column {quoted(name)} cannot be told from another; write json or parquet"
            )
        spelt.add(name.casefold())
    header = ",".join(_cells(path, "header", list(columns)))
    written = [_cells(path, name, values) for name, values in columns.items()]
    lines = [header, *map(",".join, zip(*written, strict=True))]
    write_text(path, "\n".join(lines) + "\n")


def _cells(path: Path, column: str, values: Sequence[object]) -> list[str]:
    """Return the cells of a column; each distinct text is looked at once."""
    written: dict[str, str] = {}
    for value in values:
        if isinstance(value, str) and value not in written:
            written[value] = _cell(path, column, value)
    return [written[value] if isinstance(value, str) else str(value) for value in values]


def _cell(path: Path, column: str, value: str) -> str:
    if "\0" in value or len(value) > LONGEST_CELL:
        what = "holds a NUL" if "\0" in value else f"has {len(value):,} characters"
        raise InputError(
            f"{path}: column {column}: {quoted(value)} {what}, which no CSV file can hold; write "
            "json or parquet"
        )
    return quoted_cell(value) if _needs_marks(value) else value


def _needs_marks(text: str) -> bool:
    return text != text.strip() or any(mark in text for mark in ',;|\t"\r\n')


def quoted_cell(text: str) -> str:
    """Return a text as a cell between quotation marks."""
    return '"' + text.replace('"', '""') + '"'

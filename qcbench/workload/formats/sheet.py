"""CSV files cell by cell, so that every mistake is reported with its line and column."""

import csv
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from qcbench.arrays import FloatArray, IntArray
from qcbench.errors import InputError
from qcbench.files import quoted
from qcbench.workload.formats.csv_text import cells, quoted_cell, read_header, reason
from qcbench.workload.formats.numerals import decimal, whole
from qcbench.workload.formats.reading import (
    check_line_lengths,
    no_newline,
    read_text,
    unified_lines,
)

T = TypeVar("T")
DUE, VALUE = "due_s", "value"
"""Columns of due times and values, in every table that has them."""


class Sheet:
    """The cells of a CSV file by column, and where each row stands in the file.

    Commas, semicolons, tabs or bars stand between cells. Names of known columns may be written with
    capitals, and blanks around cells do not count. A last line that does not end is taken where it
    has all its fields; `notes` says so.
    """

    def __init__(self, path: Path, required: Sequence[str], optional: Sequence[str] = ()) -> None:
        """Read a file.

        Args:
            path: the file.
            required: columns that it must have.
            optional: columns that it may have; the first is named in messages.

        Raises:
            InputError: it cannot be read, is torn, or lacks a column.
        """
        self.path = path
        text = unified_lines(read_text(path))
        check_line_lengths(path, text)
        self._text = text
        header = read_header(text, [*required, *optional])
        self.header = header.names
        rows: list[list[str]] = []
        self.lines: list[int] = []
        reader = cells(text, header.delimiter)
        begins = 1
        titled = False
        try:
            for row in reader:
                line, begins = begins, reader.line_num + 1
                if not any(cell.strip() for cell in row):
                    continue
                if not titled:
                    titled = True
                    self._check_header(line, required, optional)
                    continue
                if len(row) != len(self.header):
                    raise InputError(
                        f"{path}: line {line}: has {len(row)} fields where the header has "
                        f"{len(self.header)}; it may be torn"
                    )
                rows.append(row)
                self.lines.append(line)
        except csv.Error as error:
            raise InputError(f"{path}: line {begins}: {reason(error)}; it may be torn") from error
        if not rows:
            raise InputError(f"{path}: has a header but no rows")
        self.notes = () if text.endswith("\n") else (no_newline(path),)
        self.cells = dict(zip(self.header, zip(*rows, strict=True), strict=True))

    def _check_header(self, line: int, required: Sequence[str], optional: Sequence[str]) -> None:
        where = f"{self.path}: line {line}"
        for name in required:
            if name not in self.header:
                also = f" and optionally {optional[0]}" if optional else ""
                raise InputError(
                    f"{where}: column {name} is missing; the format has {', '.join(required)}{also}"
                )
        seen: dict[str, str] = {}
        for name in filter(None, self.header):
            other = seen.setdefault(name.casefold(), name)
            if self.header.count(name) > 1 or other != name:
                raise InputError(f"{where}: column {quoted(name)[1:-1]} is there twice")

    def texts(self, column: str) -> list[str]:
        """Return a column of texts; blanks around one count where it has quotation marks."""
        return [
            stripped
            if (stripped := cell.strip()) == cell or quoted_cell(cell) not in self._text
            else cell
            for cell in self.cells[column]
        ]

    def convert(self, column: str, parse: Callable[[str], T]) -> list[T]:
        """Parse a column; what `parse` raises is reported with line and column.

        Each distinct text is parsed once: a file of 49,000 tasks has few.
        """
        cells = self.cells[column]
        parsed: dict[str, T] = {}
        for row, text in enumerate(cells):
            if text not in parsed:
                try:
                    parsed[text] = parse(text)
                except ValueError as error:
                    raise self.bad(row, column, str(error)) from error
        return [parsed[text] for text in cells]

    def bad(self, row: int, column: str, reason: str) -> InputError:
        """Return the error of one cell."""
        return InputError(f"{self.path}: line {self.lines[row]}, column {column}: {reason}")

    def integers(self, column: str, least: int | None) -> IntArray:
        """Return a column of whole numbers that are at least this."""
        return np.array(self.convert(column, lambda text: whole(text, least)), dtype=np.int64)

    def times(self, column: str) -> FloatArray:
        """Return a column of times in seconds, from 0 on."""

        def parse(text: str) -> float:
            return _not_negative(text, "number of seconds", "arrivals count from 0")

        return np.array(self.convert(column, parse), dtype=np.float64)

    def due_s(self) -> FloatArray | None:
        """Return the column `due_s`, infinite where a cell is empty; None where there is none."""

        def parse(text: str) -> float:
            if not text.strip():
                return math.inf
            return _not_negative(text, "number of seconds", "due times count from 0")

        if DUE not in self.header:
            return None
        return np.array(self.convert(DUE, parse), dtype=np.float64)

    def value(self) -> FloatArray | None:
        """Return the column `value`; None where there is none."""

        def parse(text: str) -> float:
            return _not_negative(text, "number", "a job is worth 0 or more")

        if VALUE not in self.header:
            return None
        return np.array(self.convert(VALUE, parse), dtype=np.float64)


def _not_negative(text: str, what: str, why: str) -> float:
    number = decimal(text, what)
    if number < 0:
        raise ValueError(f"{text} is negative; {why}")
    return number

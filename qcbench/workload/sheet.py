"""CSV files cell by cell, so that every mistake is reported with its line and column."""

import csv
import io
import math
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from qcbench.arrays import FloatArray, IntArray
from qcbench.errors import InputError
from qcbench.workload.reading import check_last_line, read_text

T = TypeVar("T")


class Sheet:
    """The cells of a CSV file by column, and where each row stands in the file."""

    def __init__(
        self,
        path: Path,
        required: Sequence[str],
        optional: Sequence[str] = (),
        *,
        may_lack_newline: bool = False,
    ) -> None:
        """Read a file.

        Args:
            path: the file.
            required: columns that it must have.
            optional: columns that it may have, for messages.
            may_lack_newline: accept a last line that does not end, where it has all its fields.

        Raises:
            InputError: it cannot be read, is torn, or lacks a column.
        """
        self.path = path
        self._required, self._optional = required, optional
        text = read_text(path)
        reader = csv.reader(io.StringIO(text), strict=True)
        rows: list[list[str]] = []
        self.lines: list[int] = []
        try:
            self.header = next(reader)
            self._check_header()
            for row in reader:
                if not row:
                    continue
                if len(row) != len(self.header):
                    raise InputError(
                        f"{path}: line {reader.line_num}: has {len(row)} fields where the header "
                        f"has {len(self.header)}; it may be torn"
                    )
                rows.append(row)
                self.lines.append(reader.line_num)
        except csv.Error as error:
            raise InputError(f"{path}: line {reader.line_num}: {error}; it may be torn") from error
        self.lacks_newline = not text.endswith("\n")
        if not may_lack_newline:
            check_last_line(path, text)
        if not rows:
            raise InputError(f"{path}: has a header but no tasks")
        self.cells = dict(zip(self.header, zip(*rows, strict=True), strict=True))

    def _check_header(self) -> None:
        for name in self._required:
            if name not in self.header:
                optional = f" and optionally {', '.join(self._optional)}" if self._optional else ""
                raise InputError(
                    f"{self.path}: line 1: column {name} is missing; the format has "
                    f"{', '.join(self._required)}{optional}"
                )
        twice = next((name for name in self.header if self.header.count(name) > 1), None)
        if twice is not None:
            raise InputError(f"{self.path}: line 1: column {twice} is there twice")

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

    def integers(self, column: str, least: int) -> IntArray:
        """Return a column of whole numbers that are at least this."""

        def parse(text: str) -> int:
            if not re.fullmatch(r"[+-]?[0-9]{1,18}", text.strip()):
                raise ValueError(f"{text!r} is no whole number")
            value = int(text)
            if value < least:
                raise ValueError(f"{value}; must be at least {least}")
            return value

        return np.array(self.convert(column, parse), dtype=np.int64)

    def times(self, column: str) -> FloatArray:
        """Return a column of times in seconds, from 0 on."""

        def parse(text: str) -> float:
            try:
                value = float(text)
            except ValueError:
                raise ValueError(f"{text!r} is no number of seconds") from None
            if not math.isfinite(value):
                raise ValueError(f"{text!r} is no number of seconds")
            if value < 0:
                raise ValueError(f"{text} is negative; arrivals count from 0")
            return value

        return np.array(self.convert(column, parse), dtype=np.float64)

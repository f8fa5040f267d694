"""Tables of names that come from elsewhere: files, plugins, configs."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Literal

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from qcbench.bench.conf_files import OURS
from qcbench.errors import one_line
from qcbench.report.narrow import fit

GUTTER = 2
"""Characters between columns."""


class Listing(Table):
    """A table whose cells are shown as they are: one line each, and never as rich's markup."""

    def add_row(self, *cells: Any, **style: Any) -> None:
        """Add a row of texts."""
        super().add_row(*(escape(one_line(cell)) for cell in cells), **style)

    def add_rows(self, entries: Mapping[str, Iterable[Iterable[str]]]) -> None:
        """Add the rows of every entry, in order."""
        for rows in entries.values():
            for row in rows:
                self.add_row(*row)

    def add_provided(
        self, entries: Mapping[str, Iterable[Iterable[str]]], providers: Mapping[str, str]
    ) -> None:
        """Add the rows of every entry, and who provides it where that is not always qcbench.

        Args:
            entries: rows by name.
            providers: by name, see `qcbench.bench.conf_files.providers_of`.
        """
        if {providers.get(name, OURS) for name in entries} <= {OURS}:
            self.add_rows(entries)
            return
        self.add_column("from")
        told = {
            name: [[*row, providers.get(name, OURS)] for row in rows]
            for name, rows in entries.items()
        }
        self.add_rows(told)


def print_table(table: Table, width: int) -> None:
    """Print a table, as wide as said where it goes into a pipe, which has no width to fit in.

    A narrow terminal gets the first columns.
    """
    console = Console()
    if console.is_terminal:
        fit(table, console.width)
    else:
        console.width = width
    console.print(table)


def print_columns(
    columns: Mapping[str, Sequence[str]], width: int, right: Collection[str] = ()
) -> None:
    """Print columns as a table; what a narrow terminal has no room for is left out from the right.

    Args:
        columns: cells by head, the most important first.
        width: where it goes into a pipe.
        right: heads of columns of numbers.
    """
    console = Console()
    room = console.width if console.is_terminal else width
    table = Listing(box=None, pad_edge=False)
    taken = 0
    chosen: list[str] = []
    for head, cells in columns.items():
        taken += max(map(len, (head, *cells))) + GUTTER
        if not chosen or taken <= room + GUTTER:
            chosen.append(head)
            justify: Literal["left", "right"] = "right" if head in right else "left"
            table.add_column(head, justify=justify, no_wrap=True, overflow="ellipsis")
    for row in zip(*(columns[head] for head in chosen), strict=True):
        table.add_row(*row)
    print_table(table, width)

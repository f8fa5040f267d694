"""Tables of names that come from elsewhere: files, plugins, configs."""

from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from qcbench.errors import one_line


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


def print_table(table: Table, width: int) -> None:
    """Print a table, as wide as said where it goes into a pipe, which has no width to fit in."""
    console = Console()
    if not console.is_terminal:
        console.width = width
    console.print(table)

"""Tables of names that come from elsewhere: files, plugins, configs."""

from typing import Any

from rich.markup import escape
from rich.table import Table

from qcbench.errors import one_line


class Listing(Table):
    """A table whose cells are shown as they are: one line each, and never as rich's markup."""

    def add_row(self, *cells: Any, **style: Any) -> None:
        """Add a row of texts."""
        super().add_row(*(escape(one_line(cell)) for cell in cells), **style)

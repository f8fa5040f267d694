"""Tables in terminals that are narrow: what matters least goes, and what is shown is whole."""

from collections.abc import Collection, Iterable

from rich.table import Column, Table
from rich.text import Text

LONGEST_WORD = 24
"""Characters of a word in a column of texts; a longer one is broken."""


def fit(table: Table, width: int, keep: Collection[str] = ()) -> None:
    """Leave out columns from the right until there is room for every word of the others.

    The first column stays. What room there is then goes to those that need little more first.

    Args:
        width: characters of the terminal.
        keep: heads of columns before which all others go.
    """
    while len(table.columns) > 1 and _taken(table, map(_least, table.columns)) > width:
        others = [place for place, each in enumerate(table.columns) if each.header not in keep]
        later = [place for place in others if place]
        del table.columns[later[-1] if later else -1]
        for place, column in enumerate(table.columns):
            column._index = place  # rich pads cells by it
    if _taken(table, map(_whole, table.columns)) <= width:
        return
    spare = width - _taken(table, map(_least, table.columns))
    ordered = sorted(table.columns, key=lambda column: _whole(column) - _least(column))
    for place, column in enumerate(ordered):
        more = min(_whole(column) - _least(column), max(0, spare) // (len(ordered) - place))
        spare -= more
        column.width, column.overflow = _least(column) + more, "fold"


def _taken(table: Table, widths: Iterable[int]) -> int:
    """Return how many characters a table takes with columns of some widths."""
    _, right, _, left = table.padding
    count = len(table.columns)
    padded = (left + right) * count - (0 if table.pad_edge else left + right)
    lines = 0 if table.box is None else count + 1 if table.show_edge else count - 1
    return sum(widths) + padded + lines


def _texts(column: Column) -> list[Text]:
    return [Text.from_markup(str(each)) for each in (column.header, *column.cells)]


def _whole(column: Column) -> int:
    """Return how wide a column is without any break."""
    return max(text.cell_len for text in _texts(column))


def _least(column: Column) -> int:
    """Return how wide a column is whose words are whole."""
    if column.no_wrap:
        return _whole(column)
    words = (word for text in _texts(column) for word in text.plain.split())
    longest = max((Text(word).cell_len for word in words), default=0)
    return min(longest, LONGEST_WORD)

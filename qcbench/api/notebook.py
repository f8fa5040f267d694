"""How things are shown in a notebook: as tables, of texts that are never markup."""

from collections.abc import Iterable, Sequence
from html import escape

from qcbench.errors import one_line


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return an HTML table; what is None is an empty cell."""
    head = "".join(f"<th>{_cell(each)}</th>" for each in heads)
    body = "".join(f"<tr>{''.join(f'<td>{_cell(each)}</td>' for each in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def text(lines: str) -> str:
    """Return text whose columns stay below each other."""
    return f'<pre style="white-space: pre; overflow-x: auto">{escape(lines)}</pre>'


def _cell(value: object) -> str:
    return "" if value is None else escape(one_line(value))

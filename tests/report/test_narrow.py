"""Tables in narrow terminals: the first columns whole, not all of them cut."""

import io

import pytest
from rich.console import Console
from rich.table import Table

from qcbench.cli import tables
from qcbench.cli.main import main
from qcbench.report.narrow import fit


class Terminal(Console):
    """A terminal of some width that is read from."""

    columns = 40

    def __init__(self) -> None:
        super().__init__(
            file=io.StringIO(), width=self.columns, force_terminal=True, color_system=None
        )
        type(self).latest = self

    latest: Console


def shown(words: list[str], columns: int, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return what a verb shows in a terminal."""
    monkeypatch.setattr(Terminal, "columns", columns)
    monkeypatch.setattr(tables, "Console", Terminal)
    assert main(words) == 0
    file = Terminal.latest.file
    assert isinstance(file, io.StringIO)
    return file.getvalue().splitlines()


@pytest.mark.parametrize("columns", [40, 60, 80, 120])
@pytest.mark.parametrize(
    "words", [["fleet", "list"], ["policies"], ["scenarios"], ["suites"], ["claims"]]
)
def test_the_first_column_is_whole(
    words: list[str], columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = shown(words, columns, monkeypatch)
    assert max(map(len, lines)) <= columns
    assert not [line for line in lines if "…" in line]
    if words == ["fleet", "list"]:
        assert any("washington" in line for line in lines)
        assert not [line for line in lines if "││" in line or "┃┃" in line]


def test_what_is_kept_goes_last() -> None:
    table = Table(box=None, pad_edge=False)
    for head in ("name", "mean", "change", "pairs"):
        table.add_column(head, no_wrap=True)
    table.add_row("earliest", "1.234", "-5.4 %", "20")

    def heads(width: int) -> list[object]:
        fit(table, width, keep=("name", "change"))
        return [column.header for column in table.columns]

    assert heads(100) == ["name", "mean", "change", "pairs"]
    assert heads(26) == ["name", "mean", "change"]
    assert heads(20) == ["name", "change"]
    assert heads(5) == ["name"]

"""Whoever waits at a terminal is told what for, and since when; a log gets a line."""

import io
import os
import re
import sys
import time

import pytest

from qcbench.cli import stages
from qcbench.cli.stages import CLEAR, stage


class Terminal(io.StringIO):
    """A terminal, as far as it can be told from what is written."""

    def isatty(self) -> bool:
        return True


def at(columns: int, monkeypatch: pytest.MonkeyPatch) -> Terminal:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(stages, "TICK_S", 0.02)
    size = os.terminal_size((columns, 24))
    monkeypatch.setattr("shutil.get_terminal_size", lambda: size)
    return terminal


@pytest.mark.parametrize("columns", [120, 24])
def test_a_terminal_is_never_silent_for_long(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = at(columns, monkeypatch)
    with stage("drawing the report for whoever waits"):
        time.sleep(0.5)
    lines = terminal.getvalue().split(CLEAR)
    assert lines[0].startswith("drawing the report")
    assert len(lines) > 4
    assert all(re.search(r", \d+ s$", line) for line in lines[1:-1])
    assert lines[-1] == ""
    assert max(map(len, lines)) < columns
    before = terminal.getvalue()
    time.sleep(0.1)
    assert terminal.getvalue() == before


def test_an_error_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = at(80, monkeypatch)
    with pytest.raises(ValueError, match="no"), stage("working"):
        raise ValueError("no")
    assert terminal.getvalue() == f"working{CLEAR}"


def test_a_log_gets_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    with stage("one"), stage("two", logged=False):
        pass
    assert capsys.readouterr().err == "one\n"

"""Messages are one printable line, whatever they quote."""

import pickle

import pytest

from qcbench.bench.driver import RunError
from qcbench.bench.jobs.job import NoAnswerError
from qcbench.errors import LONGEST, InputError, QcbenchError, one_line, reason_of, shown
from qcbench.policies.protocol import PolicyError


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("plain · text, 5 µs “quoted” é", "plain · text, 5 µs “quoted” é"),
        ("two\nlines\r\n", r"two\nlines\r\n"),
        ("\x1b[31mred\x1b[0m\x07", r"\x1b[31mred\x1b[0m\x07"),
        ("\udcff.csv", r"\udcff.csv"),
        ("tab\there\x00", r"tab\there\x00"),
        ("right\u202eto left\u2028", r"right\u202eto left\u2028"),
        ("\x9b31m\x85", r"\x9b31m\x85"),
    ],
)
def test_one_line(text: str, line: str) -> None:
    assert one_line(text) == line
    for kind in (InputError, RunError, PolicyError, NoAnswerError):
        error = kind(text)
        assert str(error) == line
        assert str(pickle.loads(pickle.dumps(error))) == line
        line.encode("ascii", "backslashreplace")


def test_a_long_value_loses_its_middle() -> None:
    line = str(InputError(f"key: {'x' * 10**6}; must be short"))
    assert line.startswith("key: xxx")
    assert line.endswith("x; must be short")
    assert len(line) < LONGEST + 50


def test_exit_codes() -> None:
    assert InputError("").exit_code == 2
    assert issubclass(InputError, ValueError)
    for kind in (RunError, PolicyError):
        assert issubclass(kind, QcbenchError)
        assert issubclass(kind, RuntimeError)
        assert kind("").exit_code == 1


class Mute:
    def __repr__(self) -> str:
        raise OSError("no words")


class MuteError(Exception):
    def __str__(self) -> str:
        raise SystemExit(3)


def test_what_cannot_be_written_out() -> None:
    assert shown(Mute()) == "a Mute that cannot be written out"
    assert reason_of(MuteError()) == "MuteError: a MuteError that cannot be written out"
    assert reason_of(ValueError("a\n  b")) == "ValueError: a b"
    assert reason_of(SystemExit()) == "SystemExit"

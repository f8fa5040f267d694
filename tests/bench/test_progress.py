"""What is shown while a suite runs."""

import io

from qcbench.bench import progress as shown
from qcbench.bench.progress import Bar, Lines, Silent, clock, make_progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_a_bar_and_a_log_gets_lines() -> None:
    assert isinstance(make_progress("auto", Terminal()), Bar)
    assert isinstance(make_progress("auto", io.StringIO()), Lines)
    assert isinstance(make_progress("silent", Terminal()), Silent)


def test_lines_say_rate_time_left_and_failures(monkeypatch) -> None:
    now = [100.0]
    monkeypatch.setattr(shown.time, "monotonic", lambda: now[0])
    stream = io.StringIO()
    lines = Lines(stream, every_s=5.0)
    lines.start(200, 10, 0)
    now[0] += 60.0  # workers starting: no part of the rate
    lines.update(20, 0)
    now[0] += 1.0
    lines.update(22, 0)
    now[0] += 9.0
    lines.update(38, 2)
    lines.note("something happened")
    now[0] += 80.0
    lines.update(197, 3)
    lines.stop()
    assert stream.getvalue().splitlines() == [
        "10/200 trials, starting",
        "20/200 trials, starting",
        "40/200 trials, 2 failed, 2/s, 1:20 left",
        "something happened",
        "200/200 trials, 3 failed",
        "200/200 trials, 3 failed",
    ]


def test_the_bar_shows_counts_failures_and_notes() -> None:
    stream = Terminal()
    bar = Bar(stream)
    bar.start(50, 5, 1)
    bar.note("failed: [s0], p1: ValueError")
    bar.update(39, 3)
    bar.stop()
    text = stream.getvalue()
    assert "failed: [s0], p1: ValueError" in text
    assert "42/50" in text
    assert "3 failed" in text


def test_durations_read_like_a_clock() -> None:
    assert [clock(s) for s in (0.4, 61, 3599.6, 90061)] == ["0:00", "1:01", "1:00:00", "25:01:01"]

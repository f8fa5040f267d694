"""What is shown while a suite runs."""

import io

from qcbench.bench import progress as shown
from qcbench.bench.progress import STEPS, Bar, Lines, Silent, clock, make_progress


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
    lines = Lines(stream)
    lines.start(200, 10)
    now[0] += 60.0  # workers starting: no part of the rate
    lines.update(20)
    now[0] += 1.0
    lines.update(22)
    now[0] += 9.0
    lines.update(40, "2 failed")
    lines.note("something happened")
    now[0] += 80.0
    lines.update(200, "3 failed")
    lines.stop()
    assert stream.getvalue().splitlines() == [
        "10/200 trials, starting",
        "20/200 trials, starting",
        "40/200 trials, 2 failed, 2/s, 1:20 left",
        "something happened",
        "200/200 trials, 3 failed",
    ]


def test_lines_of_a_training_say_what_the_learner_says(monkeypatch) -> None:
    now = [100.0]
    monkeypatch.setattr(shown.time, "monotonic", lambda: now[0])
    stream = io.StringIO()
    lines = make_progress("lines", stream, STEPS)
    lines.start(1_000_000, 200_000)
    now[0] += 5.0
    lines.update(300_000, "reward -0.5")
    now[0] += 5.0  # from the start on: nothing has to be waited for
    lines.update(400_000, "reward -0.4")
    lines.stop()
    assert stream.getvalue().splitlines() == [
        "200,000/1,000,000 steps, starting",
        "400,000/1,000,000 steps, reward -0.4, 20,000 steps/s, 0:30 left",
    ]


def test_the_bar_shows_counts_failures_and_notes() -> None:
    stream = Terminal()
    bar = Bar(stream)
    bar.start(50, 6, "1 failed")
    bar.note("failed: [s0], p1: ValueError")
    bar.update(42, "3 failed")
    bar.stop()
    text = stream.getvalue()
    assert "failed: [s0], p1: ValueError" in text
    assert "42/50" in text
    assert "3 failed" in text


def test_durations_read_like_a_clock() -> None:
    assert [clock(s) for s in (0.4, 61, 3599.6, 90061)] == ["0:00", "1:01", "1:00:00", "25:01:01"]

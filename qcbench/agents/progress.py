"""What a person sees while an agent is trained."""

import sys
import time
from typing import IO, Protocol

from qcbench.bench.progress import Kind, clock

LINE_EVERY_S = 10.0


class Display(Protocol):
    """Receiver of the progress of a training. `start` and `stop` are called once each."""

    def start(self, total: int, done: int) -> None:
        """Begin, with the decisions of earlier sessions."""

    def update(self, done: int, text: str) -> None:
        """Show how many decisions there were, and what the learner says of itself."""

    def note(self, line: str) -> None:
        """Say something in a line of its own."""

    def stop(self) -> None:
        """End."""


def make_display(kind: Kind = "auto", stream: IO[str] | None = None) -> Display:
    """Return a display: `bar` for a terminal, `lines` for a log, `silent`, or `auto`."""
    out = stream or sys.stderr
    if kind == "silent":
        return SilentDisplay()
    if kind == "bar" or (kind == "auto" and out.isatty()):
        return BarDisplay(out)
    return LineDisplay(out)


class SilentDisplay:
    """Shows nothing."""

    def start(self, total: int, done: int) -> None:
        """Do nothing."""

    def update(self, done: int, text: str) -> None:
        """Do nothing."""

    def note(self, line: str) -> None:
        """Do nothing."""

    def stop(self) -> None:
        """Do nothing."""


class StepPace:
    """Rate and time left of this session, evaluations included."""

    def __init__(self, total: int, done: int) -> None:
        self.total, self.done = total, done
        self._base = (time.monotonic(), done)

    def text(self) -> str:
        """Return something like ``61,200 steps/s, 5:20 left``."""
        began, base = self._base
        elapsed_s, new = time.monotonic() - began, self.done - base
        if new <= 0 or elapsed_s <= 0:
            return "starting"
        rate = new / elapsed_s
        left = clock(max(0, self.total - self.done) / rate)
        return f"{rate:,.0f} steps/s, {left} left"


class LineDisplay:
    """A plain line every few seconds, for logs and pipes."""

    def __init__(self, stream: IO[str], every_s: float = LINE_EVERY_S) -> None:
        self._stream, self._every_s = stream, every_s
        self._pace = StepPace(0, 0)
        self._last = 0.0
        self._text = ""

    def start(self, total: int, done: int) -> None:
        """Begin to count time."""
        self._pace = StepPace(total, done)
        self._last = time.monotonic()

    def update(self, done: int, text: str) -> None:
        """Print a line if the last one is old enough."""
        self._pace.done, self._text = done, text
        if time.monotonic() - self._last >= self._every_s:
            self._print()

    def note(self, line: str) -> None:
        """Print a line."""
        print(line, file=self._stream, flush=True)

    def stop(self) -> None:
        """Print where training ended."""
        self._print()

    def _print(self) -> None:
        self._last = time.monotonic()
        pace = self._pace
        self.note(f"{pace.done:,}/{pace.total:,} steps, {pace.text()}; {self._text}".rstrip("; "))


class BarDisplay:
    """A bar with rate, time left and the learner's figures, for a terminal."""

    def __init__(self, stream: IO[str]) -> None:
        from rich.console import Console  # noqa: PLC0415 - only where a bar is shown
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415

        # A slow refresh: the display must not take the cores that learn.
        self._rich = Progress(
            TextColumn("{task.percentage:>3.0f} %"),
            BarColumn(bar_width=20),
            TextColumn("{task.fields[pace]}"),
            TextColumn("[dim]{task.fields[text]}"),
            TimeElapsedColumn(),
            console=Console(file=stream),
            refresh_per_second=2,
        )
        self._task = self._rich.add_task("steps", total=None, pace="", text="")
        self._pace = StepPace(0, 0)

    def start(self, total: int, done: int) -> None:
        """Show the bar."""
        self._pace = StepPace(total, done)
        self._rich.update(self._task, total=total, completed=done, pace="starting")
        self._rich.start()

    def update(self, done: int, text: str) -> None:
        """Move the bar."""
        self._pace.done = done
        self._rich.update(self._task, completed=done, pace=self._pace.text(), text=text)

    def note(self, line: str) -> None:
        """Print a line above the bar."""
        self._rich.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def stop(self) -> None:
        """Leave the bar as it is."""
        self._rich.stop()

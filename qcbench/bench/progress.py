"""What a person sees while a suite runs or an agent is trained."""

import sys
import time
from dataclasses import dataclass
from typing import IO, Literal, Protocol

from qcbench.errors import one_line

Kind = Literal["auto", "bar", "lines", "silent"]


@dataclass(frozen=True)
class Work:
    """What is counted, and how it is shown.

    Attributes:
        unit: in words.
        number, rate: formats of a count and of how many a second.
        every_s: time between two lines of a log.
        starts_late: the time until the first result is the start of workers and says nothing of
            what is left, so the rate counts from that result on.
        style: of what is said beside the counts.
    """

    unit: str
    number: str
    rate: str
    every_s: float
    starts_late: bool
    style: str


TRIALS = Work("trials", "{}", "{:.3g}/s", every_s=5.0, starts_late=True, style="red")
STEPS = Work("steps", "{:,}", "{:,.0f} steps/s", every_s=10.0, starts_late=False, style="dim")


class Progress(Protocol):
    """Receiver of the progress of some work. `start` and `stop` are called once each."""

    def start(self, total: int, done: int, text: str = "") -> None:
        """Begin, with what earlier sessions have done already."""

    def grow(self, total: int) -> None:
        """Take in that there is more to do than there was."""

    def update(self, done: int, text: str = "") -> None:
        """Show how much is done since the work was created, and what there is to say of it."""

    def note(self, line: str) -> None:
        """Say something in a line of its own."""

    def stop(self) -> None:
        """End, whether or not everything is done."""


def make_progress(
    kind: Kind = "auto", stream: IO[str] | None = None, work: Work = TRIALS
) -> Progress:
    """Return a progress display.

    Args:
        kind: `bar` for a terminal, `lines` for a log, `silent` for neither; `auto` takes a bar on
            a terminal and lines elsewhere.
        stream: where it goes; standard error where None.
        work: what is counted.
    """
    out = stream or sys.stderr
    if kind == "silent":
        return Silent()
    if kind == "bar" or (kind == "auto" and out.isatty()):
        return Bar(out, work)
    return Lines(out, work)


class Silent:
    """Shows nothing."""

    def start(self, total: int, done: int, text: str = "") -> None:
        """Do nothing."""

    def grow(self, total: int) -> None:
        """Do nothing."""

    def update(self, done: int, text: str = "") -> None:
        """Do nothing."""

    def note(self, line: str) -> None:
        """Do nothing."""

    def stop(self) -> None:
        """Do nothing."""


class Lines:
    """A plain line every few seconds, for logs and pipes."""

    def __init__(self, stream: IO[str], work: Work = TRIALS) -> None:
        self._stream = stream
        self._work = work
        self._pace = Pace(work, 0, 0)
        self._text = ""
        self._last = 0.0
        self._said = (-1, "")

    def start(self, total: int, done: int, text: str = "") -> None:
        """Print where the work stands."""
        self._pace = Pace(self._work, total, done)
        self._text = text
        self._print()

    def grow(self, total: int) -> None:
        """Count up to more."""
        self._pace.total = total

    def update(self, done: int, text: str = "") -> None:
        """Print a line if the last one is old enough, or this is the end."""
        self._pace.count(done)
        self._text = text
        if done >= self._pace.total or time.monotonic() - self._last >= self._work.every_s:
            self._print()

    def note(self, line: str) -> None:
        """Print a line."""
        print(one_line(line), file=self._stream, flush=True)

    def stop(self) -> None:
        """Print where the work ended, unless that has just been said."""
        if (self._pace.done, self._text) != self._said:
            self._print()

    def _print(self) -> None:
        self._last = time.monotonic()
        self._said = (self._pace.done, self._text)
        pace, number = self._pace, self._work.number.format
        left = pace.text() if pace.done < pace.total else ""
        counts = f"{number(pace.done)}/{number(pace.total)} {self._work.unit}"
        self.note(", ".join(part for part in (counts, self._text, left) if part))


class Bar:
    """A bar with rate, time left and what there is to say, for a terminal."""

    def __init__(self, stream: IO[str], work: Work = TRIALS) -> None:
        from rich.console import Console  # noqa: PLC0415 - only where a bar is shown
        from rich.progress import (  # noqa: PLC0415
            BarColumn,
            MofNCompleteColumn,
            TextColumn,
            TimeElapsedColumn,
        )
        from rich.progress import Progress as RichProgress  # noqa: PLC0415

        # A slow refresh: the display must not take the cores that work.
        self._rich = RichProgress(
            TextColumn(work.unit),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TextColumn("{task.fields[pace]}"),
            TextColumn(f"[{work.style}]{{task.fields[text]}}"),
            TimeElapsedColumn(),
            console=Console(file=stream),
            refresh_per_second=2,
        )
        self._task = self._rich.add_task(work.unit, total=None, pace="", text="")
        self._work = work
        self._pace = Pace(work, 0, 0)

    def start(self, total: int, done: int, text: str = "") -> None:
        """Show the bar."""
        self._pace = Pace(self._work, total, done)
        self._rich.update(self._task, total=total)
        self._rich.start()
        self._show(text)

    def grow(self, total: int) -> None:
        """Make the bar longer."""
        self._pace.total = total
        self._rich.update(self._task, total=total)

    def update(self, done: int, text: str = "") -> None:
        """Move the bar."""
        self._pace.count(done)
        self._show(text)

    def note(self, line: str) -> None:
        """Print a line above the bar."""
        self._rich.console.print(one_line(line), markup=False, highlight=False, soft_wrap=True)

    def stop(self) -> None:
        """Leave the bar as it is."""
        self._rich.stop()

    def _show(self, text: str) -> None:
        pace = self._pace
        self._rich.update(self._task, completed=pace.done, pace=pace.text(), text=text)


class Pace:
    """Rate and time left of this session."""

    def __init__(self, work: Work, total: int, done: int) -> None:
        self.total = total
        self.done = done
        self._work = work
        self._base = None if work.starts_late else (time.monotonic(), done)

    def count(self, done: int) -> None:
        """Take over how much is done."""
        self.done = done
        if self._base is None:
            self._base = (time.monotonic(), done)

    def text(self) -> str:
        """Return something like ``12.5/s, 1:20 left``; ``starting`` while there is no rate."""
        if self._base is None:
            return "starting"
        began_s, base = self._base
        elapsed_s, new = time.monotonic() - began_s, self.done - base
        if new <= 0 or elapsed_s <= 0:
            return "starting"
        rate = new / elapsed_s
        left = clock(max(0, self.total - self.done) / rate)
        return f"{self._work.rate.format(rate)}, {left} left"


def clock(seconds: float) -> str:
    """Return a duration as ``h:mm:ss`` or ``m:ss``."""
    whole = round(seconds)
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"

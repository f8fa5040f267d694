"""What a person sees while a suite runs."""

import sys
import time
from typing import IO, Literal, Protocol

from qcbench.errors import one_line

Kind = Literal["auto", "bar", "lines", "silent"]

LINE_EVERY_S = 5.0


class Progress(Protocol):
    """Receiver of a run's progress. `start` and `stop` are called once each."""

    def start(self, total: int, done: int, failed: int) -> None:
        """Begin, with what an earlier session has finished already."""

    def update(self, done: int, failed: int) -> None:
        """Show how many trials are done and how many failed, both since the run was created."""

    def note(self, line: str) -> None:
        """Say something in a line of its own."""

    def stop(self) -> None:
        """End, whether or not all trials are there."""


def make_progress(kind: Kind = "auto", stream: IO[str] | None = None) -> Progress:
    """Return a progress display.

    Args:
        kind: `bar` for a terminal, `lines` for a log, `silent` for neither; `auto` takes a bar on
            a terminal and lines elsewhere.
        stream: where it goes; standard error where None.
    """
    out = stream or sys.stderr
    if kind == "silent":
        return Silent()
    if kind == "bar" or (kind == "auto" and out.isatty()):
        return Bar(out)
    return Lines(out)


class Silent:
    """Shows nothing."""

    def start(self, total: int, done: int, failed: int) -> None:
        """Do nothing."""

    def update(self, done: int, failed: int) -> None:
        """Do nothing."""

    def note(self, line: str) -> None:
        """Do nothing."""

    def stop(self) -> None:
        """Do nothing."""


class Lines:
    """A plain line every few seconds, for logs and pipes."""

    def __init__(self, stream: IO[str], every_s: float = LINE_EVERY_S) -> None:
        self._stream = stream
        self._every_s = every_s
        self._pace = Pace(0, 0)
        self._failed = 0
        self._last = 0.0

    def start(self, total: int, done: int, failed: int) -> None:
        """Print where the run stands."""
        self._pace = Pace(total, done + failed)
        self._failed = failed
        self._print()

    def update(self, done: int, failed: int) -> None:
        """Print a line if the last one is old enough."""
        self._pace.count(done + failed)
        self._failed = failed
        if time.monotonic() - self._last >= self._every_s:
            self._print()

    def note(self, line: str) -> None:
        """Print a line."""
        print(one_line(line), file=self._stream, flush=True)

    def stop(self) -> None:
        """Print where the run ended."""
        self._print()

    def _print(self) -> None:
        self._last = time.monotonic()
        pace = self._pace
        failed = f", {self._failed} failed" if self._failed else ""
        self.note(
            f"{pace.finished}/{pace.total} trials{failed}, {pace.text()}"
            if pace.finished < pace.total
            else f"{pace.finished}/{pace.total} trials{failed}"
        )


class Bar:
    """A bar with rate, time left and failures, for a terminal."""

    def __init__(self, stream: IO[str]) -> None:
        from rich.console import Console  # noqa: PLC0415 - only where a bar is shown
        from rich.progress import (  # noqa: PLC0415
            BarColumn,
            MofNCompleteColumn,
            TextColumn,
            TimeElapsedColumn,
        )
        from rich.progress import Progress as RichProgress  # noqa: PLC0415

        # A slow refresh: the display must not take the workers' cores.
        self._rich = RichProgress(
            TextColumn("trials"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[pace]}"),
            TextColumn("[red]{task.fields[failures]}"),
            TimeElapsedColumn(),
            console=Console(file=stream),
            refresh_per_second=4,
        )
        self._task = self._rich.add_task("trials", total=None, pace="", failures="")
        self._pace = Pace(0, 0)

    def start(self, total: int, done: int, failed: int) -> None:
        """Show the bar."""
        self._pace = Pace(total, done + failed)
        self._rich.update(self._task, total=total)
        self._rich.start()
        self._show(failed)

    def update(self, done: int, failed: int) -> None:
        """Move the bar."""
        self._pace.count(done + failed)
        self._show(failed)

    def note(self, line: str) -> None:
        """Print a line above the bar."""
        self._rich.console.print(one_line(line), markup=False, highlight=False, soft_wrap=True)

    def stop(self) -> None:
        """Leave the bar as it is."""
        self._rich.stop()

    def _show(self, failed: int) -> None:
        self._rich.update(
            self._task,
            completed=self._pace.finished,
            pace=self._pace.text(),
            failures=f"{failed} failed" if failed else "",
        )


class Pace:
    """Rate and time left, from what was finished since the first result of this session.

    The time until the first result is the start of workers and says nothing of what is left.
    """

    def __init__(self, total: int, finished: int) -> None:
        self.total = total
        self.finished = finished
        self._base: tuple[float, int] | None = None

    def count(self, finished: int) -> None:
        """Take over how many trials are finished."""
        self.finished = finished
        if self._base is None:
            self._base = (time.monotonic(), finished)

    def text(self) -> str:
        """Return something like ``12.5/s, 1:20 left``; ``starting`` while there is no rate."""
        if self._base is None:
            return "starting"
        elapsed_s = time.monotonic() - self._base[0]
        new = self.finished - self._base[1]
        if not new or elapsed_s <= 0:
            return "starting"
        rate = new / elapsed_s
        return f"{rate:.3g}/s, {clock((self.total - self.finished) / rate)} left"


def clock(seconds: float) -> str:
    """Return a duration as ``h:mm:ss`` or ``m:ss``."""
    whole = round(seconds)
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"

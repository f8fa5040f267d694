"""Processes that draw figures: Matplotlib is Python, and a second core would watch it work."""

import os
import pickle
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import BinaryIO

import polars as pl

from qcbench.report.chosen_worlds import ChosenWorld
from qcbench.report.drawings import drawn_of, plan
from qcbench.report.style import FigureFiles
from qcbench.stats.summary import Summary

MOST = 4
"""Processes; a report has some twenty figures, and a process takes half a second to start."""


class Drawers:
    """Processes that have loaded Matplotlib and wait for what they are to draw."""

    def __init__(self, number: int) -> None:
        path = os.pathsep.join(filter(None, sys.path))
        threads = {"OMP_NUM_THREADS": "1", "POLARS_MAX_THREADS": "1"}
        self._processes = [
            subprocess.Popen(
                [sys.executable, "-P", "-m", "qcbench.report.drawers"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={**os.environ, **threads, "PYTHONPATH": path},
            )
            for _ in range(number)
        ]

    def draw(
        self,
        trials: pl.DataFrame,
        summary: Summary,
        worlds: Mapping[str, ChosenWorld] | None = None,
    ) -> dict[str, FigureFiles | None]:
        """Return all figures of a report by name; can be called once.

        What a process did not give, because it was killed or met an error, is drawn here, where an
        error can be raised.
        """
        parts, own = len(self._processes), plan(trials, summary, worlds)
        if not parts:
            return own.pictures()
        sent = drawn_of(trials, summary)
        data = [pickle.dumps((sent, summary, worlds, part, parts)) for part in range(parts)]
        with ThreadPoolExecutor(parts) as waiting:
            given = list(waiting.map(_ask, self._processes, data))
        found: dict[str, FigureFiles | None] = {}
        for part, pictures in enumerate(given):
            found |= own.pictures(part, parts) if pictures is None else pictures
        return {name: found[name] for name in own.drawings}

    def close(self) -> None:
        """End the processes."""
        for process in self._processes:
            process.kill()
            process.communicate()


def _ask(
    process: "subprocess.Popen[bytes]", data: bytes
) -> Mapping[str, FigureFiles | None] | None:
    """Return what a process has drawn; None where it ended without."""
    drawn, _ = process.communicate(data)
    # What it wrote is from this package and this user: a pickle does no harm.
    return pickle.loads(drawn) if process.returncode == 0 else None  # noqa: S301


@contextmanager
def drawers(cores: int) -> Iterator[Drawers]:
    """Start a process for every core, and end them with the context; none on a single core."""
    number = min(cores, MOST) if cores > 1 else 0
    started = Drawers(number)
    try:
        yield started
    finally:
        started.close()


def serve(source: BinaryIO, target: BinaryIO) -> None:
    """Draw the part that is asked for; what a process of `Drawers` does."""
    trials, summary, worlds, part, parts = pickle.load(source)  # noqa: S301 - from the parent
    pickle.dump(plan(trials, summary, worlds).pictures(part, parts), target)


if __name__ == "__main__":
    serve(sys.stdin.buffer, sys.stdout.buffer)

"""A training's curves as event files of TensorBoard, beside the run's `progress.jsonl`.

    runs/train-NAME-STAMP/tensorboard/events.out.tfevents.TIME.HOST

What `progress.jsonl` says is the truth: whoever goes on with a run writes the file anew from the
lines that are kept, so that no point is there twice. Each line is one event, written and flushed
here: the library's usual writer does it in a thread, and waits for ever once a full disk has ended
that.
"""

import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from qcbench.errors import UnwritableError
from qcbench.files import writing
from qcbench.tracking.training_view import CurvePoint, points_of

EVENTS = "tensorboard"
"""Folder of a run with the event file."""


class NoEvents:
    """Keeps nothing."""

    def begin(self, kept: Iterable[CurvePoint]) -> None:
        """Do nothing."""

    def add(self, steps: int, named: Mapping[str, Any]) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


class Events(NoEvents):
    """The event file of one run, which this process writes."""

    def __init__(self, run: Path) -> None:
        # Here, so that a missing package is told before anything is learned.
        from tensorboardX import event_file_writer  # noqa: F401, PLC0415 - only where asked for

        self._folder = run / EVENTS
        self._writer: Any = None

    def begin(self, kept: Iterable[CurvePoint]) -> None:
        """Write a new file in place of those that there are.

        Args:
            kept: what was found up to now.
        """
        from tensorboardX.event_file_writer import EventsWriter  # noqa: PLC0415
        from tensorboardX.proto.event_pb2 import Event, SessionLog  # noqa: PLC0415

        self.close()
        with writing(self._folder):
            self._folder.mkdir(exist_ok=True)
            for old in self._folder.glob("events.out.tfevents.*"):
                old.unlink()
            self._writer = EventsWriter(str(self._folder / "events"))
            # A TensorBoard that has read the former file forgets its points.
            start = SessionLog(status=SessionLog.START)
            self._writer.write_event(Event(wall_time=time.time(), step=0, session_log=start))
            for found in kept:
                self._write(found)
            self._writer.flush()

    def add(self, steps: int, named: Mapping[str, Any]) -> None:
        """Write what was found after so many decisions; it is in the file when this returns."""
        with writing(self._folder):
            self._write(CurvePoint(steps, time.time(), named))
            self._writer.flush()

    def close(self) -> None:
        """Write no more."""
        if self._writer is not None:
            writer, self._writer = self._writer, None
            # All is in the file; who could not write it has been told.
            with suppress(UnwritableError), writing(self._folder):
                writer.close()

    def _write(self, found: CurvePoint) -> None:
        from tensorboardX.proto.event_pb2 import Event  # noqa: PLC0415
        from tensorboardX.proto.summary_pb2 import Summary  # noqa: PLC0415

        values = [
            Summary.Value(tag=point.name, simple_value=point.value) for point in points_of(found)
        ]
        self._writer.write_event(
            Event(wall_time=found.time_s, step=found.steps, summary=Summary(value=values))
        )

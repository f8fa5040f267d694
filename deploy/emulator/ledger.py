"""What happened to every job, one JSON line an event, on the disk before the service answers."""

import json
import os
import threading
from pathlib import Path
from typing import IO, Any

from qcbench.errors import InputError


class ServiceLedger:
    """Appends events to a file; without a path it keeps nothing.

    A job has one line `accepted`, at most one `started`, and one of `completed`, `failed` or
    `cancelled` when it is over, with its charge in QPU seconds. `time_s` is the emulated moment,
    since the start of the emulator.

    Raises:
        InputError: the file cannot be written.
    """

    def __init__(self, path: str) -> None:
        self._lock = threading.Lock()
        self._file: IO[str] | None = None
        if path:
            try:
                self._file = Path(path).open("a", encoding="utf-8")  # noqa: SIM115 - kept open
            except OSError as error:
                raise InputError(
                    f"ledger={path}: cannot be written ({error.strerror}); choose another place"
                ) from None

    def write(self, event: str, **figures: Any) -> None:
        """Append an event and force it to the disk."""
        if self._file is None:
            return
        with self._lock:
            self._file.write(json.dumps({"event": event, **figures}) + "\n")
            self._file.flush()
            os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

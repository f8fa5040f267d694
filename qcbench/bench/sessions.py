"""`machine.json` of a run: every session that worked on it; no result depends on it."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from qcbench.errors import InputError
from qcbench.files import read_json
from qcbench.storage.places import shown_path

FILE = "machine.json"


def read(folder: Path) -> list[dict[str, Any]]:
    """Return the sessions of a run, none where none is noted.

    Raises:
        InputError: the file is damaged.
    """
    path = folder / FILE
    if not path.is_file():
        return []
    found = read_json(path)
    if not isinstance(found, list) or not all(map(_is_session, found)):
        raise InputError(f"{shown_path(path)}: is no list of sessions")
    return found


def _is_session(entry: Any) -> bool:
    try:
        datetime.fromisoformat(entry["started"])
        return float(entry.get("run_s", 0.0)) >= 0.0
    except (ValueError, TypeError, KeyError, AttributeError):
        return False


def with_session(sessions: Sequence[Mapping[str, Any]], session: Mapping[str, Any]) -> bytes:
    """Return the file with a session added, or in the place of the one with the same `started`."""
    kept = [other for other in sessions if other["started"] != session.get("started")]
    return (json.dumps([*kept, session], indent=2) + "\n").encode()

"""The folder of a replay: what it is, where its files lie."""

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

from qcbench.bench.run_names import HEADS, find
from qcbench.bench.typed import plain, typed
from qcbench.errors import InputError
from qcbench.files import parse_json, quoted, write_durable
from qcbench.hardware.port import Label
from qcbench.hardware.providers.registry import label_of
from qcbench.hardware.replay_config import ReplayConfig, identity, replay_id

MANIFEST, LEDGER, TABLE = HEADS["replay"], "ledger.sqlite", "tasks.parquet"
ANCHORS = "anchors.parquet"


@dataclass(frozen=True)
class ReplayFolder:
    """A replay on the disk.

    Attributes:
        folder: where it lies.
        replay: its name in every table and tag.
        config: of the replay, without anything secret.
        label: where its numbers come from.
        date: when it was begun.
    """

    folder: Path
    replay: str
    config: ReplayConfig
    label: Label
    date: str

    @property
    def ledger(self) -> Path:
        """The durable record."""
        return self.folder / LEDGER

    @property
    def table(self) -> Path:
        """One row for every task under every policy."""
        return self.folder / TABLE

    @property
    def anchors(self) -> Path:
        """One row for every anchor circuit that was executed; not there where there are none."""
        return self.folder / ANCHORS


def place_of(config: ReplayConfig) -> Path:
    """Return where a replay lies, or will."""
    name = config.name or f"replay-{replay_id(config)}"
    again = config.repetition or 1
    if config.name and again > 1:
        name = f"{name}-{again}"
    return Path(config.replays_dir) / name


def next_repetition(config: ReplayConfig) -> ReplayConfig:
    """Return the first repetition of a replay that is not at its end, the last where all are."""
    if config.repetition is not None or config.repeat == 1:
        return config
    each = [replace(config, repetition=again) for again in range(1, config.repeat + 1)]
    return next((one for one in each if not (place_of(one) / TABLE).is_file()), each[-1])


def open_or_create(config: ReplayConfig) -> ReplayFolder:
    """Return the folder of a replay; the same command finds the same one.

    Raises:
        InputError: the folder cannot be made, or holds another replay.
    """
    number = replay_id(config)
    folder = place_of(config)
    if (folder / MANIFEST).is_file():
        found = open_replay(folder)
        if found.replay != number:
            different = _first_difference(found.config, config)
            raise InputError(
                f"{folder}: holds another replay ({different} differs); give this one another name"
            )
        return found
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot be made ({error.strerror})") from error
    content = {
        "replay": number,
        "label": label_of(config.backend),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "told": plain(config),
    }
    write_durable(folder / MANIFEST, (json.dumps(content, indent=1) + "\n").encode())
    return open_replay(folder)


def open_replay(folder: Path) -> ReplayFolder:
    """Read what a folder holds.

    Raises:
        InputError: it is no replay.
    """
    path = folder / MANIFEST
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(
            f"{folder}: is no replay ({MANIFEST} cannot be read: {error.strerror})"
        ) from error
    content = parse_json(data, str(path))
    try:
        told, replay, label, date = (content[key] for key in ("told", "replay", "label", "date"))
        if not isinstance(told, dict) or not isinstance(replay, str):
            raise TypeError("told and replay are none")
        if label not in get_args(Label):
            raise ValueError(f"label is {quoted(label)}")
        datetime.fromisoformat(date)
        return ReplayFolder(folder, replay, typed(ReplayConfig, told, ""), label, date)
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: is not what `qcbench replay` writes ({error})") from error


def find_replay(name: str | None, replays_dir: str = "replays") -> ReplayFolder:
    """Open a replay by path, by its name or the beginning of one; the latest where None.

    Raises:
        InputError: there is none, or several.
    """
    return open_replay(find("replay", Path(replays_dir), name))


def _first_difference(one: ReplayConfig, other: ReplayConfig) -> str:
    before, after = identity(one), identity(other)
    return next((key for key in after if before.get(key) != after[key]), "version of qiskit")

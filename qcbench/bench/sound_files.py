"""Files of a run that are named by their content, so that damage shows, and what is set aside."""

import hashlib
import json
from collections.abc import Set
from pathlib import Path

from qcbench.bench import tables
from qcbench.bench.tables import ShardError
from qcbench.storage import mirror


def name_of(data: bytes) -> str:
    """Name a shard by its content."""
    return f"{hashlib.sha256(data).hexdigest()[:32]}.parquet"


def read_sound(path: Path) -> bytes:
    """Return the content of a file.

    Raises:
        ShardError: it is not what its name says.
        OSError: it cannot be read.
    """
    data = path.read_bytes()
    if path.name != name_of(data):
        raise ShardError("damaged, or not written by qcbench")
    return data


def check_of_run(path: Path, ids: Set[str]) -> None:
    """Check that a shard has results of the trials of a run alone.

    Raises:
        ShardError: it has another one, or is none.
        OSError: it cannot be read.
    """
    entries = tables.read_shard(path.read_bytes())
    foreign = next((one for one in entries.get_column("trial_id") if one not in ids), None)
    if foreign is not None:
        raise ShardError(f"trial {foreign} is not of this run")


def made_of(shards: str, name: str, table: bytes) -> bytes:
    """Return what `tables.json` says of a table and of the shards that it is made of."""
    said = {"shards": shards, name: hashlib.sha256(table).hexdigest()}
    return (json.dumps(said, indent=2) + "\n").encode()


def to_quarantine(folder: Path, path: Path) -> None:
    """Move a file of a run to where nobody takes it for a part of it."""
    quarantine = folder / "quarantine"
    quarantine.mkdir(exist_ok=True)
    aside = path.replace(quarantine / path.name)
    mirror.push(aside)
    mirror.drop(path)

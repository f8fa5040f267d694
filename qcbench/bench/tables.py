"""Shards, and the tables that they are compacted into, as pure functions of bytes and rows.

A shard keeps each row as JSON text: a chunk cannot know which columns, and of which types, the
whole table will have. The compaction knows, and gives the same bytes for the same trials however
they were dealt out to shards.
"""

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from qcbench.arrays import IntArray
from qcbench.bench.manifest import usable_cores
from qcbench.bench.outcome import HEAD, Outcome
from qcbench.bench.row_texts import conflict, parts_of
from qcbench.finite import exact_row
from qcbench.parquet import frame_in, frames_at, schema_at


class ShardError(ValueError):
    """A file that is no shard of this format."""


@dataclass(frozen=True)
class Entry:
    """One trial in a shard.

    Attributes:
        trial_id: which trial.
        status: done or failed, as in the row.
        row: the row of the result table as JSON, columns in the order of `run_trial`.
        wall_s: wall-clock time [s].
        cpu_s: processor time [s].
        worker: `host:pid` of the process.
        attempt: which attempt gave the row; 1 is the first.
        traceback: where it failed, else empty.
    """

    trial_id: str
    status: str
    row: str
    wall_s: float
    cpu_s: float
    worker: str
    attempt: int
    traceback: str

    @classmethod
    def of(cls, outcome: Outcome) -> "Entry":
        """Return the entry of an outcome."""
        return cls(
            trial_id=outcome.trial_id,
            status=str(outcome.row["status"]),
            row=exact_row(outcome.row),
            wall_s=outcome.wall_s,
            cpu_s=outcome.cpu_s,
            worker=outcome.worker,
            attempt=outcome.attempt,
            traceback=outcome.traceback.encode("utf-8", "replace").decode(),
        )


SHARD_SCHEMA: dict[str, Any] = {
    "trial_id": pl.String,
    "status": pl.String,
    "row": pl.String,
    "wall_s": pl.Float64,
    "cpu_s": pl.Float64,
    "worker": pl.String,
    "attempt": pl.Int64,
    "traceback": pl.String,
}
BLOCK = 8192
"""Rows that are text in many columns at the same time."""
AT_ONCE = 4
"""Blocks of rows that are read side by side, at most."""
TIMING_COLUMNS = ("trial_id", "wall_s", "cpu_s", "worker", "attempt")


def parquet_bytes(frame: pl.DataFrame) -> bytes:
    """Return a frame as a Parquet file, with every setting that could change its bytes fixed."""
    buffer = io.BytesIO()
    frame.rechunk().write_parquet(
        buffer, compression="zstd", compression_level=3, statistics=True, row_group_size=65536
    )
    return buffer.getvalue()


def frame_of(entries: Sequence[Entry]) -> pl.DataFrame:
    """Return entries as a frame of shards, of which `parquet_bytes` makes a file."""
    columns = {name: [getattr(entry, name) for entry in entries] for name in SHARD_SCHEMA}
    return pl.DataFrame(columns, schema=SHARD_SCHEMA)


def read_shard(data: bytes) -> pl.DataFrame:
    """Return what a shard file holds: the columns of `SHARD_SCHEMA`.

    Raises:
        ShardError: torn, no Parquet, or with other columns.
    """
    return read_parquet(data, SHARD_SCHEMA)


def read_parquet(data: bytes, schema: Mapping[str, Any]) -> pl.DataFrame:
    """Return what a Parquet file holds.

    Raises:
        ShardError: torn, no Parquet, or with other columns.
    """
    frame = _parquet(data)
    if frame.schema != pl.Schema(schema):
        raise ShardError("no columns of a shard")
    return frame


def read_records(data: bytes) -> pl.DataFrame:
    """Return what a file of records holds, whose columns depend on the track.

    Raises:
        ShardError: torn, no Parquet, or no records.
    """
    frame = _parquet(data)
    times = [kind for name, kind in frame.schema.items() if name.endswith("_s")]
    if not times or pl.String in times:
        raise ShardError("no records of a trial")
    return frame


def _parquet(data: bytes) -> pl.DataFrame:
    try:
        return frame_in(data)
    # A damaged file makes the reader raise nearly anything, even a panic of its Rust code.
    except (Exception, pl.exceptions.PanicException) as error:
        raise ShardError("no readable Parquet file") from error


def read_shards(paths: Sequence[Path], columns: Sequence[str]) -> pl.DataFrame:
    """Return some columns of many sound shard files, which is quicker than one after the other.

    Raises:
        Exception: whatever Polars says of a file that is none.
    """
    if not paths:
        return pl.DataFrame(schema={name: SHARD_SCHEMA[name] for name in columns})
    if schema_at(paths[0]) != SHARD_SCHEMA:  # the others must have the same
        raise ShardError("no columns of a shard")
    return frames_at(paths, columns)


def entries_of(frame: pl.DataFrame) -> Iterator[Entry]:
    """Return the entries in a frame of shards."""
    return (Entry(*values) for values in frame.select(*SHARD_SCHEMA).iter_rows())


def select(frame: pl.DataFrame, order: Sequence[str]) -> pl.DataFrame:
    """Return one row a trial of a frame of shards, in the given order of trial ids.

    Trials without one are left out. A trial that was run twice has equal rows. Where it failed once
    and was done once, done counts; the rest of the comparison only makes the choice independent of
    the order of shards.
    """
    twice = frame.filter(pl.col("trial_id").is_duplicated())
    if not twice.is_empty():
        best: dict[str, Entry] = {}
        for entry in entries_of(twice):
            known = best.get(entry.trial_id)
            if known is None or _preference(entry) < _preference(known):
                best[entry.trial_id] = entry
        once = frame.filter(pl.col("trial_id").is_unique())
        frame = pl.concat([once, frame_of(list(best.values()))])
    places = pl.DataFrame({"trial_id": order}, schema={"trial_id": pl.String})
    return places.join(frame, on="trial_id", how="inner", maintain_order="left")


def _preference(entry: Entry) -> tuple[Any, ...]:
    return (entry.status != "done", entry.row, entry.attempt, entry.worker, entry.wall_s)


def trials_frame(selected: pl.DataFrame) -> pl.DataFrame:
    """Return the result table: the columns of `HEAD`, then the metrics in first-seen order.

    A metric of whole numbers is an integer column, one that has a fraction anywhere (or is nowhere
    defined) a float column. Rows are read in blocks: as text, and as Python's objects even more,
    they take many times the memory of the table.

    Args:
        selected: from `select`.

    Raises:
        InputError: a metric that is text in one trial and a number in another.
    """
    parts: list[pl.DataFrame] = []
    places: list[IntArray] = []
    rows = selected.get_column("row")
    begins = range(0, len(rows), BLOCK)
    with ThreadPoolExecutor(min(AT_ONCE, usable_cores())) as pool:
        blocks = pool.map(parts_of, (rows.slice(begin, BLOCK) for begin in begins))
        for begin, block in zip(begins, blocks, strict=True):
            for part, where in block:
                parts.append(part)
                places.append(begin + where)
    table = joined(parts)
    order = np.concatenate([np.empty(0, dtype=np.int64), *places])
    if (np.diff(order) < 0).any():  # rows of several shapes, one after the other
        table = table[np.argsort(order)]
    return table


def joined(parts: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Return parts of a result table, one below the other, with one type a column.

    Raises:
        InputError: a metric that is text in one trial and a number in another.
    """
    kinds: dict[str, dict[Any, str]] = {name: {} for name in HEAD}
    for part in parts:
        _take_kinds(kinds, part)
    dtypes = {name: _dtype(name, found) for name, found in kinds.items()}
    typed = [part.cast({name: dtypes[name] for name in part.columns}) for part in parts]
    return pl.concat([pl.DataFrame(schema=dtypes), *typed], how="diagonal")


def _take_kinds(kinds: dict[str, dict[Any, str]], part: pl.DataFrame) -> None:
    """Take in of which types metrics are, each with the first trial that has one."""
    for column in part.iter_columns():
        known = kinds.setdefault(column.name, {})
        if column.dtype != pl.Null and column.dtype not in known:
            first = column.is_not_null().arg_max() or 0
            known[column.dtype] = str(part.get_column("trial_id")[first])
            conflict(column.name, known)


def _dtype(name: str, found: Mapping[Any, str]) -> Any:
    """Return the type of a column that has values of some types."""
    if name in HEAD:
        return pl.Int64 if name in ("replicate", "seed") else pl.String
    return next(iter(found)) if len(found) == 1 else pl.Float64


def timings_frame(selected: pl.DataFrame) -> pl.DataFrame:
    """Return what cannot be reproduced: times, worker and attempt of every trial."""
    return selected.select(TIMING_COLUMNS)


def failures_text(selected: pl.DataFrame) -> str:
    """Return the failed trials with their tracebacks, one JSON object a line."""
    lines = []
    for entry in entries_of(selected.filter(pl.col("status") != "done")):
        row = json.loads(entry.row)
        failure = {name: row[name] for name in (*HEAD,)}
        failure |= {"attempts": entry.attempt, "worker": entry.worker}
        lines.append(json.dumps({**failure, "traceback": entry.traceback}))
    return "".join(line + "\n" for line in lines)

"""Shards, and the tables that they are compacted into, as pure functions of bytes and rows.

A shard keeps each row as JSON text: a chunk cannot know which columns, and of which types, the
whole table will have. The compaction knows, and gives the same bytes for the same trials however
they were dealt out to shards.
"""

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from qcbench.bench.outcome import HEAD, Outcome
from qcbench.errors import InputError
from qcbench.finite import exact_row


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
BLOCK = 4096
"""Rows that are Python's objects at the same time."""
TIMING_COLUMNS = ("trial_id", "wall_s", "cpu_s", "worker", "attempt")


def parquet_bytes(frame: pl.DataFrame) -> bytes:
    """Return a frame as a Parquet file, with every setting that could change its bytes fixed."""
    buffer = io.BytesIO()
    frame.rechunk().write_parquet(
        buffer, compression="zstd", compression_level=3, statistics=True, row_group_size=65536
    )
    return buffer.getvalue()


def shard_bytes(entries: Sequence[Entry]) -> bytes:
    """Return a shard file."""
    return parquet_bytes(frame_of(entries))


def frame_of(entries: Sequence[Entry]) -> pl.DataFrame:
    """Return entries as a frame of shards."""
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
    try:
        frame = pl.read_parquet(io.BytesIO(data))
    # A damaged file makes the reader raise nearly anything, even a panic of its Rust code.
    except (Exception, pl.exceptions.PanicException) as error:
        raise ShardError("no readable Parquet file") from error
    if frame.schema != pl.Schema(schema):
        raise ShardError("no columns of a shard")
    return frame


def read_shards(paths: Sequence[Path], columns: Sequence[str]) -> pl.DataFrame:
    """Return some columns of many sound shard files, which is quicker than one after the other.

    Raises:
        Exception: whatever Polars says of a file that is none.
    """
    if not paths:
        return pl.DataFrame(schema={name: SHARD_SCHEMA[name] for name in columns})
    if pl.read_parquet_schema(paths[0]) != SHARD_SCHEMA:  # the others must have the same
        raise ShardError("no columns of a shard")
    return pl.read_parquet(list(paths), columns=list(columns))


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
    defined) a float column. Rows are read in blocks: as Python's objects they take ten times the
    memory of the table.

    Args:
        selected: from `select`.

    Raises:
        InputError: a metric that is text in one trial and a number in another.
    """
    columns: dict[str, _ResultColumn] = {name: _ResultColumn(name) for name in HEAD}
    height = 0
    for block in selected.get_column("row").to_frame().iter_slices(BLOCK):
        cells = _cells(block.get_column("row"))
        for name in cells:
            columns.setdefault(name, _ResultColumn(name))
        absent = (None,) * block.height
        for name, column in columns.items():
            column.add(cells.get(name, absent), cells["trial_id"], height)
        height += block.height
    found = {name: column.series() for name, column in columns.items()}
    for name in HEAD:
        found[name] = found[name].cast(pl.Int64 if name in ("replicate", "seed") else pl.String)
    return pl.DataFrame(list(found.values()))


def _cells(texts: pl.Series) -> Mapping[str, Sequence[Any]]:
    """Return the values of some rows by column, columns in first-seen order."""
    rows: list[dict[str, Any]] = json.loads(f"[{','.join(texts)}]")
    shapes = dict.fromkeys(map(tuple, rows))
    if len(shapes) == 1:  # as of the trials of one track
        return dict(zip(next(iter(shapes)), zip(*map(dict.values, rows), strict=True), strict=True))
    names = dict.fromkeys(name for shape in shapes for name in shape)
    return {name: [row.get(name) for row in rows] for name in names}


class _ResultColumn:
    """A column of the result table while it is put together.

    Attributes:
        kinds: types of its values, each with the id of the first trial that has one.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.kinds: dict[type, str] = {}
        self._parts: list[pl.Series] = []
        self._height = 0

    def add(self, values: Sequence[Any], trial_ids: Sequence[str], height: int) -> None:
        """Add the values of some trials, which come after `height` others."""
        if self._height < height:
            self._parts.append(pl.Series(self.name, [None] * (height - self._height)))
        self._height = height + len(values)
        types = list(map(type, values))
        kinds = set(types) - {type(None)}
        for kind in kinds - self.kinds.keys():
            self.kinds[kind] = trial_ids[types.index(kind)]
        if str in self.kinds and len(self.kinds) > 1:
            number = next(self.kinds[kind] for kind in self.kinds if kind is not str)
            raise InputError(
                f"metric {self.name} is text in trial {self.kinds[str]} and a number in trial "
                f"{number}; a metric has one type"
            )
        if len(kinds) > 1:
            values = [None if value is None else float(value) for value in values]
        kind = next(iter(kinds), int) if len(kinds) < 2 else float
        self._parts.append(pl.Series(self.name, values, dtype=_DTYPES[kind]))

    def series(self) -> pl.Series:
        """Return the whole column."""
        kind = next(iter(self.kinds), float) if len(self.kinds) < 2 else float
        dtype = _DTYPES[kind]
        empty = pl.Series(self.name, [], dtype=dtype)
        return pl.concat([empty, *(part.cast(dtype) for part in self._parts)])


_DTYPES: dict[type, Any] = {int: pl.Int64, str: pl.String, float: pl.Float64}


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

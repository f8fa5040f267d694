"""Shards, and the tables that they are compacted into, as pure functions of bytes and rows.

A shard keeps each row as JSON text: a chunk cannot know which columns, and of which types, the
whole table will have. The compaction knows, and gives the same bytes for the same trials however
they were dealt out to shards.
"""

import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, fields
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
    rows = [astuple(entry) for entry in entries]
    return parquet_bytes(pl.DataFrame(rows, schema=SHARD_SCHEMA, orient="row"))


def read_shard(data: bytes) -> list[Entry]:
    """Return the entries of a shard file.

    Raises:
        ShardError: torn, no Parquet, or with other columns.
    """
    try:
        frame = pl.read_parquet(io.BytesIO(data))
    # A damaged file makes the reader raise nearly anything, even a panic of its Rust code.
    except (Exception, pl.exceptions.PanicException) as error:
        raise ShardError("no readable Parquet file") from error
    if frame.schema != pl.Schema(SHARD_SCHEMA):
        raise ShardError("no columns of a shard")
    names = [field.name for field in fields(Entry)]
    return [Entry(*values) for values in frame.select(names).iter_rows()]


def select(entries: Iterable[Entry], order: Sequence[str]) -> list[Entry]:
    """Return one entry a trial in the given order of trial ids; trials without one are left out.

    A trial that was run twice has equal rows. Where it failed once and was done once, done counts;
    the rest of the comparison only makes the choice independent of the order of shards.
    """
    best: dict[str, Entry] = {}
    for entry in entries:
        known = best.get(entry.trial_id)
        if known is None or _preference(entry) < _preference(known):
            best[entry.trial_id] = entry
    return [best[trial_id] for trial_id in order if trial_id in best]


def _preference(entry: Entry) -> tuple[Any, ...]:
    return (entry.status != "done", entry.row, entry.attempt, entry.worker, entry.wall_s)


def trials_frame(entries: Sequence[Entry]) -> pl.DataFrame:
    """Return the result table: the columns of `HEAD`, then the metrics in first-seen order.

    A metric of whole numbers is an integer column, one that has a fraction anywhere (or is nowhere
    defined) a float column.

    Raises:
        InputError: a metric that is text in one trial and a number in another.
    """
    rows: list[Mapping[str, Any]] = [json.loads(entry.row) for entry in entries]
    metrics = dict.fromkeys(name for row in rows for name in row if name not in HEAD)
    columns: list[pl.Series] = []
    for name in HEAD:
        dtype = pl.Int64 if name in ("replicate", "seed") else pl.String
        columns.append(pl.Series(name, [row[name] for row in rows], dtype=dtype))
    columns += [_metric(name, rows) for name in metrics]
    return pl.DataFrame(columns)


def _metric(name: str, rows: Sequence[Mapping[str, Any]]) -> pl.Series:
    values = [row.get(name) for row in rows]
    kinds = {type(value) for value in values if value is not None}
    if kinds == {str}:
        return pl.Series(name, values, dtype=pl.String)
    if str in kinds:
        text = next(row for row in rows if isinstance(row.get(name), str))
        number = next(row for row in rows if isinstance(row.get(name), int | float))
        raise InputError(
            f"metric {name} is text in trial {text['trial_id']} and a number in trial "
            f"{number['trial_id']}; a metric has one type"
        )
    if kinds == {int}:
        return pl.Series(name, values, dtype=pl.Int64)
    floats = [None if value is None else float(value) for value in values]
    return pl.Series(name, floats, dtype=pl.Float64)


def timings_frame(entries: Sequence[Entry]) -> pl.DataFrame:
    """Return what cannot be reproduced: times, worker and attempt of every trial."""
    rows = [[getattr(entry, name) for name in TIMING_COLUMNS] for entry in entries]
    schema = {name: SHARD_SCHEMA[name] for name in TIMING_COLUMNS}
    return pl.DataFrame(rows, schema=schema, orient="row")


def failures_text(entries: Sequence[Entry]) -> str:
    """Return the failed trials with their tracebacks, one JSON object a line."""
    lines = []
    for entry in entries:
        if entry.status == "done":
            continue
        row = json.loads(entry.row)
        failure = {name: row[name] for name in (*HEAD,)}
        failure |= {"attempts": entry.attempt, "worker": entry.worker}
        lines.append(json.dumps({**failure, "traceback": entry.traceback}))
    return "".join(line + "\n" for line in lines)

"""The compaction gives one table, however its rows were dealt out to shards."""

import json
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qcbench.bench import tables
from qcbench.bench.tables import (
    Entry,
    ShardError,
    entries_of,
    failures_text,
    frame_of,
    parquet_bytes,
    read_shard,
    select,
    trials_frame,
)
from qcbench.bench.trial import COORDINATES
from qcbench.errors import InputError
from qcbench.finite import exact_row

FLOATS = st.floats(allow_nan=True, allow_infinity=True)
WHOLE = st.integers(-(2**63), 2**63 - 1)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
METRICS = {
    "mean": FLOATS,
    "count": WHOLE,
    "either": st.one_of(WHOLE, FLOATS),
    "label": TEXT,
    "never": st.none(),
}


def entry(
    ordinal: int,
    metrics: dict[str, object],
    status: str = "done",
    attempt: int = 1,
    error: str | None = None,
) -> Entry:
    trial_id = f"{ordinal:04}"
    coordinates = dict.fromkeys(COORDINATES, "x") | {
        "trial_id": trial_id,
        "replicate": ordinal,
        "seed": 0,
    }
    row = {**coordinates, "status": status, "error": error, **metrics}
    return Entry(trial_id, status, exact_row(row), 0.1, 0.1, "host:1", attempt, "trace")


@st.composite
def entries(draw: st.DrawFn) -> list[Entry]:
    """Rows with their own columns in their own order."""
    found = []
    for ordinal in range(draw(st.integers(1, 12))):
        names = draw(st.lists(st.sampled_from(sorted(METRICS)), unique=True))
        metrics = {name: draw(st.one_of(st.none(), METRICS[name])) for name in names}
        found.append(entry(ordinal, metrics))
    return found


def compact(shards: list[bytes], order: list[str]) -> bytes:
    return parquet_bytes(trials_frame(select(pl.concat(map(read_shard, shards)), order)))


@pytest.fixture(params=[3, tables.BLOCK], autouse=True)
def block(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows are read a few at a time, or all at once."""
    monkeypatch.setattr(tables, "BLOCK", request.param)


ONE_BLOCK = [HealthCheck.function_scoped_fixture]  # the same for all examples


@given(rows=entries(), data=st.data())
@settings(max_examples=30, deadline=None, suppress_health_check=ONE_BLOCK)
def test_any_dealing_gives_the_same_bytes(rows: list[Entry], data: st.DataObject) -> None:
    order = [row.trial_id for row in rows]
    expected = compact([parquet_bytes(frame_of(rows))], order)

    doubled = rows + data.draw(st.lists(st.sampled_from(rows), max_size=6))
    shuffled = data.draw(st.permutations(doubled))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(shuffled)), max_size=5)))
    edges = [0, *cuts, len(shuffled)]
    shards = [
        parquet_bytes(frame_of(shuffled[low:high])) for low, high in pairwise(edges) if low < high
    ]
    assert compact(shards, order) == expected


@given(rows=entries())
@settings(max_examples=30, deadline=None, suppress_health_check=ONE_BLOCK)
def test_the_table_holds_every_value(rows: list[Entry]) -> None:
    frame = trials_frame(frame_of(rows))
    expected = [json.loads(row.row) for row in rows]
    first_seen: list[str] = []
    for row in expected:
        first_seen += [name for name in row if name not in first_seen]
    assert frame.columns == first_seen
    for found, row in zip(frame.iter_rows(named=True), expected, strict=True):
        for name, value in found.items():
            wanted = row.get(name)
            if frame.schema[name] == pl.Float64 and wanted is not None:
                wanted = float(wanted)
            assert value == wanted or (value != value and wanted != wanted)


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([1, None, 3], pl.Int64),
        ([1, 2.5], pl.Float64),
        ([None, None], pl.Float64),
        (["a", None], pl.String),
    ],
)
def test_a_column_has_the_widest_type_of_its_values(values: list[object], dtype: object) -> None:
    rows = [entry(n, {"metric": value}) for n, value in enumerate(values)]
    frame = trials_frame(frame_of(rows))
    assert frame.schema["metric"] == dtype


def test_text_and_numbers_in_one_metric_are_refused() -> None:
    with pytest.raises(InputError, match=r"metric m is text in trial 0001 and a number in .* 0000"):
        trials_frame(frame_of([entry(0, {"m": 1.0}), entry(1, {"m": "one"})]))


def test_done_counts_more_than_failed_in_any_order() -> None:
    done = entry(0, {"m": 1}, attempt=3)
    failed = entry(0, {}, status="failed", error="ValueError: no")
    for pair in ([done, failed], [failed, done]):
        assert list(entries_of(select(frame_of(pair), ["0000"]))) == [done]


def test_a_failure_is_listed_with_its_traceback() -> None:
    failed = entry(0, {}, status="failed", error="ValueError: no", attempt=2)
    lines = failures_text(frame_of([failed, entry(1, {"m": 1})])).splitlines()
    assert len(lines) == 1
    listed = json.loads(lines[0])
    assert (listed["error"], listed["traceback"], listed["attempts"]) == (
        "ValueError: no",
        "trace",
        2,
    )


def test_whatever_is_no_shard_is_an_error() -> None:
    whole = parquet_bytes(frame_of([entry(n, {"m": n}) for n in range(5)]))
    assert len(read_shard(whole)) == 5
    for data in (b"", b"PAR1", whole[: len(whole) // 2], whole[100:], b"x" * 400):
        with pytest.raises(ShardError):
            read_shard(data)
    with pytest.raises(ShardError, match="columns"):
        read_shard(parquet_bytes(pl.DataFrame({"trial_id": ["0000"]})))


def test_the_number_of_threads_does_not_change_the_bytes(root: Path) -> None:
    script = """
import hashlib, polars as pl
from qcbench.bench.tables import parquet_bytes
frame = pl.DataFrame({"text": [f"t{n % 700}" for n in range(200_000)],
                      "number": [n / 7 for n in range(200_000)]})
print(pl.thread_pool_size(), hashlib.sha256(parquet_bytes(frame)).hexdigest())
"""
    found = {}
    for threads in ("1", "4"):
        done = subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "POLARS_MAX_THREADS": threads, "PYTHONPATH": str(root)},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        size, digest = done.stdout.split()
        found[size] = digest
    assert set(found) == {"1", "4"}
    assert found["1"] == found["4"]

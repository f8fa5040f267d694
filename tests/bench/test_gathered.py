"""Tables made of rows as they come have the bytes of those made of the shards."""

import random
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toys import toy_trials, work

from qcbench.bench import gathered, tables
from qcbench.bench.gathered import Gathered
from qcbench.bench.outcome import attempt_trial
from qcbench.bench.run_folder import create_run, open_run
from qcbench.bench.store import RunStore
from qcbench.bench.tables import Entry, frame_of, parquet_bytes, select, timings_frame, trials_frame
from qcbench.bench.trial import COORDINATES
from qcbench.errors import InputError
from qcbench.finite import exact_row

WHOLE = st.integers(-(2**63), 2**63 - 1)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=4)
METRICS: dict[str, st.SearchStrategy[Any]] = {
    "mean": st.floats(),
    "either": st.one_of(WHOLE, st.floats(), st.none()),
    "label": st.one_of(st.none(), TEXT, st.sampled_from([",", '","a":1', "\\"])),
    "count": st.one_of(st.none(), WHOLE),
}
SHAPES = [list(METRICS), list(METRICS), list(METRICS), ["mean"], ["count", "mean"]]


def entry(place: int, metrics: dict[str, object], status: str = "done") -> Entry:
    coordinates = dict.fromkeys(COORDINATES, "x") | {"replicate": place, "seed": 0}
    row = {**coordinates, "trial_id": f"{place:04}", "status": status, "error": None, **metrics}
    return Entry(f"{place:04}", status, exact_row(row), 0.1 * place, 0.2, f"host:{place}", 1, "")


@st.composite
def entries(draw: st.DrawFn) -> list[Entry]:
    shape = draw(st.sampled_from(SHAPES))
    odd = draw(st.integers(-20, 9))
    return [
        entry(place, {name: draw(METRICS[name]) for name in (["mean"] if place == odd else shape)})
        for place in range(draw(st.integers(1, 10)))
    ]


@given(entries(), st.randoms(use_true_random=False), st.sampled_from([1, 3, 8192]))
@settings(max_examples=150)
def test_as_from_shards(some: list[Entry], chance: random.Random, block: int) -> None:
    order = [each.trial_id for each in some]
    dealt = chance.sample(some, len(some))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(tables, "BLOCK", block)
        rows = Gathered()
        for begin in range(0, len(dealt), 2):
            rows.take(frame_of(dealt[begin : begin + 2]))
        found = rows.compacted(order)
    if found is None:
        return
    selected = select(frame_of(some), order)
    assert parquet_bytes(found.trials) == parquet_bytes(trials_frame(selected))
    assert parquet_bytes(found.timings) == parquet_bytes(timings_frame(selected))


def test_of_rows_of_one_shape_no_shard_is_read() -> None:
    some = [entry(place, {"mean": place / 7, "count": place}) for place in range(20)]
    rows = Gathered()
    for each in some[::-1]:
        rows.take(frame_of([each]))
    found = rows.compacted([each.trial_id for each in some])
    assert found is not None
    assert found.trials.get_column("count").to_list() == list(range(20))


@pytest.mark.parametrize(
    "odd",
    [
        entry(1, {"mean": 0.5}, "failed"),
        entry(1, {"other": 0.5}),
        entry(1, {"mean": "text"}),
        entry(0, {"mean": 0.5}),
        entry(7, {"mean": 0.5}),
    ],
    ids=["failed", "of other columns", "of another kind", "twice", "missing"],
)
def test_what_is_special_is_read_from_the_shards(
    odd: Entry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "BLOCK", 1)
    rows = Gathered()
    for each in (entry(0, {"mean": 0.25}), odd, entry(2, {"mean": 0.75})):
        rows.take(frame_of([each]))
    assert rows.compacted(["0000", "0001", "0002"]) is None


def finished(store: RunStore, step: int = 3) -> dict[str, bytes]:
    """Run what is missing and return the bytes of the tables."""
    left = [trial for trial in store.trials if trial.trial_id not in store.finished]
    for begin in range(0, len(left), step):
        part = left[begin : begin + step]
        store.append([attempt_trial(work, trial, "placement", "host:1") for trial in part])
    store.finish()
    return {
        name: (store.folder / name).read_bytes() for name in ("trials.parquet", "failures.jsonl")
    }


@pytest.mark.parametrize("fail", [{}, {"1": "value"}])
def test_a_run_has_the_same_tables_gathered_read_and_continued(
    fail: dict[str, str], runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trials = toy_trials(10, fail=fail)
    with create_run(runs, {"name": "toy"}, trials, track="placement") as store:
        at_once = finished(store)
    again = open_run(store.folder)
    assert again.compacted().equals(again.table())
    timings = pl.read_parquet(store.folder / "timings.parquet")
    assert timings.equals(again.timings())

    def refused(*_: object) -> None:
        raise InputError("read, and not gathered")

    with create_run(runs, {"name": "toy"}, trials[::-1], track="placement") as store:
        for trial in store.trials[:4]:
            store.append([attempt_trial(work, trial, "placement", "host:1")])
    with open_run(store.folder, write=True) as store, monkeypatch.context() as patched:
        patched.setattr(gathered.Gathered, "take", refused)
        continued = finished(store, 4)
    assert continued["trials.parquet"] == at_once["trials.parquet"]
    failed = [each["failures.jsonl"].count(b"\n") for each in (at_once, continued)]
    assert failed[0] == failed[1] == len(open_run(store.folder).failed)
    assert bool(failed[0]) == bool(fail)

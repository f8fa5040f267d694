"""Gaps are joined to results where they mean something."""

import polars as pl
import pytest

from qcbench.bench.facts import SCHEMA
from qcbench.stats.gaps import gaps_of, with_gaps


def worlds(*rows: dict[str, object]) -> pl.DataFrame:
    return pl.DataFrame([dict.fromkeys(SCHEMA) | row for row in rows], schema=SCHEMA)


def trials(**columns: object) -> pl.DataFrame:
    same = {"scenario": "s", "policy": "p", "status": "done", "done": 2, "tasks": 2}
    return pl.DataFrame({"replicate": [0, 1, 2], **same, "m": [3.0, 6.0, None], **columns})


def of(replicate: int, **facts: object) -> dict[str, object]:
    return {"scenario": "s", "replicate": replicate, "bounds": "m", **facts}


def test_a_gap_is_a_share_of_the_bound() -> None:
    known = worlds(of(0, bound=2.0, best=2.5), of(1, bound=4.0), of(2, bound=1.0))
    found = with_gaps(trials(), known)
    assert found["gap_lb"].to_list() == pytest.approx([0.5, 0.5, None])
    assert found["gap_best"].to_list() == pytest.approx([0.2, None, None])
    assert found.columns == [*trials().columns, "gap_lb", "gap_best"]
    assert found.drop("gap_lb", "gap_best").equals(trials())


def test_a_trial_that_left_something_undone_has_none() -> None:
    known = worlds(of(0, bound=2.0), of(1, bound=4.0))
    found = with_gaps(trials(done=[1, 2, 2]), known)
    assert found["gap_lb"].to_list() == [None, 0.5, None]
    found = with_gaps(trials(status=["done", "failed", "done"]), known)
    assert found["gap_lb"].to_list() == [0.5, None, None]
    found = with_gaps(trials(jobs=[5, 5, 5], jobs_done=[5, 4, 5]), known)
    assert found["gap_lb"].to_list() == [0.5, None, None]


def test_a_table_without_bounds_stays_as_it_is() -> None:
    old = trials(gap_lb=[0.1, 0.2, 0.3])
    for known in (worlds(), worlds(of(0, bounds=None, error="x")), worlds(of(0, bounds="other"))):
        assert with_gaps(old, known).equals(old)


def test_what_an_older_version_wrote_into_trials_is_replaced() -> None:
    found = with_gaps(trials(gap_lb=[9.0, 9.0, 9.0]), worlds(of(0, bound=2.0), of(1, bound=0.0)))
    assert found["gap_lb"].to_list() == [0.5, None, None]
    assert "gap_best" not in found.columns


def test_gaps_are_shown_beside_the_metric_that_is_bounded() -> None:
    known = worlds(of(0, bound=2.0), of(1, bound=4.0))
    found = with_gaps(trials(), known)
    for metric in ("m", "gap_lb"):
        assert gaps_of(found, known, metric).equals(found)
    assert gaps_of(found, known, "another").equals(trials())
    old = trials(gap_lb=[0.1, 0.2, 0.3])
    assert gaps_of(old, worlds(), "another").equals(old)

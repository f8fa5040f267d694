"""Two runs side by side: a difference is found, and equal ones are left in peace."""

import numpy as np
import polars as pl
import pytest

from qcbench.errors import InputError
from qcbench.stats.comparison import compare_tables

POLICIES = ("greedy", "random", "fifo")
SCENARIOS = ("one", "two", "three")


def table_of(rng: np.random.Generator, worlds: np.ndarray, factor: float = 1.0) -> pl.DataFrame:
    """Results on the same worlds, with a spread of their own of 3 %."""
    rows = []
    for place, scenario in enumerate(SCENARIOS):
        for policy in POLICIES:
            values = worlds[place] * rng.lognormal(0.0, 0.03, worlds.shape[1]) * factor
            for replicate, value in enumerate(values):
                rows.append((scenario, policy, replicate, "done", float(value)))
    columns = ["scenario", "policy", "replicate", "status", "m"]
    return pl.DataFrame(rows, schema=columns, orient="row")


def worlds_of(rng: np.random.Generator, count: int = 30) -> np.ndarray:
    return rng.lognormal(4.0, 0.4, (len(SCENARIOS), count))


def test_two_percent_are_found() -> None:
    rng = np.random.default_rng(1)
    worlds = worlds_of(rng)
    first, second = table_of(rng, worlds), table_of(rng, worlds, 1.02)
    found = compare_tables(first, second, metric="m", goal="min")
    assert not found.identical
    # Over three scenarios of 30 worlds; a single one has not the power for all of them.
    claimed = found.overall.filter(pl.col("p_value") <= 0.05)
    assert set(claimed["policy"]) == set(POLICIES)
    for row in found.overall.iter_rows(named=True):
        assert row["relative_low"] < 2.0 < row["relative_high"]
        assert row["scenarios"] == 3


@pytest.mark.e2e
def test_equal_runs_are_left_in_peace() -> None:
    """In 95 % of 500 pairs of runs nothing is claimed, of no cell and of no policy."""
    rng = np.random.default_rng(2)
    silent = 0
    for _ in range(500):
        worlds = worlds_of(rng, 8)
        found = compare_tables(table_of(rng, worlds), table_of(rng, worlds), metric="m", goal="min")
        silent += found.claimed.is_empty()
    assert silent / 500 >= 0.93  # 95 % less two standard errors


def test_the_same_run_is_equal_to_the_last_bit() -> None:
    rng = np.random.default_rng(3)
    first = table_of(rng, worlds_of(rng))
    found = compare_tables(first, first.sample(fraction=1.0, shuffle=True), metric="m", goal="min")
    assert found.identical
    assert found.claimed.is_empty()
    assert found.cells["equal"].to_list() == [30] * 9
    assert (found.cells["p_value"] == 1.0).all()


def test_only_what_both_finished_counts() -> None:
    rng = np.random.default_rng(4)
    worlds = worlds_of(rng, 6)
    first, second = table_of(rng, worlds), table_of(rng, worlds)
    lost = (pl.col("policy") == "greedy") & (pl.col("replicate") < 4)
    second = second.with_columns(
        status=pl.when(lost).then(pl.lit("failed")).otherwise("status"),
        m=pl.when((pl.col("policy") == "fifo") & (pl.col("replicate") == 0))
        .then(float("nan"))
        .otherwise("m"),
    ).filter(pl.col("scenario") != "three")
    found = compare_tables(first, second, metric="m", goal="min")
    pairs = {(r["scenario"], r["policy"]): r["pairs"] for r in found.cells.iter_rows(named=True)}
    assert pairs["one", "greedy"] == 2
    assert pairs["one", "fifo"] == 5
    assert pairs["one", "random"] == 6
    assert found.only_first == tuple(("three", policy) for policy in POLICIES)
    assert found.only_second == ()
    few = found.cells.filter(pl.col("policy") == "greedy")
    assert few["p_value"].null_count() == 2  # of two worlds nothing is claimed


def test_nothing_in_common() -> None:
    rng = np.random.default_rng(5)
    first = table_of(rng, worlds_of(rng, 3))
    others = first.with_columns(policy=pl.lit("another"))
    with pytest.raises(InputError, match="no scenario with a policy of the same name"):
        compare_tables(first, others, metric="m", goal="min")
    with pytest.raises(InputError, match="'n' is no numeric column of the second run"):
        compare_tables(first.rename({"m": "n"}), first, metric="n", goal="min")
    failed = first.with_columns(status=pl.lit("failed"))
    found = compare_tables(first, failed, metric="m", goal="min")
    assert found.cells["pairs"].to_list() == [0] * 9
    assert found.cells["relative_percent"].null_count() == 9

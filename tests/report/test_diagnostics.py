"""What the report says of how policies use the fleet: means and differences with intervals."""

import numpy as np
import polars as pl
import pytest

import qcbench
from qcbench.bench.metrics.placement import metrics
from qcbench.report.diagnostics import diagnostics_of
from qcbench.stats.intervals import student_mean

RNG = np.random.default_rng(4)
BASE = RNG.uniform(0.5, 0.7, 12)
OTHER = BASE + 0.1 + RNG.normal(0.0, 0.01, 12)


def trials(**more: list[float | None]) -> pl.DataFrame:
    values = np.concatenate([BASE, OTHER])
    return pl.DataFrame(
        {
            "scenario": "here",
            "policy": ["base"] * 12 + ["other"] * 12,
            "replicate": [*range(12), *range(12)],
            "status": "done",
            "mean_completion_s": values * 100.0,
            "utilisation": values,
            **more,
        }
    )


def test_means_and_differences_have_their_intervals() -> None:
    found = diagnostics_of(trials(), "here", ["other", "base"], "base")
    assert found is not None
    assert found.heads == ["utilisation"]
    (other, base) = found.rows
    mean, apart = student_mean(OTHER), student_mean(OTHER - BASE)
    assert other == (
        "other",
        [
            (
                f"{mean.value:.4f} [{mean.low:.4f}, {mean.high:.4f}]",
                f"+{apart.value:.4f} [{apart.low:.4f}, {apart.high:.4f}]",
            )
        ],
    )
    assert base[1][0][1] == "", "against itself"


def test_only_what_the_trials_have() -> None:
    nothing: list[float | None] = [None] * 24
    table = trials(
        share_kyiv=[0.3] * 24, share_missed=[0.1] * 24, choice_entropy=nothing, jain_service=nothing
    )
    found = diagnostics_of(table, "here", ["base", "other"], "base")
    assert found is not None
    assert found.heads == ["utilisation", "share kyiv"], "no due times, no entropy"
    many = trials(**{f"share_{qpu}": [0.0] * 24 for qpu in range(13)})
    found = diagnostics_of(many, "here", ["base", "other"], "base")
    assert found is not None
    assert found.heads == ["utilisation"]
    assert diagnostics_of(trials().drop("utilisation"), "here", ["base", "other"], "base") is None


def test_worlds_that_are_all_the_same_have_no_interval() -> None:
    slowdown: list[float | None] = [1.5] * 12 + [2.1, *[2.0] * 11]
    table = trials(mean_slowdown=slowdown)
    found = diagnostics_of(table, "here", ["base", "other"], "base")
    assert found is not None
    place = found.heads.index("mean slowdown")
    assert found.rows[0][1][place][0] == "1.500"
    assert "[" in found.rows[1][1][place][0]


def test_waiting_tasks_are_those_of_a_simulation_and_unknown_where_some_are_not_done() -> None:
    rows, areas = [], []
    for world in range(6):
        records = qcbench.simulate("placement/qce5", policy="greedy", seed=world)
        # Counted at moments, evenly, and not by adding up waits.
        moments = (np.arange(200_000) + 0.5) * records.finish_s.max() / 200_000
        come = np.searchsorted(np.sort(records.arrival_s + records.delay_s), moments, "right")
        begun = np.searchsorted(np.sort(records.start_s), moments, "right")
        areas.append((come - begun).mean())
        row = {"scenario": "here", "policy": "base", "replicate": world, "status": "done"}
        rows.append(row | metrics(records, 0.0))
    table = pl.DataFrame(rows)
    found = diagnostics_of(table, "here", ["base"], "base", 0.0)
    assert found is not None
    cell = found.rows[0][1][found.heads.index("mean waiting")][0]
    assert float(cell.split()[0]) == pytest.approx(np.mean(areas), rel=2e-3)
    for other in (table.with_columns(done=pl.col("done") - 1), table):
        warm = 0.0 if other is not table else None
        found = diagnostics_of(other, "here", ["base"], "base", warm)
        assert found is not None
        assert "mean waiting" not in found.heads


@pytest.mark.parametrize("status", ["failed", "done"])
def test_a_world_alone_and_one_that_failed(status: str) -> None:
    own = pl.col("policy") == "other"
    late = own & (pl.col("replicate") > 0)
    table = trials().with_columns(status=pl.when(late).then(pl.lit("failed")).otherwise("status"))
    if status == "failed":
        table = table.with_columns(status=pl.when(own).then(pl.lit("failed")).otherwise("status"))
    found = diagnostics_of(table, "here", ["other", "base"], "base")
    assert found is not None
    mean, apart = found.rows[0][1][0]
    alone = status == "done"
    assert (mean, apart) == (f"{OTHER[0]:.4f}" * alone, f"+{OTHER[0] - BASE[0]:.4f}" * alone)

"""The table that every track writes."""

import io
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from tiny_clouds import FIFO, PLACEMENT, PULL, make_fleet, make_workload, run, script

from qcbench.cloud.records import Records
from qcbench.cloud.rules import Admission, Dispatch

SHARED_COLUMNS = {
    "trial_id": pl.String,
    "job_id": pl.String,
    "task_id": pl.Int64,
    "arrival_s": pl.Float64,
    "delay_s": pl.Float64,
    "start_s": pl.Float64,
    "finish_s": pl.Float64,
    "wait_s": pl.Float64,
    "exec_s": pl.Float64,
    "comm_s": pl.Float64,
    "completion_s": pl.Float64,
    "qpus": pl.List(pl.String),
    "qubits": pl.List(pl.Int64),
    "violations": pl.Int64,
    "fidelity": pl.Float64,
    "cost": pl.Float64,
    "status": pl.String,
}


def trial(dispatch: Dispatch) -> Records:
    """A done, a dropped, a censored task; names of jobs that a CSV must quote."""
    decide = (lambda _view: 0) if dispatch is not FIFO else (lambda view: split(view.free_qubits))

    def split(free: np.ndarray) -> list[int] | None:
        return [1, 1] if (free > 0).all() else None

    return run(
        make_workload(
            [0.0, 0.5, 1.0, 1.25],
            [2.0, 9.0, 1.0, 1.0],
            2 if dispatch is FIFO else 1,
            job_id=["a", 'b "quoted", with comma', "c", "d"],
        ),
        make_fleet(1, 1, price_per_s=1.5),
        decide,
        dispatch,
        admission=Admission(variant="total", quantum_limit=3),
        horizon_s=3.0,
    )


@pytest.mark.parametrize("dispatch", [PLACEMENT, PULL, FIFO], ids=["push", "pull", "split"])
def test_all_tracks_write_the_shared_columns(dispatch: Dispatch) -> None:
    frame = trial(dispatch).frame("0123")
    assert {name: frame.schema[name] for name in SHARED_COLUMNS} == SHARED_COLUMNS
    assert set(frame["status"]) == {"done", "dropped", "censored"}
    assert frame["job_id"].to_list() == ["a", 'b "quoted", with comma', "c", "d"]
    assert frame["trial_id"].unique().to_list() == ["0123"]
    assert frame["qpus"].list.len().to_list() == frame["qubits"].list.len().to_list()
    assert frame.null_count()["job_id"].item() == 0
    floats = frame.select(pl.selectors.float())
    assert not floats.select(pl.all().is_nan().any()).row(0).count(True)  # missing is null


def test_values_by_hand() -> None:
    rows = trial(PLACEMENT).frame("t").to_dicts()
    assert rows[0] == {
        "trial_id": "t",
        "job_id": "a",
        "task_id": 0,
        "algorithm": "toy",
        "arrival_s": 0.0,
        "delay_s": 0.0,
        "start_s": 0.0,
        "finish_s": 2.0,
        "wait_s": 0.0,
        "exec_s": 2.0,
        "comm_s": 0.0,
        "completion_s": 2.0,
        "qpus": ["q0"],
        "qubits": [1],
        "violations": 0,
        "restarts": 0,
        "fidelity": 1.0,
        "cost": 3.0,
        "status": "done",
        "estimated_wait_s": 0.0,
        "estimated_exec_s": 2.0,
        "order": 0,
    }
    assert rows[1]["status"] == "censored"
    assert rows[1]["start_s"] == 2.0
    assert rows[1]["finish_s"] is rows[1]["exec_s"] is rows[1]["cost"] is None
    assert rows[3]["status"] == "dropped"
    assert rows[3]["qpus"] == rows[3]["qubits"] == []
    assert rows[3]["start_s"] is rows[3]["wait_s"] is None


@pytest.mark.parametrize("dispatch", [PLACEMENT, FIFO], ids=["push", "split"])
def test_parquet_gives_the_same_table_back(dispatch: Dispatch, tmp_path: Path) -> None:
    frame = trial(dispatch).frame("t")
    frame.write_parquet(tmp_path / "records.parquet")
    assert_frame_equal(pl.read_parquet(tmp_path / "records.parquet"), frame, check_exact=True)


@pytest.mark.parametrize("dispatch", [PLACEMENT, FIFO], ids=["push", "split"])
def test_csv_gives_the_same_numbers_back(dispatch: Dispatch) -> None:
    frame = trial(dispatch).frame("t")
    lists = [name for name, kind in frame.schema.items() if isinstance(kind, pl.List)]
    text = frame.with_columns(pl.col(lists).cast(pl.List(pl.String)).list.join(";")).write_csv()
    back = pl.read_csv(
        io.StringIO(text),
        schema_overrides={
            name: pl.String if name in lists else kind for name, kind in frame.schema.items()
        },
    )
    assert back["qubits"].to_list()[0] == ("1;1" if dispatch is FIFO else "1")
    assert_frame_equal(back.drop(lists), frame.drop(lists), check_exact=True)


def test_times_add_up() -> None:
    rng = np.random.default_rng(0)
    records = run(
        make_workload(np.cumsum(rng.exponential(1.0, 300)), rng.exponential(2.0, 300), 2),
        make_fleet(1, 2, 2),
        lambda _view: int(rng.integers(3)),
    )
    np.testing.assert_allclose(
        records.completion_s,
        records.delay_s + records.wait_s + records.comm_s + records.exec_s,
        rtol=1e-12,
    )
    np.testing.assert_allclose(records.finish_s, records.arrival_s + records.completion_s)
    assert records.violations.sum() > 50


def test_rows_are_in_order_of_jobs_whatever_came_first() -> None:
    # The last one goes first: LIFO.
    records = run(
        make_workload([0.0, 1.0, 2.0], [5.0, 1.0, 1.0]),
        make_fleet(1),
        script(0, 1, 0),
        PULL,
    )
    assert records.job.tolist() == [0, 1, 2]
    assert records.order.tolist() == [0, 2, 1]

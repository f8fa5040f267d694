"""What is said to the other side, what is remembered here."""

import re
from pathlib import Path

import pytest

from qcbench.bench.jobs.submission import (
    Submission,
    forget,
    new_job_id,
    recall,
    remember,
    remembered,
    sent_overrides,
)
from qcbench.cli.job_verbs import VERBS
from qcbench.errors import InputError

SENT = Submission(
    job_id="qcbench-toy-1",
    address="http://127.0.0.1:8265",
    token_path="/home/someone/token",
    overrides=("suite=toy",),
    config_dirs=("/home/someone/conf",),
    submitted="2026-01-01T00:00:00+00:00",
)


def test_what_belongs_to_this_side_is_not_sent() -> None:
    told = [
        "suite=toy",
        "cluster.address=http://127.0.0.1:8265",
        "+cluster.token_path=/home/someone/token",
        "cluster.workers=3",
        "runs_dir=/home/someone/runs",
        "tracking.uri=http://user:password@host",
        "tracking=server",
        "~tracking",
        "suite.tracking_like=1",
    ]
    assert sent_overrides(told, VERBS["run"].stays) == [
        "suite=toy",
        "cluster.workers=3",
        "suite.tracking_like=1",
        "tracking=none",
    ]


def test_an_id_is_enough_to_come_back(tmp_path: Path) -> None:
    assert recall(tmp_path, SENT.job_id) is None
    remember(tmp_path, SENT)
    assert recall(tmp_path, SENT.job_id) == SENT
    assert remembered(tmp_path) == [SENT.job_id]
    forget(tmp_path, SENT.job_id)
    assert remembered(tmp_path) == []


@pytest.mark.parametrize("job_id", ["../up", "", ".hidden", "a/b", "a b"])
def test_what_can_be_no_id(tmp_path: Path, job_id: str) -> None:
    remember(tmp_path, SENT)
    with pytest.raises(InputError, match="is no job id"):
        recall(tmp_path, job_id)


def test_a_damaged_note_is_named(tmp_path: Path) -> None:
    remember(tmp_path, SENT)
    path = next((tmp_path / ".submitted").iterdir())
    for damage in ("{", "[]", '{"job_id": 1}'):
        path.write_text(damage)
        with pytest.raises(InputError, match=re.escape(f"{path}: is no remembered submission")):
            recall(tmp_path, SENT.job_id)


def test_ids_are_plain_and_never_the_same() -> None:
    ids = {new_job_id("My suite/v1 ü") for _ in range(500)}
    assert len(ids) == 500
    assert all(re.fullmatch(r"qcbench-My-suite-v1-\d{8}-\d{6}-[0-9a-f]{8}", one) for one in ids)

"""Tasks of which a duration is all that is known: depth, gates, shots and users stay unknown."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qcbench.cloud.estimates import estimate
from qcbench.errors import InputError
from qcbench.fleet.catalogue import device
from qcbench.fleet.profile import Fleet
from qcbench.physics.config import (
    ClopsTime,
    GivenTime,
    Noiseless,
    PartsFidelity,
    PhysicsConfig,
    SuccessProbability,
)
from qcbench.workload.circuits.synthetic import synthetic_tasks
from qcbench.workload.config import SyntheticCircuits
from qcbench.workload.formats.swf import read_swf, write_swf
from qcbench.workload.formats.task_files import read_task_set, write_task_set
from qcbench.workload.workload import Tasks

LOG = "".join(
    f"{number} {number} -1 5 4 -1 -1 4 -1 -1 1 {user} -1 -1 -1 -1 -1 -1\n"
    for number, user in enumerate((7, -1, 7, -1), start=1)
)
FLEET = Fleet("one", (device("kolkata"),))


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "log.swf"
    path.write_text(LOG)
    return path


def sources(log: Path) -> list[Tasks]:
    drawn = synthetic_tasks(np.random.default_rng(0), 3, SyntheticCircuits())
    return [
        read_swf(log).tasks,
        drawn,
        Tasks.without_circuits("given", np.ones(2, dtype=np.int64), np.ones(2)),
    ]


@pytest.mark.parametrize(
    "physics",
    [
        PhysicsConfig(time=GivenTime(), fidelity=SuccessProbability(gates="written")),
        PhysicsConfig(time=GivenTime(), fidelity=PartsFidelity()),
        PhysicsConfig(time=GivenTime(), fidelity=PartsFidelity(model="with_2q")),
        PhysicsConfig(time=ClopsTime(scale="clops_v"), fidelity=Noiseless()),
    ],
)
@pytest.mark.parametrize("source", range(3))
def test_models_of_circuits_refuse_them(log: Path, source: int, physics: PhysicsConfig) -> None:
    with pytest.raises(InputError, match=r"^task 0 \(\w+\) has no circuit, only a duration") as e:
        estimate(sources(log)[source], FLEET, physics)
    assert "model=" in str(e.value)
    found = estimate(
        sources(log)[source], FLEET, PhysicsConfig(time=GivenTime(), fidelity=Noiseless())
    )
    np.testing.assert_array_equal(found.fidelity, 1.0)


@pytest.mark.parametrize("ending", ["json", "parquet", "swf"])
def test_they_stay_unknown_through_files(log: Path, tmp_path: Path, ending: str) -> None:
    first = read_swf(log)
    path = tmp_path / f"again.{ending}"
    write_task_set(first, path)
    again = read_task_set(path)
    assert not again.tasks.have_circuits
    np.testing.assert_array_equal(again.tasks.depth, -1)
    np.testing.assert_array_equal(again.tasks.two_qubit_gates, -1)
    np.testing.assert_array_equal(again.tasks.duration_s, first.tasks.duration_s)
    assert again.user == first.user == ["7", "", "7", ""]


@pytest.mark.parametrize("ending", ["csv", "json"])
def test_job_files_of_circuits_refuse_them(log: Path, tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"jobs.{ending}"
    with pytest.raises(InputError, match="need the depth, two-qubit gates and shots of circuits"):
        write_task_set(read_swf(log), path, f"jobs_{ending}")
    assert not path.exists()


def test_unknown_users_are_written_as_the_format_says(log: Path, tmp_path: Path) -> None:
    content: Any = read_swf(log)
    named = type(content)(**{**vars(content), "user": ["ann", "", "ben", ""]})
    write_swf(named, tmp_path / "named.swf")
    text = (tmp_path / "named.swf").read_text()
    assert "; UserID 1: ann" in text
    rows = [line.split() for line in text.splitlines() if not line.startswith(";")]
    assert [row[11] for row in rows] == ["1", "-1", "2", "-1"]


def test_a_log_without_users_has_none(tmp_path: Path) -> None:
    path = tmp_path / "log.swf"
    path.write_text(LOG.replace(" 1 7 ", " 1 -1 "))
    assert read_swf(path).user is None

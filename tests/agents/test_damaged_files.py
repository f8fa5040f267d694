"""Files of trainings and sweeps that are damaged: each costs one clear line."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from qcbench.agents.evaluation import Evaluation
from qcbench.agents.run_folder import PROGRESS, evaluations, read_progress
from qcbench.agents.sweep.results import RESULTS
from qcbench.agents.sweep.running import _ended, swept
from qcbench.agents.sweep.trial import FROM, _origin
from qcbench.errors import InputError

DAMAGE: dict[str, bytes] = {
    "empty": b"",
    "torn": b'[{"trial": "a", "sta',
    "text": b"no JSON\n",
    "binary": b"\x80\x00\xff\xfe" * 9,
    "a list of numbers": b"[1, 2]\n",
    "nothing": b"null\n",
    "an object": b"{}\n",
}
JUDGED = Evaluation("makespan_s", 2, 1.0, 2.0, -50.0, -60.0, -40.0, "min", 0, 0, False, {"a": 1.0})


def line(**other: Any) -> str:
    entry = {"kind": "evaluation", "steps": 8, "time_s": 1.0, **asdict(JUDGED), **other}
    return json.dumps({key: value for key, value in entry.items() if value != "left out"})


def test_a_line_of_curves_that_is_damaged_is_named(tmp_path: Path) -> None:
    file = tmp_path / PROGRESS
    file.write_text(f"{line(low=None)}\n{line()}\n{line()[:30]}")
    assert [steps for steps, _ in evaluations(read_progress(tmp_path))] == [8, 8], "torn by a kill"
    for words, text in {
        "line 2 is no JSON": b"\x80\xff",
        "line 2 has no numbers": line(steps="8").encode(),
        "line 2 has no kind": b"[1]",
        "line 2: mean of an evaluation": line(mean="1").encode(),
        "line 2: figures of an evaluation": line(figures=3).encode(),
        "line 2: goal of an evaluation is missing": line(goal="left out").encode(),
    }.items():
        file.write_bytes(f"{line()}\n".encode() + text + b"\n")
        with pytest.raises(InputError, match=rf"{PROGRESS}: {words}"):
            read_progress(tmp_path)


def test_lines_of_before_there_was_a_part_are_read(tmp_path: Path) -> None:
    (tmp_path / PROGRESS).write_text(f"{line(unknown='left out')}\n{line(unknown=2)}\n")
    found = [each.unknown for _, each in evaluations(read_progress(tmp_path))]
    assert found == [0, 2]


@pytest.mark.parametrize("data", DAMAGE.values(), ids=DAMAGE.keys())
def test_results_of_a_sweep_that_are_damaged_are_one_line(data: bytes, tmp_path: Path) -> None:
    (tmp_path / RESULTS).write_bytes(data)
    with pytest.raises(InputError, match=RESULTS):
        swept(tmp_path)
    known = {"trial": "a", "status": "done", "settings": {}, "steps": 8, "run": "trials/a/0"}
    for part in (
        {"best": 3},
        {"best": {"mean": 1}},
        {"best": None, "settings": 1},
        {"best": None, "trial": 1},
        {},
    ):
        (tmp_path / RESULTS).write_text(json.dumps([{**known, **part}]))
        with pytest.raises(InputError, match=rf"{RESULTS}: is no list of trials"):
            swept(tmp_path)
    (tmp_path / RESULTS).write_text(json.dumps([{**known, "best": asdict(JUDGED)}]))
    found = swept(tmp_path)
    assert found is not None
    assert found.trials[0].best == JUDGED


@pytest.mark.parametrize("data", DAMAGE.values(), ids=DAMAGE.keys())
def test_what_tune_keeps_and_is_damaged_is_one_line(data: bytes, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the sweep begins anew"):
        _ended(tmp_path)
    (tmp_path / "experiment_state-2026.json").write_bytes(data)
    with pytest.raises(InputError, match=r"experiment_state-2026\.json: Ray Tune cannot go on"):
        _ended(tmp_path)
    (tmp_path / FROM).write_bytes(data)
    with pytest.raises(InputError, match=FROM):
        _origin(tmp_path)

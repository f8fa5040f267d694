"""QSimPy's own steps on two subsets, decision by decision: observation, reward, reinsertion.

The files are others' (GPL-3.0) and no part of the project; see `reference_data`.
"""

import csv
from pathlib import Path

import numpy as np
import pytest

from qcbench import api
from qcbench.envs.worlds import SPLITS

QPUS = ("washington", "kolkata", "hanoi", "perth", "lagos")
LAYOUT = ["t_arrival", "t_qubits", "t_layers", "t_resched"] + [
    f"{qpu}_{figure}" for qpu in QPUS for figure in ("qubits", "clops", "next_available")
]


@pytest.fixture(scope="module")
def folder(reference_data: Path) -> Path:
    return reference_data / "placement"


@pytest.mark.parametrize("subset", [1, 2])
@pytest.mark.parametrize("recorded", ["greedy", "random_replay"])
def test_every_step_is_the_originals(folder: Path, recorded: str, subset: int) -> None:
    with (folder / "steps_subsets_1_2.csv").open(newline="") as stream:
        rows = [
            row
            for row in csv.DictReader(stream)
            if row["policy"] == recorded and int(row["subset"]) == subset
        ]
    env = api.environment(
        "placement/qsimpy-file",
        overrides=[f"workload.circuits.path={folder / 'tasks_subsets_1_10.csv'}"],
        split="test",
        observation="legacy",
        reward={"kind": "legacy"},
    )
    # Ten subsets: the first fifth is for testing, subset 1 is replicate 0.
    observation, _ = env.reset(seed=0, options={"world": subset - 1})
    total = 0
    for row in rows:
        theirs = np.array([float(row[f"scaled_{name}"]) for name in LAYOUT], dtype=np.float32)
        np.testing.assert_array_equal(observation["observation"], theirs)
        assert observation["action_mask"].tolist() == [flag == "1" for flag in row["feasible_mask"]]
        task = env.unwrapped._view.row
        assert task == int(row["task_id"]) % 100
        observation, reward, terminated, truncated, info = env.step(int(row["action"]))
        assert reward == float(row["reward"])
        assert terminated == (row["terminated"] == "1")
        assert not truncated
        assert info["violation"] == (float(row["reward"]) == -10.0)
        total += info["violation"]
    assert terminated
    assert total > 0


def test_a_file_with_subsets_is_split_without_overlap(folder: Path) -> None:
    worlds = {}
    for split in SPLITS:
        env = api.environment(
            "placement/qsimpy-file",
            overrides=[f"workload.circuits.path={folder / 'tasks_subsets_1_10.csv'}"],
            split=split,
        ).unwrapped
        count = env.options.worlds
        arrivals = []
        for index in range(count):
            env.reset(options={"world": index})
            arrivals.append(tuple(env._cloud.cloud.scenario.workload.arrival_s))
        worlds[split] = set(arrivals)
        assert len(worlds[split]) == count
    assert [len(worlds[split]) for split in SPLITS] == [7, 1, 2]
    assert len(set.union(*worlds.values())) == 10

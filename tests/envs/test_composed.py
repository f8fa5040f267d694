"""Environments of composed scenarios: worlds are those that suites simulate."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from qcbench import api
from qcbench.bench.environments import environment_id, world_source
from qcbench.bench.worlds import splits_of
from qcbench.errors import InputError
from qcbench.policies.features import allocation, placement, queueing
from qcbench.policies.placement import earliest_completion
from qcbench.workload.config import FileCircuits, MinuteArrivals, WorkloadConfig


def test_split_test_has_the_worlds_of_simulate() -> None:
    for suite in ("simulate", "placement-v1"):
        env = api.environment(
            "placement/qce5-stream", overrides=["workload.tasks=40"], split="test", suite=suite
        ).unwrapped
        env.reset(options={"world": 2})
        decide = earliest_completion.policy(None)
        while env._view is not None:
            env.step(decide(env._view))
        theirs = api.simulate(
            "placement/qce5-stream", seed=2, overrides=["workload.tasks=40"], suite=suite
        )
        np.testing.assert_array_equal(env.records.completion_s, theirs.completion_s)


@pytest.mark.parametrize(
    ("scenario", "overrides"),
    [
        ("placement/qce5-unreliable", ["workload.tasks=30"]),
        ("placement/ibm12-stream", ["workload.tasks=30"]),
        ("allocation/eagle5-mix", ["workload.tasks=20"]),
        ("hybrid/heron5", ["rules.horizon_s=2000", "rules.warm_up_s=0"]),
        ("theory/mmc", ["workload.tasks=50"]),
    ],
)
def test_scenarios_of_every_kind_can_be_stepped(scenario: str, overrides: list[str]) -> None:
    env = api.environment(scenario, overrides=overrides, max_decisions=200)
    observation, _ = env.reset(seed=0)
    env.action_space.seed(0)
    over = False
    total = 0.0
    while not over:
        discrete = hasattr(env.action_space, "n")
        action = env.action_space.sample(observation["action_mask"] if discrete else None)
        observation, reward, terminated, truncated, _ = env.step(action)
        assert env.observation_space.contains(observation)
        total += reward
        over = terminated or truncated
    assert total < 0


def test_tracks_and_fleets_without_an_environment() -> None:
    with pytest.raises(InputError, match="track partition: has no environment"):
        api.environment("partition/arithmetic")
    with pytest.raises(InputError, match="overrides: go with a scenario's name"):
        world_source(world_source("placement/qce5").config, overrides=["workload.tasks=3"])
    assert environment_id("allocation", discrete=True) == "qcbench/AllocationDiscrete-v1"
    assert environment_id("placement", discrete=True) == "qcbench/Placement-v1"


def test_files_without_worlds_enough_are_for_testing_only(tmp_path: Path) -> None:
    path = tmp_path / "jobs.csv"
    header = "job_id,num_qubits,two_qubits,depth,priority,arrival_time,num_shots"
    path.write_text(f"{header}\n0,3,1,4,1,,100\n")
    workload = WorkloadConfig(
        name="own", circuits=FileCircuits(path=str(path)), arrivals=MinuteArrivals(), tasks=0
    )
    splits = splits_of(workload)
    assert [splits.count(split) for split in ("train", "validation", "test")] == [0, 0, 1]
    assert "jobs.csv is run in the same order" in splits.reason


def test_the_documentation_has_every_feature() -> None:
    text = (Path(__file__).parents[2] / "docs" / "environments.md").read_text()
    for layout in (
        placement.LAYOUT,
        placement.RELATIVE_LAYOUT,
        allocation.LAYOUT,
        allocation.RELATIVE_LAYOUT,
        queueing.LAYOUT,
        queueing.RELATIVE_LAYOUT,
    ):
        assert layout.markdown() in text
    for more in (placement.DUE_LAYOUT, allocation.DUE_LAYOUT, queueing.DUE_LAYOUT):
        for feature in more.features(1):
            assert f"| `{feature.name}` | {feature.meaning} |" in text


@pytest.mark.parametrize(
    ("function", "lacking"),
    [
        ("environment", "gymnasium"),
        ("environment", "greenlet"),
        ("vector_environment", "gymnasium"),
        ("vector_environment", "numba"),
    ],
)
def test_what_is_not_installed_is_named(function: str, lacking: str) -> None:
    code = (
        f"import sys; sys.modules[{lacking!r}] = None; from qcbench import api\n"
        "from qcbench.errors import InputError\n"
        f"try: api.{function}('placement/qce5')\n"
        "except InputError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    extra = "bench" if lacking == "numba" else "agents"
    expected = f"{lacking} is not installed; `pip install 'qcbench[{extra}]'`\n"
    assert done.stdout == expected, done.stderr

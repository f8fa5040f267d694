"""A patience in ages of jobs: a reward without seconds, the same compiled, refused in a line."""

from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_clouds import make_tasks

from qcbench.cloud.cloud import Streams
from qcbench.cloud.rules import Admission, ClassicalPoolRules, Dispatch, Failures, Rules
from qcbench.cloud.scenario import Scenario
from qcbench.cloud.seeds import stream
from qcbench.envs.allocation.single import AllocationEnv
from qcbench.envs.placement.single import PlacementEnv
from qcbench.envs.queueing.single import QueueingEnv
from qcbench.envs.queueing.vector import QueueingVectorEnv
from qcbench.envs.worlds import Split, Splits
from qcbench.errors import InputError
from qcbench.fleet.profile import Fleet, QpuProfile
from qcbench.physics.config import GivenTime, Noiseless, PhysicsConfig
from qcbench.policies.features import queueing_relative, relative
from qcbench.policies.features.rewards import Reward
from qcbench.workload.workload import ClassicalPhase, QuantumPhase, Repeat, Workload
from tests.envs.lockstep import lockstep

QUEUEING = "qcbench/Queueing-v1"
ENVIRONMENTS = 2
QPUS = tuple(
    QpuProfile(name=f"q{place}", qubits=width, family="tiny") for place, width in enumerate((2, 5))
)


class Worlds:
    """Jobs of many executions on two unequal QPUs that fail, with all times multiplied."""

    name = "patience"
    track = "queueing"
    fleet = Fleet("two", QPUS)
    splits = Splits()

    def __init__(self, factor: float) -> None:
        self.factor = factor
        self.rules = Rules(
            dispatch=Dispatch(mode="pull"),
            admission=Admission(variant="pending", classical_limit=12, quantum_limit=9),
            classical=ClassicalPoolRules(workers=4, speed=1.0),
            failures=Failures(
                mean_up_s=90.0 * factor, mean_down_s=6.0 * factor, on_failure="resubmit"
            ),
            horizon_s=150.0 * factor,
        )

    def __call__(self, split: Split, index: int) -> tuple[Scenario, Streams]:
        replicate = self.splits.replicate(split, index)
        rng = np.random.default_rng(replicate)
        count = int(rng.integers(10, 40))
        qubits = rng.integers(1, 6, count)
        duration_s = self.factor * rng.choice([0.5, 1.0, 3.0], count)
        tasks = make_tasks(duration_s, qubits)
        phases = [
            [
                Repeat(
                    int(rng.integers(1, 9)),
                    (ClassicalPhase(0.3 * self.factor), QuantumPhase(job)),
                )
            ]
            for job in range(count)
        ]
        arrival_s = self.factor * np.cumsum(rng.exponential(2.0, count))
        workload = Workload(arrival_s, tasks, phases=phases)
        scenario = Scenario(
            self.fleet,
            workload,
            track="queueing",
            rules=self.rules,
            physics=PhysicsConfig(time=GivenTime(), fidelity=Noiseless()),
            name=self.name,
        )
        return scenario, Streams(partial(stream, "tests", self.name, replicate))


def played(
    factor: float, seed: int, observation: str, patience: dict[str, Any], begin_s: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the rewards and observations of random decisions where all takes so much longer."""
    envs = QueueingVectorEnv(
        ENVIRONMENTS,
        source=Worlds(factor),
        worlds=3,
        masked="error",
        reward={"kind": "hindsight", "time_scale_s": 10.0 * factor, **patience},
        observation=observation,
        begin_s=begin_s * factor,
        slots=6,
    )
    rng = np.random.default_rng(seed)
    found: list[tuple[np.ndarray, np.ndarray]] = []
    seen, _ = envs.reset(seed=seed)
    while len(found) < 150:
        scores = rng.random(seen["action_mask"].shape) + seen["action_mask"]
        seen, rewards, *_ = envs.step(scores.argmax(axis=1))
        found.append((rewards.copy(), seen["observation"].copy()))
    envs.close()
    return np.array([r for r, _ in found]), np.array([o for _, o in found])


@given(
    st.integers(-3, 20),
    st.integers(0, 1000),
    st.sampled_from(["usual", "relative"]),
    st.floats(0.1, 8.0),
    st.sampled_from([0.0, 60.0]),
)
@settings(max_examples=25, deadline=None)
def test_all_times_multiplied_cost_the_same(
    power: int, seed: int, observation: str, ages: float, begin_s: float
) -> None:
    """Powers of two, so that not a bit of what happens is another."""
    told: Any = (seed, observation, {"patience_ages": ages}, begin_s)
    rewards, seen = played(1.0, *told)
    slower, seen_slower = played(2.0**power, *told)
    np.testing.assert_array_equal(slower, rewards)
    assert rewards.any()
    if observation == "relative":
        np.testing.assert_allclose(seen_slower, seen, rtol=1e-5, atol=1e-7)


def test_a_patience_in_seconds_is_another_where_all_takes_longer() -> None:
    told: Any = (3, "relative", {"patience_s": 20.0}, 0.0)
    assert (played(16.0, *told)[0] != played(1.0, *told)[0]).any()


@given(
    st.lists(
        st.tuples(*(st.floats(1e-3, 1e5) for _ in range(3)), st.booleans()), min_size=1, max_size=9
    ),
    st.floats(1e-3, 1e6),
    st.floats(0.01, 100.0),
)
def test_it_is_multiplied_by_what_times_are(tasks: Any, factor: float, ages: float) -> None:
    """By any number, and whatever joined: here only its last digits may differ."""

    def patience_s(by: float) -> float:
        memory, now_s = [0.0] * queueing_relative.MEMORY, 0.0
        for ticket, (gap_s, age_s, exec_s, fresh) in enumerate(tasks):
            now_s += by * gap_s
            queueing_relative.join(
                2, ticket, now_s, by * age_s, by * exec_s, 0.0 if fresh else by, memory, 0
            )
        assert memory[relative.SEEN] == len(tasks)
        return queueing_relative.patience_s(ages, memory, 0)

    assert patience_s(factor) == pytest.approx(factor * patience_s(1.0), rel=1e-9)
    mean_s = sum(age_s + exec_s for _, age_s, exec_s, _ in tasks) / len(tasks)
    assert patience_s(1.0) == pytest.approx(ages * mean_s, rel=1e-9)


@pytest.mark.parametrize("observation", ["usual", "relative"])
@pytest.mark.parametrize("same_step", [False, True])
@pytest.mark.parametrize("begin_s", [0.0, 90.0])
def test_single_and_vector_rewards_are_equal_to_the_bit(
    observation: str, same_step: bool, begin_s: float
) -> None:
    told: dict[str, Any] = {"observation": observation, "begin_s": begin_s, "slots": 6}
    reward = {"kind": "hindsight", "patience_ages": 1.3}
    source = Worlds(1.0)
    episodes = lockstep(
        QUEUEING, source=source, worlds=5, forbidden=0.0, masked="error", steps=400,
        same_step=same_step, reward=reward, **told,
    )  # fmt: skip
    assert episodes >= 4


def test_it_does_not_matter_what_is_observed() -> None:
    """Who does not see the ages is charged by them all the same."""
    usual, _ = played(1.0, 5, "usual", {"patience_ages": 1.0}, 30.0)
    same, _ = played(1.0, 5, "relative", {"patience_ages": 1.0}, 30.0)
    np.testing.assert_array_equal(usual, same)


@pytest.mark.parametrize(
    ("reward", "message"),
    [
        ({"patience_ages": 2.0, "patience_s": 5.0}, r"patience_s is 5\.0; set patience_s to null"),
        ({"patience_ages": 2.0, "kind": "cost"}, "goes with kind hindsight, not cost"),
        ({"patience_ages": 0.0}, r"reward\.patience_ages: 0\.0; must be positive"),
        ({"patience_ages": -1.0}, r"reward\.patience_ages: -1\.0; must be positive"),
        ({"patience_ages": float("inf")}, r"reward\.patience_ages: inf; must be"),
        ({"patience_ages": "long"}, r"reward\.patience_ages: 'long'; must be"),
        ({"patience_s": None}, r"reward\.patience_s: null; must be a time, or tell patience_ages"),
        ({"patience_s": -1.0}, r"reward\.patience_s: -1\.0; must not be negative"),
        ({"patience": 1.0}, "key 'patience' is unknown"),
    ],
)
def test_one_patience_is_told(reward: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        QueueingEnv(masked="error", reward={"kind": "hindsight", **reward})
    assert "\n" not in str(caught.value)


def test_the_usual_patience_is_a_day() -> None:
    assert Reward(kind="hindsight").patience_s == 86_400.0
    assert Reward().patience_ages is None
    env = QueueingEnv(masked="error", reward={"kind": "hindsight", "patience_ages": None})
    assert env.options.reward.patience_s == 86_400.0
    with pytest.raises(InputError, match=r"patience_s is 86400\.0; set patience_s to null"):
        Reward(kind="hindsight", patience_ages=2.0)


@pytest.mark.parametrize("kind", [PlacementEnv, AllocationEnv])
def test_other_tracks_have_none(kind: Any) -> None:
    reward = {"kind": "hindsight", "patience_ages": 2.0}
    with pytest.raises(InputError, match=r"reward\.(kind|patience_ages): .* is of track"):
        kind(masked="error", reward=reward)

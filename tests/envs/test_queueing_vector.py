"""The vector environment of hybrid jobs against single ones on the SimPy cloud, step by step."""

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
from gymnasium.error import ResetNeeded
from gymnasium.utils.seeding import np_random
from gymnasium.vector import AutoresetMode

from qcbench.cloud.cloud import Streams
from qcbench.cloud.rules import (
    Admission,
    ClassicalPoolRules,
    ColdStart,
    Failures,
    Rules,
    TokenBucket,
)
from qcbench.cloud.scenario import Scenario
from qcbench.cloud.seeds import stream
from qcbench.envs.defaults import default_worlds
from qcbench.envs.queueing.single import QueueingEnv
from qcbench.envs.queueing.vector import QueueingVectorEnv
from qcbench.envs.worlds import Split, Splits
from qcbench.errors import InputError
from qcbench.fleet.profile import Fleet, QpuProfile
from qcbench.physics.config import GivenTime, PartsFidelity, PhysicsConfig
from qcbench.workload.workload import ClassicalPhase, QuantumPhase, Repeat, Tasks, Workload

FLEET = Fleet(
    "two",
    tuple(
        QpuProfile(
            name=f"q{i}",
            qubits=qubits,
            family="tiny",
            price_per_s=price,
            readout_error=0.02,
            one_qubit_error=0.001,
            two_qubit_error=0.01,
        )
        for i, (qubits, price) in enumerate(((2, 1.0), (5, 3.0)))
    ),
)


class SmallWorlds:
    """Short jobs on two unequal QPUs that fail, with cold starts, quotas and uncertain times."""

    name = "small-worlds"
    track = "queueing"
    fleet = FLEET
    splits = Splits()

    def __init__(self, **rules: Any) -> None:
        self._rules = replace(
            Rules(
                dispatch=default_worlds("queueing").rules.dispatch,
                admission=Admission(
                    variant="total",
                    classical_limit=6,
                    quantum_limit=7,
                    per_user=TokenBucket(tokens_per_s=0.5, burst=3.0),
                ),
                classical=ClassicalPoolRules(
                    workers=2,
                    speed=1.0,
                    cold_start=ColdStart(image_pull_s=2.0, boot_s=0.5, keep_alive_s=5.0),
                ),
                failures=Failures(mean_up_s=8.0, mean_down_s=2.0, on_failure="resubmit"),
                execution_sigma=0.2,
                horizon_s=60.0,
            ),
            **rules,
        )

    def __call__(self, split: Split, index: int) -> tuple[Scenario, Streams]:
        replicate = self.splits.replicate(split, index)
        rng = np.random.default_rng(replicate)
        count = int(rng.integers(10, 40))
        zeros = np.zeros(count, dtype=np.int64)
        tasks = Tasks(
            algorithm=["toy"] * count,
            qubits=rng.integers(1, 6, count),
            depth=zeros + 5,
            shots=zeros + 1,
            two_qubit_gates=zeros + 2,
            duration_s=rng.choice([0.5, 1.0, 2.0], count),
        )
        phases = [
            [ClassicalPhase(0.5), Repeat(int(rng.integers(1, 4)), (QuantumPhase(job),))]
            for job in range(count)
        ]
        workload = Workload(
            np.cumsum(rng.choice([0.0, 0.5, 1.0], count)),
            tasks,
            phases=phases,
            priority=rng.choice([1, 2, 4], count),
            user=[f"u{k}" for k in rng.integers(0, 3, count)],
        )
        scenario = Scenario(
            FLEET,
            workload,
            track="queueing",
            rules=self._rules,
            physics=PhysicsConfig(time=GivenTime(), fidelity=PartsFidelity()),
            name=self.name,
        )
        return scenario, Streams(partial(stream, "tests", self.name, replicate))


def compare(steps: int, count: int = 3, seed: int = 7, **options: Any) -> dict[str, int]:
    """Walk both along with the same actions; return how often episodes ended, by how."""
    vector = QueueingVectorEnv(count, autoreset="next_step", **options)
    singles = [QueueingEnv(**options) for _ in range(count)]
    rng, _ = np_random(seed)
    seen, info = vector.reset(seed=seed)
    for e, single in enumerate(singles):
        own, own_info = single.reset(seed=seed + e)
        assert_seen(seen, e, own)
        assert info["world"][e] == own_info["world"]
    over = [False] * count
    ends: dict[str, int] = {}
    slots = vector.options.slots
    for _ in range(steps):
        actions = rng.integers(0, slots, count)
        actions = np.where(rng.random(count) < 0.8, actions % 3, actions)
        seen, reward, terminated, truncated, info = vector.step(actions)
        for e, single in enumerate(singles):
            if over[e]:  # this step began the next episode
                own, _ = single.reset()
                over[e] = False
                assert_seen(seen, e, own)
                assert reward[e] == 0.0
                assert not terminated[e]
                assert not truncated[e]
                continue
            own, own_reward, own_terminated, own_truncated, own_info = single.step(int(actions[e]))
            assert_seen(seen, e, own)
            assert reward[e] == pytest.approx(own_reward, rel=1e-9, abs=1e-12)
            assert (terminated[e], truncated[e]) == (own_terminated, own_truncated)
            assert info["violation"][e] == own_info["violation"]
            over[e] = own_terminated or own_truncated
            if over[e]:
                ends[own_info["ended"]] = ends.get(own_info["ended"], 0) + 1
                for name in ("ended", "world", "decisions", "violations", "jobs", "done"):
                    assert info[name][e] == own_info[name], name
                assert info["completion_s"][e] == pytest.approx(
                    own_info["completion_s"], rel=1e-9, nan_ok=True
                )
    return ends


def assert_seen(seen: dict[str, Any], e: int, own: dict[str, Any]) -> None:
    np.testing.assert_array_equal(seen["observation"][e], own["observation"])
    np.testing.assert_array_equal(seen["action_mask"][e], own["action_mask"])


@pytest.mark.parametrize("on_failure", ["restart", "resubmit", "fail"])
def test_everything_that_the_rules_know(on_failure: Any) -> None:
    failures = Failures(mean_up_s=8.0, mean_down_s=2.0, on_failure=on_failure)
    ends = compare(
        700,
        source=SmallWorlds(failures=failures),
        slots=5,
        worlds=9,
        reward={"fidelity": 2.0, "price": 0.1, "violation": 0.7, "drop": 3.0},
    )
    assert ends["done"] + ends.get("horizon", 0) > 10


def test_many_failures_are_drawn_further() -> None:
    failures = Failures(mean_up_s=0.5, mean_down_s=0.1, on_failure="restart")
    compare(300, source=SmallWorlds(failures=failures, horizon_s=300.0), slots=5, worlds=4)


def test_truncated_and_cut_off_by_the_horizon() -> None:
    source = SmallWorlds(failures=None, horizon_s=9.0)
    ends = compare(500, source=source, slots=4, worlds=6, max_decisions=12)
    assert set(ends) == {"horizon", "max_decisions"}


def test_the_usual_worlds() -> None:
    compare(600, count=2, worlds=3)


def test_same_step_gives_the_last_observation() -> None:
    options: dict[str, Any] = {"source": SmallWorlds(), "slots": 5, "worlds": 6}
    same = QueueingVectorEnv(2, autoreset="same_step", **options)
    after = QueueingVectorEnv(2, autoreset="next_step", **options)
    assert same.metadata["autoreset_mode"] == AutoresetMode.SAME_STEP
    one, _ = same.reset(seed=3)
    two, _ = after.reset(seed=3)
    np.testing.assert_array_equal(one["observation"], two["observation"])
    ended = 0
    waiting = np.zeros(2, dtype=np.bool_)
    for _ in range(400):
        if waiting.any():  # only those that ended move on; the others must wait for them
            break
        actions = np.zeros(2, dtype=np.int64)
        one, reward, terminated, truncated, info = same.step(actions)
        two, other, *_ = after.step(actions)
        np.testing.assert_array_equal(reward, other)
        for e in np.flatnonzero(terminated | truncated).tolist():
            np.testing.assert_array_equal(
                info["final_obs"][e]["observation"], two["observation"][e]
            )
            assert info["final_info"]["ended"][e] in ("done", "horizon")
            assert one["action_mask"][e].any()
            ended += 1
        waiting = terminated | truncated
    assert ended


def test_the_same_seed_gives_the_same_and_memory_may_be_shared() -> None:
    options: dict[str, Any] = {"source": SmallWorlds(), "slots": 5, "worlds": 6}
    copied, shared = (QueueingVectorEnv(4, copy=copy, **options) for copy in (True, False))
    first, _ = copied.reset(seed=5)
    kept = first["observation"].copy()
    second, _ = shared.reset(seed=5)
    for _ in range(50):
        actions = np.zeros(4, dtype=np.int64)
        seen = copied.step(actions)[0]
        other = shared.step(actions)[0]
        np.testing.assert_array_equal(seen["observation"], other["observation"])
    np.testing.assert_array_equal(first["observation"], kept)
    again, _ = copied.reset(seed=5)
    np.testing.assert_array_equal(again["observation"], kept)
    assert second["observation"] is not first["observation"]


def test_bad_input_is_told() -> None:
    envs = QueueingVectorEnv(2, source=SmallWorlds(), slots=5, worlds=4, masked="error")
    with pytest.raises(ResetNeeded):
        envs.step(np.zeros(2, dtype=np.int64))
    envs.reset(seed=0)
    with pytest.raises(InputError, match=r"actions of shape \(3,\)"):
        envs.step(np.zeros(3, dtype=np.int64))
    with pytest.raises(InputError, match="type float64"):
        envs.step(np.zeros(2))
    with pytest.raises(InputError, match=r"action 5 of environment 1: .* 0\.\.4"):
        envs.step(np.array([0, 5]))
    with pytest.raises(InputError, match="the mask forbids it; allowed now"):
        envs.step(np.array([4, 4]))
    nothing = SmallWorlds(admission=Admission(variant="total", quantum_limit=0))
    with pytest.raises(InputError, match="asks for no decision"):
        QueueingVectorEnv(2, source=nothing, worlds=2).reset(seed=0)

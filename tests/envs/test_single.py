"""The single environments: Gymnasium's contract, rewards that add up, bad input in one line."""

import warnings
from dataclasses import replace
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import check_env

from qcbench.cloud.cloud import Cloud
from qcbench.cloud.rules import Admission, Dispatch, Failures, Rescheduling
from qcbench.envs.defaults import default_worlds
from qcbench.envs.placement.single import PlacementEnv
from qcbench.envs.registration import IDS
from qcbench.envs.worlds import Splits
from qcbench.errors import InputError
from qcbench.policies.features.rewards import Reward
from qcbench.policies.placement import earliest_completion
from qcbench.workload.deadlines import SlackDeadlines

PLACEMENT, ALLOCATION, DISCRETE, QUEUEING = IDS


def make(name: str, **options: Any) -> Any:
    return gymnasium.make(name, **options).unwrapped


def sampled(env: Any, observation: dict[str, Any]) -> Any:
    masked = isinstance(env.action_space, gymnasium.spaces.Discrete)
    return env.action_space.sample(observation["action_mask"] if masked else None)


def play(env: Any, seed: int = 0, choose: Any = sampled) -> tuple[list[float], dict[str, Any]]:
    observation, _ = env.reset(seed=seed)
    env.action_space.seed(seed)
    rewards = []
    while True:
        action = choose(env, observation)
        observation, reward, terminated, truncated, info = env.step(action)
        rewards.append(reward)
        assert env.observation_space.contains(observation)
        np.testing.assert_array_equal(info["action_mask"], observation["action_mask"])
        np.testing.assert_array_equal(env.action_masks(), observation["action_mask"] == 1)
        if terminated or truncated:
            return rewards, info


@pytest.mark.parametrize("name", IDS)
def test_gymnasium_finds_nothing_to_complain_about(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        env = gymnasium.make(name)
        check_env(env.unwrapped)


@pytest.mark.parametrize("name", IDS)
def test_seeds_give_worlds(name: str) -> None:
    env, other = make(name, max_decisions=30), make(name, max_decisions=30)
    env.reset(seed=3)
    other.reset(seed=3)
    worlds = []
    for _ in range(5):
        one, _ = env.reset()
        two, info = other.reset()
        np.testing.assert_equal(one, two)
        assert info["world"] == env.world
        worlds.append(env.world)
    assert len(set(worlds)) > 1
    assert env.reset(seed=4)[1]["world"] != env.reset(seed=5)[1]["world"]
    # Without a seed, environments do not all see the same.
    assert len({make(name).reset()[1]["world"] for _ in range(8)}) > 1
    chosen = env.reset(options={"world": 7, "split": "test"})[1]["world"]
    assert chosen == 7


def test_an_episode_of_a_policy_is_its_simulation() -> None:
    env = make(PLACEMENT, split="test", reward={"time_scale_s": 1.0})
    index = env.layout.each_index("regret")
    shared, each = len(env.layout.shared), len(env.layout.each)

    def earliest(_: Any, observation: dict[str, Any]) -> int:
        return int(observation["observation"][shared:].reshape(-1, each)[:, index].argmin())

    rewards, info = play(env, choose=earliest)
    scenario, streams = default_worlds("placement")("test", env.world)
    records = Cloud(scenario, earliest_completion.policy(None), streams).run()
    np.testing.assert_array_equal(records.completion_s, env.records.completion_s)
    np.testing.assert_array_equal(records.qpu, env.records.qpu)
    assert -sum(rewards) == pytest.approx(records.completion_s.sum())
    assert info["completion_s"] == pytest.approx(records.completion_s.mean())
    assert (info["ended"], info["done"], info["decisions"]) == ("done", 25, 25)


def unreliable(track: str, on_failure: str):
    source = default_worlds(track)
    times = {"placement": (60.0, 20.0), "allocation": (20_000.0, 2_000.0)}[track]
    failures = Failures(mean_up_s=times[0], mean_down_s=times[1], on_failure=on_failure)
    return replace(source, rules=replace(source.rules, failures=failures, execution_sigma=0.4))


@pytest.mark.parametrize("on_failure", ["restart", "resubmit", "fail"])
@pytest.mark.parametrize("name", [PLACEMENT, DISCRETE])
def test_returns_are_what_happened_also_where_qpus_fail(name: str, on_failure: str) -> None:
    track = "placement" if name == PLACEMENT else "allocation"
    reward = Reward(time_scale_s=10.0, failure=7.0, violation=0.0)
    env = make(name, source=unreliable(track, on_failure), reward=reward)
    restarts = 0
    for seed in range(4):
        rewards, _ = play(env, seed=seed)
        records = env.records
        restarts += int(records.restarts.sum())
        lost = records.status == 2
        if on_failure != "fail":
            assert not lost.any()
            assert -sum(rewards) == pytest.approx(records.completion_s.sum() / 10.0)
        else:
            # A task that is lost has cost what was expected of it, and the penalty.
            expected = records.estimated_wait_s + records.estimated_exec_s + records.delay_s
            at_start = expected[lost].sum() / 10.0 + 7.0 * lost.sum()
            done = records.completion_s[~lost].sum() / 10.0
            communication = 0.0 if name == PLACEMENT else None
            if communication is not None:
                assert -sum(rewards) == pytest.approx(done + at_start)
            else:
                assert -sum(rewards) >= done + at_start - 1e-6
    assert restarts > 0 or on_failure == "fail"


def test_a_queue_costs_the_time_of_all_that_are_present() -> None:
    source = default_worlds("queueing")
    rules = replace(
        source.rules,
        horizon_s=3000.0,
        admission=Admission(variant="pending", classical_limit=40, quantum_limit=1),
    )
    arrivals = replace(source.workload.arrivals, interval_s=150.0)
    workload = replace(source.workload, arrivals=arrivals)
    source = replace(source, rules=rules, workload=workload)
    reward = Reward(time_scale_s=100.0, drop=3.0)
    env = make(QUEUEING, source=source, reward=reward)
    dropped = 0
    for seed in range(3):
        rewards, info = play(env, seed=seed)
        records = env.records
        arrival_s = records.workload.arrival_s[: len(records.job_status)]
        admitted = records.job_status != 1
        end_s = np.where(np.isnan(records.job_finish_s), 3000.0, records.job_finish_s)
        present_s = (end_s - arrival_s)[admitted].sum()
        dropped += int((~admitted).sum())
        assert -sum(rewards) == pytest.approx(present_s / 100.0 + 3.0 * (~admitted).sum())
        assert info["ended"] == "horizon"
    assert dropped > 0


def due_queue(deadlines: str, **more: Any) -> Any:
    """Jobs at once whose due times are soon over, on QPUs that have prices.

    Few, for each asks many hundreds of times.
    """
    source = default_worlds("queueing")
    rules = replace(source.rules, horizon_s=None, admission=Admission(), deadlines=deadlines)
    qpus = tuple(replace(q, price_per_s=0.5 + i) for i, q in enumerate(source.fleet))
    workload = replace(
        source.workload,
        arrivals=replace(source.workload.arrivals, interval_s=20.0),
        tasks=6,
        deadlines=SlackDeadlines(least=1.0, most=1.5, value="best"),
    )
    fleet = replace(source.fleet, qpus=qpus)
    return replace(source, rules=rules, workload=workload, fleet=fleet, **more)


def test_what_is_dropped_when_it_is_chosen_costs_no_price() -> None:
    source = due_queue("drop")
    source = replace(source, rules=replace(source.rules, records="tasks"))
    env = make(QUEUEING, source=source, reward={"time": 0.0, "price": 2.0, "drop": 0.0})
    dropped = 0
    for seed in range(3):
        rewards, _ = play(env, seed=seed)
        records = env.records
        dropped += int((records.job_status == 1).sum())
        done = records.status == 0
        assert -sum(rewards) == pytest.approx(2.0 * records.cost[done].sum())
    assert dropped > 0


WEIGHTS = {"time": 0.0, "tardiness": 2.0, "missed": 3.0, "value": 0.5, "time_scale_s": 10.0}


def lateness_cost(records: Any) -> float:
    """What the weights say of what is recorded, of every job that ended."""
    workload = records.workload
    done, ended = records.job_status == 0, records.job_status != 3
    late_s = np.where(done, np.maximum(records.job_finish_s - workload.due_s, 0.0), 0.0)
    missed = ended & (~done | (late_s > 0))
    value = workload.value / workload.value.max()
    fades_s = workload.value_fades_s
    lost = np.where(done & (fades_s > 0), np.minimum(late_s / max(fades_s, 1e-9), 1.0), 1.0)
    return float(0.2 * late_s.sum() + 3.0 * missed.sum() + 0.5 * (value * lost)[missed].sum())


@pytest.mark.parametrize("deadlines", ["observe", "drop"])
@pytest.mark.parametrize("fades_s", [0.0, 20.0])
def test_due_times_can_be_weighed(deadlines: str, fades_s: float) -> None:
    """Added up, rewards are tardiness, jobs missed and value lost, also where QPUs fail."""
    law = SlackDeadlines(least=1.0, most=4.0, value="best", fades_s=fades_s)
    weights = {**WEIGHTS, "failure": 0.0, "drop": 0.0, "violation": 0.0}
    late = 0.0
    for name, track, failing in (
        (PLACEMENT, "placement", None),
        (PLACEMENT, "placement", "resubmit"),
        (PLACEMENT, "placement", "fail"),
        (DISCRETE, "allocation", None),
        (DISCRETE, "allocation", "fail"),
        (QUEUEING, "queueing", None),
    ):
        source = default_worlds(track) if failing is None else unreliable(track, failing)
        if track == "queueing":
            source = due_queue(deadlines)
        rules = replace(source.rules, deadlines=deadlines)
        workload = replace(source.workload, deadlines=law)
        if track == "allocation":
            workload = replace(workload, tasks=25)
        source = replace(source, rules=rules, workload=workload)
        env = make(name, source=source, reward=weights)
        rewards, _ = play(env, seed=1)
        expected = lateness_cost(env.records)
        late += expected
        assert -sum(rewards) == pytest.approx(expected, rel=1e-6, abs=1e-6), (name, failing)
    assert late > 0


def test_rewards_for_due_times_need_them() -> None:
    env = make(PLACEMENT, reward={"missed": 1.0})
    with pytest.raises(InputError, match="reward: tardiness, missed and value count due times"):
        env.reset(seed=0)
    many = {"vectorization_mode": "vector_entry_point", "reward": {"missed": 1.0}}
    with pytest.raises(InputError, match="reward: tardiness, missed and value count due times"):
        gymnasium.make_vec(PLACEMENT, **many)
    with pytest.raises(InputError, match="hindsight knows no due times; set tardiness, missed and"):
        make(PLACEMENT, reward={"kind": "hindsight", "missed": 1.0}, masked="error")


def test_fidelity_and_price_can_be_weighed() -> None:
    source = default_worlds("placement")
    fleet = replace(
        source.fleet,
        qpus=tuple(replace(q, price_per_s=0.5 + i) for i, q in enumerate(source.fleet)),
    )
    source = replace(source, fleet=fleet)
    for weights in ({"fidelity": 1.0}, {"price": 2.0}):
        env = make(PLACEMENT, source=source, reward={"time": 0.0, **weights})
        rewards, _ = play(env)
        records = env.records
        cost = (1 - records.fidelity).sum() if "fidelity" in weights else 2 * records.cost.sum()
        assert -sum(rewards) == pytest.approx(cost)
    env = make(ALLOCATION, reward={"time": 0.0, "fidelity": 1.0})
    rewards, _ = play(env)
    assert -sum(rewards) == pytest.approx((1 - env.records.fidelity).sum())


@pytest.mark.parametrize("name", IDS)
def test_truncation_is_said_and_leaves_an_observation(name: str) -> None:
    env = make(name, max_decisions=5)
    observation, _ = env.reset(seed=1)
    for step in range(5):
        observation, _, terminated, truncated, info = env.step(sampled(env, observation))
        assert not terminated
        assert truncated == (step == 4)
    assert (info["ended"], info["decisions"]) == ("max_decisions", 5)
    assert observation["observation"].any()
    with pytest.raises(ResetNeeded):
        env.step(sampled(env, observation))


def test_the_rules_own_limit_holds_without_another() -> None:
    source = default_worlds("placement")
    rules = replace(source.rules, rescheduling=Rescheduling(max_decisions=7))
    env = make(PLACEMENT, source=replace(source, rules=rules))
    rewards, info = play(env)
    assert (len(rewards), info["ended"]) == (7, "max_decisions")
    assert env.records.truncated
    assert make(PLACEMENT, source=replace(source, rules=rules), max_decisions=9) is not None


def test_a_violation_puts_the_task_back() -> None:
    env = make(PLACEMENT)
    observation, _ = env.reset(options={"world": 0})
    while observation["action_mask"].all():
        observation, *_ = env.step(0)
    now_s, row = env._view.now_s, env._view.row
    forbidden = int(observation["action_mask"].argmin())
    before = env._view.violations
    _, reward, _, _, info = env.step(forbidden)
    assert info["violation"] is True
    assert reward == pytest.approx(-(1.0 / 50.0 + 1.0))
    records = env.records
    at = records.row.tolist().index(row)
    assert records.violations[at] == before + 1
    assert now_s >= records.arrival_s[at]


@pytest.mark.parametrize("name", [PLACEMENT, DISCRETE, QUEUEING])
def test_an_action_under_a_false_mask_can_be_an_error(name: str) -> None:
    strict, lenient = make(name, masked="error"), make(name)
    for env in (strict, lenient):
        observation, _ = env.reset(options={"world": 1})
        while observation["action_mask"].all():
            observation, *_ = env.step(sampled(env, observation))
    forbidden = int(observation["action_mask"].argmin())
    assert lenient.step(forbidden)[4]["violation"]
    observation, _ = strict.reset(options={"world": 1})
    while observation["action_mask"].all():
        observation, *_ = strict.step(sampled(strict, observation))
    forbidden = int(observation["action_mask"].argmin())
    with pytest.raises(InputError, match=f"action {forbidden}: the mask forbids it; allowed now"):
        strict.step(forbidden)
    assert not strict.step(int(observation["action_mask"].argmax()))[4]["violation"]


@pytest.mark.parametrize(
    ("name", "action", "message"),
    [
        (PLACEMENT, 5, r"action 5 \(int\): must be a whole number in 0..4"),
        (PLACEMENT, -1, "must be a whole number in 0..4"),
        (PLACEMENT, 1.0, r"action 1.0 \(float\): must be a whole number"),
        (PLACEMENT, True, "must be a whole number"),
        (PLACEMENT, np.array([1]), r"action of shape \(1,\) and type int64: must be a whole"),
        (PLACEMENT, None, "action None"),
        (QUEUEING, 40, "must be a whole number in 0..39"),
        (DISCRETE, 32, "must be a whole number in 0..31"),
        (ALLOCATION, 3, r"action of shape \(\) and type int64: must be 5 weights"),
        (
            ALLOCATION,
            np.zeros(4, np.float32),
            r"action of shape \(4,\) and type float32: must be 5",
        ),
        (ALLOCATION, np.zeros(5, np.int64), "type int64: must be 5 weights of type float32"),
        (ALLOCATION, np.full(5, np.nan, np.float32), "weights must be finite"),
    ],
    ids=str,
)
def test_actions_of_another_kind_are_refused(name: str, action: Any, message: str) -> None:
    env = make(name)
    with pytest.raises(ResetNeeded):
        env.step(action)
    env.reset(seed=0)
    with pytest.raises(InputError, match=message):
        env.step(action)
    # Nothing was decided by that.
    assert env._decisions == 0
    env.step(env.action_space.sample())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"split": "tset"}, r"split 'tset': no such split; did you mean test"),
        ({"worlds": 0}, "worlds: 0; split train of placement/qce5 has 1.."),
        ({"max_decisions": 0}, "max_decisions: 0; must be positive"),
        ({"masked": "ignore"}, "masked: 'ignore'; must be violation or error"),
        (
            {"observation": "raw"},
            "observation: 'raw'; must be usual or relative or deadlines or legacy",
        ),
        ({"reward": {"tiem": 1.0}}, "reward: key 'tiem' is unknown; did you mean time"),
        ({"reward": {"time": -1.0}}, "reward.time: -1.0; must not be negative"),
        ({"source": default_worlds("queueing")}, "serverless/small: is of track queueing"),
        ({"render_mode": "human"}, "render_mode: 'human'; must be rgb_array or ansi"),
    ],
    ids=str,
)
def test_options_that_cannot_be_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        PlacementEnv(**options)


def test_options_of_other_tracks_are_refused() -> None:
    for name in (ALLOCATION, QUEUEING):
        with pytest.raises(InputError, match="observation: legacy is of track placement"):
            make(name, observation="legacy")
        with pytest.raises(InputError, match="legacy is of track placement"):
            make(name, reward={"kind": "legacy"})
    with pytest.raises(InputError, match="slots: 0"):
        make(QUEUEING, slots=0)
    source = default_worlds("allocation")
    for order in ("icpp2025", "icpp2025_rlbase"):
        dispatch: Any = Dispatch(qpus="shared", order=order)  # type: ignore[arg-type]
        polling = replace(source, rules=replace(source.rules, dispatch=dispatch))
        with pytest.raises(InputError, match=f"order {order} has no environment"):
            make(ALLOCATION, source=polling).reset()
    many = replace(
        source.fleet, qpus=tuple(replace(source.fleet.qpus[0], name=f"q{i}") for i in range(9))
    )
    with pytest.raises(InputError, match="has 9 QPUs; the discrete actions are for 8"):
        make(DISCRETE, source=replace(source, fleet=many))


def test_worlds_that_are_not_what_the_source_says_are_refused() -> None:
    source = default_worlds("placement")

    class Wrong:
        name, track, splits = source.name, source.track, source.splits
        fleet = replace(source.fleet, name="other", qpus=source.fleet.qpus[:3])

        def __call__(self, split, index):
            return source(split, index)

    with pytest.raises(InputError, match=r"world 0 of split train .* states other"):
        make(PLACEMENT, source=Wrong()).reset(options={"world": 0})
    few = replace(source, splits=Splits(worlds=2, reason="tasks.csv has 2 subsets"))
    with pytest.raises(
        InputError, match=r"split train: placement/qce5 has only 2 worlds \(tasks.csv"
    ):
        make(PLACEMENT, source=few)
    env = make(PLACEMENT, source=few, split="test")
    with pytest.raises(InputError, match="split test: no world 2"):
        env.reset(options={"world": 2})
    with pytest.raises(InputError, match="option 'wrold' is unknown"):
        env.reset(options={"wrold": 2})


@pytest.mark.parametrize("name", IDS)
def test_pictures(name: str) -> None:
    env = make(name, render_mode="rgb_array")
    assert env.render() is None
    observation, _ = env.reset(seed=0)
    before = env.render()
    for _ in range(12):
        observation, *_ = env.step(sampled(env, observation))
    image = env.render()
    assert image.dtype == np.uint8
    assert image.shape == before.shape == (image.shape[0], 960, 3)
    assert (image != before).any()
    text_env = make(name, render_mode="ansi")
    text_env.reset(seed=0)
    lines = text_env.render().splitlines()
    assert len(lines) == 2 + len(env.fleet)
    assert all(qpu.name in line for qpu, line in zip(env.fleet, lines[1:], strict=False))


def test_a_closed_environment_can_begin_again() -> None:
    env = make(PLACEMENT)
    env.reset(seed=0)
    env.close()
    env.close()
    with pytest.raises(ResetNeeded):
        env.step(0)
    with pytest.raises(ResetNeeded):
        _ = env.records
    env.reset(seed=0)
    env.step(0)

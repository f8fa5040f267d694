"""Arrays of decisions in the place of RLlib's episodes: the same batches and policies."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("ray.rllib")

import torch
from ray.rllib.utils.postprocessing.value_predictions import compute_value_targets

from qcbench.agents.config import compose_train
from qcbench.agents.learners import make_learner
from qcbench.agents.rllib.batches import Minibatches, value_targets
from qcbench.agents.rllib.learner import module_of
from qcbench.agents.rllib.policy_gradient import PpoLearner
from qcbench.agents.rllib.rollouts import (
    Rollout,
    RolloutRunner,
    Rollouts,
    joined,
    pieces,
    shares,
)
from qcbench.bench.cluster import connect
from qcbench.bench.config import ClusterConfig
from qcbench.bench.environments import world_source

pytestmark = pytest.mark.ray

SMALL = [
    *("agent.environments=6", "agent.worlds=8", "agent.steps=1000000", "tracking=none"),
    *("agent.network.encoder=[8]", "agent.network.context=[8]", "agent.network.head=[8]"),
]
PPO = ["agent=ppo", *SMALL, "agent.horizon=30", "agent.minibatch=64", "agent.epochs=3"]
A2C = ["agent=a2c", *SMALL, "agent.horizon=30"]
ALLOCATION = [
    *("agent=ppo_qcloud", "scenario=allocation/eagle5", "agent.environments=6", "agent.worlds=4"),
    *("agent.horizon=8", "agent.minibatch=16", "agent.epochs=2", "agent.network.torso=[8]"),
    *("agent.steps=1000000", "tracking=none"),
]


@pytest.fixture(scope="module")
def private_ray() -> Iterator[None]:
    """A Ray that ends with these tests."""
    with connect(ClusterConfig(address="local", object_store_mb=128), 5):
        yield


def learned(overrides: list[str], updates: int = 3) -> tuple[Any, dict[str, float], type]:
    """Return weights, figures and the class of env runner after some updates."""
    told = compose_train(overrides)
    learner = make_learner(told.agent, [world_source(told.scenario)], 5)
    try:
        run = learner.run(lambda: False)
        figures = [next(run).figures for _ in range(updates)][-1]
        runner = type(learner.algorithm.env_runner)
        return learner.policy()[1], {k: v for k, v in figures.items() if k != "rate_per_s"}, runner
    finally:
        learner.close()


@pytest.mark.parametrize(
    "overrides",
    [
        pytest.param(PPO, id="ppo"),
        pytest.param(A2C, id="a2c", marks=pytest.mark.e2e),
        pytest.param(ALLOCATION, id="allocation", marks=pytest.mark.e2e),
    ],
)
def test_the_same_is_learned_as_from_rllibs_episodes(
    overrides: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, private_ray: None
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    Path("quiet_callbacks.py").write_text(
        "from ray.rllib.callbacks.callbacks import RLlibCallback\n"
        "class Quiet(RLlibCallback):\n    pass\n"
    )
    ours, figures, runner = learned(overrides)
    rllibs, expected, other = learned([*overrides, "agent.callbacks=quiet_callbacks:Quiet"])
    sys.modules.pop("quiet_callbacks", None)
    assert runner is RolloutRunner
    assert other is not RolloutRunner, "callbacks are shown episodes"
    assert ours.keys() == rllibs.keys()
    for name, weights in ours.items():
        assert weights.tobytes() == rllibs[name].tobytes(), name
    # RLlib counts a decision more of an episode for each update that it spans, in one process.
    for name in figures.keys() - {"episode_length", "reward"}:
        assert figures[name] == pytest.approx(expected[name], rel=1e-6), name


@pytest.mark.e2e
def test_learners_stay_alike_and_take_as_many_steps_as_one(private_ray: None) -> None:
    told = compose_train([*PPO, "agent.env_runners=2", "agent.learners=2"])
    learner = make_learner(told.agent, [world_source(told.scenario)], 5)
    try:
        group = learner.algorithm.learner_group

        def count(one: Any, *_: Any, **__: Any) -> None:
            one.taken, step = 0, one.apply_gradients

            def counted(gradients: Any) -> None:
                one.taken += 1
                step(gradients)

            one.apply_gradients = counted

        group.foreach_learner(count)
        run = learner.run(lambda: False)
        for _ in range(3):
            next(run)

        def told_by(one: Any, *_: Any, **__: Any) -> tuple[int, dict[str, Any]]:
            return one.taken, module_of(one).state_dict()

        (first, weights), (second, others) = (each.get() for each in group.foreach_learner(told_by))
        # 3 epochs of 6 * 30 decisions and at least a row more for each environment, in 64s.
        assert first == second >= 3 * 9
        for name, tensor in weights.items():
            assert torch.equal(tensor, others[name]), name
    finally:
        learner.close()


def rollout() -> Rollout:
    """Three environments, five steps; the second ends after two of them, the third had ended."""
    seen = [{"observation": np.arange(3)[:, None] + 10 * step} for step in range(6)]
    inputs = np.arange(15.0).reshape(5, 3, 1)
    actions = np.arange(15).reshape(5, 3)
    rewards = np.arange(15.0).reshape(5, 3)
    terminated = np.zeros((5, 3), dtype=bool)
    terminated[1, 1] = True
    steps = [inputs, actions, rewards, rewards, terminated, np.zeros_like(terminated)]
    return pieces(seen, steps, np.array([False, False, True]))


def test_pieces_are_in_the_order_of_rllibs_episodes() -> None:
    found = rollout()
    assert found.lengths.tolist() == [3, 6, 3, 5]
    seen = found.columns["obs/observation"][:, 0].tolist()
    # What ended first; then what goes on. The step between two episodes is nobody's decision.
    assert seen == [1, 11, 21, 0, 10, 20, 30, 40, 50, 31, 41, 51, 12, 22, 32, 42, 52]
    counts = found.columns["loss_mask"]
    assert np.flatnonzero(~counts).tolist() == [2, 8, 11, 16]
    assert found.columns["actions"][counts].tolist() == [1, 4, 0, 3, 6, 9, 12, 10, 13, 5, 8, 11, 14]
    assert np.flatnonzero(found.columns["terminateds"]).tolist() == [1]
    assert np.flatnonzero(found.columns["truncateds"]).tolist() == [7, 10, 15]
    assert not found.columns["rewards"][~counts].any()


def test_targets_are_rllibs() -> None:
    found, rng = rollout(), np.random.default_rng(0)
    values = rng.normal(size=found.rows).astype(np.float32)
    names = ("rewards", "terminateds", "truncateds")
    told = [found.columns[name] for name in names]
    ours = value_targets(values, *told, 0.9, 0.95)
    assert ours.tobytes() == compute_value_targets(values, *told, 0.9, 0.95).tobytes()


def test_learners_get_whole_pieces_and_about_as_many_rows() -> None:
    whole = joined([rollout(), rollout()])
    parts = shares(whole, 2)
    assert [part.rows for part in parts] == [17, 17]
    for part in parts:
        extra = np.cumsum(part.lengths) - 1
        assert np.flatnonzero(~part.columns["loss_mask"]).tolist() == extra.tolist()
    rows = np.concatenate([part.columns["obs/observation"] for part in parts])
    assert sorted(rows[:, 0].tolist()) == sorted(whole.columns["obs/observation"][:, 0].tolist())
    given = Rollouts(episodes=[whole]).shard(2, minibatch_size=4, num_epochs=3)
    # 34 rows three times, eight at once with both learners.
    assert [told for _, told in given] == [{"num_total_minibatches": 13}] * 2


def test_minibatches_are_rllibs() -> None:
    from ray.rllib.policy.sample_batch import MultiAgentBatch, SampleBatch  # noqa: PLC0415
    from ray.rllib.utils.minibatch_utils import MiniBatchCyclicIterator  # noqa: PLC0415

    def batch() -> MultiAgentBatch:
        observed = {"observation": torch.arange(46).reshape(23, 2), "action_mask": torch.ones(23)}
        columns = {"obs": observed, "actions": torch.arange(23)}
        return MultiAgentBatch({"default_policy": SampleBatch(columns)}, env_steps=23)

    for size, epochs, shuffle, count in [(5, 3, True, 0), (23, 2, True, 0), (40, 1, False, 4)]:
        np.random.seed(3)  # noqa: NPY002 - RLlib's
        ours = list(Minibatches(batch(), size=size, epochs=epochs, shuffle=shuffle, count=count))
        np.random.seed(3)  # noqa: NPY002
        rllibs = MiniBatchCyclicIterator(
            batch(),
            minibatch_size=size,
            num_epochs=epochs,
            shuffle_batch_per_epoch=shuffle,
            num_total_minibatches=count,
        )
        expected = list(rllibs)
        assert len(ours) == len(expected)
        for one, other in zip(ours, expected, strict=True):
            a, b = one.policy_batches["default_policy"], other.policy_batches["default_policy"]
            assert torch.equal(a["actions"], b["actions"])
            assert torch.equal(a["obs"]["observation"], b["obs"]["observation"])


def test_gradients_that_are_not_finite_are_left_to_rllib(monkeypatch: pytest.MonkeyPatch) -> None:
    left = []
    base = PpoLearner.__mro__[1]
    monkeypatch.setattr(base, "apply_gradients", lambda _, told: left.append(told), raising=False)
    learner = PpoLearner.__new__(PpoLearner)
    told = {"a": torch.tensor([1.0]), "b": torch.tensor([float("nan")])}
    learner.apply_gradients(told)
    assert left == [told]

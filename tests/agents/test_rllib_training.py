"""RLlib's agents through the harness of `qcbench train`: learn, save, go on, export."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from qcbench.agents.agent import DivergedError
from qcbench.agents.config import TrainConfig, compose_train
from qcbench.agents.learners import make_learner
from qcbench.agents.rllib.learner import RllibLearner
from qcbench.agents.training import go_on, start
from qcbench.bench.cluster import connect
from qcbench.bench.config import ClusterConfig
from qcbench.bench.environments import world_source
from qcbench.errors import InputError
from qcbench.policies.exported.folder import read_folder

pytestmark = pytest.mark.ray

SMALL = [
    "agent.steps=120",
    "agent.environments=4",
    "agent.worlds=8",
    "tracking=none",
    "validation.worlds=2",
    "validation.every_steps=60",
]
PER_ITEM = ["agent.network.encoder=[8]", "agent.network.context=[]", "agent.network.head=[]"]
PPO = ["agent=ppo", *SMALL, *PER_ITEM, "agent.horizon=16", "agent.minibatch=32"]
DQN = [
    *("agent=dqn_qsimpy", *SMALL, "agent.network.torso=[8]", "agent.learning_starts=30"),
    *("agent.batch=8", "agent.learning_rate=0.001"),
]
A2C = ["agent=a2c", *SMALL, *PER_ITEM, "agent.horizon=8"]


@pytest.fixture(scope="module", autouse=True)
def private_ray() -> Iterator[None]:
    """A Ray that ends with these tests; without one, an agent's lasts as long as the process."""
    with connect(ClusterConfig(address="local", object_store_mb=128), 1):
        yield


def config_of_trial(overrides: list[str], folder: Path) -> TrainConfig:
    return compose_train([*overrides, f"runs_dir={folder}"])


def learner_of(told: TrainConfig, seed: int = 0) -> Any:
    worlds = world_source(told.scenario, suite="train", seed=seed)
    return make_learner(told.agent, worlds, seed)


def weights(learner: Any) -> np.ndarray:
    return np.concatenate([w.ravel() for w in learner.policy()[1].values()])


def test_ppo_is_trained_judged_and_exported_and_goes_on(tmp_path: Path) -> None:
    done = start(config_of_trial(PPO, tmp_path), progress="silent")
    assert done.complete
    assert done.steps >= 120
    exported = read_folder(done.folder / "exported")
    assert exported.card.fleet == "any"
    lines = [json.loads(t) for t in (done.folder / "progress.jsonl").read_text().splitlines()]
    updates = [line for line in lines if line["kind"] == "update"]
    assert {"reward", "episode_length", "entropy", "value_loss"} <= updates[-1].keys()
    assert next(line["steps"] for line in lines if line["kind"] == "evaluation") == 0
    again = go_on(done.folder, progress="silent")
    assert again.steps == done.steps, "what is done is not done again"


@pytest.mark.parametrize("overrides", [DQN, A2C], ids=["dqn", "a2c"])
def test_learner_goes_on_from_what_it_saved(overrides: list[str], tmp_path: Path) -> None:
    told = config_of_trial(overrides, tmp_path)
    learner: RllibLearner = learner_of(told)
    try:
        before = weights(learner)
        updates = list(learner.run(lambda: False))
        assert updates[-1].steps == learner.steps >= 120
        after = weights(learner)
        assert not np.array_equal(before, after), "it learned something"
        learner.save(tmp_path)
        state = {k: v.clone() for k, v in learner.module.state_dict().items()}
        learner.restore(tmp_path)
        assert learner.steps == updates[-1].steps
        assert np.array_equal(weights(learner), after)
        for name, tensor in learner.module.state_dict().items():
            assert torch.equal(tensor, state[name]), name
        sampling = learner.algorithm.env_runner.module.state_dict()
        assert all(torch.equal(sampling[n], t) for n, t in state.items() if n in sampling)
        rates = [
            group["lr"]
            for optimizer in learner.algorithm.learner_group._learner._named_optimizers.values()
            for group in optimizer.param_groups
        ]
        assert rates == [told.agent.learning_rate]
        learner.total += 120
        assert list(learner.run(lambda: False))[-1].steps >= updates[-1].steps + 120
        (tmp_path / "algorithm.pt").write_bytes(b"nothing")
        with pytest.raises(InputError, match="is no checkpoint"):
            learner.restore(tmp_path)
    finally:
        learner.close()


def test_what_diverges_says_so(tmp_path: Path) -> None:
    learner = learner_of(config_of_trial([*A2C, "agent.learning_rate=1e18"], tmp_path))
    try:
        with pytest.raises(DivergedError, match=r"a smaller agent\.learning_rate may help"):
            list(learner.run(lambda: False))
    finally:
        learner.close()


def test_published_reward_pays_for_every_qpu_that_is_used() -> None:
    from qcbench.agents.rllib.environments import environment_maker  # noqa: PLC0415
    from qcbench.policies.features.allocation import LAYOUT  # noqa: PLC0415

    told = compose_train(["agent=ppo_qcloud", "scenario=allocation/eagle5", "agent.worlds=2"])
    assert told.agent.kind == "rllib_ppo"
    worlds = world_source(told.scenario, suite="train")
    envs = environment_maker(told.agent, worlds)({"num_envs": 2})
    observation, _ = envs.reset(seed=0)
    seen = observation["observation"][:, len(LAYOUT.shared) :].reshape(2, 5, -1)
    fidelity = seen[:, :, LAYOUT.each_index("fidelity")].copy()
    actions = np.array([[1, 1, 1, 1, 1], [1, -1, 0.2, -1, -1]], dtype=np.float32)
    _, reward, _, truncated, _ = envs.step(actions)
    assert reward[0] == pytest.approx(fidelity[0].mean())
    assert reward[1] == pytest.approx((fidelity[1, 0] + fidelity[1, 2]) / 5)
    assert truncated.all(), "a decision is an episode"

"""RLlib's agents through the harness of `qcbench train`: learn, save, go on, export."""

import json
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from qcbench.agents import training
from qcbench.agents.agent import DivergedError, LostError
from qcbench.agents.config import TrainConfig, compose_train
from qcbench.agents.learners import make_learner
from qcbench.agents.rllib.learner import RllibLearner, module_of
from qcbench.agents.training import go_on, start
from qcbench.bench.cluster import connect
from qcbench.bench.config import ClusterConfig
from qcbench.bench.environments import world_source
from qcbench.bench.progress import Silent
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
    with connect(ClusterConfig(address="local", object_store_mb=128), 3):
        yield


def config_of_trial(overrides: list[str], folder: Path) -> TrainConfig:
    return compose_train([*overrides, f"runs_dir={folder}"])


def learner_of(told: TrainConfig, seed: int = 0) -> Any:
    worlds = world_source(told.scenario, suite="train", seed=seed)
    return make_learner(told.agent, [worlds], seed)


def weights(learner: Any) -> np.ndarray:
    return np.concatenate([w.ravel() for w in learner.policy()[1].values()])


@pytest.mark.e2e
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


def module(learner: Any) -> Any:
    return module_of(learner.algorithm.learner_group._learner)


@pytest.mark.e2e
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
        state = {k: v.clone() for k, v in module(learner).state_dict().items()}
        learner.restore(tmp_path)
        assert learner.steps == updates[-1].steps
        assert np.array_equal(weights(learner), after)
        for name, tensor in module(learner).state_dict().items():
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


@pytest.mark.e2e
@pytest.mark.parametrize("agent", [DQN, A2C], ids=["dqn", "a2c"])
def test_env_runners_share_the_environments(agent: list[str], tmp_path: Path) -> None:
    learner = learner_of(config_of_trial([*agent, "agent.env_runners=2"], tmp_path), seed=7)
    try:
        before = weights(learner)
        next(learner.run(lambda: False))
        group = learner.algorithm.env_runner_group
        envs = group.foreach_env_runner(lambda r: r.num_envs, local_env_runner=False)
        assert envs == [2, 2], "four environments, however many share them"
        seeds = group.foreach_env_runner(lambda r: r._seed, local_env_runner=False)
        assert seeds == [7, 9], "all see other worlds: those that one process sees"
        assert not np.array_equal(before, weights(learner))
    finally:
        learner.close()


@pytest.mark.slow
def test_actors_share_the_work_and_one_that_is_killed_is_replaced(tmp_path: Path) -> None:
    shared = ["agent.env_runners=2", "agent.learners=1"]
    learner = learner_of(config_of_trial([*A2C, *shared], tmp_path))
    try:
        before = weights(learner)
        updates = learner.run(lambda: False)
        first = next(updates)
        group = learner.algorithm.env_runner_group
        pids = group.foreach_env_runner(lambda _: os.getpid(), local_env_runner=False)
        assert len({*pids, os.getpid()}) == 3
        os.kill(pids[0], signal.SIGKILL)
        learner.total = first.steps + 400
        assert [each.steps for each in updates][-1] >= first.steps + 400
        now = group.foreach_env_runner(lambda _: os.getpid(), local_env_runner=False)
        assert pids[1] in now
        assert pids[0] not in now

        learner.save(tmp_path)
        after, steps = weights(learner), learner.steps
        assert not np.array_equal(before, after)
        learner.restore(tmp_path)
        assert np.array_equal(weights(learner), after)
        assert learner.steps == steps
        # Its state goes on in one process as well: where it runs is no part of it.
        alone = learner_of(config_of_trial(A2C, tmp_path))
        alone.restore(tmp_path)
        assert np.array_equal(weights(alone), after)
        alone.close()

        os.kill(learner._at_learners(lambda _: os.getpid()), signal.SIGKILL)
        learner.total += 1000
        with pytest.raises(LostError, match="an actor that learns has died"):
            list(learner.run(lambda: False))
    finally:
        learner.close()


class Killing(Silent):
    """Kills an env runner after the first update, and the learner when that is made good."""

    def __init__(self, made: list[RllibLearner]) -> None:
        self.made, self.killed = made, []
        self.lines: list[str] = []

    def note(self, line: str) -> None:
        self.lines.append(line)

    def update(self, done: int, text: str = "") -> None:
        (learner,) = self.made
        if not self.told("going on from the checkpoint"):
            learner.total = done + 400  # nothing ends before it is made good
        if not self.killed:
            group = learner.algorithm.env_runner_group
            self.kill(group.foreach_env_runner(lambda _: os.getpid(), local_env_runner=False)[0])
        elif len(self.killed) == 1 and self.told("env runners that had died were started again"):
            self.kill(learner._at_learners(lambda _: os.getpid()))

    def kill(self, pid: int) -> None:
        assert pid != os.getpid()
        os.kill(pid, signal.SIGKILL)
        self.killed.append(pid)

    def told(self, words: str) -> bool:
        return any(words in line for line in self.lines)


@pytest.mark.e2e
def test_a_training_whose_actors_are_killed_comes_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Any] = []

    def kept(*arguments: Any) -> Any:
        made.append(make_learner(*arguments))
        return made[-1]

    monkeypatch.setattr(training, "make_learner", kept)
    shared = ("agent.env_runners=2", "agent.learners=1")
    display = Killing(made)
    done = start(config_of_trial([*A2C, *shared], tmp_path), display=display)
    assert len(display.killed) == 2
    assert display.told("an actor that learns has died; going on from the checkpoint after")
    assert done.complete
    assert done.steps >= made[0].total
    lines = [json.loads(t) for t in (done.folder / "progress.jsonl").read_text().splitlines()]
    updates = [line["steps"] for line in lines if line["kind"] == "update"]
    assert updates == sorted(set(updates)), "what was lost is there once"


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["agent.env_runners=3"], "agent.environments, which is 4, must be a multiple of it"),
        (["agent.learners=3"], "agent.environments, which is 4, must be a multiple of it"),
        (["cluster=inline"], "agent a2c is one of RLlib's, which need a Ray; choose cluster=local"),
        (["cluster.address=http://h:8265"], "send the suite there with `qcbench submit`"),
    ],
)
def test_what_cannot_be_shared_out(overrides: list[str], said: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=re.escape(said)):
        start(config_of_trial([*A2C, *overrides], tmp_path), progress="silent")
    assert not list(tmp_path.iterdir())


def test_what_diverges_says_so(tmp_path: Path) -> None:
    learner = learner_of(config_of_trial([*A2C, "agent.learning_rate=1e18"], tmp_path))
    try:
        with pytest.raises(DivergedError, match=r"a smaller agent\.learning_rate may help"):
            list(learner.run(lambda: False))
    finally:
        learner.close()


@pytest.mark.e2e
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

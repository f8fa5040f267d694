"""The reference trainer: its arithmetic against slow formulas, and that it learns what can be."""

import io
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("gymnasium")

import gymnasium
import torch
from gymnasium.vector import AutoresetMode, VectorEnv

from qcbench.agents.agent import DivergedError
from qcbench.agents.networks import TorchPerItem
from qcbench.agents.reference_ppo import Ppo, Trainer
from qcbench.agents.reference_shards import LocalShards
from qcbench.errors import InputError
from qcbench.policies.features.layout import Feature, Layout

LAYOUT = Layout("toy", "QPU", (Feature("noise", ""),), (Feature("good", ""), Feature("bad", "")))
ITEMS = 4
SMALL = Ppo(steps=8192, environments=64, horizon=8, minibatches=4, epochs=4, learning_rate=1e-2)


class Toy(VectorEnv[Any, Any, Any]):
    """Pays the chosen item's second feature less its first; ends an episode after four steps.

    With a box, the action is a weight for each item and pays minus the squared distance to its
    second feature.
    """

    def __init__(self, envs: int, *, box: bool = False, scale: float = 1.0) -> None:
        self.num_envs = envs
        self.metadata = {"autoreset_mode": AutoresetMode.SAME_STEP}
        self.single_action_space = (
            gymnasium.spaces.Box(-1.0, 1.0, (ITEMS,), np.float32)
            if box
            else gymnasium.spaces.Discrete(ITEMS)
        )
        self.scale = scale
        self.forbidden = 0
        self.rng = np.random.default_rng(0)

    def _draw(self) -> dict[str, Any]:
        self.seen = self.rng.random((self.num_envs, LAYOUT.size(ITEMS)), dtype=np.float32)
        self.mask = (self.rng.random((self.num_envs, ITEMS)) < 0.7).astype(np.int8)
        self.mask[:, 1] = 1
        return {"observation": self.seen, "action_mask": self.mask}

    def reset(self, *, seed: Any = None, options: Any = None) -> Any:
        self.rng = np.random.default_rng(seed)
        self.passed = 0
        return self._draw(), {}

    def step(self, actions: Any) -> Any:
        each = self.seen[:, 1:].reshape(self.num_envs, ITEMS, 2)
        rows = np.arange(self.num_envs)
        if actions.ndim == 1:
            self.forbidden += int((self.mask[rows, actions] == 0).sum())
            reward = each[rows, actions, 1] - each[rows, actions, 0]
        else:
            assert np.abs(actions).max() <= 1.0
            reward = -np.square(actions - each[..., 1]).sum(1)
        self.passed += 1
        ended = np.full(self.num_envs, self.passed % 4 == 0)
        return self._draw(), self.scale * reward, ended, np.zeros_like(ended), {}


def network(outputs: Any = 1) -> TorchPerItem:
    torch.manual_seed(1)
    return TorchPerItem(LAYOUT, encoder=(16,), context=(8,), head=(16,), outputs=outputs)


def trainer_on(envs: Toy, settings: Ppo, seed: int) -> Trainer:
    untrained = network(2 if isinstance(envs.single_action_space, gymnasium.spaces.Box) else 1)
    return Trainer(LocalShards(envs, untrained, settings), untrained, settings, seed)


def trained(settings: Ppo, *, box: bool = False) -> tuple[Trainer, list[float], Toy]:
    envs = Toy(settings.environments, box=box)
    trainer = trainer_on(envs, settings, seed=3)
    return trainer, [progress.reward for progress in trainer.run()], envs


@pytest.mark.e2e
def test_it_learns_to_choose_and_keeps_to_the_mask() -> None:
    trainer, rewards, envs = trained(SMALL)
    assert envs.forbidden == 0
    assert trainer.steps == 8192
    assert len(rewards) == 16
    # Of about 2.9 allowed items at random 0; the best of them has 0.33.
    assert abs(rewards[0]) < 0.1
    assert np.mean(rewards[-3:]) > 0.22


@pytest.mark.e2e
def test_it_learns_weights() -> None:
    settings = replace(SMALL, discount=0.0)
    _, rewards, _ = trained(settings, box=True)
    assert np.mean(rewards[-3:]) > 0.5 * rewards[0]


def test_equal_seeds_train_equally_and_others_do_not() -> None:
    settings = replace(SMALL, steps=1024)
    one, other = trained(settings)[0], trained(settings)[0]
    for name, value in one.network.state_dict().items():
        assert torch.equal(value, other.network.state_dict()[name])
    third = trainer_on(Toy(64), settings, seed=4)
    list(third.run())
    assert not torch.equal(third.network.head[0].weight, one.network.head[0].weight)


def test_threads_share_the_work_and_change_nothing() -> None:
    one = trained(replace(SMALL, steps=1024))[0]
    three = trained(replace(SMALL, steps=1024, threads=3))[0]
    for name, value in one.network.state_dict().items():
        assert torch.allclose(value, three.network.state_dict()[name], atol=1e-4)


def test_a_restored_trainer_learns_the_same_as_one_that_never_stopped() -> None:
    first = trainer_on(Toy(64), SMALL, seed=3)
    list(first.run(lambda: first.update >= 2))
    file = io.BytesIO()
    torch.save(first.state(), file)
    second = trainer_on(Toy(64), SMALL, seed=3)
    for trainer in (first, second):
        file.seek(0)
        trainer.restore(torch.load(file, weights_only=True))
    assert (second.steps, second.update) == (1024, 2)
    for trainer in (first, second):
        list(trainer.run(lambda trainer=trainer: trainer.update >= 4))
    for name, value in first.network.state_dict().items():
        assert torch.equal(value, second.network.state_dict()[name])


@pytest.mark.parametrize(("discount", "trace"), [(1.0, 0.8), (0.9, 0.0), (0.97, 1.0)])
def test_advantages_are_the_sums_they_stand_for(discount: float, trace: float) -> None:
    settings = replace(SMALL, discount=discount, trace=trace)
    shards = LocalShards(Toy(3), network(), replace(settings, environments=3))
    rng = torch.Generator().manual_seed(0)
    reward, value = (torch.rand(6, 3, generator=rng) for _ in range(2))
    ended = torch.rand(6, 3, generator=rng) < 0.3
    after = torch.rand(3, generator=rng)
    found = shards._advantages(reward, value, ended, after)
    for env in range(3):
        for step in range(6):
            total, weight = 0.0, 1.0
            for later in range(step, 6):
                follows = value[later + 1, env] if later < 5 else after[env]
                goes_on = 0.0 if ended[later, env] else 1.0
                error = reward[later, env] + discount * goes_on * follows - value[later, env]
                total += weight * float(error)
                weight *= discount * trace * goes_on
            assert float(found[step, env]) == pytest.approx(total, abs=1e-5)


def test_probabilities_and_entropy_are_those_of_what_is_drawn() -> None:
    shards, generator = LocalShards(Toy(2), network(), SMALL), torch.Generator().manual_seed(0)
    outputs = torch.tensor([[[1.0], [2.0], [0.5], [9.0]]]).expand(20_000, 4, 1)
    mask = torch.tensor([[True, True, True, False]]).expand(20_000, 4)
    drawn = shards._distribution(outputs, mask)
    actions = shards._draw(outputs, mask, generator)
    shares = torch.bincount(actions, minlength=4) / 20_000
    expected = torch.softmax(torch.tensor([1.0, 2.0, 0.5]), 0)
    assert torch.allclose(shares[:3], expected, atol=0.015)
    assert shares[3] == 0
    assert torch.allclose(shards._log_probability(drawn, actions).exp(), expected[actions])
    entropy = -(expected * expected.log()).sum()
    assert torch.allclose(shards._entropy(drawn)[0], entropy, atol=1e-5)


def test_what_diverges_says_so() -> None:
    trainer = trainer_on(Toy(64, scale=float("nan")), SMALL, seed=0)
    with pytest.raises(
        DivergedError, match=r"update 1: the loss is not finite; a smaller agent\.ppo\."
    ):
        list(trainer.run())


def test_environments_that_reset_later_are_refused() -> None:
    envs = Toy(4)
    envs.metadata = {"autoreset_mode": AutoresetMode.NEXT_STEP}
    with pytest.raises(ValueError, match="reset within the step"):
        LocalShards(envs, network(), SMALL)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("steps", 0),
        ("learning_rate", 0.0),
        ("discount", 1.1),
        ("trace", -0.1),
        ("entropy", -1.0),
        ("minibatches", 513),
        ("shards", 3),
    ],
)
def test_settings_that_cannot_be_are_named(key: str, value: float) -> None:
    with pytest.raises(InputError, match=rf"agent\.ppo\.{key}: {value};"):
        replace(SMALL, **{key: value})

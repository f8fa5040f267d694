"""RLlib's modules: masks, dueling streams with atoms, and equality with what is exported."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces
from ray.rllib.core.columns import Columns
from ray.rllib.evaluation.postprocessing import Postprocessing

from qcbench.agents.rllib.modules import ActionValues, ActorCritic
from qcbench.agents.rllib.networks import make_design
from qcbench.agents.rllib.policy_gradient import A2cLearner
from qcbench.agents.rllib.settings import (
    AtomSettings,
    Common,
    Exploration,
    PerItemSettings,
    PlainSettings,
    RllibDqn,
    RllibPpo,
)
from qcbench.bench.compose import compose_scenario
from qcbench.errors import InputError
from qcbench.fleet.config import FleetConfig
from qcbench.fleet.load import load_fleet
from qcbench.fleet.profile import Fleet
from qcbench.policies.exported.card import Card
from qcbench.policies.exported.choosing import best
from qcbench.policies.exported.folder import Exported
from qcbench.policies.exported.scoring import scorer
from qcbench.policies.features.layout import layout_named, layouts_of
from qcbench.policies.features.rewards import Reward

PER_ITEM = PerItemSettings(encoder=(16,), context=(8,), head=(8,), offset={"regret": -2.0})
PLAIN = PlainSettings(torso=(16, 16), activation="tanh")
ATOMS = AtomSettings(count=7, least=-10.0, most=10.0)


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    config: FleetConfig = compose_scenario("placement/qce5").fleet
    return load_fleet(config)


def dqn(**told: Any) -> RllibDqn:
    return RllibDqn(name="dqn", reward=Reward(), **told)


def module_of(settings: Common, fleet: Fleet, seed: int = 0) -> Any:
    design = make_design(settings, fleet, seed)
    layout = layouts_of(settings.track)[design.card.observation.layout]
    size, items = layout.size(len(fleet)), len(fleet)
    told = {
        "observation": spaces.Box(-1, 1, (size,), np.float32),
        "action_mask": spaces.Box(0, 1, (items,), np.int8),
    }
    weights = design.continuous
    kind = ActionValues if isinstance(settings, RllibDqn) else ActorCritic
    return kind(
        observation_space=spaces.Dict(told),
        action_space=spaces.Box(-1, 1, (items,), np.float32) if weights else spaces.Discrete(items),
        model_config={"design": design},
    )


def situations(module: Any, count: int, seed: int = 0) -> dict[str, Any]:
    """Random observations and masks with at least one allowed action."""
    rng = np.random.default_rng(seed)
    size = module.observation_space["observation"].shape[0]
    mask = rng.random((count, module.observation_space["action_mask"].shape[0])) < 0.5
    mask[np.arange(count), rng.integers(0, mask.shape[1], count)] = True
    seen = rng.uniform(-1, 1, (count, size)).astype(np.float32)
    return {
        Columns.OBS: {
            "observation": torch.from_numpy(seen),
            "action_mask": torch.from_numpy(mask.astype(np.int8)),
        }
    }


VALUES = [
    dqn(network=PER_ITEM),
    dqn(network=PER_ITEM, dueling=False),
    dqn(network=PLAIN),
    dqn(network=PLAIN, dueling=False),
    dqn(network=PLAIN, atoms=ATOMS),
    dqn(network=PLAIN, atoms=ATOMS, dueling=False),
    dqn(network=PLAIN, atoms=ATOMS, observation="legacy"),
]
ACTORS = [
    RllibPpo(name="ppo", reward=Reward(), network=PER_ITEM),
    RllibPpo(name="ppo", reward=Reward(), network=PLAIN),
    RllibPpo(name="ppo", reward=Reward(), network=PLAIN, observation="legacy"),
]


@pytest.mark.parametrize("settings", [*VALUES, *ACTORS])
def test_exported_policy_decides_as_rllib_does(settings: Common, fleet: Fleet) -> None:
    module = module_of(settings, fleet, seed=3)
    with torch.no_grad():  # untrained heads are nearly flat
        for weights in module.network.parameters():
            weights.add_(0.3 * torch.randn(weights.shape))
    batch = situations(module, 300)
    with torch.no_grad():
        found = module.forward_inference(batch)
    if Columns.ACTIONS in found:
        chosen = found[Columns.ACTIONS]
    else:
        chosen = module.get_inference_action_dist_cls().from_logits(
            found[Columns.ACTION_DIST_INPUTS]
        )
        chosen = chosen.to_deterministic().sample()
    card: Card = module.design.card
    layout = layouts_of(card.track)[card.observation.layout]
    score = scorer(Exported(card, module.network.tensors(), ""), layout)
    told = batch[Columns.OBS]
    for row, mask, action in zip(
        told["observation"].tolist(), (told["action_mask"] != 0).numpy(), chosen, strict=True
    ):
        scores = score(row, len(fleet), mask)[:, 0].tolist()
        assert best(scores, mask.tolist()) == int(action)
    assert len(set(chosen.tolist())) > 1, "a flat network would prove nothing"


@pytest.mark.parametrize(
    "network", [PerItemSettings(encoder=(16,), offset={"slowness": -1.0}), PLAIN]
)
def test_exported_weights_are_the_means(network: Any, fleet: Fleet) -> None:
    module = module_of(
        RllibPpo(name="ppo", track="allocation", reward=Reward(), network=network), fleet
    )
    batch = situations(module, 20)
    with torch.no_grad():
        found = module.forward_inference(batch)[Columns.ACTION_DIST_INPUTS]
    card, layout = module.design.card, layout_named("allocation", "usual")
    score = scorer(Exported(card, module.network.tensors(), ""), layout)
    for row, mean in zip(batch[Columns.OBS]["observation"].tolist(), found, strict=True):
        scores = score(row, len(fleet), None)[:, 0]
        np.testing.assert_allclose(scores, mean[: len(fleet)].numpy(), atol=1e-5)
    spread = found[:, len(fleet) :]
    assert spread.shape == (20, len(fleet))
    if card.spread == "vector":
        assert "log_std" in module.network.tensors()


@pytest.mark.parametrize("settings", VALUES)
def test_masked_actions_are_worth_nothing_and_never_taken(settings: Common, fleet: Fleet) -> None:
    module = module_of(settings, fleet)
    module.make_target_networks()
    batch = situations(module, 400)
    mask = batch[Columns.OBS]["action_mask"] != 0
    for values in (module.compute_q_values(batch), module.forward_target(batch)):
        assert (values["qf_preds"][~mask] == -torch.inf).all()
        assert torch.isfinite(values["qf_preds"][mask]).all()
    for found in (module.forward_inference(batch), module.forward_exploration(batch, t=0)):
        assert mask[torch.arange(400), found[Columns.ACTIONS]].all()


def test_masked_actions_have_probability_0(fleet: Fleet) -> None:
    module = module_of(ACTORS[0], fleet)
    batch = situations(module, 200)
    mask = batch[Columns.OBS]["action_mask"] != 0
    inputs = module.forward_exploration(batch)[Columns.ACTION_DIST_INPUTS]
    drawn = module.get_exploration_action_dist_cls().from_logits(inputs)
    assert (torch.softmax(inputs, -1)[~mask] == 0).all()
    assert torch.isfinite(drawn.entropy()).all()
    for _ in range(20):
        assert mask[torch.arange(200), drawn.sample()].all()


def test_an_action_whose_value_is_0_is_explored(fleet: Fleet) -> None:
    """RLlib draws random actions among those whose value is not 0."""
    module = module_of(
        dqn(network=PLAIN, dueling=False, exploration=Exploration(first=1.0, last=1.0)), fleet
    )
    with torch.no_grad():
        for weights in module.network.parameters():
            weights.zero_()
    batch = situations(module, 500)
    batch[Columns.OBS]["action_mask"] = torch.ones_like(batch[Columns.OBS]["action_mask"])
    taken = module.forward_exploration(batch, t=0)[Columns.ACTIONS]
    assert set(taken.tolist()) == set(range(len(fleet)))


def test_random_actions_become_rare(fleet: Fleet) -> None:
    module = module_of(
        dqn(network=PLAIN, exploration=Exploration(first=1.0, last=0.1, steps=100)), fleet
    )
    assert [module.random_share(t) for t in (0, 50, 100, 1000)] == pytest.approx(
        [1, 0.55, 0.1, 0.1]
    )


def test_dueling_streams_with_atoms_learn_the_value_of_a_situation(fleet: Fleet) -> None:
    """RLlib adds one number to all atoms, which falls out of the softmax over them."""
    module = module_of(dqn(network=PLAIN, atoms=ATOMS), fleet)
    only_value = [*module.network.value.parameters(), *module.network.torso.parameters()]
    optimizer = torch.optim.Adam(only_value, 0.01)
    batch = situations(module, 2)
    target = torch.zeros(2, 7)
    target[0, 1], target[1, 5] = 1.0, 1.0
    for _ in range(300):
        logits = module.compute_q_values(batch)["qf_logits"]
        loss = -(target[:, None] * logits.log_softmax(-1)).sum(-1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    values = module.compute_q_values(batch)["qf_preds"]
    allowed = batch[Columns.OBS]["action_mask"] != 0
    assert values[0][allowed[0]].mean().item() == pytest.approx(ATOMS.least + 20 / 6, abs=1.0)
    assert values[1][allowed[1]].mean().item() == pytest.approx(ATOMS.most - 20 / 6, abs=1.0)


def test_advantages_are_centred_over_the_actions(fleet: Fleet) -> None:
    module = module_of(dqn(network=PLAIN, atoms=ATOMS), fleet, seed=1)
    observation, mask = module.seen(situations(module, 10))
    outputs, value = module.network(observation, mask)
    assert outputs.shape == (10, len(fleet), 7)
    assert value.shape == (10, 7)
    assert outputs.mean(1).abs().max() < 1e-5


def test_a2c_losses_are_those_of_the_paper(fleet: Fleet) -> None:
    module = module_of(RllibPpo(name="a2c", reward=Reward(), network=PLAIN), fleet)
    batch = situations(module, 6)
    mask = batch[Columns.OBS]["action_mask"] != 0
    actions, target = mask.float().argmax(-1), torch.linspace(-30.0, 5.0, 6)
    kept = torch.tensor([True] * 5 + [False])
    told = {
        **batch,
        Columns.ACTIONS: actions,
        Columns.LOSS_MASK: kept,
        Postprocessing.VALUE_TARGETS: target,
    }
    forward = module.forward_train(batch)
    loss = A2cLearner.compute_loss_for_module(
        SimpleNamespace(
            module={"m": SimpleNamespace(unwrapped=lambda: module)},
            metrics=SimpleNamespace(log_dict=lambda *_args, **_told: None),
        ),
        module_id="m",
        config=SimpleNamespace(vf_loss_coeff=0.5, entropy_coeff=0.01),
        batch=told,
        fwd_out=forward,
    )
    log = forward[Columns.ACTION_DIST_INPUTS].log_softmax(-1)[:5]
    value = module.compute_values(batch)[:5]
    gained = (target[:5] - value).detach()
    entropy = -torch.where(mask[:5], log.exp() * log, 0.0).sum(-1).mean()
    policy = -(log[torch.arange(5), actions[:5]] * gained).mean()
    expected = policy + 0.5 * (value - target[:5]).square().mean() - 0.01 * entropy
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"network": PER_ITEM, "atoms": ATOMS}, "agent.atoms: go with a plain network"),
        ({"network": PER_ITEM, "observation": "legacy"}, "legacy goes with a plain network"),
        ({"n_step": (4, 2)}, r"agent\.n_step: \(4, 2\)"),
        ({"n_step": 9}, "RLlib wants no less than n_step"),
        ({"track": "allocation"}, r"agent\.sets: Q-learning chooses"),
        ({"steps": 0}, r"steps: 0; must be at least 1"),
        ({"reward": Reward(kind="hindsight"), "masked": False}, "hindsight knows no violations"),
    ],
)
def test_settings_that_cannot_be(told: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        RllibDqn(**{"name": "dqn", "reward": Reward(), **told})

"""The reference trainer over sets of QPUs: what is exported decides as what was trained."""

from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from qcbench.agents.config import compose_train
from qcbench.agents.learners import make_learner
from qcbench.agents.reference_agent import NetworkSettings, ReferenceLearner, ReferencePpo
from qcbench.bench.environments import world_source
from qcbench.errors import InputError
from qcbench.policies.exported.plain import PlainNetwork
from qcbench.policies.exported.weights import check_tensors, choices
from qcbench.policies.features.allocation import LAYOUT
from qcbench.policies.features.rewards import Reward

SMALL = (
    *("agent.worlds=2", "scenario.workload.tasks=20"),
    *("agent.ppo.steps=512", "agent.ppo.environments=8", "agent.ppo.horizon=32"),
)


@pytest.fixture
def learner() -> Any:
    told = compose_train(["agent=reference_ppo_allocation", "scenario=allocation/eagle5", *SMALL])
    learner = make_learner(told.agent, [world_source(told.scenario, suite="train", seed=0)], 0)
    yield learner
    learner.close()


@pytest.mark.e2e
def test_what_is_exported_scores_as_what_was_trained(learner: ReferenceLearner) -> None:
    before = learner.policy()[1]
    assert [update.steps for update in learner.run(lambda: False)] == [256, 512]
    card, tensors = learner.policy()
    check_tensors(tensors, card, "policy")
    assert any((tensors[name] != before[name]).any() for name in tensors), "it learned"
    assert (card.action, choices(card)) == ("set", 32)
    exported = PlainNetwork(card, tensors)
    seen = np.random.default_rng(1).random((50, LAYOUT.size(5)), dtype=np.float32)
    with torch.no_grad():
        outputs, _ = learner.trainer.network(
            torch.from_numpy(seen), torch.ones(50, 32, dtype=torch.bool)
        )
    for row, expected in zip(seen, outputs.numpy(), strict=True):
        np.testing.assert_allclose(exported.outputs(row), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"track": "placement"}, r"agent.sets: is of track allocation, not placement"),
        ({"network": {"offset": {"slowness": -1.0}}}, r"agent.network.offset: sets of QPUs"),
    ],
)
def test_settings_that_do_not_go_with_sets(settings: dict[str, Any], message: str) -> None:
    told: dict[str, Any] = {"track": "allocation", "sets": True, "reward": Reward(), **settings}
    if isinstance(told.get("network"), dict):
        told["network"] = NetworkSettings(**told["network"])
    with pytest.raises(InputError, match=message):
        ReferencePpo(**told)

"""An exported policy decides in the cloud as its scores on an environment's observations say."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from exported_samples import PLAIN, SMALL, make_card, random_tensors

pytest.importorskip("gymnasium")
pytest.importorskip("greenlet")

from qcbench.cloud.cloud import Cloud
from qcbench.envs.allocation.single import AllocationDiscreteEnv, AllocationEnv
from qcbench.envs.defaults import default_worlds
from qcbench.envs.placement.single import PlacementEnv
from qcbench.envs.queueing.single import QueueingEnv
from qcbench.policies import registry
from qcbench.policies.config import PolicyConfig
from qcbench.policies.exported.folder import read_folder, write_folder
from qcbench.policies.exported.per_item import PerItemNetwork
from qcbench.policies.exported.plain import PlainNetwork
from qcbench.policies.protocol import PolicyContext

ENVS: Any = {"placement": PlacementEnv, "allocation": AllocationEnv, "queueing": QueueingEnv}
STEPS = 300


class Enough(Exception):  # noqa: N818 - it is no error
    """As many decisions as the environment has taken."""


CASES = [
    *((track, SMALL, "") for track in ENVS),
    *((track, PLAIN, "") for track in ENVS),
    ("allocation", PLAIN, "set"),
]


@pytest.mark.parametrize(("track", "network", "action"), CASES)
def test_same_decisions_inside_and_outside(
    tmp_path: Path, track: Any, network: Any, action: str
) -> None:
    source = default_worlds(track)
    more: Any = {"action": action, "spread": "none"} if action else {}
    card = make_card(track, network, **more)
    if card.fleet != "any":
        fleet = {"name": source.fleet.name, "qpus": source.fleet.names}
        card = make_card(track, network, fleet=type(card.fleet)(**fleet), **more)
    folder = write_folder(tmp_path / "p", card, random_tensors(card))
    exported = read_folder(folder)
    is_plain = network is PLAIN
    scores = (PlainNetwork if is_plain else PerItemNetwork)(card, exported.tensors).outputs
    slots = {"slots": card.observation.items} if track == "queueing" else {}
    kind = AllocationDiscreteEnv if action == "set" else ENVS[track]
    env = kind(source=source, split="test", max_decisions=STEPS, **slots)
    seen, _ = env.reset(seed=0, options={"world": 0})
    taken: list[Any] = []
    over = False
    shared = len(card.observation.shared)
    while not over:
        row, mask = seen["observation"], seen["action_mask"].astype(bool)
        table = row[shared:].reshape(-1, len(card.observation.each))
        found = scores(row) if is_plain else scores(row[:shared], table, mask)  # type: ignore[call-arg]
        if card.action == "weights":
            chosen: Any = found[:, 0].copy()
        else:
            chosen = int(np.where(mask, found[:, 0], -np.inf).argmax())
        taken.append(chosen)
        seen, _, terminated, truncated, _ = env.step(chosen)
        over = terminated or truncated
    scenario, streams = source("test", 0)
    config = PolicyConfig(name="learned", parameters={"path": str(folder)})
    context = PolicyContext(scenario.fleet, np.random.default_rng(0))
    decide: Any = registry.make(track, config, context)
    outside: list[Any] = []

    def noting(view: Any) -> Any:
        if len(outside) == len(taken):
            raise Enough
        outside.append(decide(view))
        return outside[-1]

    assert len(taken) > 20
    cloud = Cloud(scenario, noting, streams)
    if track == "queueing":  # a week, of which the environment has seen an hour
        with pytest.raises(Enough):
            cloud.run()
    else:
        np.testing.assert_array_equal(cloud.run().start_s, env.records.start_s)
    if track != "allocation":
        assert outside == taken

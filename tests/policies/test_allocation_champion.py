"""The packaged champion of allocation keeps what its page says, on worlds outside its training."""

import numpy as np
import pytest

import qcbench
from qcbench.policies import registry
from qcbench.policies.exported.card import HeuristicCard
from qcbench.policies.exported.folder import folder_of, read_folder_card
from qcbench.stats.fronts import hypervolume

CLOUDS = {
    "fifo": ("allocation/eagle5", []),
    "backfill": (
        "allocation/eagle5",
        ["rules.dispatch.order=backfill", "rules.dispatch.backfill_depth=16"],
    ),
    "mix": ("allocation/eagle5-mix", []),
}
WORTHS = (0.0, 10.0, 40.0, 100.0, 150.0, 200.0, 300.0, 400.0)
SEEDS = (3, 4, 5)


def front(cloud: str, policy: str) -> np.ndarray:
    """Return mean makespan and mean infidelity with every setting."""
    scenario, overrides = CLOUDS[cloud]
    found = np.zeros((len(WORTHS), 2))
    for place, worth in enumerate(WORTHS):
        told = {"name": policy, "parameters": {"fidelity_worth": worth}}
        for seed in SEEDS:
            records = qcbench.simulate(
                scenario, told, seed=seed, engine="compiled", overrides=overrides
            )
            found[place] += float(records.finish_s.max()), 1.0 - float(records.fidelity.mean())
    return found / len(SEEDS)


@pytest.mark.parametrize("cloud", CLOUDS)
def test_its_front_dominates_more_than_that_of_best_tradeoff(cloud: str) -> None:
    own, other = front(cloud, "packing"), front(cloud, "best_tradeoff")
    ends = other.max(axis=0)
    assert hypervolume(own, ends) > hypervolume(other, ends)
    if cloud != "mix":
        assert hypervolume(own, ends) > 1.05 * hypervolume(other, ends)
        for point in own:  # no setting is worse in both than one of the other's
            assert not (other < point).all(axis=1).any()


def test_it_is_packing_with_its_usual_values() -> None:
    card = read_folder_card(folder_of("allocation", "packaged:champion"))
    assert isinstance(card, HeuristicCard)
    known = registry.find("allocation", card.name).parameters
    assert card.name == "packing"
    assert card.parameters == {
        name: known[name].default for name in known if name != "fidelity_worth"
    }


def test_the_champion_of_before_is_still_there() -> None:
    records = qcbench.simulate(
        "allocation/eagle5", "packaged:front-8000", overrides=["workload.tasks=100"]
    )
    speed = qcbench.simulate("allocation/eagle5", "speed", overrides=["workload.tasks=100"])
    assert records.finish_s.max() < 0.6 * speed.finish_s.max()

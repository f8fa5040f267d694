"""Lockstep over random worlds: ties, failures, horizons, limits, every way to dispatch."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qcbench.envs.defaults import DrawnWorlds
from qcbench.envs.registration import IDS
from tests.envs.lockstep import lockstep
from tests.envs.random_sources import allocations, placements, queues

PLACEMENT, ALLOCATION, DISCRETE, QUEUEING = IDS
few = settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
REWARDS = st.sampled_from([{}, {"fidelity": 1.0, "price": 0.5}])
LATE = {"tardiness": 2.0, "missed": 3.0, "value": 0.7}


OPTIONS = st.fixed_dictionaries(
    {
        "reward": REWARDS,
        "same_step": st.booleans(),
        "observation": st.sampled_from(["usual", "deadlines", "relative"]),
    }
)


def steps_together(name: str, source: DrawnWorlds, seed: int, **told: Any) -> None:
    if source.workload.deadlines is not None and seed % 2:
        told["reward"] = {**told["reward"], **LATE}
    lockstep(
        name,
        source=source,
        worlds=3,
        num_envs=2,
        steps=60,
        seed=seed,
        forbidden=0.2,
        rtol=1e-9,
        **told,
    )


@given(placements(), st.integers(0, 1000), OPTIONS)
@few
def test_placement(source: DrawnWorlds, seed: int, chosen: Any) -> None:
    steps_together(PLACEMENT, source, seed, **chosen)


@pytest.mark.parametrize("name", [ALLOCATION, DISCRETE])
@given(allocations(), st.integers(0, 1000), OPTIONS)
@few
def test_allocation(name: str, source: DrawnWorlds, seed: int, chosen: Any) -> None:
    steps_together(name, source, seed, **chosen)


@given(queues(), st.integers(0, 1000), OPTIONS)
@few
def test_queueing(source: DrawnWorlds, seed: int, chosen: Any) -> None:
    steps_together(QUEUEING, source, seed, **chosen, slots=4)

"""The usage rule with an overhead of each QPU's own."""

from dataclasses import replace

import numpy as np
import pytest

from qcbench.bench.compose import compose_scenario
from qcbench.bench.scenario import build_scenario
from qcbench.bench.trial import Trial
from qcbench.bench.typed import plain
from qcbench.cloud.estimates import estimate
from qcbench.errors import InputError
from qcbench.physics.config import IbmUsageTime


def test_a_qpu_has_its_own_overhead() -> None:
    scenario = build_scenario(compose_scenario("placement/heron5-replay"), "any", 0, 0)
    names = scenario.fleet.names

    def times(model: IbmUsageTime) -> np.ndarray:  # type: ignore[type-arg]
        physics = replace(scenario.physics, time=model)
        return estimate(scenario.workload.tasks, scenario.fleet, physics).exec_s

    usual = times(IbmUsageTime())
    own = times(IbmUsageTime(overheads_s={names[1]: 5.0}))
    added = np.zeros(len(names))
    added[1] = 3.0
    np.testing.assert_allclose(own - usual, np.broadcast_to(added, usual.shape), atol=1e-9)
    with pytest.raises(InputError, match=f"has no QPU {names[1]}x; did you mean {names[1]}"):
        times(IbmUsageTime(overheads_s={f"{names[1]}x": 5.0}))


def test_no_own_overheads_leave_the_ids_of_trials() -> None:
    config = plain(compose_scenario("placement/heron5-replay"))

    def trial_id(content: dict) -> str:  # type: ignore[type-arg]
        return Trial(
            ordinal=0,
            suite="s",
            scenario="t",
            policy="p",
            replicate=0,
            scenario_config=content,
            policy_config={},
        ).trial_id

    def with_time(**keys: object) -> dict:  # type: ignore[type-arg]
        time = {k: v for k, v in config["physics"]["time"].items() if k != "overheads_s"}
        return {**config, "physics": {**config["physics"], "time": {**time, **keys}}}

    before = trial_id(with_time())
    assert trial_id(with_time(overheads_s={})) == before
    assert trial_id(with_time(overheads_s={"fez": 1.0})) != before
